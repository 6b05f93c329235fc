//! Between the telephone's 8 kHz and the 48 kHz that voice isolation works at: a sixfold polyphase filter, both ways.
//!
//! One linear-phase low-pass (Kaiser window, 192 taps at 48 kHz) serves both directions: flat to 3.4 kHz, 70 dB down
//! from 4.6 kHz on, so that what folds stays above the telephone band. Two milliseconds of delay each way.
//! [`Lower`] and [`Double`] are the other ratios, between 8, 16 and 48 kHz. No allocation after construction, no block
//! size: any length goes in.

mod design;
mod double;
mod half;
mod lower;

pub use double::Double;
pub use lower::Lower;

use std::sync::LazyLock;

use design::{BEST, low_pass};

#[cfg(test)]
mod tests;

/// How many samples at 48 kHz there are to one at 8 kHz.
pub const FACTOR: usize = 6;
/// The delay of one direction, in samples at 48 kHz: half the filter.
pub const DELAY_48K: usize = TAPS / 2;

const TAPS: usize = 192;
const TAPS_PER_PHASE: usize = TAPS / FACTOR;
const LANES: usize = 8;
/// Half-way down, in parts of the 48 kHz rate: 4 kHz.
const CUTOFF: f64 = 4_000.0 / 48_000.0;
/// The longest piece handled at once, in samples at 8 kHz: 20 ms.
const CHUNK: usize = 160;
/// A sample of 1.0 as an integer.
pub(crate) const FULL_SCALE: f32 = 32_768.0;

/// The low-pass, with unit gain at 48 kHz.
static TABLE: LazyLock<[f32; TAPS]> = LazyLock::new(taps);
/// The same as the interpolation meets it: what each input sample, oldest first, adds to the six outputs. Two lanes more
/// than there are outputs fill the vector registers.
static PHASES: LazyLock<[[f32; LANES]; TAPS_PER_PHASE]> = LazyLock::new(phases);

/// From 8 to 48 kHz.
#[derive(Debug, Clone)]
pub struct Up {
    /// What went before, and after it the piece being worked on.
    line: [f32; TAPS_PER_PHASE - 1 + CHUNK],
}

impl Default for Up {
    fn default() -> Self {
        Self::new()
    }
}

impl Up {
    /// A filter at rest.
    pub fn new() -> Self {
        Self { line: [0.0; TAPS_PER_PHASE - 1 + CHUNK] }
    }

    /// Writes six samples to `out` for each of `input`; stops where either ends.
    pub fn process(&mut self, input: &[f32], out: &mut [f32]) {
        const PAST: usize = TAPS_PER_PHASE - 1;
        let phases = &*PHASES;
        for (piece, out) in input.chunks(CHUNK).zip(out.chunks_mut(CHUNK * FACTOR)) {
            self.line[PAST..PAST + piece.len()].copy_from_slice(piece);
            for (window, out) in self.line.windows(TAPS_PER_PHASE).zip(out.as_chunks_mut::<FACTOR>().0) {
                out.copy_from_slice(&interpolated(phases, window)[..FACTOR]);
            }
            self.line.copy_within(piece.len()..piece.len() + PAST, 0);
        }
    }
}

/// From 48 to 8 kHz.
#[derive(Debug, Clone)]
pub struct Down {
    line: [f32; TAPS - FACTOR + CHUNK * FACTOR],
}

impl Default for Down {
    fn default() -> Self {
        Self::new()
    }
}

impl Down {
    /// A filter at rest.
    pub fn new() -> Self {
        Self { line: [0.0; TAPS - FACTOR + CHUNK * FACTOR] }
    }

    /// Writes one sample to `out` for each six of `input`; a rest shorter than six is left out.
    pub fn process(&mut self, input: &[f32], out: &mut [f32]) {
        const PAST: usize = TAPS - FACTOR;
        let taps = &*TABLE;
        for (piece, out) in input.chunks(CHUNK * FACTOR).zip(out.chunks_mut(CHUNK)) {
            let whole = piece.len() / FACTOR * FACTOR;
            self.line[PAST..PAST + whole].copy_from_slice(&piece[..whole]);
            for (window, sample) in self.line.windows(TAPS).step_by(FACTOR).take(whole / FACTOR).zip(out) {
                *sample = dot(taps, window);
            }
            self.line.copy_within(whole..whole + PAST, 0);
        }
    }
}

/// The six outputs after the newest sample of `window`.
fn interpolated(phases: &[[f32; LANES]; TAPS_PER_PHASE], window: &[f32]) -> [f32; LANES] {
    let mut sums = [0.0f32; LANES];
    for (taps, sample) in phases.iter().zip(window) {
        for (sum, tap) in sums.iter_mut().zip(taps) {
            *sum += tap * sample;
        }
    }
    sums
}

/// Eight sums side by side, so that the compiler may use vector registers.
fn dot(taps: &[f32], samples: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    for (a, b) in taps.as_chunks::<8>().0.iter().zip(samples.as_chunks::<8>().0) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

/// To the nearest integer; what is too loud is cut off.
pub(crate) fn to_i16(sample: f32) -> i16 {
    // One and a half times 2^23: a float as large has no fractions, and its lowest bits are the integer's.
    const NO_FRACTIONS: f32 = 12_582_912.0;
    (sample.clamp(f32::from(i16::MIN), f32::from(i16::MAX)) + NO_FRACTIONS).to_bits() as i16
}

fn taps() -> [f32; TAPS] {
    let taps = low_pass(BEST, TAPS, CUTOFF);
    std::array::from_fn(|n| taps[n])
}

fn phases() -> [[f32; LANES]; TAPS_PER_PHASE] {
    let mut phases = [[0.0; LANES]; TAPS_PER_PHASE];
    for (k, taps) in phases.iter_mut().enumerate() {
        for (p, tap) in taps.iter_mut().take(FACTOR).enumerate() {
            // Output p after the newest input sample meets taps p, p + 6, ... going back in time.
            *tap = TABLE[p + FACTOR * (TAPS_PER_PHASE - 1 - k)] * FACTOR as f32;
        }
    }
    phases
}
