//! The library's decoder at one rate: packets, concealment and recovery, in its own steps.
//!
//! Samples come as the library makes them, between -1 and 1 but for what overshoots: whoever turns them into integers cuts that off.
//! Its own integers would cost a soft clip and a rounding function for each sample, and speech has no need of either.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use opus_pure::OpusDecoder;

use super::OpusError;
use super::packet::{carries_fec, frame_samples, samples};

/// The longest packet RFC 6716 §3.2.5 allows, in the shortest frames concealment works in (2.5 ms).
const STEPS_PER_SECOND: usize = 400;

pub(super) struct Engine {
    inner: OpusDecoder,
    rate: u32,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("rate", &self.rate).finish_non_exhaustive()
    }
}

impl Engine {
    pub(super) fn new(rate: u32) -> Result<Self, OpusError> {
        Ok(Self { inner: fresh(rate)?, rate })
    }

    /// The rate of the samples, in Hz.
    pub(super) fn rate(&self) -> u32 {
        self.rate
    }

    /// As [`super::Decoder::decode`] says.
    pub(super) fn decode(
        &mut self,
        packet: Option<&[u8]>,
        fec: bool,
        out: &mut [f32],
    ) -> Result<usize, OpusError> {
        match packet {
            None => self.conceal(out),
            Some(next) if fec => self.recover(next, out),
            Some(packet) => {
                let samples = samples(packet, self.rate)?;
                let given = out.len();
                let out = out.get_mut(..samples).ok_or(OpusError::Buffer { needed: samples, given })?;
                self.guarded(|codec| codec.decode(packet, samples, out))
            }
        }
    }

    fn conceal(&mut self, out: &mut [f32]) -> Result<usize, OpusError> {
        let step = self.step();
        if out.len() < step {
            return Err(OpusError::Buffer { needed: step, given: out.len() });
        }
        // The codec conceals 20, 10, 5 or 2.5 ms at a time; anything else is made of these.
        let mut done = 0;
        for steps in [8, 4, 2, 1] {
            while out.len() - done >= steps * step {
                let piece = &mut out[done..done + steps * step];
                done += self.guarded(|codec| codec.decode(&[], piece.len(), piece))?;
            }
        }
        Ok(done)
    }

    fn recover(&mut self, next: &[u8], out: &mut [f32]) -> Result<usize, OpusError> {
        let frame = frame_samples(next, self.rate)?;
        if !carries_fec(next) || out.len() < frame {
            return self.conceal(out);
        }
        // The redundancy tells of the one frame right before the packet: what lies ahead of that is concealed.
        let lead = (out.len() - frame) / self.step() * self.step();
        let done = if lead == 0 { 0 } else { self.conceal(&mut out[..lead])? };
        let piece = &mut out[done..done + frame];
        Ok(done + self.guarded(|codec| codec.decode_fec(next, frame, piece))?)
    }

    fn step(&self) -> usize {
        self.rate as usize / STEPS_PER_SECOND
    }

    /// A bug in the codec must end one packet, never the calls that share the thread.
    fn guarded(
        &mut self,
        work: impl FnOnce(&mut OpusDecoder) -> opus_pure::Result<usize>,
    ) -> Result<usize, OpusError> {
        match catch_unwind(AssertUnwindSafe(|| work(&mut self.inner))) {
            Ok(result) => result.map_err(|error| OpusError::from_codec(&error)),
            Err(_) => {
                self.start_afresh();
                Err(OpusError::Internal)
            }
        }
    }

    fn start_afresh(&mut self) {
        if let Ok(codec) = fresh(self.rate) {
            self.inner = codec;
        }
    }
}

fn fresh(rate: u32) -> Result<OpusDecoder, OpusError> {
    let hertz = i32::try_from(rate).map_err(|_| OpusError::Rate(rate))?;
    OpusDecoder::new(hertz, 1).map_err(|_| OpusError::Rate(rate))
}
