//! `join_request`: a protobuf message, packed, in base64, in the URL.

use std::{collections::HashMap, io::Read};

use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use flate2::read::GzDecoder;
use livekit_protocol::{JoinRequest, WrappedJoinRequest, wrapped_join_request::Compression};
use prost::Message;
use thiserror::Error;

/// The unpacked message: an SDP offer and a few names.
const MAX_SIZE: u64 = 1024 * 1024;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);

/// Why a join request cannot be used. HTTP 400.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(in crate::api) enum JoinRequestError {
    #[error("join_request is required")]
    Missing,
    #[error("cannot base64 decode wrapped join request")]
    Base64,
    #[error("cannot unmarshal wrapped join request")]
    Wrapper,
    #[error("cannot decompress join request")]
    Compression,
    #[error("join request is larger than {MAX_SIZE} bytes")]
    TooLarge,
    #[error("cannot unmarshal join request")]
    Message,
}

/// Unpacks a join request: either alphabet, with or without padding.
pub(in crate::api) fn unpack(packed: &str) -> Result<JoinRequest, JoinRequestError> {
    let bytes = decode(packed).ok_or(JoinRequestError::Base64)?;
    let wrapper = WrappedJoinRequest::decode(bytes.as_slice()).map_err(|_| JoinRequestError::Wrapper)?;
    let inner = match Compression::try_from(wrapper.compression) {
        Ok(Compression::None) => wrapper.join_request,
        Ok(Compression::Gzip) => inflate(&wrapper.join_request)?,
        Err(_) => return Err(JoinRequestError::Compression),
    };
    JoinRequest::decode(inner.as_slice()).map_err(|_| JoinRequestError::Message)
}

/// The attributes of the older form: a JSON object in base64.
pub(in crate::api) fn unpack_attributes(packed: &str) -> Option<HashMap<String, String>> {
    serde_json::from_slice(&decode(packed)?).ok()
}

fn decode(text: &str) -> Option<Vec<u8>> {
    if text.contains(['+', '/']) { BASE64.decode(text).ok() } else { BASE64_URL.decode(text).ok() }
}

fn inflate(packed: &[u8]) -> Result<Vec<u8>, JoinRequestError> {
    let mut bytes = Vec::new();
    let read = GzDecoder::new(packed).take(MAX_SIZE + 1).read_to_end(&mut bytes);
    let read = read.map_err(|_| JoinRequestError::Compression)?;
    let too_large = u64::try_from(read).map_or(true, |read| read > MAX_SIZE);
    if too_large { Err(JoinRequestError::TooLarge) } else { Ok(bytes) }
}
