//! Opus (RFC 6716) mono, at the rates telephony needs: the only place that knows which library codes it.
//!
//! Decodes to 8, 16 or 48 kHz whatever the packet was made at, conceals lost packets, and recovers
//! the frame before a packet from its in-band error correction. Never panics on a packet, however hostile.
//! It keeps no queue, no clock and no order of packets: that is `jitter`.

mod decoder;
mod encoder;
mod engine;
mod packet;

pub use decoder::Decoder;
pub use encoder::{Encoder, MAX_PACKET};
pub use packet::{carries_fec, duration_48k, holds_speech, is_narrowband};

#[cfg(test)]
mod tests;

use thiserror::Error;

/// The RTP clock of Opus, whatever rate is coded (RFC 7587 §4.1).
pub const RTP_CLOCK: u32 = 48_000;

/// Why Opus audio could not be decoded or encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpusError {
    /// The caller asked for a rate other than 8, 16 or 48 kHz.
    #[error("Opus runs at 8000, 16000 or 48000 Hz here, not at {0}")]
    Rate(u32),
    /// The caller's bit rate is outside 6 to 510 kb/s.
    #[error("Opus codes 6000 to 510000 bit/s, not {0}")]
    Bitrate(u32),
    /// The caller's input is no frame.
    #[error("one frame is {expected} samples (20 ms), half, twice or three times as many, not {given}")]
    FrameLength {
        /// Samples of 20 ms at the encoder's rate.
        expected: usize,
        /// Samples that were handed in.
        given: usize,
    },
    /// The caller's buffer cannot hold the result.
    #[error("the output buffer holds {given}, {needed} are needed")]
    Buffer {
        /// Samples or bytes the result needs.
        needed: usize,
        /// Samples or bytes the buffer holds.
        given: usize,
    },
    /// The sender's packet is no Opus packet.
    #[error("the packet is not Opus: {0}")]
    Packet(&'static str),
    /// The codec failed inside, through no fault of the caller's; its state was started afresh.
    #[error("the Opus codec failed inside")]
    Internal,
}

impl OpusError {
    fn from_codec(error: &opus_pure::Error) -> Self {
        match error {
            opus_pure::Error::InvalidPacket(what) => Self::Packet(what),
            _ => Self::Internal,
        }
    }
}
