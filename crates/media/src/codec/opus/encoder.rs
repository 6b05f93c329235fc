use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use opus_pure::{Application, OpusEncoder, RateControl};

use super::OpusError;

/// The largest packet an encoder can make of one 20 ms frame (RFC 6716 §3.4: one frame is at most 1275 bytes).
pub const MAX_PACKET: usize = 1_276;

/// Expected loss the redundancy is dimensioned for, in per cent, when error correction is asked for.
const FEC_LOSS_PERCENT: i32 = 10;

/// An Opus speech encoder: mono in, one packet per frame of 10, 20, 40 or 60 ms.
pub struct Encoder {
    inner: OpusEncoder,
    rate: u32,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("rate", &self.rate).finish_non_exhaustive()
    }
}

impl Encoder {
    /// An encoder for mono samples at `rate` (8000, 16000 or 48000 Hz), `bitrate` in bit/s, `complexity` 0 to 10
    /// (higher values are taken as 10). For telephone speech 8 kHz, 24 kb/s and complexity 0 are as good as any.
    ///
    /// # Errors
    /// [`OpusError::Rate`] and [`OpusError::Bitrate`] for values outside these.
    pub fn new(rate: u32, bitrate: u32, complexity: u8) -> Result<Self, OpusError> {
        let mut inner = match rate {
            8_000 | 16_000 | 48_000 => fresh(rate)?,
            _ => return Err(OpusError::Rate(rate)),
        };
        inner.bitrate_bps = match i32::try_from(bitrate) {
            Ok(bits @ 6_000..=510_000) => bits,
            _ => return Err(OpusError::Bitrate(bitrate)),
        };
        inner.complexity = i32::from(complexity.min(10));
        inner.rate_control = RateControl::ConstrainedVbr;
        Ok(Self { inner, rate })
    }

    /// Adds to each packet a coarse copy of the frame before it (in-band FEC, RFC 6716 §2.1.7), at some cost in
    /// bits and time. Speech rates only: music modes carry none.
    #[must_use]
    pub fn with_fec(mut self) -> Self {
        self.inner.use_inband_fec = true;
        self.inner.packet_loss_perc = FEC_LOSS_PERCENT;
        self
    }

    /// Makes every packet as long as the others, for networks and phones that want it so.
    #[must_use]
    pub fn with_constant_bitrate(mut self) -> Self {
        self.inner.rate_control = RateControl::Cbr;
        self
    }

    /// The rate of the samples, in Hz.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Samples in one frame of 20 ms.
    pub fn frame(&self) -> usize {
        self.rate as usize / 50
    }

    /// Encodes one frame of 10, 20, 40 or 60 ms into `out`, which should hold [`MAX_PACKET`] bytes for each 20 ms, and
    /// returns the packet's length.
    ///
    /// # Errors
    /// [`OpusError::FrameLength`] if `pcm` is of another length, [`OpusError::Buffer`] if `out` is shorter than two
    /// bytes.
    pub fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Result<usize, OpusError> {
        let (frame, expected) = (pcm.len(), self.frame());
        if ![expected / 2, expected, 2 * expected, 3 * expected].contains(&frame) {
            return Err(OpusError::FrameLength { expected, given: frame });
        }
        if out.len() < 2 {
            return Err(OpusError::Buffer { needed: MAX_PACKET, given: out.len() });
        }
        // The codec's range coder takes at most one frame's worth of bytes.
        let room = out.len().min(MAX_PACKET);
        match catch_unwind(AssertUnwindSafe(|| self.inner.encode_s16(pcm, frame, &mut out[..room]))) {
            Ok(result) => result.map_err(|error| OpusError::from_codec(&error)),
            Err(_) => {
                self.start_afresh();
                Err(OpusError::Internal)
            }
        }
    }

    fn start_afresh(&mut self) {
        if let Ok(mut codec) = fresh(self.rate) {
            codec.bitrate_bps = self.inner.bitrate_bps;
            codec.complexity = self.inner.complexity;
            codec.rate_control = self.inner.rate_control;
            codec.use_inband_fec = self.inner.use_inband_fec;
            codec.packet_loss_perc = self.inner.packet_loss_perc;
            self.inner = codec;
        }
    }
}

fn fresh(rate: u32) -> Result<OpusEncoder, OpusError> {
    let hertz = i32::try_from(rate).map_err(|_| OpusError::Rate(rate))?;
    OpusEncoder::new(hertz, 1, Application::Voip).map_err(|_| OpusError::Rate(rate))
}
