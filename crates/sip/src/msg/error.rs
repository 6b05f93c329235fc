//! What can be wrong with a message, and whose fault it is.

use super::{HeaderName, Headers, Method, Response, StatusCode};

/// Why bytes are no SIP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Longer than [`super::limits::MESSAGE_BYTES`].
    #[error("message too long")]
    TooLong,
    /// No empty line ends the header section.
    #[error("header section has no end")]
    Unterminated,
    /// The first line is neither a request line nor a status line.
    #[error("bad start line")]
    StartLine,
    /// The request line names no usable URI.
    #[error("bad Request-URI")]
    RequestUri,
    /// A protocol version other than SIP/2.0.
    #[error("SIP version not supported")]
    Version,
    /// A status code outside 100 to 699.
    #[error("bad status code")]
    Status,
    /// A line that is no `name: value`.
    #[error("bad header line")]
    HeaderLine,
    /// More than [`super::limits::HEADER_FIELDS`] fields, or a value over [`super::limits::HEADER_VALUE_BYTES`].
    #[error("too many or too long header fields")]
    TooManyHeaders,
    /// A header field that every message needs is not there.
    #[error("missing header field {0}")]
    Missing(&'static str),
    /// A header field that may stand once stands more often, with different values.
    #[error("repeated header field {0}")]
    Repeated(&'static str),
    /// A header field's value does not follow its grammar.
    #[error("bad header field {0}")]
    Header(&'static str),
    /// CSeq names another method than the request line.
    #[error("CSeq method does not match")]
    CSeqMethod,
    /// Content-Length promises more bytes than came.
    #[error("body shorter than Content-Length")]
    ShortBody,
}

/// Why [`super::Message::parse`] gave no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Nothing that could be answered: drop it.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// A broken request that can be told so: send [`BadRequest::response`].
    #[error("{}", .0.why)]
    BadRequest(Box<BadRequest>),
}

/// A request that is refused while it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRequest {
    /// The request line's method, if it is one.
    pub method: Option<Method>,
    /// Its header fields, as far as they could be read. The top Via is known to be sound.
    pub headers: Headers,
    /// 400, or 505 for another SIP version.
    pub status: StatusCode,
    /// What is wrong with it.
    pub why: Malformed,
}

impl BadRequest {
    /// The answer that says what is wrong. `None` where no answer is allowed: ACK is never answered.
    #[must_use]
    pub fn response(&self) -> Option<Response> {
        if self.method == Some(Method::Ack) {
            return None;
        }
        let mut response = Response::answering(&self.headers, self.status);
        if self.status == StatusCode::BAD_REQUEST {
            response.set_reason(&format!("Bad Request ({})", self.why));
        }
        Some(response)
    }
}

/// A header field that is absent or does not follow its grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The message has no such header field.
    #[error("no {0} header field")]
    Missing(HeaderName),
    /// It has one that cannot be read.
    #[error("bad {0} header field")]
    Invalid(HeaderName),
}

/// Text that cannot stand where it was meant to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Not a token (RFC 3261 §25.1).
    #[error("not a token: letters, digits and -.!%*_+`'~ only")]
    Token,
    /// Holds a line break or another control character.
    #[error("holds a control character")]
    Control,
    /// Longer than the limits allow.
    #[error("too long")]
    TooLong,
    /// Not a host name or an IP address.
    #[error("not a host name or IP address")]
    Host,
    /// Not a URI.
    #[error("not a URI")]
    Uri,
    /// Not `"display name" <uri>;parameters`.
    #[error("not a name-addr")]
    NameAddr,
    /// Not a Via value.
    #[error("not a Via value")]
    Via,
    /// Not `number METHOD`.
    #[error("not a CSeq value")]
    CSeq,
    /// Not a parameter list.
    #[error("not a list of parameters")]
    Params,
}
