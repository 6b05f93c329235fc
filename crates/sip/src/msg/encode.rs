//! Printing messages (RFC 3261 §7).

use std::fmt;

use bytes::Bytes;

use super::{HeaderName, Headers, Message, Request, Response};

impl Message {
    /// As sent. Content-Length is made from the body.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Request(request) => request.encode(),
            Self::Response(response) => response.encode(),
        }
    }
}

impl Request {
    /// As sent. Content-Length is made from the body.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        finish(format!("{self}"), &self.body)
    }

    /// `METHOD uri SIP/2.0`
    #[must_use]
    pub fn start_line(&self) -> String {
        format!("{} {} SIP/2.0", self.method, self.uri)
    }
}

impl Response {
    /// As sent. Content-Length is made from the body.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        finish(format!("{self}"), &self.body)
    }

    /// `SIP/2.0 code reason`
    #[must_use]
    pub fn start_line(&self) -> String {
        format!("SIP/2.0 {} {}", self.status, self.reason())
    }
}

fn finish(head: String, body: &[u8]) -> Bytes {
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes.into()
}

/// The head of the message: start line, header fields and the empty line, without the body.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_head(f, &self.start_line(), &self.headers, self.body.len())
    }
}

/// The head of the message: start line, header fields and the empty line, without the body.
impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_head(f, &self.start_line(), &self.headers, self.body.len())
    }
}

fn write_head(f: &mut fmt::Formatter<'_>, start: &str, headers: &Headers, length: usize) -> fmt::Result {
    write!(f, "{start}\r\n")?;
    for (name, value) in headers.iter().filter(|(name, _)| **name != HeaderName::ContentLength) {
        write!(f, "{name}: {value}\r\n")?;
    }
    write!(f, "Content-Length: {length}\r\n\r\n")
}
