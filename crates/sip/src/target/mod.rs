//! Where a message goes and which way it came: next hops, flows (RFC 3261 §18, RFC 3263).
//!
//! A next hop here is always an address: names are resolved by the shell that owns the sockets, which hands the
//! core an ordered list ([`Targets`]). The order is the caller's (RFC 3263 §4: NAPTR, SRV weights, A and AAAA);
//! this module only walks it.
//!
//! It never resolves a name and never opens a connection.

mod contacts;
mod oversize;

pub use contacts::{Announced, Contacts};
pub(crate) use oversize::{MAX_DATAGRAM, MAX_REMEMBERED as MAX_DATAGRAM_PEERS, Oversize};

use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;

pub use crate::msg::Transport;

/// A next hop: one address over one transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Destination {
    /// How to get there.
    pub transport: Transport,
    /// Where.
    pub addr: SocketAddr,
    /// Over TLS: whom the peer there must prove to be.
    pub peer: TlsPeer,
}

/// Whom a TLS connection must lead to, and with what certificates: a number of the shell's, who alone knows what it
/// stands for. The core carries it from a call's target to every later request of that call, so that a connection is
/// never used for a peer that it was not verified for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TlsPeer(pub u32);

impl Destination {
    /// An address over a transport; over TLS the peer of no particular name.
    #[must_use]
    pub fn new(transport: Transport, addr: SocketAddr) -> Destination {
        Destination { transport, addr, peer: TlsPeer::default() }
    }

    /// With this peer to be proven. Nothing is proven over other transports than TLS.
    #[must_use]
    pub fn with_peer(self, peer: TlsPeer) -> Destination {
        let peer = if self.transport == Transport::Tls { peer } else { TlsPeer::default() };
        Destination { peer, ..self }
    }
}

/// A next hop that did not take an INVITE.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failed {
    pub(crate) destination: Destination,
    pub(crate) retry_after: Option<std::time::Duration>,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport.as_uri_param(), self.addr)
    }
}

/// The way a message came: one socket's or connection's two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The transport.
    pub transport: Transport,
    /// Our end.
    pub local: SocketAddr,
    /// The peer's end, as seen by us (behind NAT: the NAT's).
    pub remote: SocketAddr,
}

impl Flow {
    /// The peer's end as a next hop.
    #[must_use]
    pub fn back(&self) -> Destination {
        Destination::new(self.transport, self.remote)
    }
}

/// Why the shell could not deliver to a destination. Nobody's message is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The peer refused: connection refused, port unreachable.
    #[error("{destination}: connection refused")]
    Refused {
        /// The next hop that was tried.
        destination: Destination,
    },
    /// No connection within the shell's time limit.
    #[error("{destination}: no connection in time")]
    ConnectTimeout {
        /// The next hop that was tried.
        destination: Destination,
    },
    /// The connection was lost with messages under way.
    #[error("{destination}: connection lost")]
    ConnectionLost {
        /// The next hop that was tried.
        destination: Destination,
    },
    /// The transport is not served, or not with this address family.
    #[error("{destination}: transport not available")]
    Unavailable {
        /// The next hop that was tried.
        destination: Destination,
    },
    /// The peer did not prove to be who it must be, did not take our certificate, or speaks no TLS.
    #[error("{destination}: no secure connection: {detail}")]
    Tls {
        /// The next hop that was tried.
        destination: Destination,
        /// What is wrong with the certificate, or the handshake.
        detail: String,
    },
    /// Any other answer of the operating system, in its own words.
    #[error("{destination}: {detail}")]
    Io {
        /// The next hop that was tried.
        destination: Destination,
        /// The operating system's text.
        detail: String,
    },
}

/// The next hops of one request in the order in which they are tried: at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets {
    first: Destination,
    /// Reversed, so that the next one is popped from the end.
    rest: Vec<Destination>,
}

impl Targets {
    /// At most this many targets are kept: a name with more addresses is not worth more attempts.
    pub const MAX: usize = 8;

    /// `None` when the list is empty. What is beyond [`Targets::MAX`] is not kept.
    #[must_use]
    pub fn new(list: impl IntoIterator<Item = Destination>) -> Option<Targets> {
        let mut list = list.into_iter().take(Self::MAX);
        let first = list.next()?;
        let mut rest: Vec<_> = list.collect();
        rest.reverse();
        Some(Targets { first, rest })
    }

    /// The one to use now.
    #[must_use]
    pub fn current(&self) -> Destination {
        self.first
    }

    /// Whether there is another to try after the current one.
    #[must_use]
    pub fn has_next(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Gives the current one up for the next; `false` when there is none and the current one stays.
    pub fn advance(&mut self) -> bool {
        match self.rest.pop() {
            Some(next) => {
                self.first = next;
                true
            }
            None => false,
        }
    }
}

impl From<Destination> for Targets {
    fn from(first: Destination) -> Targets {
        Targets { first, rest: Vec::new() }
    }
}

/// A message on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// The next hop.
    pub destination: Destination,
    /// Over a stream: the connection to use while it is open; else one to `destination` is opened. Over UDP: the
    /// socket to send from.
    pub flow: Option<Flow>,
    /// The whole message.
    pub bytes: Bytes,
}
