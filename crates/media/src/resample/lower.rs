//! Down to a whole part of a rate: linear-phase low-passes (Kaiser windows, some 50 dB), one for each way down that is gone
//! here. No more than one and a half milliseconds of delay.

use std::sync::LazyLock;

use super::design::{GOOD, low_pass};
use super::half::Half;
use super::{FULL_SCALE, dot, to_i16};

/// The longest piece handled at once, in samples that come out.
pub(super) const CHUNK: usize = 160;

/// From 48 to 16 kHz: flat to 7 kHz, 50 dB down from 9.2 kHz on.
static TO_THIRD: LazyLock<Vec<f32>> = LazyLock::new(|| low_pass(GOOD, 72, 7_950.0 / 48_000.0));
/// From 48 to 8 kHz: flat to 3.3 kHz, 50 dB down from 4.6 kHz on.
static TO_SIXTH: LazyLock<Vec<f32>> = LazyLock::new(|| low_pass(GOOD, 136, 3_900.0 / 48_000.0));

/// One of the ways down.
#[derive(Debug, Clone)]
pub struct Lower {
    factor: usize,
    filter: Filter,
}

#[derive(Debug, Clone)]
enum Filter {
    Half(Box<Half>),
    Whole {
        taps: &'static [f32],
        /// What went before, and after it the piece being worked on.
        line: Box<[f32]>,
    },
}

impl Lower {
    /// From 16 to 8 kHz.
    pub fn to_half() -> Self {
        Self { factor: 2, filter: Filter::Half(Box::new(Half::new())) }
    }

    /// From 48 to 16 kHz.
    pub fn to_third() -> Self {
        Self::whole(3, &TO_THIRD)
    }

    /// From 48 to 8 kHz.
    pub fn to_sixth() -> Self {
        Self::whole(6, &TO_SIXTH)
    }

    fn whole(factor: usize, taps: &'static [f32]) -> Self {
        let line = vec![0.0; taps.len() - factor + factor * CHUNK].into();
        Self { factor, filter: Filter::Whole { taps, line } }
    }

    /// How many samples make one.
    pub fn factor(&self) -> usize {
        self.factor
    }

    /// Writes one sample to `out` for as many of `input` as make one; stops where either ends.
    pub fn process(&mut self, input: &[i16], out: &mut [i16]) {
        self.run(input, f32::from, out);
    }

    /// [`Lower::process`] for samples between -1 and 1. What is louder is cut off.
    pub fn process_float(&mut self, input: &[f32], out: &mut [i16]) {
        self.run(input, |sample| sample * FULL_SCALE, out);
    }

    fn run<T: Copy>(&mut self, input: &[T], level: impl Fn(T) -> f32, out: &mut [i16]) {
        let factor = self.factor;
        for (piece, out) in input.chunks(factor * CHUNK).zip(out.chunks_mut(CHUNK)) {
            let samples = (piece.len() / factor).min(out.len());
            let (piece, out) = (&piece[..samples * factor], &mut out[..samples]);
            match &mut self.filter {
                Filter::Half(half) => half.process(piece, &level, out),
                Filter::Whole { taps, line } => whole(factor, taps, line, (piece, &level), out),
            }
        }
    }
}

fn whole<T: Copy>(
    factor: usize,
    taps: &[f32],
    line: &mut [f32],
    (piece, level): (&[T], impl Fn(T) -> f32),
    out: &mut [i16],
) {
    let past = taps.len() - factor;
    line[past..].iter_mut().zip(piece).for_each(|(slot, sample)| *slot = level(*sample));
    let windows = line[..past + piece.len()].windows(taps.len()).step_by(factor);
    // The filter is symmetric: which way round it meets the samples does not matter.
    out.iter_mut().zip(windows).for_each(|(out, window)| *out = to_i16(dot(taps, window)));
    line.copy_within(piece.len()..piece.len() + past, 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::Sine;

    fn level(lower: &mut Lower, rate: u32, frequency: f64) -> f64 {
        let mut high = vec![0; rate as usize];
        Sine::new(frequency, 8_000, rate).fill(&mut high);
        let mut low = vec![0; rate as usize / lower.factor()];
        lower.process(&high, &mut low);
        let heard = &low[200..];
        let mean = heard.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / heard.len() as f64;
        10.0 * (mean / (8_000.0_f64.powi(2) / 2.0)).max(1e-12).log10()
    }

    #[test]
    fn what_fits_passes_and_what_would_fold_does_not() {
        assert_filters(Lower::to_half, 16_000, [300.0, 1_000.0, 3_400.0], [4_600.0, 5_200.0, 7_900.0]);
        assert_filters(Lower::to_third, 48_000, [300.0, 3_400.0, 7_000.0], [9_200.0, 12_000.0, 20_000.0]);
        assert_filters(Lower::to_sixth, 48_000, [300.0, 1_000.0, 3_300.0], [4_600.0, 8_000.0, 20_000.0]);
    }

    fn assert_filters(way: fn() -> Lower, rate: u32, passes: [f64; 3], folds: [f64; 3]) {
        for frequency in passes {
            let level = level(&mut way(), rate, frequency);
            assert!((-0.5..0.5).contains(&level), "{frequency} Hz of {rate}: {level} dB");
        }
        for frequency in folds {
            let level = level(&mut way(), rate, frequency);
            assert!(level < -45.0, "{frequency} Hz of {rate}: {level} dB");
        }
    }

    #[test]
    fn pieces_of_any_length_give_what_the_whole_gives() {
        let mut high = vec![0; 9_600];
        Sine::new(700.0, 8_000, 48_000).fill(&mut high);
        let mut whole = vec![0; 3_200];
        Lower::to_third().process(&high, &mut whole);
        let mut lower = Lower::to_third();
        let mut pieces = Vec::new();
        for piece in high.chunks(930) {
            let mut out = vec![0; piece.len() / 3];
            lower.process(piece, &mut out);
            pieces.extend(out);
        }
        assert_eq!(whole, pieces);
    }
}
