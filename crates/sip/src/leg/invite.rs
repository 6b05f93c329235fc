//! A call to be placed: what the application decides about the INVITE.

use crate::auth::Credentials;
use crate::msg::{NameAddr, Uri};

/// Everything an outgoing call's INVITE says that is not the agent's own business.
#[derive(Debug, Clone)]
pub struct Invite {
    /// Whom to call.
    pub request_uri: Uri,
    /// The To header field, without tag.
    pub to: NameAddr,
    /// The From header field, without tag.
    pub from: NameAddr,
    /// The Call-ID; unique.
    pub call_id: String,
    /// Our tag; unguessable.
    pub from_tag: String,
    /// Custom header fields, in this order. `Route` and `User-Agent` may be among them; the fields that the agent
    /// writes itself may not.
    pub headers: Vec<(String, String)>,
    /// The offer, SDP. `None` leaves the offer to the peer.
    pub body: Option<String>,
    /// Another offer, tried once with the next CSeq when the peer says that the first is not acceptable (488, 606; RFC 3261
    /// §8.1.3.5).
    pub other_body: Option<String>,
    /// What challenges are answered with.
    pub credentials: Option<Credentials>,
}

/// How a call is dealt with beyond what its INVITE says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallOptions {
    /// What becomes of 3xx.
    pub redirects: Redirects,
    /// Nothing that binds the peer leaves before the application has written down what ends the call: each
    /// awaited [`LegEvent::Record`](crate::LegEvent::Record) is answered with [`Agent::recorded`](crate::Agent::recorded).
    pub is_journaled: bool,
}

impl CallOptions {
    /// With redirections dealt with so.
    #[must_use]
    pub fn with_redirects(mut self, redirects: Redirects) -> CallOptions {
        self.redirects = redirects;
        self
    }

    /// With everything written down before it binds the peer.
    #[must_use]
    pub fn journaled(mut self) -> CallOptions {
        self.is_journaled = true;
        self
    }
}

/// What becomes of 3xx responses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Redirects {
    /// The call fails with the response, whose contacts the application may call itself.
    #[default]
    Report,
    /// Contacts on the host that was called are called in its place; others are reported.
    WithinHost,
}
