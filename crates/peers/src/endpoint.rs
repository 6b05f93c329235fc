//! Where a server is: `http://`, `https://`, `ws://`, `wss://` URLs cut into what a socket needs.
//!
//! Only plain text is spoken here: the peers test and demonstrate on the same machine, where TLS
//! would only hide what is on the wire.

use std::fmt;

/// Host, port and path prefix of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Name or address, without the brackets of an IPv6 address.
    pub host: String,
    /// TCP port; 80 where the URL names none.
    pub port: u16,
    /// Path in front of every route, without a trailing slash; usually empty.
    pub prefix: String,
}

/// Why a URL is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// TLS is not spoken here.
    #[error("{0}: only http:// and ws:// are supported here")]
    Scheme(String),
    /// No host, or a port that is no number.
    #[error("{0}: not a URL of the form http://host:port")]
    Malformed(String),
}

impl Endpoint {
    /// Parses `http://host:port/prefix` or `ws://...`; both mean the same socket.
    ///
    /// # Errors
    /// [`EndpointError`] when the scheme needs TLS or the rest is malformed.
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        let malformed = || EndpointError::Malformed(url.to_owned());
        let (scheme, rest) = url.split_once("://").ok_or_else(malformed)?;
        if !matches!(scheme, "http" | "ws") {
            return Err(EndpointError::Scheme(url.to_owned()));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = split_authority(authority).ok_or_else(malformed)?;
        if host.is_empty() {
            return Err(malformed());
        }
        let prefix = path.trim_end_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
        Ok(Self { host: host.to_owned(), port, prefix })
    }

    /// The value of a `Host` header.
    #[must_use]
    pub fn authority(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

fn split_authority(authority: &str) -> Option<(&str, u16)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        return match after.strip_prefix(':') {
            Some(port) => Some((host, port.parse().ok()?)),
            None if after.is_empty() => Some((host, 80)),
            None => None,
        };
    }
    match authority.split_once(':') {
        Some((host, port)) => Some((host, port.parse().ok()?)),
        None => Some((authority, 80)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gives_host_port_and_prefix() {
        let endpoint = Endpoint::parse("ws://127.0.0.1:7880/base/").unwrap();
        assert_eq!(endpoint, Endpoint { host: "127.0.0.1".into(), port: 7880, prefix: "/base".into() });
        assert_eq!(Endpoint::parse("http://[::1]:7880").unwrap().to_string(), "[::1]:7880");
        assert_eq!(Endpoint::parse("http://host").unwrap().port, 80);
    }

    #[test]
    fn what_cannot_be_dialled_is_refused() {
        assert!(matches!(Endpoint::parse("wss://host"), Err(EndpointError::Scheme(_))));
        for bad in ["host:7880", "http://", "http://host:x", "http://[::1", "http://[::1]x"] {
            assert!(matches!(Endpoint::parse(bad), Err(EndpointError::Malformed(_))), "{bad}");
        }
    }
}
