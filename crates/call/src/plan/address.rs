//! SIP addresses of a plan (RFC 3261 §19.1): built from a number and a host, or taken over from the request.
//!
//! `sips:` means TLS on every hop (RFC 3261 §26.2.2); `sip:` with `transport=tls`, LiveKit's form, means it on the first.

use std::fmt;

use super::error::PlanError;
use crate::rules::{Flaw, split_host_port};

/// Transport of a SIP request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream, encrypted; the peer proves who it is.
    Tls,
}

impl Transport {
    /// The value of a `transport` URI parameter.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// A From or To address without its tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedUri {
    /// Display name as plain text, quoted and escaped only when it is printed.
    pub display_name: Option<String>,
    /// The URI, without angle brackets.
    pub uri: String,
}

impl fmt::Display for NamedUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.display_name {
            f.write_str("\"")?;
            for c in name.chars() {
                if matches!(c, '"' | '\\') {
                    f.write_str("\\")?;
                }
                write!(f, "{c}")?;
            }
            f.write_str("\" ")?;
        }
        write!(f, "<{}>", self.uri)
    }
}

/// Where the INVITE is sent first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextHop {
    /// Name or address; an IPv6 address without brackets.
    pub host: String,
    /// As written; absent means the default of the transport, after a look for SRV records.
    pub port: Option<u16>,
    /// As written, TLS for `sips:`. `None` leaves the choice to the host's own records, then to UDP (RFC 3263 §4.1).
    pub transport: Option<Transport>,
}

/// A parsed `sip:` or `sips:` URI: what a plan needs to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SipUri {
    /// `sips:`
    pub(super) secure: bool,
    /// Already percent-encoded; empty when there is none.
    pub(super) user: String,
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) transport: Option<Transport>,
    /// Other parameters and headers, as written, with their leading `;` or `?`.
    pub(super) rest: String,
}

impl SipUri {
    /// A URI from parts of a request: `user` is encoded here, `host` may carry a port.
    pub(super) fn from_parts(
        user: &str,
        host_port: &str,
        transport: Option<Transport>,
    ) -> Result<Self, Flaw> {
        if host_port.is_empty() {
            return Err("address must be set".to_owned());
        }
        let (host, port) = split_host_port(host_port)?;
        Ok(Self { secure: false, user: encode_user(user)?, host, port, transport, rest: String::new() })
    }

    /// Parses a URI as a user wrote it, with or without angle brackets.
    pub(super) fn parse(raw: &str) -> Result<Self, Flaw> {
        let text = raw.trim();
        let text = text.strip_prefix('<').and_then(|t| t.strip_suffix('>')).unwrap_or(text);
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '"')) {
            return Err("it holds characters that a URI cannot hold".to_owned());
        }
        let (secure, text) = strip_scheme(text)?;
        let (user, rest) = text.rsplit_once('@').unwrap_or(("", text));
        let end = rest.find([';', '?']).unwrap_or(rest.len());
        let (host_port, parameters) = rest.split_at(end);
        let (host, port) = split_host_port(host_port)?;
        let (transport, rest) = take_transport(parameters)?;
        let uri = Self { secure, user: user.to_owned(), host, port, transport, rest };
        uri.protected(transport)?;
        Ok(uri)
    }

    /// Puts the transport of the request above the one in the URI. `sips:` names it already.
    pub(super) fn with_transport(mut self, transport: Option<Transport>) -> Result<Self, Flaw> {
        self.protected(transport)?;
        if !self.secure {
            self.transport = transport.or(self.transport);
        }
        Ok(self)
    }

    fn protected(&self, transport: Option<Transport>) -> Result<(), Flaw> {
        if self.secure && transport == Some(Transport::Udp) {
            return Err("its transport should be tcp or tls: sips is TLS over TCP".to_owned());
        }
        Ok(())
    }

    pub(super) fn next_hop(&self) -> NextHop {
        let host = self.host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let transport = if self.secure { Some(Transport::Tls) } else { self.transport };
        NextHop { host, port: self.port, transport }
    }
}

impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secure { "sips:" } else { "sip:" })?;
        if !self.user.is_empty() {
            write!(f, "{}@", self.user)?;
        }
        f.write_str(&self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        if let Some(transport) = self.transport {
            write!(f, ";transport={}", transport.as_str())?;
        }
        f.write_str(&self.rest)
    }
}

/// Whether it is `sips:`, and what follows.
fn strip_scheme(text: &str) -> Result<(bool, &str), Flaw> {
    let (scheme, rest) = text.split_once(':').ok_or("it has no scheme")?;
    match scheme.to_ascii_lowercase().as_str() {
        "sip" => Ok((false, rest)),
        "sips" => Ok((true, rest)),
        _ => Err("its scheme should be sip or sips".to_owned()),
    }
}

/// Takes `transport=` out of URI parameters.
fn take_transport(parameters: &str) -> Result<(Option<Transport>, String), Flaw> {
    let (list, headers) = match parameters.find('?') {
        Some(at) => parameters.split_at(at),
        None => (parameters, ""),
    };
    let mut transport = None;
    let mut rest = String::new();
    for parameter in list.split(';').filter(|p| !p.is_empty()) {
        match parameter.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("transport") => {
                transport = Some(parse_transport(value)?);
            }
            _ => {
                rest.push(';');
                rest.push_str(parameter);
            }
        }
    }
    rest.push_str(headers);
    Ok((transport, rest))
}

fn parse_transport(value: &str) -> Result<Transport, Flaw> {
    match value.to_ascii_lowercase().as_str() {
        "udp" => Ok(Transport::Udp),
        "tcp" => Ok(Transport::Tcp),
        "tls" => Ok(Transport::Tls),
        _ => Err("its transport should be udp, tcp or tls".to_owned()),
    }
}

/// The user part: what RFC 3261 does not allow there is percent-encoded, so a number is dialled as written.
fn encode_user(user: &str) -> Result<String, Flaw> {
    if user.chars().any(char::is_control) {
        return Err("its user holds control characters".to_owned());
    }
    let mut out = String::with_capacity(user.len());
    for byte in user.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(out)
}

/// The transport that a trunk or a request names; `None` is automatic.
pub(super) fn transport(number: i32, field: &'static str) -> Result<Option<Transport>, PlanError> {
    use livekit_protocol::SipTransport;
    match SipTransport::try_from(number) {
        Ok(SipTransport::Auto) => Ok(None),
        Ok(SipTransport::Udp) => Ok(Some(Transport::Udp)),
        Ok(SipTransport::Tcp) => Ok(Some(Transport::Tcp)),
        Ok(SipTransport::Tls) => Ok(Some(Transport::Tls)),
        Err(_) => Err(PlanError::Invalid(format!("{field}: unknown transport {number}"))),
    }
}
