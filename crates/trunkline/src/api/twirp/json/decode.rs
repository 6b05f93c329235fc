//! JSON to protobuf bytes.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use prost::encoding::{WireType, encode_key, encode_varint};
use serde_json::{Map, Value};
use thiserror::Error;

use super::{
    messages::{Enumeration, Field, Kind, Message, Shape},
    time,
};

/// The JSON is none, or a value has the wrong type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the json request could not be decoded")]
pub(crate) struct Malformed;

type Result<T> = std::result::Result<T, Malformed>;

/// Reads the JSON of a message and returns its protobuf form.
pub(crate) fn decode(json: &[u8], message: &Message) -> Result<Vec<u8>> {
    // Depth is bounded by serde_json, size by the HTTP layer.
    let value: Value = serde_json::from_slice(json).map_err(|_| Malformed)?;
    let mut bytes = Vec::new();
    object(&value, message, &mut bytes)?;
    Ok(bytes)
}

fn object(value: &Value, message: &Message, out: &mut Vec<u8>) -> Result<()> {
    let Value::Object(members) = value else { return Err(Malformed) };
    let mut groups = Vec::new();
    for entry in message.fields {
        let Some(value) = member(members, entry)? else { continue };
        if let Shape::OneOf(group) = entry.shape {
            if groups.contains(&group) {
                return Err(Malformed);
            }
            groups.push(group);
        }
        field(value, entry, out)?;
    }
    Ok(())
}

/// The value of a field under either spelling of its name; `null` is unset.
fn member<'v>(members: &'v Map<String, Value>, field: &Field) -> Result<Option<&'v Value>> {
    let camel = camel_case(field.name);
    let other = if camel == field.name { None } else { members.get(&camel) };
    match (members.get(field.name), other) {
        (Some(_), Some(_)) => Err(Malformed),
        (Some(value), None) | (None, Some(value)) => Ok(Some(value).filter(|value| !value.is_null())),
        (None, None) => Ok(None),
    }
}

/// `sip_trunk_id` as `sipTrunkId`.
pub(crate) fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                camel.push(c.to_ascii_uppercase());
                upper = false;
            }
            c => camel.push(c),
        }
    }
    camel
}

fn field(value: &Value, field: &Field, out: &mut Vec<u8>) -> Result<()> {
    match field.shape {
        Shape::One | Shape::Optional | Shape::OneOf(_) => element(value, field, out),
        Shape::Many => {
            let Value::Array(list) = value else { return Err(Malformed) };
            list.iter().try_for_each(|value| element(value, field, out))
        }
        Shape::Map => {
            let Value::Object(entries) = value else { return Err(Malformed) };
            entries.iter().try_for_each(|(key, value)| map_entry(key, value, field, out))
        }
    }
}

fn map_entry(key: &str, value: &Value, field: &Field, out: &mut Vec<u8>) -> Result<()> {
    let Value::String(text) = value else { return Err(Malformed) };
    let mut entry = Vec::with_capacity(key.len() + text.len() + 8);
    delimited(1, key.as_bytes(), &mut entry);
    delimited(2, text.as_bytes(), &mut entry);
    delimited(field.number, &entry, out);
    Ok(())
}

/// One value of a field. Presence is kept: a value that is written is set, even to the default.
fn element(value: &Value, field: &Field, out: &mut Vec<u8>) -> Result<()> {
    match field.kind {
        Kind::Bool => varint(field.number, u64::from(value.as_bool().ok_or(Malformed)?), out),
        Kind::Int32 => {
            let number = i32::try_from(integer(value)?).map_err(|_| Malformed)?;
            varint(field.number, sign_extended(i64::from(number)), out);
        }
        Kind::Int64 => {
            let number = i64::try_from(integer(value)?).map_err(|_| Malformed)?;
            varint(field.number, sign_extended(number), out);
        }
        Kind::Uint32 => {
            let number = u32::try_from(integer(value)?).map_err(|_| Malformed)?;
            varint(field.number, u64::from(number), out);
        }
        Kind::Text => delimited(field.number, value.as_str().ok_or(Malformed)?.as_bytes(), out),
        Kind::Bytes => {
            let bytes = value.as_str().and_then(base64).ok_or(Malformed)?;
            delimited(field.number, &bytes, out);
        }
        Kind::Enum(enumeration) => {
            if let Some(number) = enum_number(value, enumeration)? {
                varint(field.number, sign_extended(i64::from(number)), out);
            }
        }
        Kind::Message(message) => {
            let mut nested = Vec::new();
            object(value, message, &mut nested)?;
            delimited(field.number, &nested, out);
        }
        Kind::Timestamp => instant(value, time::parse_timestamp, field, out)?,
        Kind::Duration => instant(value, time::parse_duration, field, out)?,
        Kind::Opaque => drop(value.as_object().ok_or(Malformed)?),
    }
    Ok(())
}

/// Base64 of either alphabet, padded or not, as protobuf's JSON takes it.
fn base64(text: &str) -> Option<Vec<u8>> {
    let standard: String = text
        .trim_end_matches('=')
        .chars()
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    STANDARD_NO_PAD.decode(standard).ok()
}

/// Seconds and nanoseconds as a message of two numbers.
fn instant(
    value: &Value,
    parse: fn(&str) -> Option<(i64, i32)>,
    field: &Field,
    out: &mut Vec<u8>,
) -> Result<()> {
    let (seconds, nanos) = value.as_str().and_then(parse).ok_or(Malformed)?;
    let mut nested = Vec::new();
    varint(1, sign_extended(seconds), &mut nested);
    varint(2, sign_extended(i64::from(nanos)), &mut nested);
    delimited(field.number, &nested, out);
    Ok(())
}

/// A whole number, written as such, as text, or with an exponent or zero decimals.
fn integer(value: &Value) -> Result<i128> {
    let text;
    let number = match value {
        Value::Number(number) => number,
        Value::String(quoted) => {
            text = serde_json::from_str::<serde_json::Number>(quoted).map_err(|_| Malformed)?;
            &text
        }
        _ => return Err(Malformed),
    };
    if let Some(number) = number.as_i128() {
        return Ok(number);
    }
    let float = number.as_f64().ok_or(Malformed)?;
    // Beyond 2^53 a float is no exact number any more.
    if float.fract() != 0.0 || float.abs() > 9_007_199_254_740_992.0 {
        return Err(Malformed);
    }
    format!("{float:.0}").parse().map_err(|_| Malformed)
}

/// By name or by number; a name that is not known reads as the default.
fn enum_number(value: &Value, enumeration: &Enumeration) -> Result<Option<i32>> {
    match value {
        Value::String(name) => Ok((enumeration.number_of)(name)),
        number @ Value::Number(_) => i32::try_from(integer(number)?).map(Some).map_err(|_| Malformed),
        _ => Err(Malformed),
    }
}

/// Protobuf writes negative numbers as 64 bits, whatever their type.
fn sign_extended(number: i64) -> u64 {
    u64::from_ne_bytes(number.to_ne_bytes())
}

fn varint(number: u32, value: u64, out: &mut Vec<u8>) {
    encode_key(number, WireType::Varint, out);
    encode_varint(value, out);
}

fn delimited(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(u64::try_from(bytes.len()).unwrap_or(u64::MAX), out);
    out.extend_from_slice(bytes);
}
