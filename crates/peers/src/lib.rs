//! The other ends: a phone and a room participant that speak only public protocols.

pub mod api;
pub mod endpoint;
pub mod measure;
pub mod participant;
pub mod phone;
pub mod prepared;
pub mod sound;
mod tell;
