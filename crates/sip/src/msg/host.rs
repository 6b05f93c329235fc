//! Hosts in URIs and Via header fields (RFC 3261 §25.1 `host`).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::error::InvalidText;
use super::lex;

/// A host name, an IPv4 address or an IPv6 address (printed in brackets).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host(Repr);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Repr {
    Ip(IpAddr),
    Name(Box<str>),
}

impl Host {
    /// The address, if it is one and no name.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match &self.0 {
            Repr::Ip(ip) => Some(*ip),
            Repr::Name(_) => None,
        }
    }

    /// The name, if it is no address.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match &self.0 {
            Repr::Ip(_) => None,
            Repr::Name(name) => Some(name),
        }
    }

    /// The same host: names compare without regard to case.
    #[must_use]
    pub fn equivalent(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Ip(a), Repr::Ip(b)) => a == b,
            (Repr::Name(a), Repr::Name(b)) => a.eq_ignore_ascii_case(b),
            _ => false,
        }
    }

    /// Reads `host [":" port]`, white space allowed around the colon.
    pub(super) fn parse_with_port(text: &str) -> Option<(Self, Option<u16>)> {
        let (host, port) = match text.rfind(']') {
            Some(end) => text.split_at(end + 1),
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        let host = lex::trim(host).parse().ok()?;
        match lex::trim(port).strip_prefix(':') {
            Some(digits) => Some((host, Some(lex::decimal(lex::trim(digits))?))),
            None if lex::trim(port).is_empty() => Some((host, None)),
            None => None,
        }
    }
}

impl From<IpAddr> for Host {
    fn from(ip: IpAddr) -> Self {
        Self(Repr::Ip(ip))
    }
}

impl FromStr for Host {
    type Err = InvalidText;

    /// IPv6 is read with or without brackets, and with the colon too many before an IPv4 part that RFC 3261's grammar
    /// allows (RFC 5118 §4.10). A name is letters, digits, `-`, `.` and (seen in the field) `_`.
    fn from_str(text: &str) -> Result<Self, InvalidText> {
        let bracketed = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
        if let Ok(ip) = bracketed.unwrap_or(text).parse::<Ipv6Addr>() {
            return Ok(Self(Repr::Ip(ip.into())));
        }
        if let Some((head, tail)) = bracketed.and_then(|text| text.split_once(":::"))
            && tail.parse::<Ipv4Addr>().is_ok()
            && let Ok(ip) = format!("{head}::{tail}").parse::<Ipv6Addr>()
        {
            return Ok(Self(Repr::Ip(ip.into())));
        }
        if let Ok(ip) = text.parse::<Ipv4Addr>() {
            return Ok(Self(Repr::Ip(ip.into())));
        }
        let sound = !text.is_empty()
            && text.len() <= 255
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
        if sound { Ok(Self(Repr::Name(text.into()))) } else { Err(InvalidText::Host) }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Repr::Ip(ip) => write!(f, "{ip}"),
            Repr::Name(name) => f.write_str(name),
        }
    }
}
