//! A session description as data, how it is asked, and how it is printed.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::Direction;
use crate::codec::FRAME_MS;

/// The packet times that are sent, in ms.
const MIN_PTIME: u32 = 10;
const MAX_PTIME: u32 = 60;

/// An address of an `o=`, `c=` or `a=rtcp` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A literal address.
    Ip(IpAddr),
    /// A name, kept as written: nobody resolves it here.
    Name(String),
}

impl fmt::Display for Host {
    /// With network and address type, as the lines want it: `IN IP4 192.0.2.1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V4(ip)) => write!(f, "IN IP4 {ip}"),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "IN IP6 {ip}"),
            Self::Name(name) => write!(f, "IN IP4 {name}"),
        }
    }
}

/// Who made the session, and which version of it this is (`o=`). Numbers are kept as written: peers use more
/// digits than they should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// User name, `-` for none.
    pub username: String,
    /// Session id, the same for the life of the session.
    pub session_id: String,
    /// Version, growing with every change.
    pub version: String,
    /// The maker's address.
    pub host: Host,
}

/// An `a=` line: `a=name` or `a=name:value`. `Debug` does not show the value of `a=crypto`: it is a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Before the first colon.
    pub name: String,
    /// After it.
    pub value: Option<String>,
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(_) if self.name.eq_ignore_ascii_case("crypto") => write!(f, "a={}:..", self.name),
            Some(value) => write!(f, "a={}:{value}", self.name),
            None => write!(f, "a={}", self.name),
        }
    }
}

impl Attribute {
    /// `a=name`.
    #[must_use]
    pub fn flag(name: &str) -> Self {
        Self { name: name.to_owned(), value: None }
    }

    /// `a=name:value`.
    #[must_use]
    pub fn value(name: &str, value: impl fmt::Display) -> Self {
        Self { name: name.to_owned(), value: Some(value.to_string()) }
    }
}

/// A media section: an `m=` line and what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, ...
    pub kind: String,
    /// Where its sender wants to receive; 0 means that the section is refused.
    pub port: u16,
    /// `RTP/AVP`, ...
    pub protocol: String,
    /// Payload types of an RTP section, in order of preference; other protocols put other things here.
    pub formats: Vec<String>,
    /// The section's own `c=` line.
    pub connection: Option<Host>,
    /// Its `a=` lines, in order.
    pub attributes: Vec<Attribute>,
}

impl Media {
    /// The value of the first attribute of this name; an attribute without one counts as the empty string.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        find(&self.attributes, name)
    }

    /// Whether it is an audio section.
    #[must_use]
    pub fn is_audio(&self) -> bool {
        self.kind.eq_ignore_ascii_case("audio")
    }

    /// The value of the first attribute of this name that tells of this payload type, without the number.
    #[must_use]
    pub fn of_format(&self, name: &str, payload_type: u8) -> Option<&str> {
        self.attributes.iter().filter(|a| a.name == name).find_map(|a| {
            let (number, value) = a.value.as_deref()?.split_once(char::is_whitespace)?;
            (number.parse() == Ok(payload_type)).then(|| value.trim())
        })
    }

    /// The packet time to send with, in ms: what its sender asks for (`a=ptime`), no more than it can take
    /// (`a=maxptime`), in whole tens from 10 to 60. Without a word of it 20.
    #[must_use]
    pub fn ptime_ms(&self) -> u32 {
        let ms = |name| {
            self.attribute(name)?.trim().parse().ok().filter(|ms: &f32| *ms >= 1.0).map(|ms| ms as u32)
        };
        let most = ms("maxptime").unwrap_or(MAX_PTIME);
        (ms("ptime").unwrap_or(FRAME_MS).min(most) / 10 * 10).clamp(MIN_PTIME, MAX_PTIME)
    }
}

/// A session description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionDescription {
    /// The `o=` line.
    pub origin: Origin,
    /// The `s=` line.
    pub name: String,
    /// The session's `c=` line, for sections without one.
    pub connection: Option<Host>,
    /// `a=` lines before the first section.
    pub attributes: Vec<Attribute>,
    /// The sections, in order.
    pub media: Vec<Media>,
}

impl SessionDescription {
    /// The address where `section` is to be received: its own `c=` line, else the session's.
    #[must_use]
    pub fn host_of<'a>(&'a self, section: &'a Media) -> Option<&'a Host> {
        section.connection.as_ref().or(self.connection.as_ref())
    }

    /// The direction of `section` as its maker wrote it: the section's own attribute, else the session's, else both
    /// ways. An address of all zeros (hold in the manner of RFC 2543, RFC 3264 §8.4) is not looked at here.
    #[must_use]
    pub fn direction_of(&self, section: &Media) -> Direction {
        let written =
            |attributes: &[Attribute]| attributes.iter().find_map(|a| Direction::from_name(&a.name));
        written(&section.attributes).or_else(|| written(&self.attributes)).unwrap_or_default()
    }

    /// Where `section` wants its RTCP when `rtp` is where it wants its RTP: `a=rtcp` (RFC 3605), else the next port.
    #[must_use]
    pub(super) fn rtcp_of(&self, section: &Media, rtp: SocketAddr) -> SocketAddr {
        let default = SocketAddr::new(rtp.ip(), rtp.port().checked_add(1).unwrap_or(rtp.port()));
        let Some(value) = section.attribute("rtcp") else { return default };
        let mut words = value.split_ascii_whitespace();
        let Some(port) = words.next().and_then(|w| w.parse().ok()).filter(|&p: &u16| p != 0) else {
            return default;
        };
        let ip = words.nth(2).and_then(|w| w.parse().ok()).unwrap_or(rtp.ip());
        SocketAddr::new(ip, port)
    }
}

fn find<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    attributes.iter().find(|a| a.name == name).map(|a| a.value.as_deref().unwrap_or_default())
}

impl fmt::Display for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { username, session_id, version, host } = &self.origin;
        write!(f, "v=0\r\no={username} {session_id} {version} {host}\r\ns={}\r\n", self.name)?;
        if let Some(host) = &self.connection {
            write!(f, "c={host}\r\n")?;
        }
        f.write_str("t=0 0\r\n")?;
        self.attributes.iter().try_for_each(|a| a.fmt(f))?;
        self.media.iter().try_for_each(|m| m.fmt(f))
    }
}

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={} {} {}", self.kind, self.port, self.protocol)?;
        self.formats.iter().try_for_each(|format| write!(f, " {format}"))?;
        f.write_str("\r\n")?;
        if let Some(host) = &self.connection {
            write!(f, "c={host}\r\n")?;
        }
        self.attributes.iter().try_for_each(|a| a.fmt(f))
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "a={}:{value}\r\n", self.name),
            None => write!(f, "a={}\r\n", self.name),
        }
    }
}
