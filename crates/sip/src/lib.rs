//! The phone's signalling: messages, transactions, dialogs, legs, digest. A core without IO.

pub mod auth;
pub mod msg;
