//! Between 8 and 16 kHz: a windowed half-band filter, both ways. One and a half milliseconds of delay each way.

use std::f64::consts::PI;
use std::sync::LazyLock;

const TAPS: usize = 48;
const TAPS_PER_PHASE: usize = TAPS / 2;
/// Half-way down, in parts of the 16 kHz rate: 3.8 kHz.
const CUTOFF: f64 = 3_800.0 / 16_000.0;

/// A low-pass with unit gain at 16 kHz (Blackman window).
static TABLE: LazyLock<[f32; TAPS]> = LazyLock::new(|| {
    let middle = (TAPS - 1) as f64 / 2.0;
    let tap = |n: usize| {
        let (n, at) = (n as f64, n as f64 - middle);
        let turn = 2.0 * PI * n / (TAPS - 1) as f64;
        let window = 0.42 - 0.5 * turn.cos() + 0.08 * (2.0 * turn).cos();
        (2.0 * PI * CUTOFF * at).sin() / (PI * at) * window
    };
    let taps: [f64; TAPS] = std::array::from_fn(tap);
    let sum: f64 = taps.iter().sum();
    taps.map(|tap| (tap / sum) as f32)
});

/// From 8 to 16 kHz.
#[derive(Debug, Clone, Default)]
pub struct Double {
    past: [f32; TAPS_PER_PHASE],
}

impl Double {
    /// Writes two samples to `out` for each of `input`; stops where either ends.
    pub fn process(&mut self, input: &[i16], out: &mut [i16]) {
        let taps = &*TABLE;
        for (sample, out) in input.iter().zip(out.as_chunks_mut::<2>().0) {
            self.past.rotate_right(1);
            self.past[0] = f32::from(*sample);
            for (phase, out) in out.iter_mut().enumerate() {
                let phases = taps[phase..].iter().step_by(2);
                let sum: f32 = self.past.iter().zip(phases).map(|(past, tap)| past * tap).sum();
                *out = (sum * 2.0) as i16;
            }
        }
    }
}

/// From 16 to 8 kHz.
#[derive(Debug, Clone)]
pub struct Halve {
    past: [f32; TAPS],
}

impl Default for Halve {
    fn default() -> Self {
        Self { past: [0.0; TAPS] }
    }
}

impl Halve {
    /// Writes one sample to `out` for each two of `input`; stops where either ends.
    pub fn process(&mut self, input: &[i16], out: &mut [i16]) {
        let taps = &*TABLE;
        for (pair, out) in input.as_chunks::<2>().0.iter().zip(out) {
            self.past.rotate_right(2);
            (self.past[1], self.past[0]) = (f32::from(pair[0]), f32::from(pair[1]));
            let sum: f32 = self.past.iter().zip(taps).map(|(past, tap)| past * tap).sum();
            *out = sum as i16;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::Sine;

    fn loudness(pcm: &[i16]) -> f64 {
        let mean = pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len() as f64;
        10.0 * (mean / (8_000.0_f64.powi(2) / 2.0)).log10()
    }

    #[test]
    fn the_telephone_band_passes_both_ways_and_what_would_fold_does_not() {
        for (frequency, least, most) in
            [(300.0, -0.5, 0.5), (1_000.0, -0.5, 0.5), (3_000.0, -1.5, 0.5), (5_200.0, -200.0, -40.0)]
        {
            let mut wide = vec![0; 16_000];
            Sine::new(frequency, 8_000, 16_000).fill(&mut wide);
            let mut narrow = vec![0; 8_000];
            Halve::default().process(&wide, &mut narrow);
            let level = loudness(&narrow[200..]);
            assert!((least..most).contains(&level), "{frequency} Hz down: {level} dB");
            if most > 0.0 {
                Double::default().process(&narrow, &mut wide);
                let level = loudness(&wide[400..]);
                assert!((2.0 * least..most).contains(&level), "{frequency} Hz up again: {level} dB");
            }
        }
    }
}
