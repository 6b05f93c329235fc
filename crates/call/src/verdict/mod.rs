//! Every way a call can end, and what each means to everybody who is told.
//!
//! One call has one verdict. It decides the participant's [`DisconnectReason`], the [`CallError`] of a caller who still
//! waits, and the labels of the metric and the record: all of it in [`Verdict::outcome`], nowhere else. The status
//! `hangup` is shown at every end, so it is not part of the table.

mod refusal;

use std::borrow::Cow;

use livekit_protocol::DisconnectReason;

use crate::error::{CallError, ErrorCode};

pub use refusal::Refusal;

/// Why a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The phone hung up.
    RemoteBye,
    /// The trunk or the phone refused the call with a final response.
    Refused(Refusal),
    /// Nobody answered within the ringing timeout.
    NoAnswer,
    /// The INVITE was given up without a final response.
    NoResponse {
        /// How many provisional responses had come.
        provisionals: u32,
    },
    /// The trunk asked for credentials and none of ours served.
    Auth {
        /// What was wrong with the credentials or the challenge.
        why: AuthVerdict,
        /// The 401 or 407 and its reason phrase.
        status: (u16, String),
    },
    /// The trunk could not be reached.
    Unreachable(Unreachable),
    /// The phone answered with media that cannot be used; the text says why.
    UnusableAnswer(String),
    /// No audio came from the phone for longer than allowed.
    MediaTimeout,
    /// The session was not refreshed in time (RFC 4028): the phone's side is gone.
    SessionExpired,
    /// The room ended the participant's stay: removed, room deleted, displaced by its own identity.
    LeftRoom(DisconnectReason),
    /// A participant ended the call (`lk.sip.EndCall`).
    EndCall,
    /// The longest allowed duration is over.
    MaxDuration,
    /// The caller of the API went away while waiting.
    CallerGone,
    /// The caller's deadline passed while waiting.
    Deadline,
    /// This server stops.
    Shutdown,
    /// The participant could not join its room.
    JoinFailed(JoinFailure),
    /// What carried the call inside this server is gone.
    Internal(&'static str),
}

/// Why authentication failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthVerdict {
    /// Our trunk has no user name and password.
    NoCredentials,
    /// The challenge came again although it was answered: the user name or password is wrong.
    Refused,
    /// A 401 or 407 without a challenge.
    NoChallenge,
    /// None of these challenges is of a kind that can be answered.
    Unsupported(String),
}

/// Why the trunk could not be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreachable {
    /// The name does not resolve.
    Dns(String),
    /// The address cannot be used.
    Address(String),
    /// Connecting or writing failed.
    Network(String),
}

/// Why the participant never came into the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JoinFailure {
    /// The media worker's queue is full.
    Busy,
    /// No RTP port is free.
    NoPort,
    /// The room refused; the text says why.
    Room(String),
    /// The call's dialog could not be written down before dialling.
    Store(String),
}

/// Who the metric holds responsible, in the terms of livekit-sip's `result` label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// Nobody: the call ended as calls do.
    Success,
    /// The caller, the called or the request.
    Client,
    /// This server.
    Server,
    /// The trunk.
    Upstream,
    /// Cannot be told.
    Indeterminate,
}

impl Blame {
    /// The value of the metric's `result` label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Client => "client_error",
            Self::Server => "server_error",
            Self::Upstream => "upstream_error",
            Self::Indeterminate => "indeterminate",
        }
    }
}

/// What a verdict means to those who are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The reason the room sees.
    pub leave: DisconnectReason,
    /// The answer to a caller who still waits.
    pub error: CallError,
    /// The metric's `result`.
    pub blame: Blame,
    /// The metric's `reason`.
    pub label: Cow<'static, str>,
}

impl Verdict {
    /// The one table of ends.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        use DisconnectReason as Leave;
        use ErrorCode as Code;
        match self {
            Self::RemoteBye => {
                row(Leave::ClientInitiated, Code::Aborted, ENDED_BY_PHONE, Blame::Success, "bye")
            }
            Self::Refused(refusal) => refusal.outcome(),
            Self::NoAnswer => {
                row(Leave::UserUnavailable, Code::Canceled, TIMED_OUT, Blame::Client, "no-answer")
            }
            Self::NoResponse { provisionals } => no_response(*provisionals),
            Self::Auth { why, status } => why.outcome(status),
            Self::Unreachable(why) => why.outcome(),
            Self::UnusableAnswer(text) => {
                row(Leave::MediaFailure, Code::FailedPrecondition, text, Blame::Client, "sdp-error")
            }
            Self::MediaTimeout => row(
                Leave::MediaFailure,
                Code::FailedPrecondition,
                NO_MEDIA,
                Blame::Indeterminate,
                "media-timeout",
            ),
            Self::SessionExpired => row(
                Leave::ConnectionTimeout,
                Code::FailedPrecondition,
                NOT_REFRESHED,
                Blame::Indeterminate,
                "session-expired",
            ),
            Self::LeftRoom(reason) => left_room(*reason),
            Self::EndCall => row(Leave::ClientInitiated, Code::Canceled, ENDED_BY_RPC, Blame::Success, "rpc"),
            Self::MaxDuration => {
                row(Leave::ClientInitiated, Code::Canceled, TOO_LONG, Blame::Success, "hangup")
            }
            Self::CallerGone => {
                row(Leave::ClientInitiated, Code::Canceled, "request canceled", Blame::Client, "caller-gone")
            }
            Self::Deadline => row(
                Leave::UserUnavailable,
                Code::DeadlineExceeded,
                "request timed out",
                Blame::Client,
                "deadline",
            ),
            Self::Shutdown => {
                row(Leave::ServerShutdown, Code::Canceled, "service shutting down", Blame::Server, "shutdown")
            }
            Self::JoinFailed(failure) => failure.outcome(),
            Self::Internal(what) => {
                row(Leave::UnknownReason, Code::Internal, what, Blame::Server, "internal")
            }
        }
    }

    /// The `Reason` header (RFC 3326) that our BYE or CANCEL carries, where we end a call for the phone's own fault.
    #[must_use]
    pub fn reason_header(&self) -> Option<String> {
        let (cause, text) = match self {
            Self::UnusableAnswer(why) => (488, why.as_str()),
            Self::MediaTimeout => (408, NO_MEDIA),
            _ => return None,
        };
        let text: String = text.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\')).collect();
        Some(format!("SIP;cause={cause};text=\"{text}\""))
    }
}

