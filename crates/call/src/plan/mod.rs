//! A CreateSIPParticipant request and its trunk, validated and merged into the one description of a call that
//! everything after it works from.
//!
//! Whatever can be refused is refused here, before a participant joins or a packet is sent. A plan never
//! changes, and never reads a clock or a socket.

mod address;
mod build;
mod check;
mod dial;
mod error;
mod line;
mod media;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, time::Duration};

pub use address::{NamedUri, NextHop, Transport};
pub use error::PlanError;
pub use media::{Codec, Encryption, MediaPlan};

/// How long a phone may ring when the request does not say.
pub const DEFAULT_RINGING_TIMEOUT: Duration = Duration::from_secs(180);
/// The longest a call may last, and what it gets when the request does not say.
pub const MAX_CALL_DURATION: Duration = Duration::from_secs(24 * 60 * 60);

/// What the server adds to every plan.
#[derive(Debug, Clone)]
pub struct PlanDefaults {
    /// Host of the From address when neither trunk nor request names one: the announced signalling address.
    pub from_host: String,
    /// The same over TLS, where there is another: this server's name.
    pub from_host_over_tls: Option<String>,
    /// The same over IPv6, where there is another: the announced address of that family.
    pub from_host_over_ipv6: Option<String>,
    /// The codecs this server offers when a call does not list any, best first.
    pub codecs: Vec<Codec>,
    /// What the network plays before the answer goes into the room.
    pub early_media: bool,
}

impl Default for PlanDefaults {
    fn default() -> Self {
        let codecs = vec![Codec::Pcmu, Codec::Pcma];
        Self {
            from_host: "127.0.0.1".to_owned(),
            from_host_over_tls: None,
            from_host_over_ipv6: None,
            codecs,
            early_media: true,
        }
    }
}

/// One call, ready to be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// `SCL_...`: names the call in the API and is the From tag on the wire.
    pub call_id: String,
    /// The stored trunk, or empty with an inline one.
    pub trunk_id: String,
    /// The room that the call joins.
    pub room_name: String,
    /// Who the call is in the room.
    pub participant: Participant,
    /// The INVITE.
    pub dial: Dial,
    /// The numbers as watchers of the room may see them.
    pub numbers: Numbers,
    /// Which headers and attributes are copied into one another.
    pub mapping: Mapping,
    /// Codecs and media timeouts.
    pub media: MediaPlan,
    /// Digits and pauses to send once the call is answered, in the syntax of `media::dtmf::DialString`.
    pub dtmf: Option<String>,
    /// Play the dial tone into the room until the call is answered.
    pub dial_tone: bool,
    /// What the network plays before the answer goes into the room; the dial tone yields to it.
    pub early_media: bool,
    /// Clean the phone's audio of noise (`krisp_enabled`).
    pub voice_isolation: bool,
    /// From the first INVITE to the answer.
    pub ringing_timeout: Duration,
    /// From the creation of the call to its end.
    pub max_duration: Duration,
    /// The caller of the API waits for the answer and for the initial digits.
    pub wait_until_answered: bool,
}

/// The participant that stands for the phone in the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// At most 256 bytes, never empty.
    pub identity: String,
    /// May be empty.
    pub name: String,
    /// As given.
    pub metadata: String,
    /// The user's own; the `sip.*` attributes are set over them.
    pub attributes: BTreeMap<String, String>,
}

/// What goes into the INVITE and where it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    /// Request-URI, ready to print.
    pub request_uri: String,
    /// To, without a tag.
    pub to: NamedUri,
    /// From, without a tag.
    pub from: NamedUri,
    /// From where the call goes over IPv6, if that is another.
    pub from_over_ipv6: Option<NamedUri>,
    /// The host that the request is sent to: of the first Route, else of the Request-URI.
    pub next_hop: NextHop,
    /// For digest challenges.
    pub credentials: Option<Credentials>,
    /// Extra headers, sorted by name; a `Route` comes first.
    pub headers: Vec<(String, String)>,
}

/// User name and password of a trunk. Its `Debug` form shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Digest user name, possibly empty.
    pub username: String,
    /// Digest password, possibly empty.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// What `sip.phoneNumber`, `sip.trunkPhoneNumber` and `sip.hostname` say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers {
    /// `sip_call_to` as given.
    pub called: String,
    /// The caller's number that was chosen.
    pub caller: String,
    /// Trunk address or inline host, as given.
    pub hostname: String,
    /// None of them is shown in the room (`hide_phone_number`).
    pub hidden: bool,
}

/// Which response headers become attributes, and which attributes become request headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Which headers of the 200 OK become `sip.h.*` attributes.
    pub include_headers: IncludeHeaders,
    /// Header name to attribute name.
    pub headers_to_attributes: BTreeMap<String, String>,
    /// Attribute name to header name, evaluated at BYE, CANCEL and REFER.
    pub attributes_to_headers: BTreeMap<String, String>,
}

/// `SIPHeaderOptions`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IncludeHeaders {
    /// None but those mapped by name.
    #[default]
    None,
    /// Every `X-*` header.
    X,
    /// All of them.
    All,
}
