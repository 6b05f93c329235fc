//! Twirp's JSON: proto3 JSON mapping, as livekit-server reads and writes it.
//!
//! In: both spellings of a name, unknown fields and unknown enum names ignored, 64-bit numbers as text or number,
//! `null` for unset. Out: proto names in declaration order, defaults included, 64-bit numbers as text, unset messages
//! `null`, unset optional members left out. A message travels as its protobuf bytes; [`messages`] describes each.
//! Nothing here knows what a message means.

mod decode;
mod document;
mod encode;
mod messages;
#[cfg(test)]
mod tests;
mod time;

pub(crate) use decode::{camel_case, decode};
pub(crate) use document::document;
pub(in crate::api) use encode::encode;
pub(crate) use messages::{Message, room, sip};
