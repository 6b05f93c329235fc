//! The other ends: a phone and a room participant that speak only public protocols.

pub mod measure;