const TIMED_OUT: &str = "sip request timed out";
const ENDED_BY_PHONE: &str = "the phone hung up before the call became active";
const ENDED_BY_RPC: &str = "the call was ended by a participant";
const NO_MEDIA: &str = "media timeout: no audio came from the phone";
const NOT_REFRESHED: &str = "the session was not refreshed in time";
const TOO_LONG: &str = "the call reached its maximum duration";

fn row(leave: DisconnectReason, code: ErrorCode, text: &str, blame: Blame, label: &'static str) -> Outcome {
    Outcome { leave, error: CallError::new(code, text), blame, label: Cow::Borrowed(label) }
}

fn no_response(provisionals: u32) -> Outcome {
    let (blame, label, why) = match provisionals {
        0 => (Blame::Indeterminate, "upstream-no-response", "the trunk does not answer"),
        _ => (Blame::Client, "no-final-response", "no final response came"),
    };
    let text = format!("transaction failed to complete ({provisionals} intermediate responses): {why}");
    row(DisconnectReason::SipTrunkFailure, ErrorCode::Canceled, &text, blame, label)
}

/// The room has already told its reason to everybody; it is kept for the record.
fn left_room(reason: DisconnectReason) -> Outcome {
    use DisconnectReason as Leave;
    let (blame, label, text) = match reason {
        Leave::ParticipantRemoved => (Blame::Success, "removed", "the participant was removed from the room"),
        Leave::RoomDeleted | Leave::RoomClosed => (Blame::Success, "removed", "the room was closed"),
        Leave::ClientInitiated | Leave::UnknownReason => {
            (Blame::Success, "removed", "the participant left the room")
        }
        Leave::DuplicateIdentity => {
            (Blame::Client, "duplicate-identity", "another participant joined with the same identity")
        }
        Leave::ServerShutdown => (Blame::Server, "shutdown", "service shutting down"),
        _ => (Blame::Server, "room", "the room ended the call"),
    };
    let leave = if reason == Leave::UnknownReason { Leave::ClientInitiated } else { reason };
    row(leave, ErrorCode::Canceled, text, blame, label)
}

impl AuthVerdict {
    fn outcome(&self, status: &(u16, String)) -> Outcome {
        let text = match self {
            Self::NoCredentials => {
                "sip server required auth, but no username or password was provided".to_owned()
            }
            Self::Refused => {
                "max auth retry attempts reached for SIP invite: wrong username or password".to_owned()
            }
            Self::NoChallenge => "no auth header in sip invite response".to_owned(),
            Self::Unsupported(offered) => {
                format!("no supported authentication scheme in sip invite response: {offered}")
            }
        };
        let mut outcome = row(
            DisconnectReason::UserRejected,
            ErrorCode::FailedPrecondition,
            &text,
            Blame::Client,
            "auth-failed",
        );
        outcome.error.sip_status = Some(status.clone());
        outcome
    }
}

impl Unreachable {
    fn outcome(&self) -> Outcome {
        let (text, code, blame, label) = match self {
            Self::Dns(text) => (text, ErrorCode::InvalidArgument, Blame::Client, "dns-resolution"),
            Self::Address(text) => (text, ErrorCode::InvalidArgument, Blame::Client, "address-error"),
            Self::Network(text) => (text, ErrorCode::FailedPrecondition, Blame::Server, "network-error"),
        };
        row(DisconnectReason::SipTrunkFailure, code, text, blame, label)
    }
}

impl JoinFailure {
    fn outcome(&self) -> Outcome {
        let leave = DisconnectReason::JoinFailure;
        match self {
            Self::Busy => {
                row(leave, ErrorCode::ResourceExhausted, "too many calls at once", Blame::Server, "busy")
            }
            Self::NoPort => row(
                leave,
                ErrorCode::ResourceExhausted,
                "no RTP port is free: widen sip.rtp_port",
                Blame::Server,
                "no-rtp-port",
            ),
            Self::Room(text) => {
                let text = format!("update room failed: {text}");
                row(leave, ErrorCode::Internal, &text, Blame::Server, "join-failed")
            }
            Self::Store(text) => {
                let text = format!("the call could not be recorded: {text}");
                row(leave, ErrorCode::Unavailable, &text, Blame::Server, "store")
            }
        }
    }
}

#[cfg(test)]
mod tests;
