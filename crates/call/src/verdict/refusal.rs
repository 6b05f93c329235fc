//! Final responses that are not an answer: SIP status to Twirp code, text, leave reason and metric label.

use std::borrow::Cow;

use livekit_protocol::{DisconnectReason, SipStatusCode};

use super::{Blame, Outcome};
use crate::error::{CallError, ErrorCode};

/// Longest text of a response that is told on.
const MAX_TEXT: usize = 512;

/// A final response to the INVITE outside 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    code: u16,
    text: String,
    /// A redirection's contacts: where to call instead.
    contacts: String,
    carrier_blocked: bool,
}

impl Refusal {
    /// Reads what the response says of itself: for a few everyday codes its body, or the carrier's `X-Twilio-Error`, tells more
    /// than the reason phrase.
    pub fn new<'a>(
        code: u16,
        reason: &str,
        body: &[u8],
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let headers: Vec<_> = headers.into_iter().collect();
        let named = |wanted: &str| {
            let values = headers.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted));
            values.map(|(_, value)| *value).collect::<Vec<_>>()
        };
        let carrier = named("X-Twilio-Error").first().copied().unwrap_or_default();
        let contacts = if (300..400).contains(&code) { named("Contact").join(", ") } else { String::new() };
        let body = std::str::from_utf8(body).unwrap_or("").trim();
        let text = match (is_everyday(code), body, carrier) {
            (true, "", "") | (false, _, _) => reason,
            (true, "", carrier) => carrier,
            (true, body, _) => body,
        };
        let carrier_blocked = code == 603 && carrier.starts_with("32203");
        Self { code, text: printable(text), contacts: printable(&contacts), carrier_blocked }
    }

    /// The SIP status.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// How livekit-sip's `invite_error` metric names the status: `486-BusyHere`.
    #[must_use]
    pub fn metric(&self) -> String {
        let mut name = String::new();
        for word in enum_name(self.code).split('_') {
            let (first, rest) = word.split_at(word.len().min(1));
            name.push_str(first);
            name.push_str(&rest.to_ascii_lowercase());
        }
        format!("{}-{name}", self.code)
    }

    pub(super) fn outcome(&self) -> Outcome {
        let (blame, label) = self.label();
        let mut message = format!("{}: {}", self.prefix(), self.status_text());
        if !self.contacts.is_empty() {
            message = format!("{message}, redirected to {}", self.contacts);
        }
        let error = CallError {
            code: error_code(self.code),
            message,
            sip_status: Some((self.code, self.text.clone())),
        };
        Outcome { leave: self.leave(), error, blame, label }
    }

    fn prefix(&self) -> &'static str {
        if is_everyday(self.code) { "INVITE failed" } else { "unexpected status from INVITE response" }
    }

    fn status_text(&self) -> String {
        if self.text.is_empty() {
            format!("sip status: {} ({})", self.code, enum_name(self.code))
        } else {
            format!("sip status: {}: {}", self.code, self.text)
        }
    }

    /// The trunk's own failures are its own; a refusal is the called side's.
    fn leave(&self) -> DisconnectReason {
        match self.code {
            404 | 408 | 410 | 480 | 487 | 604 => DisconnectReason::UserUnavailable,
            400..=499 | 600..=699 => DisconnectReason::UserRejected,
            _ => DisconnectReason::SipTrunkFailure,
        }
    }

    fn label(&self) -> (Blame, Cow<'static, str>) {
        let code = self.code;
        let fixed = |label| (Blame::Client, Cow::Borrowed(label));
        match code {
            486 => fixed("busy"),
            403 => fixed("forbidden"),
            488 => fixed("not-acceptable"),
            401 | 407 => fixed("auth-required"),
            404 => fixed("not-found"),
            408 => fixed("request-timeout"),
            480 => fixed("unavailable"),
            400..=499 => (Blame::Client, format!("client-error-{code}").into()),
            603 if self.carrier_blocked => fixed("carrier-blocked"),
            600..=699 => (Blame::Client, format!("global-decline-{code}").into()),
            500..=599 if self.says("cps limit exceeded") => fixed("cps-limit-exceeded"),
            500..=599 if self.says("concurrent call limit exceeded") => fixed("concurrent-limit-exceeded"),
            500..=599 => (Blame::Upstream, format!("upstream-server-error-{code}").into()),
            _ => (Blame::Upstream, Cow::Borrowed("invite-failed")),
        }
    }

    fn says(&self, phrase: &str) -> bool {
        self.text.to_ascii_lowercase().contains(phrase)
    }
}

/// The codes whose body or carrier header is worth telling on.
fn is_everyday(code: u16) -> bool {
    matches!(code, 400 | 404 | 480 | 486 | 488)
}

fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_TEXT)
        .collect::<String>()
        .trim()
        .to_owned()
}

fn enum_name(code: u16) -> &'static str {
    let name =
        SipStatusCode::try_from(i32::from(code)).map_or("SIP_STATUS_UNKNOWN", |known| known.as_str_name());
    name.strip_prefix("SIP_STATUS_").unwrap_or(name)
}

/// What each SIP status is in Twirp's terms.
fn error_code(code: u16) -> ErrorCode {
    match code {
        301 | 302 | 404 | 410 | 481 | 604 => ErrorCode::NotFound,
        401 | 402 | 403 | 433 | 470 | 603 | 607 | 608 => ErrorCode::PermissionDenied,
        407 | 428 | 436 | 437 | 438 | 494 => ErrorCode::Unauthenticated,
        408 | 504 => ErrorCode::DeadlineExceeded,
        505 | 513 => ErrorCode::InvalidArgument,
        409 | 412 | 482 | 483 | 500..=599 => ErrorCode::FailedPrecondition,
        416 => ErrorCode::OutOfRange,
        440 | 480 | 486 | 600 => ErrorCode::ResourceExhausted,
        487 | 491 => ErrorCode::Aborted,
        300..=499 | 601..=699 => ErrorCode::InvalidArgument,
        _ => ErrorCode::Unknown,
    }
}
