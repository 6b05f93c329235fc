//! What a room sees of a call: the `sip.*` attributes of its participant.
//!
//! Keys, values and their order are a public interface: applications wait for `sip.callStatus` to pass through
//! `dialing`, `ringing`, (`automation`), `active` and `hangup`. This module only computes attributes from SIP headers and
//! headers from attributes; it never decides when they are shown (that is [`crate::states`]).
//!
//! | key | shown | made in |
//! |---|---|---|
//! | `sip.callID`, `sip.trunkID` | with the join | `join` |
//! | `sip.phoneNumber`, `sip.hostname`, `sip.trunkPhoneNumber` | with the join, unless the number is hidden | `join` |
//! | `sip.callStatus` | with the join, then at every change of state | [`CallStatus`] |
//! | `sip.progress` | what the network said last before the answer: `ringing`, `forwarded`, `queued`, `session_progress` | [`progress_attribute`] |
//! | `sip.hold` | `true` when the phone holds the call, `false` when it takes it up again | [`hold_attribute`] |
//! | `sip.twilio.*`, `sip.telnyx.*`, `sip.amazon.*` | as responses bring the carrier's own headers | `provider` |
//! | `sip.callIDFull`, `sip.callTag`, `sip.h.*`, mapped headers | in one update at the answer, before `automation` or `active` | `headers` |

mod headers;
mod join;
mod provider;

pub use headers::{answered_attributes, headers_for_bye};
pub use join::at_join;
pub use provider::provider_attributes;

/// Key of the call's public status.
pub const CALL_STATUS: &str = "sip.callStatus";
/// Key of the SIP Call-ID, known to watchers once the phone has answered.
pub const CALL_ID_FULL: &str = "sip.callIDFull";
/// Key of the phone's To tag, known to watchers once the phone has answered.
pub const CALL_TAG: &str = "sip.callTag";

/// Key of whether the phone holds the call; not there until it does for the first time.
pub const HOLD: &str = "sip.hold";

/// Key of what the network said last before the answer; not there while it has said nothing but 100.
pub const PROGRESS: &str = "sip.progress";

/// The attribute that tells apart what is one `ringing` in [`CALL_STATUS`]; `None` for codes that say nothing more.
#[must_use]
pub fn progress_attribute(code: u16) -> Option<(String, String)> {
    let progress = match code {
        180 => "ringing",
        181 => "forwarded",
        182 => "queued",
        183 => "session_progress",
        _ => return None,
    };
    Some((PROGRESS.to_owned(), progress.to_owned()))
}

/// The attribute that shows whether the phone holds the call.
#[must_use]
pub fn hold_attribute(held: bool) -> (String, String) {
    (HOLD.to_owned(), held.to_string())
}

/// The public status of a call, in the order in which watchers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallStatus {
    /// The participant is in the room, the INVITE is on its way.
    Dialing,
    /// The phone rings (180 to 199).
    Ringing,
    /// The phone has answered; the initial digits are being sent.
    Automation,
    /// Both sides hear each other.
    Active,
    /// The call is over.
    Hangup,
}

impl CallStatus {
    /// The attribute's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dialing => "dialing",
            Self::Ringing => "ringing",
            Self::Automation => "automation",
            Self::Active => "active",
            Self::Hangup => "hangup",
        }
    }

    /// The attribute that shows this status.
    #[must_use]
    pub fn attribute(self) -> (String, String) {
        (CALL_STATUS.to_owned(), self.as_str().to_owned())
    }
}

#[cfg(test)]
mod tests;
