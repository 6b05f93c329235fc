//! Protobuf bytes to JSON. The bytes are our own: what does not fit the description is left out.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use prost::encoding::{WireType, decode_key, decode_varint};
use serde_json::{Map, Value};

use super::{
    messages::{Field, Kind, Message, Shape},
    time,
};

/// Prints a message from its protobuf form.
pub(crate) fn encode(bytes: &[u8], message: &Message) -> Value {
    let values = Values::read(bytes);
    let mut object = Map::new();
    for field in message.fields {
        if let Some(value) = print(field, values.of(field.number)) {
            object.insert(field.name.to_owned(), value);
        }
    }
    Value::Object(object)
}

/// A field's value on the wire.
enum Raw<'b> {
    Varint(u64),
    Bytes(&'b [u8]),
}

/// The values of a message by field number, in their order.
struct Values<'b>(BTreeMap<u32, Vec<Raw<'b>>>);

impl<'b> Values<'b> {
    fn read(mut bytes: &'b [u8]) -> Self {
        let mut values: BTreeMap<u32, Vec<Raw<'b>>> = BTreeMap::new();
        while !bytes.is_empty() {
            let Some((number, value)) = read_one(&mut bytes) else { break };
            values.entry(number).or_default().push(value);
        }
        Self(values)
    }

    fn of(&self, number: u32) -> &[Raw<'b>] {
        self.0.get(&number).map_or(&[], Vec::as_slice)
    }
}

fn read_one<'b>(bytes: &mut &'b [u8]) -> Option<(u32, Raw<'b>)> {
    let (number, wire) = decode_key(bytes).ok()?;
    match wire {
        WireType::Varint => Some((number, Raw::Varint(decode_varint(bytes).ok()?))),
        WireType::LengthDelimited => {
            let length = usize::try_from(decode_varint(bytes).ok()?).ok()?;
            let (value, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            Some((number, Raw::Bytes(value)))
        }
        // No message of the API has a field of a fixed size.
        _ => None,
    }
}

/// The JSON of a field; `None` when it is left out.
fn print(field: &Field, values: &[Raw<'_>]) -> Option<Value> {
    match field.shape {
        Shape::One => Some(values.last().map_or_else(|| default(field.kind), |raw| single(field.kind, raw))),
        Shape::Optional | Shape::OneOf(_) => values.last().map(|raw| single(field.kind, raw)),
        Shape::Many => Some(Value::Array(values.iter().flat_map(|raw| elements(field.kind, raw)).collect())),
        Shape::Map => Some(map(values)),
    }
}

fn default(kind: Kind) -> Value {
    match kind {
        Kind::Bool => Value::Bool(false),
        Kind::Int32 | Kind::Uint32 => Value::from(0),
        Kind::Int64 => Value::from("0"),
        Kind::Text | Kind::Bytes => Value::from(""),
        Kind::Enum(enumeration) => (enumeration.name_of)(0).map_or(Value::from(0), Value::from),
        Kind::Message(_) | Kind::Timestamp | Kind::Duration | Kind::Opaque => Value::Null,
    }
}

fn single(kind: Kind, raw: &Raw<'_>) -> Value {
    match (kind, raw) {
        (Kind::Bool, Raw::Varint(bits)) => Value::Bool(*bits != 0),
        (Kind::Int32, Raw::Varint(bits)) => Value::from(low_half(*bits)),
        (Kind::Uint32, Raw::Varint(bits)) => Value::from(*bits & u64::from(u32::MAX)),
        (Kind::Int64, Raw::Varint(bits)) => Value::from(i64::from_ne_bytes(bits.to_ne_bytes()).to_string()),
        (Kind::Enum(enumeration), Raw::Varint(bits)) => {
            let number = low_half(*bits);
            (enumeration.name_of)(number).map_or_else(|| Value::from(number), Value::from)
        }
        (Kind::Text, Raw::Bytes(bytes)) => Value::from(String::from_utf8_lossy(bytes)),
        (Kind::Bytes, Raw::Bytes(bytes)) => Value::from(STANDARD.encode(bytes)),
        (Kind::Message(message), Raw::Bytes(bytes)) => encode(bytes, message),
        (Kind::Timestamp, Raw::Bytes(bytes)) => instant(bytes, time::print_timestamp),
        (Kind::Duration, Raw::Bytes(bytes)) => instant(bytes, time::print_duration),
        _ => default(kind),
    }
}

/// One entry of a list, or all of a packed one.
fn elements(kind: Kind, raw: &Raw<'_>) -> Vec<Value> {
    let packable = matches!(kind, Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Enum(_));
    match raw {
        Raw::Bytes(packed) if packable => {
            let mut rest = *packed;
            let mut values = Vec::new();
            while let Ok(bits) = decode_varint(&mut rest) {
                values.push(single(kind, &Raw::Varint(bits)));
            }
            values
        }
        raw => vec![single(kind, raw)],
    }
}

/// A map of texts, sorted by key.
fn map(entries: &[Raw<'_>]) -> Value {
    let mut sorted = BTreeMap::new();
    for entry in entries {
        let Raw::Bytes(bytes) = entry else { continue };
        let values = Values::read(bytes);
        let text = |number| match values.of(number).last() {
            Some(Raw::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        };
        sorted.insert(text(1), Value::from(text(2)));
    }
    Value::Object(sorted.into_iter().collect())
}

fn instant(bytes: &[u8], print: fn(i64, i32) -> String) -> Value {
    let values = Values::read(bytes);
    let number = |number| match values.of(number).last() {
        Some(Raw::Varint(bits)) => i64::from_ne_bytes(bits.to_ne_bytes()),
        _ => 0,
    };
    Value::from(print(number(1), i32::try_from(number(2)).unwrap_or(0)))
}

/// The low 32 bits as a signed number: what protobuf sign-extends.
fn low_half(bits: u64) -> i32 {
    let [a, b, c, d, ..] = bits.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}
