//! Reliable packets that a client's channel cannot take yet: it is still joining, or its buffer is full.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

/// How long packets wait for a client that is joining (LiveKit: 2 s).
const JOINING: Duration = Duration::from_secs(2);
const MAX_BYTES: usize = 8 << 20;
const MAX_PACKETS: usize = 4096;
/// A client that has taken nothing for so long is not slow but away.
const AWAY: Duration = Duration::from_secs(3);

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    packets: VecDeque<(Instant, Bytes)>,
    bytes: usize,
    /// When the client last took a packet, or began to be behind.
    moved: Option<Instant>,
    /// Packets came to nothing: what the client has is not whole any more.
    lost: bool,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Keeps a packet; false when there is no room for it.
    pub(crate) fn push(&mut self, now: Instant, packet: Bytes) -> bool {
        if self.packets.len() == MAX_PACKETS || self.bytes + packet.len() > MAX_BYTES {
            self.lost = true;
            return false;
        }
        if self.packets.is_empty() {
            self.moved = Some(now);
        }
        self.bytes += packet.len();
        self.packets.push_back((now, packet));
        true
    }

    /// Forgets what a joining client has missed.
    pub(crate) fn expire(&mut self, now: Instant) {
        while self.packets.front().is_some_and(|(since, _)| now >= *since + JOINING) {
            self.pop(now);
        }
    }

    pub(crate) fn front(&self) -> Option<&Bytes> {
        self.packets.front().map(|(_, packet)| packet)
    }

    pub(crate) fn pop(&mut self, now: Instant) {
        if let Some((_, packet)) = self.packets.pop_front() {
            self.bytes -= packet.len();
            self.moved = Some(now);
        }
    }

    /// Whether it has been waiting for so long that its client must be away.
    pub(crate) fn is_away(&self, now: Instant) -> bool {
        !self.packets.is_empty() && self.moved.is_none_or(|moved| now > moved + AWAY)
    }

    /// How full it is, 0 to 1, of a client that takes what it can. Nobody waits for one that is away: 0.
    pub(crate) fn pressure(&self, now: Instant) -> f32 {
        if self.packets.is_empty() || self.is_away(now) {
            return 0.0;
        }
        let (bytes, packets) = (self.bytes as f32 / MAX_BYTES as f32, self.packets.len() as f32);
        bytes.max(packets / MAX_PACKETS as f32)
    }

    /// Whether a reliable packet was dropped for want of room.
    pub(crate) fn has_lost(&self) -> bool {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_forgets() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        assert!(outbox.push(now, Bytes::from(vec![0; MAX_BYTES])));
        assert!(!outbox.has_lost());
        assert!(!outbox.push(now, Bytes::from_static(b"x")));
        assert!(outbox.has_lost());
        outbox.expire(now + JOINING);
        assert!(outbox.is_empty() && outbox.bytes == 0);
    }

    #[test]
    fn a_slow_client_presses_and_one_that_is_away_does_not() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        for _ in 0..4 {
            assert!(outbox.push(now, Bytes::from(vec![0; MAX_BYTES / 4])));
        }
        assert_eq!(outbox.pressure(now + AWAY), 1.0);
        assert_eq!(outbox.pressure(now + 2 * AWAY), 0.0);
        outbox.pop(now + 2 * AWAY);
        assert_eq!(outbox.pressure(now + 2 * AWAY), 0.75);
    }
}
