//! How a refused or failed call is told to the caller of the API: a Twirp error code, a text and, when
//! the far end gave one, its SIP status. Codes and HTTP statuses: Twirp specification v7, "Error codes".

use thiserror::Error;

/// A Twirp error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The operation was cancelled, or gave up waiting.
    Canceled,
    /// Nothing more is known.
    Unknown,
    /// The request holds a wrong value.
    InvalidArgument,
    /// The request could not be decoded.
    Malformed,
    /// The caller's deadline passed.
    DeadlineExceeded,
    /// What the request names does not exist.
    NotFound,
    /// No such method.
    BadRoute,
    /// What should be created exists.
    AlreadyExists,
    /// Known, but not allowed.
    PermissionDenied,
    /// No valid credentials, or without the grant.
    Unauthenticated,
    /// Busy, or a limit is reached.
    ResourceExhausted,
    /// The system is not in the state that the operation needs.
    FailedPrecondition,
    /// A conflict ended the operation.
    Aborted,
    /// A value is outside its range.
    OutOfRange,
    /// Known, and not built.
    Unimplemented,
    /// Our own fault.
    Internal,
    /// Not now.
    Unavailable,
    /// Data was lost.
    DataLoss,
}

impl ErrorCode {
    /// The name on the wire, for example `invalid_argument`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Canceled => "canceled",
            Self::Unknown => "unknown",
            Self::InvalidArgument => "invalid_argument",
            Self::Malformed => "malformed",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::NotFound => "not_found",
            Self::BadRoute => "bad_route",
            Self::AlreadyExists => "already_exists",
            Self::PermissionDenied => "permission_denied",
            Self::Unauthenticated => "unauthenticated",
            Self::ResourceExhausted => "resource_exhausted",
            Self::FailedPrecondition => "failed_precondition",
            Self::Aborted => "aborted",
            Self::OutOfRange => "out_of_range",
            Self::Unimplemented => "unimplemented",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::DataLoss => "dataloss",
        }
    }

    /// The HTTP status that goes with it.
    #[must_use]
    pub fn http_status(self) -> u16 {
        match self {
            Self::Canceled | Self::DeadlineExceeded => 408,
            Self::Unknown | Self::Internal | Self::DataLoss => 500,
            Self::InvalidArgument | Self::Malformed | Self::OutOfRange => 400,
            Self::NotFound | Self::BadRoute => 404,
            Self::AlreadyExists | Self::Aborted => 409,
            Self::PermissionDenied => 403,
            Self::Unauthenticated => 401,
            Self::ResourceExhausted => 429,
            Self::FailedPrecondition => 412,
            Self::Unimplemented => 501,
            Self::Unavailable => 503,
        }
    }

    /// The same code in gRPC's numbering, used inside `error_details`.
    #[must_use]
    pub fn grpc(self) -> i32 {
        match self {
            Self::Canceled => 1,
            Self::Unknown => 2,
            Self::InvalidArgument | Self::Malformed => 3,
            Self::DeadlineExceeded => 4,
            Self::NotFound => 5,
            Self::AlreadyExists => 6,
            Self::PermissionDenied => 7,
            Self::ResourceExhausted => 8,
            Self::FailedPrecondition => 9,
            Self::Aborted => 10,
            Self::OutOfRange => 11,
            Self::BadRoute | Self::Unimplemented => 12,
            Self::Internal => 13,
            Self::Unavailable => 14,
            Self::DataLoss => 15,
            Self::Unauthenticated => 16,
        }
    }
}

/// Why a call that was placed did not become a call, or ended before the caller could be answered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct CallError {
    /// The Twirp code.
    pub code: ErrorCode,
    /// The text for people, for example `INVITE failed: sip status: 486: Busy Here`.
    pub message: String,
    /// The final SIP status and its reason phrase, when the far end gave one.
    pub sip_status: Option<(u16, String)>,
}

impl CallError {
    /// An error that no SIP response caused.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), sip_status: None }
    }
}
