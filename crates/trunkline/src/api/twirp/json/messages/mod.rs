//! The messages of the API: name, number and type of each field, in the order of their declaration.
//!
//! Source: LiveKit's protocol definitions, protocol version 17. The tests compare every entry with the generated
//! types of `livekit-protocol`.

mod enums;
pub(crate) mod room;
pub(crate) mod sip;

pub(crate) use Kind::{
    Bool, Bytes, Duration, Enum, Int32, Int64, Message as Nested, Opaque, Text, Timestamp, Uint32,
};

/// A message type.
#[derive(Debug)]
pub(crate) struct Message {
    /// Full name, for example `livekit.SIPUri`.
    pub(crate) name: &'static str,
    /// In declaration order, which is the order of the JSON.
    pub(crate) fields: &'static [Field],
}

/// A field of a message.
#[derive(Debug)]
pub(crate) struct Field {
    /// The proto name, in snake case.
    pub(crate) name: &'static str,
    pub(crate) number: u32,
    pub(crate) shape: Shape,
    pub(crate) kind: Kind,
}

/// How often a field occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Always printed.
    One,
    /// `optional`: printed when it is set, even to the default.
    Optional,
    /// Member of the named oneof.
    OneOf(&'static str),
    /// A list.
    Many,
    /// From text to text.
    Map,
}

/// The type of a field's values.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Bool,
    Int32,
    Int64,
    Uint32,
    Text,
    /// Base64 in JSON.
    Bytes,
    Enum(&'static Enumeration),
    Message(&'static Message),
    /// `google.protobuf.Timestamp`.
    Timestamp,
    /// `google.protobuf.Duration`.
    Duration,
    /// A message that this server has no use for: accepted whatever it holds, and dropped.
    Opaque,
}

/// An enumeration, as its generated type knows it.
#[derive(Debug)]
pub(crate) struct Enumeration {
    pub(crate) name_of: fn(i32) -> Option<&'static str>,
    pub(crate) number_of: fn(&str) -> Option<i32>,
}

const fn one(name: &'static str, number: u32, kind: Kind) -> Field {
    Field { name, number, shape: Shape::One, kind }
}

const fn optional(name: &'static str, number: u32, kind: Kind) -> Field {
    Field { name, number, shape: Shape::Optional, kind }
}

const fn one_of(group: &'static str, name: &'static str, number: u32, kind: Kind) -> Field {
    Field { name, number, shape: Shape::OneOf(group), kind }
}

const fn many(name: &'static str, number: u32, kind: Kind) -> Field {
    Field { name, number, shape: Shape::Many, kind }
}

const fn map(name: &'static str, number: u32) -> Field {
    Field { name, number, shape: Shape::Map, kind: Text }
}
