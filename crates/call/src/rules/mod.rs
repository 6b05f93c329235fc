//! Rules that requests and trunks share: host names, header names and values, media.

mod duration;
mod headers;
mod host;
mod text;

use std::time::Duration;

use livekit_protocol::SipMediaConfig;
use thiserror::Error;

pub(crate) use duration::positive;
pub(crate) use headers::{header_map, header_names};
pub(crate) use host::{Flaw, split_host_port};
pub(crate) use text::{country, display_name, user_override};

/// The longest media timeout that can be asked for.
const MAX_MEDIA_TIMEOUT: Duration = Duration::from_secs(600);
/// Identities, names of rooms and of participants, in bytes.
pub(crate) const MAX_NAME: usize = 256;
/// A trunk's name and metadata, and a participant's attributes with their keys in sum, in bytes.
pub(crate) const MAX_METADATA: usize = 64 * 1024;
/// A participant's metadata, in bytes: as much as it may be given later.
pub(crate) const MAX_PARTICIPANT_METADATA: usize = 512 * 1024;

/// A broken rule. The texts are what clients of LiveKit see, where it has the rule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RuleError {
    /// A URI where a host belongs.
    #[error("{0} should be a hostname or IP, not SIP URI")]
    HostIsUri(&'static str),
    /// `transport=` in a host.
    #[error("{0} should not contain transport parameter")]
    HostHasTransport(&'static str),
    /// Neither a name nor an address.
    #[error("{0} should be a hostname or IP, with or without a port: {1}")]
    Host(&'static str, String),
    /// A header that may not be set, or whose name is no name.
    #[error("invalid header name: {0}")]
    HeaderName(String),
    /// A header value that may not be sent.
    #[error("invalid header value: header {name} {flaw}")]
    HeaderValue {
        /// The header.
        name: String,
        /// What is wrong.
        flaw: &'static str,
    },
    /// Another field.
    #[error("{0}")]
    Field(String),
    /// A duration that protobuf does not allow.
    #[error(
        "{0}: not a duration: seconds should be within 315576000000 of zero, nanos within 999999999 and of their sign"
    )]
    Duration(&'static str),
    /// Media timeout below zero.
    #[error("media_timeout must not be negative")]
    NegativeMediaTimeout,
    /// Media timeout too long.
    #[error("media_timeout must not exceed 10m0s")]
    LongMediaTimeout,
}

/// A host, `host:port`, or nothing.
pub(crate) fn host(field: &'static str, value: &str) -> Result<(), RuleError> {
    if value.contains("transport=") {
        return Err(RuleError::HostHasTransport(field));
    }
    if value.contains(['@', ';']) || value.starts_with("sip:") || value.starts_with("sips:") {
        return Err(RuleError::HostIsUri(field));
    }
    if value.is_empty() {
        return Ok(());
    }
    host::check_host(value).map_err(|flaw| RuleError::Host(field, flaw))
}

/// Codec names and the media timeout.
pub(crate) fn media(config: &SipMediaConfig) -> Result<(), RuleError> {
    for codec in &config.codecs {
        if codec.name.is_empty() {
            return Err(RuleError::Field("media.codecs: codec name must not be empty".to_owned()));
        }
        if codec.name.contains(|c: char| c.is_whitespace() || c == '/') {
            let text =
                format!("media.codecs: codec name {:?} must not contain spaces or slashes", codec.name);
            return Err(RuleError::Field(text));
        }
    }
    let Some(timeout) = &config.media_timeout else { return Ok(()) };
    if timeout.seconds < 0 || timeout.nanos < 0 {
        return Err(RuleError::NegativeMediaTimeout);
    }
    if positive("media_timeout", Some(timeout))?.is_some_and(|timeout| timeout > MAX_MEDIA_TIMEOUT) {
        return Err(RuleError::LongMediaTimeout);
    }
    Ok(())
}

/// At most `limit` bytes.
pub(crate) fn length(what: &str, value: &str, limit: usize) -> Result<(), RuleError> {
    if value.len() > limit {
        return Err(RuleError::Field(format!("{what} length exceeds limits: max length {limit}")));
    }
    Ok(())
}
