//! Session descriptions of a telephone call: reading and printing (RFC 8866), offer and answer (RFC 3264).
//!
//! Reading keeps what a call needs (origin, addresses, media sections, attributes) and passes over the rest; it is
//! bounded and safe on hostile input. Never resolves a host name and never judges where an address leads.

mod crypto;
mod description;
mod formats;
mod negotiate;
mod opus;
mod parse;
#[cfg(test)]
mod tests;

pub use crypto::Encryption;
pub use description::{Attribute, Host, Media, Origin, SessionDescription};
pub use negotiate::{
    LocalAudio, Negotiated, NegotiationError, PayloadKind, ReceiveTable, accept_answer, answer, offer,
};
pub use opus::OpusTerms;
pub use parse::{MAX_ATTRIBUTES, MAX_BYTES, MAX_FORMATS, MAX_MEDIA, Problem, SdpError};

/// Which way the audio flows, from the side of whoever says it (RFC 3264 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// Out only: the other side is on hold.
    SendOnly,
    /// In only.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl Direction {
    /// The direction that is made of these two halves.
    #[must_use]
    pub fn of(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether media is sent.
    #[must_use]
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether media is received.
    #[must_use]
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same flow, seen from the other side.
    #[must_use]
    pub fn mirrored(self) -> Self {
        Self::of(self.receives(), self.sends())
    }

    /// What is left when both sides must agree, both seen from one side.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::of(self.sends() && other.sends(), self.receives() && other.receives())
    }

    /// The attribute's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive]
            .into_iter()
            .find(|d| d.name() == name)
    }
}
