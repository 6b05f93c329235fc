//! Reliable packets that a client's channel cannot take yet: it is still joining, or its buffer is full.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

/// How long packets wait for a client that is joining (LiveKit: 2 s).
const JOINING: Duration = Duration::from_secs(2);
const MAX_BYTES: usize = 8 << 20;
const MAX_PACKETS: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    packets: VecDeque<(Instant, Bytes)>,
    bytes: usize,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Keeps a packet; false when there is no room for it.
    pub(crate) fn push(&mut self, now: Instant, packet: Bytes) -> bool {
        if self.packets.len() == MAX_PACKETS || self.bytes + packet.len() > MAX_BYTES {
            return false;
        }
        self.bytes += packet.len();
        self.packets.push_back((now, packet));
        true
    }

    /// Forgets what a joining client has missed.
    pub(crate) fn expire(&mut self, now: Instant) {
        while self.packets.front().is_some_and(|(since, _)| now >= *since + JOINING) {
            self.pop();
        }
    }

    pub(crate) fn front(&self) -> Option<&Bytes> {
        self.packets.front().map(|(_, packet)| packet)
    }

    pub(crate) fn pop(&mut self) {
        if let Some((_, packet)) = self.packets.pop_front() {
            self.bytes -= packet.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_forgets() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        assert!(outbox.push(now, Bytes::from(vec![0; MAX_BYTES])));
        assert!(!outbox.push(now, Bytes::from_static(b"x")));
        outbox.expire(now + JOINING);
        assert!(outbox.is_empty() && outbox.bytes == 0);
    }
}
