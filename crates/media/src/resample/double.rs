//! From 8 to 16 kHz: a low-pass on what was spread out. One and a half milliseconds of delay.

use std::sync::LazyLock;

use super::design::{GOOD, low_pass};

const TAPS: usize = 48;
const TAPS_PER_PHASE: usize = TAPS / 2;

/// Flat to 3.4 kHz, 50 dB down from 4.6 kHz on, with unit gain at 16 kHz.
static TABLE: LazyLock<Vec<f32>> = LazyLock::new(|| low_pass(GOOD, TAPS, 3_950.0 / 16_000.0));

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resample::Lower;
    use crate::tone::Sine;

    #[test]
    fn the_telephone_band_passes_up_and_down_again() {
        for frequency in [300.0, 1_000.0, 3_400.0] {
            let mut narrow = vec![0; 8_000];
            Sine::new(frequency, 8_000, 8_000).fill(&mut narrow);
            let mut wide = vec![0; 16_000];
            Double::default().process(&narrow, &mut wide);
            Lower::to_half().process(&wide, &mut narrow);
            let mean = narrow[200..].iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / 7_800.0;
            let level = 10.0 * (mean / (8_000.0_f64.powi(2) / 2.0)).log10();
            assert!((-1.0..0.5).contains(&level), "{frequency} Hz: {level} dB");
        }
    }
}
