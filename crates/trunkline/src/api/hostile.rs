//! The API's parsers, for the fuzz targets.

use std::collections::BTreeMap;

use super::{auth, json, signal};
use crate::config::Keys;

/// The messages that come in as JSON.
fn messages() -> [&'static json::Message; 8] {
    [
        &json::sip::CREATE_SIP_PARTICIPANT_REQUEST,
        &json::sip::CREATE_SIP_OUTBOUND_TRUNK_REQUEST,
        &json::sip::UPDATE_SIP_OUTBOUND_TRUNK_REQUEST,
        &json::sip::LIST_SIP_OUTBOUND_TRUNK_REQUEST,
        &json::room::CREATE_ROOM_REQUEST,
        &json::room::LIST_ROOMS_REQUEST,
        &json::room::DELETE_ROOM_REQUEST,
        &json::room::ROOM_PARTICIPANT_IDENTITY,
    ]
}

pub(crate) fn json(which: usize, text: &[u8]) {
    let messages = messages();
    let message = messages[which % messages.len()];
    let Ok(bytes) = json::decode(text, message) else { return };
    let printed = json::encode(&bytes, message).to_string();
    let again = json::decode(printed.as_bytes(), message);
    assert!(again.is_ok(), "what is printed cannot be read: {printed}");
    let again = again.unwrap_or_default();
    assert_eq!(json::encode(&again, message).to_string(), printed, "read again it is something else");
}

pub(crate) fn join_request(packed: &str) {
    let _ = signal::unpack(packed);
    let _ = signal::unpack_attributes(packed);
}

pub(crate) fn token(token: &str) {
    let keys = Keys::new(BTreeMap::from([("key".to_owned(), "a secret that no input can know".to_owned())]));
    assert!(auth::verify(token, &keys, 1_800_000_000).is_err(), "a forged token was believed");
}
