//! Packets of a phone that speaks faster than its 200 OK is read.
//!
//! The first audio may arrive before the answer has come through signalling. A moment of it is kept, so that the first word is
//! whole; older packets are no part of the call.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Longer than signalling takes on its way through the server, shorter than would disturb the listeners' buffers.
const MOMENT: Duration = Duration::from_millis(60);
const MOST: usize = 3;
/// Longer packets are no telephone audio.
const MAX_PACKET: usize = 1_500;

#[derive(Debug)]
pub(super) struct EarlyPacket {
    pub(super) from: SocketAddr,
    pub(super) bytes: Box<[u8]>,
    at: Instant,
}

/// The last moment before the answer.
#[derive(Debug, Default)]
pub(super) struct Early(VecDeque<EarlyPacket>);

impl Early {
    pub(super) fn keep(&mut self, at: Instant, from: SocketAddr, packet: &[u8]) {
        if packet.len() > MAX_PACKET {
            return;
        }
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(EarlyPacket { from, bytes: packet.into(), at });
    }

    /// What came within the last moment, oldest first. Nothing is kept.
    pub(super) fn take(&mut self, now: Instant) -> impl Iterator<Item = EarlyPacket> + use<> {
        let kept = std::mem::take(&mut self.0);
        kept.into_iter().filter(move |packet| now.saturating_duration_since(packet.at) <= MOMENT)
    }
}
