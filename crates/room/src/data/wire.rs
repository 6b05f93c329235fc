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

const CHAT_GENERATED: u32 = 6;
const HEADER_TEXT: u32 = 9;
const TEXT_GENERATED: u32 = 5;

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
    /// A chat message or the head of a text stream: agents may speak for others.
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
    /// An agent that speaks for the participant of this identity: what it says is marked as generated.
    pub(crate) for_another: bool,
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
            CHAT_MESSAGE => envelope.content = Content::Attributable,
            STREAM_HEADER if is_text(field.bytes?) => envelope.content = Content::Attributable,
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

/// Whether the head of a stream is that of a text.
fn is_text(header: &[u8]) -> bool {
    fields(header).flatten().any(|field| field.number == HEADER_TEXT)
}

/// The packet as its recipients get it: everything as it came, but the sender's fields, the kind by the channel,
/// the recipients' identities the same inside and outside, and the mark of what an agent says for another.
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
            CHAT_MESSAGE if sender.for_another => {
                put_marked(&mut out, &field, CHAT_GENERATED);
            }
            STREAM_HEADER if sender.for_another => put_header_marked(&mut out, &field),
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
    put_bytes(out, USER, &inner);
}

/// A message with a flag of its own set. Of a field that comes twice the last counts (protobuf's encoding).
fn put_marked(out: &mut Vec<u8>, field: &Field<'_>, flag: u32) {
    let mut marked = field.bytes.unwrap_or_default().to_vec();
    encode_key(flag, WireType::Varint, &mut marked);
    encode_varint(1, &mut marked);
    put_bytes(out, field.number, &marked);
}

fn put_header_marked(out: &mut Vec<u8>, header: &Field<'_>) {
    let mut marked = Vec::with_capacity(header.raw.len() + 8);
    for field in fields(header.bytes.unwrap_or_default()).flatten() {
        match field.number {
            HEADER_TEXT => put_marked(&mut marked, &field, TEXT_GENERATED),
            _ => marked.extend_from_slice(field.raw),
        }
    }
    put_bytes(out, header.number, &marked);
}

fn put_text(out: &mut Vec<u8>, number: u32, text: &str) {
    if !text.is_empty() {
        put_bytes(out, number, text.as_bytes());
    }
}

fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
