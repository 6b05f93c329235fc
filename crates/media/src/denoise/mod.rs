//! Voice isolation of the phone's audio: RNNoise (by `nnnoiseless`), which knows speech at 48 kHz, between two
//! resamplers. What is not speech is turned down; a pause falls silent.
//!
//! Works on the telephone's 20 ms frames in place and holds the audio back by [`Denoiser::DELAY`]. It decides nothing
//! about who wants it: `krisp_enabled` is the call's affair.

use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use nnnoiseless::{DenoiseState, FRAME_SIZE, RnnModel};

use crate::resample::{Down, FACTOR, Up};

#[cfg(test)]
mod tests;

/// Samples in one 20 ms frame at 8 kHz.
const FRAME: usize = 160;
const FRAME_48K: usize = FRAME * FACTOR;

/// The network's weights, once for all calls.
static MODEL: LazyLock<RnnModel> = LazyLock::new(RnnModel::default);

/// One phone's voice isolation.
pub struct Denoiser {
    network: Box<DenoiseState<'static>>,
    up: Up,
    down: Down,
    wide: [f32; FRAME_48K],
    clean: [f32; FRAME_48K],
    voice: f32,
}

impl fmt::Debug for Denoiser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Denoiser").field("voice", &self.voice).finish_non_exhaustive()
    }
}

impl Default for Denoiser {
    fn default() -> Self {
        Self::new()
    }
}

impl Denoiser {
    /// How much later the audio comes out than it went in: 2 ms for each resampler, 10 ms for the overlap of the
    /// network's windows.
    pub const DELAY: Duration = Duration::from_millis(14);

    /// Voice isolation that has heard nothing yet.
    pub fn new() -> Self {
        Self {
            network: DenoiseState::with_model(&MODEL),
            up: Up::new(),
            down: Down::new(),
            wide: [0.0; FRAME_48K],
            clean: [0.0; FRAME_48K],
            voice: 0.0,
        }
    }

    /// Replaces 20 ms of 8 kHz audio by what of it is speech, [`DELAY`](Self::DELAY) later.
    pub fn process(&mut self, frame: &mut [i16; FRAME]) {
        let mut narrow = frame.map(f32::from);
        self.up.process(&narrow, &mut self.wide);
        self.voice = 0.0;
        for (noisy, clean) in self.wide.chunks_exact(FRAME_SIZE).zip(self.clean.chunks_exact_mut(FRAME_SIZE))
        {
            self.voice = self.voice.max(self.network.process_frame(clean, noisy));
        }
        self.down.process(&self.clean, &mut narrow);
        // A float beyond the range saturates in the cast.
        *frame = narrow.map(|sample| sample.round() as i16);
    }

    /// How surely the last frame held speech, by the network's own judgement: 0 to 1.
    pub fn voice_probability(&self) -> f32 {
        self.voice
    }
}
