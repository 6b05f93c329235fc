/// What a level meter shows for digital silence.
pub const SILENCE_DBFS: f64 = -100.0;

/// The root mean square of samples, in the scale of `i16`; 0 for none.
pub fn rms(pcm: &[i16]) -> f64 {
    if pcm.is_empty() {
        return 0.0;
    }
    let power: f64 = pcm.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
    (power / pcm.len() as f64).sqrt()
}

/// The level of samples in dB below full scale, where a full-scale sine is 0 (as in RFC 6464's neighbourhood: its
/// square wave would be 3 dB more). Never below [`SILENCE_DBFS`].
pub fn dbfs(pcm: &[i16]) -> f64 {
    amplitude_dbfs(rms(pcm) * std::f64::consts::SQRT_2)
}

/// dB below full scale of a sine with this peak amplitude, in the scale of `i16`.
pub(super) fn amplitude_dbfs(amplitude: f64) -> f64 {
    if amplitude <= 0.0 {
        return SILENCE_DBFS;
    }
    (20.0 * (amplitude / f64::from(i16::MAX)).log10()).max(SILENCE_DBFS)
}

/// A meter that falls slowly and rises at once, as on a mixing desk: feed it frames, read it at any time.
#[derive(Debug, Clone)]
pub struct LevelMeter {
    level: f64,
    fall_per_sample: f64,
}

impl LevelMeter {
    /// A meter for samples at `rate` Hz that falls by 20 dB per second.
    pub fn new(rate: u32) -> Self {
        Self { level: SILENCE_DBFS, fall_per_sample: 20.0 / f64::from(rate.max(1)) }
    }

    /// Takes in the next samples and returns the level in dBFS.
    pub fn update(&mut self, pcm: &[i16]) -> f64 {
        let fallen = self.level - self.fall_per_sample * pcm.len() as f64;
        self.level = dbfs(pcm).max(fallen).max(SILENCE_DBFS);
        self.level
    }

    /// The level in dBFS.
    pub fn level(&self) -> f64 {
        self.level
    }
}
