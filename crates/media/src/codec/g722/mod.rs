//! ITU-T G.722 at 64 kbit/s: 16 kHz audio, one byte for two samples. Its RTP clock says 8000 (RFC 3551 §4.5.2).
//!
//! The seam over `audio-codec`. Both directions remember what went before: one encoder or decoder for each stream.

#[cfg(test)]
mod tests;

use std::fmt;

use audio_codec::g722::{G722Decoder, G722Encoder};
use audio_codec::{Decoder as _, Encoder as _};

/// Samples a second.
pub const SAMPLE_RATE: u32 = 16_000;

/// From samples to bytes.
#[derive(Default)]
pub struct Encoder(G722Encoder);

impl Encoder {
    /// An encoder at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Encodes an even number of samples; an odd one at the end is left out. Returns the number of bytes written: none if
    /// `out` is too short.
    pub fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize {
        let even = &pcm[..pcm.len() - pcm.len() % 2];
        if out.len() < even.len() / 2 {
            return 0;
        }
        self.0.encode_into(even, out).unwrap_or(0)
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("g722::Encoder(..)")
    }
}

/// From bytes to samples.
#[derive(Default)]
pub struct Decoder(G722Decoder);

impl Decoder {
    /// A decoder at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes bytes to two samples each. Returns the number of samples written: none if `out` is too short.
    pub fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> usize {
        if out.len() < payload.len() * 2 {
            return 0;
        }
        self.0.decode_into(payload, out).unwrap_or(0)
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("g722::Decoder(..)")
    }
}
