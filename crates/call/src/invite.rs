//! A plan's INVITE in the SIP core's terms.

use sip::msg::{NameAddr, Uri};

use crate::plan::{NamedUri, Plan};

/// The names of a call's dialog on the wire, made before anything else so that they can be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialogIdentity {
    /// The SIP Call-ID.
    pub call_id: String,
    /// Our tag.
    pub from_tag: String,
}

/// The INVITE that opens the call, or what is wrong with its addresses.
/// `insisting` is offered to a phone that does not accept `offer`.
pub(crate) fn invite(
    plan: &Plan,
    identity: &DialogIdentity,
    offer: String,
    insisting: Option<String>,
    over_ipv6: bool,
) -> Result<sip::Invite, String> {
    let dial = &plan.dial;
    let from = dial.from_over_ipv6.as_ref().filter(|_| over_ipv6).unwrap_or(&dial.from);
    let request_uri =
        dial.request_uri.parse::<Uri>().map_err(|error| format!("invalid request URI: {error}"))?;
    let credentials = dial.credentials.as_ref().map(|credentials| {
        sip::auth::Credentials::new(credentials.username.as_str(), credentials.password.as_str())
    });
    Ok(sip::Invite {
        request_uri,
        to: name_addr(&dial.to).map_err(|error| format!("invalid To header: {error}"))?,
        from: name_addr(from).map_err(|error| format!("invalid From header: {error}"))?,
        call_id: identity.call_id.clone(),
        from_tag: identity.from_tag.clone(),
        headers: dial.headers.clone(),
        body: Some(offer),
        other_body: insisting,
        credentials,
    })
}

fn name_addr(address: &NamedUri) -> Result<NameAddr, String> {
    address.to_string().parse::<NameAddr>().map_err(|error| error.to_string())
}
