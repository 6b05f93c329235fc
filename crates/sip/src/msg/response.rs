//! Responses.

use bytes::Bytes;

use super::{HeaderName, HeaderValue, Headers, Request, StatusCode};

/// A response: status line, header fields, body.
///
/// One that came from [`super::Message::parse`] has a sound Via, From, To, Call-ID and CSeq; Contact and Record-Route
/// are left to the dialog, which must acknowledge even an answer it cannot use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: StatusCode,
    reason: HeaderValue,
    /// Header fields without Content-Length.
    pub headers: Headers,
    /// The body; its length is what Content-Length is printed from.
    pub body: Bytes,
}

impl Response {
    /// A response with the code's usual phrase and no header fields yet.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Self { status, reason: status.default_reason().into(), headers: Headers::new(), body: Bytes::new() }
    }

    /// The response to a request (RFC 3261 §8.2.6): Via, From, To, Call-ID and CSeq as they came, Timestamp in a 100.
    /// A To tag is added by [`Headers::set_to_tag`].
    #[must_use]
    pub fn to(request: &Request, status: StatusCode) -> Self {
        Self::answering(&request.headers, status)
    }

    pub(super) fn answering(headers: &Headers, status: StatusCode) -> Self {
        use HeaderName::{CSeq, CallId, From, Timestamp, To, Via};
        let mut response = Self::new(status);
        for name in [Via, From, To, CallId, CSeq] {
            response.headers.copy_from(headers, &name);
        }
        if status == StatusCode::TRYING {
            response.headers.copy_from(headers, &Timestamp);
        }
        response
    }

    /// The reason phrase; may be empty.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Sets the reason phrase; line breaks become spaces.
    pub fn set_reason(&mut self, reason: &str) {
        self.reason = reason.into();
    }

    /// Gives it a body of this media type.
    pub fn set_body(&mut self, media_type: &str, body: impl Into<Bytes>) {
        self.headers.set(HeaderName::ContentType, media_type);
        self.body = body.into();
    }

    pub(super) fn read(status: StatusCode, reason: HeaderValue, headers: Headers, body: Bytes) -> Self {
        Self { status, reason, headers, body }
    }
}
