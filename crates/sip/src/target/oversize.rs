//! Requests that are too large for a datagram (RFC 3261 §18.1.1): they go over TCP where the peer takes it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Larger requests may be cut up on their way, and what is cut up is often lost.
pub(crate) const MAX_DATAGRAM: usize = 1300;
/// How long a peer that took no TCP is not asked again.
const REMEMBERED: Duration = Duration::from_secs(600);
/// Peers remembered.
pub(crate) const MAX_REMEMBERED: usize = 1024;

/// Who takes datagrams only.
#[derive(Debug, Default)]
pub(crate) struct Oversize {
    refused: HashMap<SocketAddr, Instant>,
    /// Peers that found no place.
    pub(crate) forgotten: u64,
}

impl Oversize {
    pub(crate) fn takes_tcp(&self, now: Instant, peer: SocketAddr) -> bool {
        self.refused.get(&peer).is_none_or(|at| now.saturating_duration_since(*at) >= REMEMBERED)
    }

    pub(crate) fn note_refusal(&mut self, now: Instant, peer: SocketAddr) {
        if self.refused.len() >= MAX_REMEMBERED {
            self.refused.retain(|_, at| now.saturating_duration_since(*at) < REMEMBERED);
        }
        if self.refused.len() < MAX_REMEMBERED {
            self.refused.insert(peer, now);
        } else {
            self.forgotten += 1;
        }
    }

    /// How many are remembered.
    pub(crate) fn len(&self) -> usize {
        self.refused.len()
    }
}
