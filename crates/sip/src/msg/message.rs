//! Requests, and the message that is either kind.

use bytes::Bytes;

use super::{HeaderName, Headers, Method, ParseError, Response, Uri, parse};

/// One SIP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Something asked.
    Request(Request),
    /// Something answered.
    Response(Response),
}

/// A request: request line, header fields, body.
///
/// One that came from [`Message::parse`] has a sound Via, From, To, Call-ID and CSeq, and sound Contact, Route and
/// Record-Route fields where it has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub method: Method,
    /// The Request-URI.
    pub uri: Uri,
    /// Header fields without Content-Length.
    pub headers: Headers,
    /// The body; its length is what Content-Length is printed from.
    pub body: Bytes,
}

impl Message {
    /// Reads one whole message: a datagram, or a frame of [`super::stream::Framer`].
    ///
    /// What follows the body is ignored (RFC 3261 §18.3). Line ends may be LF alone.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        parse::message(bytes)
    }

    /// Its header fields.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    /// Its header fields, to change.
    pub const fn headers_mut(&mut self) -> &mut Headers {
        match self {
            Self::Request(request) => &mut request.headers,
            Self::Response(response) => &mut response.headers,
        }
    }

    /// Its body.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        match self {
            Self::Request(request) => &request.body,
            Self::Response(response) => &response.body,
        }
    }
}

impl Request {
    /// A request with no header fields yet.
    #[must_use]
    pub const fn new(method: Method, uri: Uri) -> Self {
        Self { method, uri, headers: Headers::EMPTY, body: Bytes::new() }
    }

    /// Gives it a body of this media type.
    pub fn set_body(&mut self, media_type: &str, body: impl Into<Bytes>) {
        self.headers.set(HeaderName::ContentType, media_type);
        self.body = body.into();
    }

    /// Whether this is an ACK, which is never answered.
    #[must_use]
    pub fn is_ack(&self) -> bool {
        self.method == Method::Ack
    }
}

impl From<Request> for Message {
    fn from(request: Request) -> Self {
        Self::Request(request)
    }
}

impl From<Response> for Message {
    fn from(response: Response) -> Self {
        Self::Response(response)
    }
}
