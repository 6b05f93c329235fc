//! The playout buffer towards the phone: one talker's packets in, as they come; 20 ms frames out, as the phone needs
//! them, at 8 kHz or, for a wideband phone, at 16.
//!
//! It waits as little as the arrivals allow. A histogram of how late packets come (against the earliest of the last two
//! seconds) gives the target; pitch periods are left out or repeated until the level fits it. A lost packet is replaced
//! by its copy in the next one (Opus in-band FEC, RFC 6716 §2.1.7) or by concealment; a pause of the talker is silence.
//! It never asks a clock, mixes no talkers, and knows nothing of RTP beyond sequence number and timestamp.

mod buffer;
mod conceal;
mod delay;

mod player;
mod shelf;
mod stretch;
mod timeline;

pub use buffer::PlayoutBuffer;

#[cfg(test)]
mod tests;

use std::time::Duration;

/// Samples in one 20 ms frame at 8 kHz.
pub const FRAME: usize = 160;

/// How much of the sound a phone can take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Width {
    /// The telephone's own band: 8 kHz.
    #[default]
    Narrow,
    /// Twice that: 16 kHz.
    Wide,
}

impl Width {
    /// Samples in one frame of 20 ms.
    #[must_use]
    pub const fn frame(self) -> usize {
        FRAME * self.per_tick()
    }

    /// Samples a second.
    #[must_use]
    pub const fn sample_rate(self) -> u32 {
        match self {
            Self::Narrow => 8_000,
            Self::Wide => 16_000,
        }
    }

    /// Samples for each of the 8 kHz clock, in which places and lengths are counted here.
    const fn per_tick(self) -> usize {
        match self {
            Self::Narrow => 1,
            Self::Wide => 2,
        }
    }
}

/// The longest payload taken: what fits into one UDP datagram on the usual path.
const MAX_PAYLOAD: usize = 1_500;

/// What a talker's packets are coded in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TalkerCodec {
    /// Opus, RTP clock 48 kHz (RFC 7587).
    Opus,
    /// G.711 μ-law, RTP clock 8 kHz.
    Pcmu,
    /// G.711 A-law, RTP clock 8 kHz.
    Pcma,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It waits for its time.
    Queued,
    /// Its time is over: what it held was concealed already.
    Late,
    /// The same packet is there already, or was played.
    Duplicate,
    /// It is empty, too long, no packet of its codec, or from another stream than those around it.
    Unusable,
}

/// What a frame is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulled {
    /// The talker's audio.
    Audio,
    /// At least in part replaced for audio that did not come.
    Concealed,
    /// The talker pauses, or has not begun.
    Silence,
}

/// What the buffer has done since it was made. Samples are counted at 8 kHz, whatever the width.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlayoutStats {
    /// Packets taken in.
    pub packets: u64,
    /// Of these, the ones of Opus in a telephone's band.
    pub narrowband: u64,
    /// Packets that came after their time.
    pub late: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Packets that were not usable.
    pub unusable: u64,
    /// Packets thrown away because more audio waited than may.
    pub overflowed: u64,
    /// Packets that were replaced because a later one was there and they were not.
    pub lost: u64,
    /// Of these, the ones recovered from the packet after them.
    pub recovered: u64,
    /// Samples replaced by concealment, recovered ones not counted.
    pub concealed: u64,
    /// Samples of silence in the midst of speech, after concealment had faded out.
    pub inserted_silence: u64,
    /// Samples left out by time-stretching.
    pub shortened: u64,
    /// Samples put in by time-stretching.
    pub lengthened: u64,
    /// Times the stream began anew (jump of sequence numbers, change of codec).
    pub restarts: u64,
    /// How long the next sample to be played has been here, or had been if it came in the shortest time: the added delay.
    pub depth: Duration,
    /// How late packets come, almost all of them: what the depth follows.
    pub target: Duration,
}
