//! What lies between clients and the room: address translators, narrow places.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

use rand::Rng;
use room::ParticipantId;

use super::{FRAME, World};

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

/// What happens on the paths.
impl World {
    /// From now on a client's path takes no more than so many packets in 20 ms.
    pub(crate) fn narrow(&mut self, id: ParticipantId, packets: u32) {
        self.narrow.insert(id, Narrow::new(self.now, packets));
    }

    /// From now on so large a share of the media packets of a client gets lost, each way.
    pub(crate) fn lose(&mut self, id: ParticipantId, share: f64) {
        self.lossy.insert(id, share);
    }

    pub(super) fn is_lost(&mut self, id: ParticipantId, packet: &[u8]) -> bool {
        // SRTP and SRTCP (RFC 7983); RTCP gets lost as well, but a test must not wait for the next report.
        let is_rtp = packet.len() > 1 && packet[0] >> 6 == 2 && !(192..=223).contains(&packet[1]);
        self.lossy.get(&id).is_some_and(|share| is_rtp && self.dice.random::<f64>() < *share)
    }

    /// A client's NAT gives it another address; what comes to the one before is lost.
    pub(crate) fn move_to_another_address(&mut self, id: ParticipantId, number: u8) {
        let addresses = self.client(id).addresses();
        addresses.into_iter().for_each(|address| self.nat.renumber(address, number));
    }

    pub(super) fn passes(&mut self, id: ParticipantId) -> bool {
        self.narrow.get_mut(&id).is_none_or(|narrow| narrow.passes(self.now))
    }
}
