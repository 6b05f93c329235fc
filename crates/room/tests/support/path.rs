//! What lies between clients and the room: address translators, narrow places.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

use super::FRAME;

/// Addresses inside, and what the room sees in their place.
#[derive(Default)]
pub(super) struct Nat(HashMap<SocketAddr, SocketAddr>);

impl Nat {
    /// From now on this address is seen as another; what comes to the one before is lost.
    pub(super) fn renumber(&mut self, inside: SocketAddr, number: u8) {
        self.0.insert(inside, SocketAddr::from(([203, 0, 113, number], inside.port())));
    }

    pub(super) fn outside(&self, inside: SocketAddr) -> SocketAddr {
        self.0.get(&inside).copied().unwrap_or(inside)
    }

    /// Where a packet to this address comes out.
    pub(super) fn inside(&self, to: SocketAddr) -> Option<SocketAddr> {
        let known = self.0.iter().find(|(_, outside)| **outside == to).map(|(inside, _)| *inside);
        known.or((!self.0.contains_key(&to)).then_some(to))
    }
}

/// A place that takes no more than so many packets in 20 ms.
pub(super) struct Narrow {
    packets: u32,
    since: Instant,
    passed: u32,
}

impl Narrow {
    pub(super) fn new(now: Instant, packets: u32) -> Self {
        Self { packets, since: now, passed: 0 }
    }

    pub(super) fn passes(&mut self, now: Instant) -> bool {
        if now >= self.since + FRAME {
            (self.since, self.passed) = (now, 0);
        }
        self.passed += 1;
        self.passed <= self.packets
    }
}
