//! Loudness of a block of samples.

/// Level reported for digital silence, in dBFS.
pub(crate) const FLOOR: f32 = -100.0;

/// Root-mean-square level of `pcm` in dB below a full-scale square wave; [`FLOOR`] for silence.
#[must_use]
pub fn dbfs(pcm: &[i16]) -> f32 {
    if pcm.is_empty() {
        return FLOOR;
    }
    let energy: f64 = pcm.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    let rms = (energy / pcm.len() as f64).sqrt() / f64::from(i16::MAX);
    if rms > 0.0 { (20.0 * rms.log10()).max(f64::from(FLOOR)) as f32 } else { FLOOR }
}

/// Peak amplitude (0 to 32767) of a sine whose RMS level is `level` dBFS.
pub(super) fn sine_peak(level: f32) -> f32 {
    f32::from(i16::MAX) * std::f32::consts::SQRT_2 * 10_f32.powf(level.min(-3.1) / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_scale_is_zero_and_silence_is_the_floor() {
        assert!(dbfs(&[i16::MAX; 160]).abs() < 0.01);
        assert_eq!(dbfs(&[0; 160]), FLOOR);
        assert_eq!(dbfs(&[]), FLOOR);
    }

    #[test]
    fn a_sine_has_the_level_it_was_made_for() {
        let peak = sine_peak(-20.0);
        let wave: Vec<i16> = (0..8000)
            .map(|n| (peak * (n as f32 * 440.0 * std::f32::consts::TAU / 8000.0).sin()) as i16)
            .collect();
        assert!((dbfs(&wave) + 20.0).abs() < 0.1, "{}", dbfs(&wave));
    }
}
