//! Why a request is refused before anything happens.

use thiserror::Error;

use crate::{error::ErrorCode, rules::RuleError};

/// Why no plan can be made. The texts are what clients of LiveKit see, where it refuses the same.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanError {
    /// Neither a trunk, nor an inline one, nor a number to call from.
    #[error("missing sip trunk id")]
    MissingTrunk,
    /// `sip_trunk_id` names no stored trunk.
    #[error("requested sip trunk does not exist")]
    UnknownTrunk,
    /// `sip_call_to` is empty.
    #[error("missing sip callee number")]
    MissingCallee,
    /// `sip_call_to` holds an `@`.
    #[error("SipCallTo should be a phone number or SIP user, not a full SIP URI")]
    CalleeIsUri,
    /// `room_name` is empty.
    #[error("missing room name")]
    MissingRoom,
    /// No number was given and the trunk has none.
    #[error("no numbers on outbound trunk")]
    NoNumbers,
    /// The Request-URI cannot be made.
    #[error("invalid request URI: {0}")]
    RequestUri(String),
    /// The To header cannot be made.
    #[error("invalid To header: {0}")]
    ToHeader(String),
    /// The From header cannot be made.
    #[error("invalid From header: {0}")]
    FromHeader(String),
    /// A rule shared with trunks is broken.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// Another field holds a wrong value.
    #[error("{0}")]
    Invalid(String),
    /// Understood, and not built.
    #[error("{field}: {what} is not supported yet")]
    NotSupported {
        /// The field of the request or of the trunk.
        field: &'static str,
        /// What it asks for.
        what: String,
    },
}

impl PlanError {
    /// The Twirp code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownTrunk => ErrorCode::NotFound,
            Self::NoNumbers => ErrorCode::FailedPrecondition,
            _ => ErrorCode::InvalidArgument,
        }
    }

    /// Whether LiveKit's API server hears of this only from another of its parts, which its clients can tell by
    /// a prefix in the message.
    #[must_use]
    pub fn is_relayed(&self) -> bool {
        matches!(self, Self::NoNumbers | Self::RequestUri(_) | Self::ToHeader(_) | Self::FromHeader(_))
    }
}
