//! What every message of ours says about us: Via, Contact, Allow, Supported, User-Agent.

use crate::msg::{HeaderName, HeaderValue, Headers, NameAddr, Scheme, Transport, Uri, Via};
use crate::target::Contacts;

/// The methods a leg answers with something else than 405.
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK";

/// Extensions we may be required to know: session timers (RFC 4028), reliable provisional responses (RFC 3262).
pub(crate) const SUPPORTED: &[&str] = &["timer", "100rel"];

/// Header fields that the agent writes itself: custom ones of these names are left out.
const OWN: [HeaderName; 18] = [
    HeaderName::Via,
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::Contact,
    HeaderName::MaxForwards,
    HeaderName::RecordRoute,
    HeaderName::ContentLength,
    HeaderName::ContentType,
    HeaderName::Allow,
    HeaderName::Supported,
    HeaderName::Authorization,
    HeaderName::ProxyAuthorization,
    HeaderName::RAck,
    HeaderName::RSeq,
    HeaderName::SessionExpires,
    HeaderName::MinSe,
];

/// Custom header fields as the application gives them.
pub(crate) type Custom = Vec<(String, String)>;

/// How we present ourselves.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) contacts: Contacts,
    pub(crate) user_agent: String,
}

impl Identity {
    /// `None` when the transport is not served.
    pub(crate) fn via(&self, transport: Transport, branch: &str) -> Option<Via> {
        let announced = self.contacts.get(transport)?;
        Some(Via::new(transport, announced.host.clone(), Some(announced.port), branch))
    }

    /// `sips:` in a call that began with `sips:` (RFC 3261 §8.1.1.8), which says TLS by itself.
    pub(crate) fn contact(&self, transport: Transport, scheme: Scheme) -> Option<NameAddr> {
        let announced = self.contacts.get(transport)?;
        let (host, port) = (announced.host.clone(), Some(announced.port));
        Some(NameAddr::new(match (scheme, transport) {
            (Scheme::Sips, Transport::Tls) => Uri::sips(host).with_port(port),
            (_, Transport::Udp) => Uri::sip(host).with_port(port),
            _ => Uri::sip(host).with_port(port).with_transport(transport),
        }))
    }

    /// Contact, Allow and Supported: on everything that opens or moves a dialog.
    pub(crate) fn describe(&self, headers: &mut Headers, transport: Transport, scheme: Scheme) {
        if let Some(contact) = self.contact(transport, scheme) {
            headers.push(HeaderName::Contact, contact);
        }
        capabilities(headers);
    }
}

/// Allow and Supported, which tell the truth.
pub(crate) fn capabilities(headers: &mut Headers) {
    headers.push(HeaderName::Allow, ALLOW);
    headers.push(HeaderName::Supported, SUPPORTED.join(", "));
}

/// Adds the application's header fields; its User-Agent replaces ours. Names that are no token or belong to the
/// agent are left out, control characters in values become spaces.
pub(crate) fn add_custom(headers: &mut Headers, custom: &[(String, String)]) {
    for (name, value) in custom {
        match name.parse::<HeaderName>() {
            Ok(HeaderName::UserAgent) => headers.set(HeaderName::UserAgent, value.as_str()),
            Ok(name) if !OWN.contains(&name) => headers.push(name, value.as_str()),
            _ => {}
        }
    }
}

/// Whether every name is a token and every value free of control characters.
pub(crate) fn is_sound(custom: &[(String, String)]) -> bool {
    custom
        .iter()
        .all(|(name, value)| name.parse::<HeaderName>().is_ok() && value.parse::<HeaderValue>().is_ok())
}
