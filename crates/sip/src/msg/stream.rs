//! Messages on a byte stream: cut by Content-Length, with CR LF keep-alives between them (RFC 3261 §18.3, RFC 5626 §4.4.1).
//!
//! It never judges a message beyond what cutting needs: a malformed one is handed on whole, and the stream goes on.

use bytes::{Buf, Bytes, BytesMut};

use super::{HeaderName, lex, limits};

/// Cuts a stream into messages. Holds at most one message and one read of bytes.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
    /// How far the search for the empty line has come.
    searched: usize,
}

/// What stands next on the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// One whole message, for [`super::Message::parse`].
    Message(Bytes),
    /// CR LF CR LF: the peer asks whether we are there. Answer with CR LF.
    Ping,
    /// CR LF: the answer to our own ping.
    Pong,
}

/// Why the stream cannot be cut any more: close the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FramingLost {
    /// No end of the header section within [`limits::HEADER_SECTION_BYTES`].
    #[error("header section too long")]
    HeaderSection,
    /// No start line of SIP where one should stand.
    #[error("not SIP")]
    NotSip,
    /// Content-Length is no number, or stands twice with different numbers.
    #[error("bad Content-Length")]
    ContentLength,
    /// A body that makes the message longer than [`limits::MESSAGE_BYTES`].
    #[error("message too long")]
    TooLong,
}

impl Framer {
    /// An empty one, for a new connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes as they were read. Drain [`Framer::next_frame`] after each: what is held stays bounded.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame, `None` when more bytes are needed.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FramingLost> {
        match self.buffer.first() {
            None => return Ok(None),
            Some(b'\r' | b'\n') => return Ok(self.line_ends()),
            Some(_) => {}
        }
        let Some(head) = self.head_length()? else { return Ok(None) };
        let length = content_length(&self.buffer[..head])?;
        let whole =
            head.checked_add(length).filter(|w| *w <= limits::MESSAGE_BYTES).ok_or(FramingLost::TooLong)?;
        if self.buffer.len() < whole {
            return Ok(None);
        }
        self.searched = 0;
        Ok(Some(Frame::Message(self.buffer.split_to(whole).freeze())))
    }

    /// Line ends between messages. A lone CR LF is a pong only once it is clear that no second one follows with it.
    fn line_ends(&mut self) -> Option<Frame> {
        match &self.buffer[..] {
            [b'\r', b'\n', b'\r', b'\n', ..] => {
                self.buffer.advance(4);
                Some(Frame::Ping)
            }
            [b'\r', b'\n', ..] => {
                self.buffer.advance(2);
                Some(Frame::Pong)
            }
            [b'\r'] => None,
            _ => {
                self.buffer.advance(1);
                Some(Frame::Pong)
            }
        }
    }

    /// Bytes up to and with the empty line.
    fn head_length(&mut self) -> Result<Option<usize>, FramingLost> {
        let mut line = self.searched;
        while let Some(length) = self.buffer[line..].iter().position(|b| *b == b'\n') {
            let next = line + length + 1;
            if matches!(&self.buffer[line..next], b"\n" | b"\r\n") {
                return if next > limits::HEADER_SECTION_BYTES {
                    Err(FramingLost::HeaderSection)
                } else {
                    Ok(Some(next))
                };
            }
            if line == 0 && !is_start_line(&self.buffer[..next]) {
                return Err(FramingLost::NotSip);
            }
            line = next;
        }
        self.searched = line;
        if self.buffer.len() > limits::HEADER_SECTION_BYTES {
            return Err(FramingLost::HeaderSection);
        }
        Ok(None)
    }
}

/// Whether a line could begin a message: it names SIP where a request or a response does.
fn is_start_line(line: &[u8]) -> bool {
    line.windows(4).any(|w| w.eq_ignore_ascii_case(b"SIP/"))
}

/// The body's length; none given means none there.
fn content_length(head: &[u8]) -> Result<usize, FramingLost> {
    let mut found = None;
    for line in head.split(|b| *b == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
        let name = std::str::from_utf8(line[..colon].trim_ascii_end()).ok().and_then(|n| n.parse().ok());
        if line.starts_with(b" ") || line.starts_with(b"\t") || name != Some(HeaderName::ContentLength) {
            continue;
        }
        let value = std::str::from_utf8(line[colon + 1..].trim_ascii()).ok().and_then(lex::decimal::<usize>);
        match (value, found) {
            (Some(length), None) => found = Some(length),
            (Some(length), Some(first)) if length == first => {}
            _ => return Err(FramingLost::ContentLength),
        }
    }
    Ok(found.unwrap_or(0))
}
