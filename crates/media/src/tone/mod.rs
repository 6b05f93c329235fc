//! Tones made by ourselves: a plain sine and the dial tone that a room hears while the phone rings.
//!
//! At any sample rate, phase-continuous from one buffer to the next. Never allocates.

#[cfg(test)]
mod tests;

/// Half of full scale, the level of the dial tone.
pub const HALF_SCALE: i16 = 16_383;

/// An endless sine.
#[derive(Debug, Clone)]
pub struct Sine {
    amplitude: f64,
    /// Position within one period, 0..1.
    phase: f64,
    /// Periods per sample.
    step: f64,
}

impl Sine {
    /// A sine of `frequency` Hz with its peaks at `amplitude` (16-bit scale), for `sample_rate` samples a second.
    /// It starts at zero. A rate of 0 gives silence.
    #[must_use]
    pub fn new(frequency: f64, amplitude: i16, sample_rate: u32) -> Self {
        let step = if sample_rate == 0 { 0.0 } else { (frequency / f64::from(sample_rate)).rem_euclid(1.0) };
        Self { amplitude: f64::from(amplitude), phase: 0.0, step }
    }

    /// Writes the next samples over the whole of `out`.
    pub fn fill(&mut self, out: &mut [i16]) {
        for sample in out {
            *sample = self.next_sample();
        }
    }

    fn next_sample(&mut self) -> i16 {
        let value = (self.phase * std::f64::consts::TAU).sin() * self.amplitude;
        self.phase = (self.phase + self.step).fract();
        value.round() as i16
    }
}

/// The European ringing tone (ETSI TR 101 041-2): 425 Hz, one second on, four seconds off, at half of full scale.
#[derive(Debug, Clone)]
pub struct DialTone {
    sine: Sine,
    /// Samples since the current cycle began.
    position: u32,
    on: u32,
    cycle: u32,
}

impl DialTone {
    /// The tone's frequency in Hz.
    pub const FREQUENCY: f64 = 425.0;

    /// The tone at `sample_rate` samples a second, starting with its audible second.
    #[must_use]
    pub fn new(sample_rate: u32) -> Self {
        let cycle = sample_rate.saturating_mul(5).max(1);
        Self {
            sine: Sine::new(Self::FREQUENCY, HALF_SCALE, sample_rate),
            position: 0,
            on: sample_rate,
            cycle,
        }
    }

    /// Writes the next samples over the whole of `out`. Returns whether any of them belongs to the audible part.
    pub fn fill(&mut self, out: &mut [i16]) -> bool {
        let mut audible = false;
        for sample in out {
            let on = self.position < self.on;
            *sample = if on { self.sine.next_sample() } else { 0 };
            audible |= on;
            self.position = (self.position + 1) % self.cycle;
        }
        audible
    }
}
