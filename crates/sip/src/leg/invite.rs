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
    /// What challenges are answered with.
    pub credentials: Option<Credentials>,
}
