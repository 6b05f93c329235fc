//! Reading a session description, as strictly as safety wants and as kindly as the world's phones need.

use thiserror::Error;

use super::{Attribute, Host, Media, Origin, SessionDescription};

/// The longest description that is read, in bytes.
pub const MAX_BYTES: usize = 32 * 1024;
/// The most media sections of a description.
pub const MAX_MEDIA: usize = 32;
/// The most attributes of one section, or before the first.
pub const MAX_ATTRIBUTES: usize = 256;
/// The most formats of one `m=` line: every payload type there is.
pub const MAX_FORMATS: usize = 128;

impl SessionDescription {
    /// Reads a description. Line ends may be CRLF or LF; lines that a telephone call does not need (`i u e p b t r z
    /// k`, and unknown ones) are passed over.
    ///
    /// # Errors
    /// The sender's fault: what is wrong, and in which line.
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        if text.len() > MAX_BYTES {
            return Err(SdpError::TooLong { len: text.len() });
        }
        let mut reader = Reader::default();
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim_end();
            if !line.is_empty() {
                reader.line(line).map_err(|what| SdpError::Line { number, what })?;
            }
        }
        reader.finish()
    }
}

#[derive(Default)]
struct Reader {
    version_seen: bool,
    origin: Option<Origin>,
    name: String,
    connection: Option<Host>,
    attributes: Vec<Attribute>,
    media: Vec<Media>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), Problem> {
        let (kind, value) = line.split_once('=').ok_or(Problem::NoEquals)?;
        if !self.version_seen {
            self.version_seen = kind == "v" && value.trim() == "0";
            return if self.version_seen { Ok(()) } else { Err(Problem::Version) };
        }
        match kind {
            "o" => self.origin = Some(origin(value).ok_or(Problem::Origin)?),
            "s" => value.trim().clone_into(&mut self.name),
            "c" => {
                let host = host(value).ok_or(Problem::Connection)?;
                *self.media.last_mut().map_or(&mut self.connection, |m| &mut m.connection) = Some(host);
            }
            "m" => {
                let section = media(value)?;
                if self.media.len() == MAX_MEDIA {
                    return Err(Problem::TooManyMedia);
                }
                self.media.push(section);
            }
            "a" => {
                let attributes = self.media.last_mut().map_or(&mut self.attributes, |m| &mut m.attributes);
                if attributes.len() == MAX_ATTRIBUTES {
                    return Err(Problem::TooManyAttributes);
                }
                attributes.push(attribute(value));
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<SessionDescription, SdpError> {
        if !self.version_seen {
            return Err(SdpError::Empty);
        }
        Ok(SessionDescription {
            origin: self.origin.ok_or(SdpError::NoOrigin)?,
            name: self.name,
            connection: self.connection,
            attributes: self.attributes,
            media: self.media,
        })
    }
}

fn origin(value: &str) -> Option<Origin> {
    let mut words = value.split_ascii_whitespace();
    let mut word = || words.next().map(str::to_owned);
    let (username, session_id, version) = (word()?, word()?, word()?);
    let rest: Vec<&str> = words.collect();
    Some(Origin { username, session_id, version, host: host(&rest.join(" "))? })
}

/// `IN IP4 192.0.2.1`, with the `/ttl` of multicast cut off.
fn host(value: &str) -> Option<Host> {
    let mut words = value.split_ascii_whitespace();
    let (network, family, address) = (words.next()?, words.next()?, words.next()?);
    let known = network.eq_ignore_ascii_case("IN")
        && (family.eq_ignore_ascii_case("IP4") || family.eq_ignore_ascii_case("IP6"));
    let address = address.split('/').next().filter(|a| !a.is_empty())?;
    known.then(|| address.parse().map_or_else(|_| Host::Name(address.to_owned()), Host::Ip))
}

fn media(value: &str) -> Result<Media, Problem> {
    let mut words = value.split_ascii_whitespace();
    let kind = words.next().ok_or(Problem::Media)?;
    // A port may be followed by a number of ports ("49170/2"); one is all a call uses.
    let port =
        words.next().and_then(|w| w.split('/').next()).and_then(|p| p.parse().ok()).ok_or(Problem::Media)?;
    let protocol = words.next().ok_or(Problem::Media)?;
    let formats: Vec<String> = words.take(MAX_FORMATS + 1).map(str::to_owned).collect();
    if formats.len() > MAX_FORMATS {
        return Err(Problem::TooManyFormats);
    }
    Ok(Media {
        kind: kind.to_owned(),
        port,
        protocol: protocol.to_owned(),
        formats,
        connection: None,
        attributes: Vec::new(),
    })
}

fn attribute(value: &str) -> Attribute {
    match value.split_once(':') {
        Some((name, value)) => Attribute::value(name.trim(), value.trim()),
        None => Attribute::flag(value.trim()),
    }
}

/// Why a session description cannot be read. The fault is its sender's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SdpError {
    /// Nothing there.
    #[error("the session description is empty")]
    Empty,
    /// More than [`MAX_BYTES`].
    #[error("the session description of {len} bytes is longer than {MAX_BYTES}")]
    TooLong {
        /// Its length, in bytes.
        len: usize,
    },
    /// A line that is wrong.
    #[error("line {number} of the session description: {what}")]
    Line {
        /// Counted from 1.
        number: usize,
        /// What is wrong with it.
        what: Problem,
    },
    /// The `o=` line is missing.
    #[error("the session description has no o= line")]
    NoOrigin,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// Not of the form `x=...`.
    #[error("there is no '='")]
    NoEquals,
    /// The first line must be `v=0`.
    #[error("a session description begins with v=0")]
    Version,
    /// An unreadable `o=`.
    #[error("o= needs a user, a session id, a version and an IN address")]
    Origin,
    /// An unreadable `c=`.
    #[error("c= needs IN, IP4 or IP6, and an address")]
    Connection,
    /// An unreadable `m=`.
    #[error("m= needs a kind, a port and a protocol")]
    Media,
    /// More than [`MAX_MEDIA`].
    #[error("more than {MAX_MEDIA} media sections")]
    TooManyMedia,
    /// More than [`MAX_FORMATS`].
    #[error("more than {MAX_FORMATS} formats")]
    TooManyFormats,
    /// More than [`MAX_ATTRIBUTES`].
    #[error("more than {MAX_ATTRIBUTES} attributes in one section")]
    TooManyAttributes,
}
