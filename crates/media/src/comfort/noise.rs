//! What a quiet line sounds like, and how it is written (RFC 3389 §3): a level, and the colour as reflection coefficients.

use crate::level;

/// Reflection coefficients: the model order. Receivers take up to 12; of these 8 telephone noise needs no more.
const ORDER: usize = 8;
/// How much of what was heard before counts on against one chunk more.
const MEMORY: f32 = 0.9;
/// Added to the energy, so that a line without any noise has a colour too, and no filter rings.
const FLOOR: f32 = 1.001;

/// A comfort noise payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noise([u8; 1 + ORDER]);

impl Noise {
    /// The payload's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The autocorrelation of the last few chunks; older ones count less.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spectrum {
    lags: [f32; 1 + ORDER],
    /// The samples in it.
    weight: f32,
}

impl Spectrum {
    /// Takes samples in, 160 of them at the most, unless their mean square is above `most`. Returns whether they were.
    pub(super) fn take(&mut self, pcm: &[i16], most: f32) -> bool {
        let mut samples = [0.0; super::CHUNK];
        let length = pcm.len().min(samples.len());
        samples.iter_mut().zip(pcm).for_each(|(to, from)| *to = f32::from(*from));
        let samples = &samples[..length];
        let energy = correlation(samples, 0);
        if energy > most * length as f32 {
            return false;
        }
        for (lag, sum) in self.lags.iter_mut().enumerate() {
            *sum = *sum * MEMORY + if lag == 0 { energy } else { correlation(samples, lag) };
        }
        self.weight = self.weight * MEMORY + length as f32;
        true
    }

    /// In -dBov: 0 is the loudest, 127 no noise at all.
    pub(super) fn level(&self) -> u8 {
        level::of_mean_square(self.lags[0] / self.weight.max(1.0))
    }

    pub(super) fn noise(&self) -> Noise {
        let mut bytes = [0; 1 + ORDER];
        bytes[0] = self.level();
        for (byte, coefficient) in bytes[1..].iter_mut().zip(self.reflection()) {
            // Numbered from -1 to 1 in 255 steps, 127 being 0.
            *byte = (127.0 + 127.0 * coefficient).round().clamp(0.0, 254.0) as u8;
        }
        Noise(bytes)
    }

    /// Levinson and Durbin's recursion, with the sign receivers expect: the first is -1 for a falling spectrum.
    fn reflection(&self) -> [f32; ORDER] {
        let mut reflection = [0.0; ORDER];
        let mut predictor = [0.0; 1 + ORDER];
        predictor[0] = 1.0;
        let mut error = self.lags[0] * FLOOR;
        for order in 1..=ORDER {
            if error <= 0.0 {
                break;
            }
            let sum: f32 = (0..order).map(|tap| predictor[tap] * self.lags[order - tap]).sum();
            let coefficient = (-sum / error).clamp(-1.0, 1.0);
            let before = predictor;
            for tap in 1..=order {
                predictor[tap] = before[tap] + coefficient * before[order - tap];
            }
            reflection[order - 1] = coefficient;
            error *= 1.0 - coefficient * coefficient;
        }
        reflection
    }
}

fn correlation(samples: &[f32], lag: usize) -> f32 {
    samples.iter().zip(samples.get(lag..).unwrap_or_default()).map(|(a, b)| a * b).sum()
}
