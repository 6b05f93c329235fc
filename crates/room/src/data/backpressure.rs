//! Slowing down who sends more than somebody can take.
//!
//! str0m reads everything that comes, so SCTP's own window never closes. Instead packets of a sender are dropped on
//! arrival with a probability that grows with the fullest queue behind it, as a router does (RFC 7567): the sender's SCTP
//! takes them for lost, sends them again, and goes slower (RFC 9260 §7). Only large ones are dropped: streams are made of
//! them, acknowledgements and short messages are not.

use std::time::Instant;

use rand::Rng;

use crate::ids::ParticipantId;
use crate::lifecycle::Room;

/// How full a queue is when it begins to slow its senders down, and when it stops them.
const SLOW: f32 = 0.125;
const STOP: f32 = 0.5;
/// DTLS records (RFC 7983), which carry nothing but SCTP once a connection is up.
const DTLS: std::ops::RangeInclusive<u8> = 20..=63;
const LARGE: usize = 600;

impl Room {
    /// A reliable packet had to wait for `to`: its sender may be too fast.
    pub(super) fn note_slow_reader(&mut self, from: ParticipantId, to: ParticipantId) {
        if let Some(sender) = self.remote_mut(from)
            && !sender.slow_readers.contains(&to)
        {
            sender.slow_readers.push(to);
        }
    }

    /// Whether a datagram from this client is to be dropped so that it slows down.
    pub(crate) fn is_too_fast(&mut self, now: Instant, from: ParticipantId, datagram: &[u8]) -> bool {
        let large = datagram.len() >= LARGE && datagram.first().is_some_and(|byte| DTLS.contains(byte));
        if !large {
            return false;
        }
        let Some(sender) = self.remote_mut(from).filter(|sender| !sender.slow_readers.is_empty()) else {
            return false;
        };
        let readers = std::mem::take(&mut sender.slow_readers);
        let mut fullest: f32 = 0.0;
        let mut still_slow = Vec::with_capacity(readers.len());
        for reader in readers {
            let pressure = self.remote_mut(reader).map_or(0.0, |remote| remote.outbox.pressure(now));
            fullest = fullest.max(pressure);
            if pressure > 0.0 {
                still_slow.push(reader);
            }
        }
        if let Some(sender) = self.remote_mut(from) {
            sender.slow_readers = still_slow;
        }
        self.rng.random::<f32>() < (fullest - SLOW) / (STOP - SLOW)
    }
}
