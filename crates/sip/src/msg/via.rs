//! Via (RFC 3261 §20.42, rport RFC 3581).

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::error::InvalidText;
use super::{Host, Params, Transport, lex};

/// The prefix of every branch made by RFC 3261 rules.
pub(crate) const MAGIC_COOKIE: &str = "z9hG4bK";

/// One hop of a request's way: `SIP/2.0/UDP host:port;branch=...`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Via {
    transport: Box<str>,
    /// Where the sender says it is.
    pub host: Host,
    /// Its port, if it names one.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport`, `alias` ...
    pub params: Params,
}

impl Via {
    /// A Via of our own, with its branch and a wish for `rport`.
    #[must_use]
    pub fn new(transport: Transport, host: Host, port: Option<u16>, branch: &str) -> Self {
        let mut params = Params::default();
        params.set("branch", branch);
        params.set_flag("rport");
        Self { transport: transport.as_str().into(), host, port, params }
    }

    /// The transport as it stands: `UDP`, `TCP`, `TLS`, `SCTP`, `WS` ...
    #[must_use]
    pub fn transport(&self) -> &str {
        &self.transport
    }

    /// The branch parameter, `None` if absent or empty.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        self.params.get("branch").filter(|b| !b.is_empty())
    }

    /// Whether the branch identifies the transaction (RFC 3261 §17.2.3): magic cookie and something behind it.
    #[must_use]
    pub fn has_rfc3261_branch(&self) -> bool {
        let prefix = self.branch().and_then(|b| b.get(..MAGIC_COOKIE.len()).map(|p| (p, b.len())));
        prefix.is_some_and(|(p, len)| p.eq_ignore_ascii_case(MAGIC_COOKIE) && len > MAGIC_COOKIE.len())
    }

    /// The address noted by the receiver.
    #[must_use]
    pub fn received(&self) -> Option<IpAddr> {
        let text = self.params.get("received")?;
        text.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// The port noted by the receiver; `None` also while it is only asked for.
    #[must_use]
    pub fn rport(&self) -> Option<u16> {
        lex::decimal(self.params.get("rport")?)
    }

    /// The port named, or the transport's own.
    #[must_use]
    pub fn port_or_default(&self) -> u16 {
        let default = Transport::from_token(&self.transport).map_or(5060, Transport::default_port);
        self.port.unwrap_or(default)
    }

    /// Where an unreliable response goes (RFC 3261 §18.2.2, RFC 3581 §4): received and rport, else the host if it is
    /// an address. `None` when the host is a name and nothing was noted.
    #[must_use]
    pub fn response_address(&self) -> Option<SocketAddr> {
        let ip = self.received().or_else(|| self.host.ip())?;
        Some(SocketAddr::new(ip, self.rport().unwrap_or_else(|| self.port_or_default())))
    }
}

impl FromStr for Via {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        let mut parts = text.splitn(3, '/').map(lex::trim);
        let (name, version, rest) = (parts.next(), parts.next(), parts.next());
        let rest = rest.ok_or(InvalidText::Via)?;
        if !name.is_some_and(|n| n.eq_ignore_ascii_case("SIP")) || version != Some("2.0") {
            return Err(InvalidText::Via);
        }
        let (transport, rest) = rest.split_at(rest.find([' ', '\t']).ok_or(InvalidText::Via)?);
        if !lex::is_token(transport) {
            return Err(InvalidText::Via);
        }
        let (sent_by, params) = rest.split_at(lex::find_outside(rest, b';').unwrap_or(rest.len()));
        let (host, port) = Host::parse_with_port(lex::trim(sent_by)).ok_or(InvalidText::Via)?;
        Ok(Self { transport: transport.into(), host, port, params: Params::parse_header(params)? })
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        self.params.write_header(f)
    }
}
