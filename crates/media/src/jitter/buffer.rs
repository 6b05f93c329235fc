use std::time::{Duration, Instant};

use super::{FRAME, Inserted, PlayoutStats, Pulled, TalkerCodec};

/// One talker's playout buffer.
#[derive(Debug, Default)]
pub struct PlayoutBuffer {
    stats: PlayoutStats,
}

impl PlayoutBuffer {
    /// A buffer that has heard nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a packet that arrived at `now`. `timestamp` counts in the codec's RTP clock.
    pub fn insert(
        &mut self,
        _now: Instant,
        _seq: u16,
        _timestamp: u32,
        _payload: &[u8],
        _codec: TalkerCodec,
    ) -> Inserted {
        self.stats.packets += 1;
        Inserted::Queued
    }

    /// Fills the frame that the phone is sent at `now`. To be called every 20 ms, whether or not anybody talks.
    pub fn pull(&mut self, _now: Instant, out: &mut [i16; FRAME]) -> Pulled {
        out.fill(0);
        Pulled::Silence
    }

    /// Another stream begins (new SSRC, new track): what waits is dropped, what was learned of the network stays.
    pub fn reset(&mut self) {}

    /// How much earlier than at the last [`pull`](Self::pull) frames could be fetched without making the audio late:
    /// a bridge with one talker moves its 20 ms clock by it, to sit close behind the arrivals. Zero if nobody talks.
    pub fn spare(&self) -> Duration {
        Duration::ZERO
    }

    /// What was done so far, with the current depth and target.
    pub fn stats(&self) -> PlayoutStats {
        self.stats
    }
}
