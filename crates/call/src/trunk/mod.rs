//! Outbound trunks: what a trunk must hold, and how an update changes it. Pure; the store keeps them.

#[cfg(test)]
mod tests;
mod update;

use livekit_protocol::{
    CreateSipParticipantRequest, SipMediaConfig, SipMediaEncryption, SipOutboundTrunkInfo, SipTransport,
};
use thiserror::Error;

pub use update::{apply_update, validate_request};

use crate::{
    error::ErrorCode,
    rules::{self, RuleError},
};

/// Why a trunk cannot be stored. The texts are what clients of LiveKit see, where it refuses the same.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TrunkError {
    /// The request holds no trunk.
    #[error("missing trunk")]
    Missing,
    /// A new trunk gets its id from the server.
    #[error("trunk id must not be set")]
    IdGiven,
    /// An update names no trunk.
    #[error("trunk id must be set")]
    IdMissing,
    /// A replacement names another trunk.
    #[error("trunk id in the replacement must be empty or the same")]
    IdMismatch,
    /// No such trunk.
    #[error("requested sip trunk does not exist")]
    NotFound,
    /// Nothing to call from.
    #[error("no trunk numbers specified")]
    NoNumbers,
    /// Nowhere to call.
    #[error("no outbound address specified")]
    NoAddress,
    /// A transport that has no name.
    #[error("transport: unknown transport {0}")]
    Transport(i32),
    /// An update without `update` and `replace`.
    #[error("missing or unsupported update action")]
    NoAction,
    /// A change of a list that is none, or contradicts itself.
    #[error("numbers: {0}")]
    List(&'static str),
    /// A rule shared with requests is broken.
    #[error(transparent)]
    Rule(#[from] RuleError),
}

impl TrunkError {
    /// The Twirp code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound => ErrorCode::NotFound,
            _ => ErrorCode::InvalidArgument,
        }
    }
}

/// Checks a trunk that is to be created: complete, and without an id.
///
/// # Errors
/// Says which rule it breaks.
pub fn validate_new(trunk: Option<&SipOutboundTrunkInfo>) -> Result<&SipOutboundTrunkInfo, TrunkError> {
    let trunk = trunk.ok_or(TrunkError::Missing)?;
    if !trunk.sip_trunk_id.is_empty() {
        return Err(TrunkError::IdGiven);
    }
    validate(trunk)?;
    Ok(trunk)
}

/// Checks a trunk, whatever its id.
///
/// # Errors
/// Says which rule it breaks.
pub fn validate(trunk: &SipOutboundTrunkInfo) -> Result<(), TrunkError> {
    if trunk.numbers.is_empty() {
        return Err(TrunkError::NoNumbers);
    }
    if trunk.numbers.iter().any(String::is_empty) {
        return Err(TrunkError::List("values must not be empty"));
    }
    SipTransport::try_from(trunk.transport).map_err(|_| TrunkError::Transport(trunk.transport))?;
    if trunk.address.is_empty() {
        return Err(TrunkError::NoAddress);
    }
    rules::host("trunk address", &trunk.address)?;
    rules::host("from_host", &trunk.from_host)?;
    rules::header_map(&trunk.headers)?;
    rules::header_names(trunk.headers_to_attributes.keys())?;
    rules::header_names(trunk.attributes_to_headers.values())?;
    trunk.media.as_ref().map_or(Ok(()), rules::media)?;
    rules::length("name", &trunk.name, rules::MAX_METADATA)?;
    rules::length("metadata", &trunk.metadata, rules::MAX_METADATA)?;
    Ok(())
}

/// The media settings of a trunk, with the deprecated `media_encryption` where `media.encryption` is unset.
pub(crate) fn media_of(trunk: &SipOutboundTrunkInfo) -> Option<SipMediaConfig> {
    #[allow(deprecated, reason = "trunks of old clients still carry it")]
    let legacy = trunk.media_encryption();
    with_legacy_encryption(trunk.media.clone(), legacy)
}

/// The media settings of a request, likewise.
pub(crate) fn request_media(request: &CreateSipParticipantRequest) -> Option<SipMediaConfig> {
    #[allow(deprecated, reason = "old clients still send it")]
    let legacy = request.media_encryption();
    with_legacy_encryption(request.media.clone(), legacy)
}

/// How a stored trunk is shown: with the deprecated encryption copied to its new place.
#[must_use]
pub fn shown(mut trunk: SipOutboundTrunkInfo) -> SipOutboundTrunkInfo {
    trunk.media = media_of(&trunk);
    trunk
}

fn with_legacy_encryption(
    media: Option<SipMediaConfig>,
    legacy: SipMediaEncryption,
) -> Option<SipMediaConfig> {
    let unset = media.as_ref().is_none_or(|media| media.encryption.is_none());
    if legacy == SipMediaEncryption::SipMediaEncryptDisable || !unset {
        return media;
    }
    Some(SipMediaConfig { encryption: Some(legacy.into()), ..media.unwrap_or_default() })
}
