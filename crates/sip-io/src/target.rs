//! The next hop of a call, before its name is resolved (RFC 3263 §4.1).

use sip::msg::{Host, NameAddr, Uri};
use sip::{Invite, Transport};

use crate::error::PlaceError;

/// A host to call through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// A name or an address.
    pub host: Host,
    /// The port, if one is named: then no SRV records are asked for.
    pub port: Option<u16>,
    /// How to reach it.
    pub transport: Transport,
}

impl Target {
    /// The hop a URI leads to: its `maddr` or host, its port, its transport, else UDP.
    pub fn of_uri(uri: &Uri) -> Result<Self, PlaceError> {
        let host = uri.host().ok_or(PlaceError::NotSip)?;
        let host = uri.param("maddr").and_then(|maddr| maddr.parse().ok()).unwrap_or_else(|| host.clone());
        let transport = match uri.transport() {
            Some(Ok(transport)) => transport,
            Some(Err(token)) => return Err(PlaceError::Transport { transport: token.to_owned() }),
            None => Transport::Udp,
        };
        Ok(Self { host, port: uri.port(), transport })
    }

    /// The hop of a call: its first `Route` header field, if one is given, else its Request-URI.
    pub fn of_invite(invite: &Invite) -> Result<Self, PlaceError> {
        let route = invite.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("Route"));
        let Some((_, routes)) = route else { return Self::of_uri(&invite.request_uri) };
        let first = routes.split_inclusive('>').next().unwrap_or_default();
        Self::of_uri(&first.parse::<NameAddr>().map_err(|_| PlaceError::NotSip)?.uri)
    }
}
