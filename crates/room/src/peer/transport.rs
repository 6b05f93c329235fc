//! The peer connections of one client: one in v1, where each media section goes one way.

use super::Peer;

/// A client's peer connections.
pub(crate) enum Transport {
    /// One connection for both ways, the client always offers.
    Single(Peer),
}

impl Transport {
    /// The connection the client publishes on and sends data on.
    pub(crate) fn publisher(&mut self) -> &mut Peer {
        match self {
            Self::Single(peer) => peer,
        }
    }

    /// The connection the client receives tracks and data on.
    pub(crate) fn subscriber(&mut self) -> &mut Peer {
        match self {
            Self::Single(peer) => peer,
        }
    }
}
