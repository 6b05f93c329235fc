//! `DataPacket` on the wire (protobuf): read for routing, and rewritten with the sender's fields set.
//!
//! Packets are never decoded and encoded again: fields this program does not know pass through as they came.

use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field};

const KIND: u32 = 1;
const USER: u32 = 2;
const PARTICIPANT_IDENTITY: u32 = 4;
const DESTINATION_IDENTITIES: u32 = 5;
const TRANSCRIPTION: u32 = 7;
const METRICS: u32 = 8;
const CHAT_MESSAGE: u32 = 9;
const RPC_ACK: u32 = 11;
const RPC_RESPONSE: u32 = 12;
const STREAM_HEADER: u32 = 13;
const SEQUENCE: u32 = 16;
const PARTICIPANT_SID: u32 = 17;

const USER_PARTICIPANT_SID: u32 = 1;
const USER_DESTINATION_SIDS: u32 = 3;
const USER_PARTICIPANT_IDENTITY: u32 = 5;
const USER_DESTINATION_IDENTITIES: u32 = 6;

/// Recipients one packet may name.
const MAX_DESTINATIONS: usize = 1024;

/// What a packet carries, as far as routing cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Content {
    User,
    Transcription,
    Metrics,
    /// Answers a method call, which may be the API's.
    RpcReply,
    /// Chat or the head of a stream: agents may speak for others.
    Attributable,
    #[default]
    Other,
}

/// What is needed to route a packet; borrowed from its bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Envelope<'a> {
    pub(crate) content: Content,
    pub(crate) identity: &'a str,
    pub(crate) destination_identities: Vec<&'a str>,
    pub(crate) destination_sids: Vec<&'a str>,
    pub(crate) sequence: u32,
    user: Option<&'a [u8]>,
}

/// The sender's fields to set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender<'a> {
    pub(crate) identity: &'a str,
    pub(crate) sid: &'a str,
    pub(crate) reliable: bool,
}

/// A field: its number, its value as varint or bytes, and the whole of it.
struct Field<'a> {
    number: u32,
    varint: u64,
    bytes: Option<&'a [u8]>,
    raw: &'a [u8],
}

/// The fields of a message in their order; `None` at the first malformed one.
fn fields(message: &[u8]) -> impl Iterator<Item = Option<Field<'_>>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = read_field(&mut rest);
        if field.is_none() {
            rest = &[];
        }
        Some(field)
    })
}

fn read_field<'a>(rest: &mut &'a [u8]) -> Option<Field<'a>> {
    let start = *rest;
    let (number, wire_type) = decode_key(rest).ok()?;
    let (mut varint, mut bytes) = (0, None);
    match wire_type {
        WireType::Varint => varint = decode_varint(rest).ok()?,
        WireType::LengthDelimited => {
            let length = usize::try_from(decode_varint(rest).ok()?).ok()?;
            let (value, after) = rest.split_at_checked(length)?;
            bytes = Some(value);
            *rest = after;
        }
        _ => skip_field(wire_type, number, rest, prost::encoding::DecodeContext::default()).ok()?,
    }
    Some(Field { number, varint, bytes, raw: &start[..start.len() - rest.len()] })
}

fn text(bytes: Option<&[u8]>) -> Option<&str> {
    std::str::from_utf8(bytes?).ok()
}

/// Reads a packet; `None` if it is no `DataPacket`.
pub(crate) fn read(packet: &[u8]) -> Option<Envelope<'_>> {
    let mut envelope = Envelope::default();
    for field in fields(packet) {
        let field = field?;
        match field.number {
            USER => {
                envelope.content = Content::User;
                envelope.user = Some(field.bytes?);
            }
            TRANSCRIPTION => envelope.content = Content::Transcription,
            METRICS => envelope.content = Content::Metrics,
            RPC_ACK | RPC_RESPONSE => envelope.content = Content::RpcReply,
            CHAT_MESSAGE | STREAM_HEADER => envelope.content = Content::Attributable,
            PARTICIPANT_IDENTITY => envelope.identity = text(field.bytes)?,
            DESTINATION_IDENTITIES => envelope.destination_identities.push(text(field.bytes)?),
            SEQUENCE => envelope.sequence = field.varint as u32,
            _ => {}
        }
    }
    for field in envelope.user.map(fields).into_iter().flatten() {
        let field = field?;
        match field.number {
            USER_DESTINATION_SIDS => envelope.destination_sids.push(text(field.bytes)?),
            USER_DESTINATION_IDENTITIES => envelope.destination_identities.push(text(field.bytes)?),
            _ => {}
        }
    }
    envelope.destination_identities.sort_unstable();
    envelope.destination_identities.dedup();
    let few = envelope.destination_identities.len().max(envelope.destination_sids.len()) <= MAX_DESTINATIONS;
    few.then_some(envelope)
}

/// The packet as its recipients get it: everything as it came, but the sender's fields, the kind by the channel,
/// and the recipients' identities the same inside and outside.
pub(crate) fn rewrite(packet: &[u8], envelope: &Envelope<'_>, sender: Sender<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(packet.len() + 128);
    encode_key(KIND, WireType::Varint, &mut out);
    encode_varint(u64::from(!sender.reliable), &mut out);
    put_text(&mut out, PARTICIPANT_IDENTITY, sender.identity);
    put_text(&mut out, PARTICIPANT_SID, sender.sid);
    for identity in &envelope.destination_identities {
        put_text(&mut out, DESTINATION_IDENTITIES, identity);
    }
    for field in fields(packet).flatten() {
        match field.number {
            KIND | PARTICIPANT_IDENTITY | PARTICIPANT_SID | DESTINATION_IDENTITIES => {}
            USER => put_user(&mut out, field.bytes.unwrap_or_default(), envelope, sender),
            _ => out.extend_from_slice(field.raw),
        }
    }
    out
}

/// Older clients and Go read sender and recipients inside the user packet.
fn put_user(out: &mut Vec<u8>, user: &[u8], envelope: &Envelope<'_>, sender: Sender<'_>) {
    let mut inner = Vec::with_capacity(user.len() + 128);
    put_text(&mut inner, USER_PARTICIPANT_SID, sender.sid);
    put_text(&mut inner, USER_PARTICIPANT_IDENTITY, sender.identity);
    for identity in &envelope.destination_identities {
        put_text(&mut inner, USER_DESTINATION_IDENTITIES, identity);
    }
    for field in fields(user).flatten() {
        if !matches!(
            field.number,
            USER_PARTICIPANT_SID | USER_PARTICIPANT_IDENTITY | USER_DESTINATION_IDENTITIES
        ) {
            inner.extend_from_slice(field.raw);
        }
    }
    encode_key(USER, WireType::LengthDelimited, out);
    encode_varint(inner.len() as u64, out);
    out.extend_from_slice(&inner);
}

fn put_text(out: &mut Vec<u8>, number: u32, text: &str) {
    if !text.is_empty() {
        encode_key(number, WireType::LengthDelimited, out);
        encode_varint(text.len() as u64, out);
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
