//! The other ends: a phone and a room participant that speak only public protocols, and the server between them as a process.

pub mod api;
pub mod endpoint;
pub mod measure;
pub mod participant;
pub mod path;
pub mod phone;
pub mod prepared;
pub mod server;
pub mod sound;
pub mod svg;
mod tell;
