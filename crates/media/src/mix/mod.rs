//! Several talkers into one frame for the phone: a sum with soft clipping.
//!
//! A talker alone passes untouched. Knows nothing of codecs, rates, time or who talks; allocates nothing.

mod fade;
#[cfg(test)]
mod tests;

pub use fade::{fade_in, fade_out};

/// Samples in the longest frame: 20 ms at 16 kHz.
pub const MAX_FRAME: usize = 320;

/// From here on a sum is bent instead of cut: three quarters of full scale.
const KNEE: i32 = 24_576;
const CEILING: i32 = i16::MAX as i32;

/// Sums one frame at a time: [`add`](Self::add) each talker, then [`finish`](Self::finish).
#[derive(Debug, Clone)]
pub struct Mixer {
    sum: [i32; MAX_FRAME],
    talkers: usize,
}

impl Default for Mixer {
    fn default() -> Self {
        Self::new()
    }
}

impl Mixer {
    /// A mixer with nobody in the frame.
    pub fn new() -> Self {
        Self { sum: [0; MAX_FRAME], talkers: 0 }
    }

    /// Adds one talker's frame. All of one sum are of the same length, [`MAX_FRAME`] at most; what is behind it is left out.
    pub fn add(&mut self, frame: &[i16]) {
        self.talkers += 1;
        if self.talkers == 1 {
            for (sum, sample) in self.sum.iter_mut().zip(frame) {
                *sum = i32::from(*sample);
            }
        } else {
            for (sum, sample) in self.sum.iter_mut().zip(frame) {
                *sum = sum.saturating_add(i32::from(*sample));
            }
        }
    }

    /// Writes the frame out, returns how many talkers are in it (0: silence was written) and begins the next.
    pub fn finish(&mut self, out: &mut [i16]) -> usize {
        let talkers = std::mem::take(&mut self.talkers);
        match talkers {
            0 => out.fill(0),
            1 => copy(&self.sum, out, |sum| sum),
            _ => copy(&self.sum, out, soft_clip),
        }
        talkers
    }
}

fn copy(sum: &[i32], out: &mut [i16], shape: impl Fn(i32) -> i32) {
    for (out, sum) in out.iter_mut().zip(sum) {
        *out = shape(*sum).clamp(i32::from(i16::MIN), CEILING) as i16;
    }
}

/// Leaves everything below the knee as it is; above, approaches full scale without ever reaching it, and meets the
/// straight part with the same slope, so that no edge is heard.
fn soft_clip(sum: i32) -> i32 {
    let size = i64::from(sum.unsigned_abs());
    if size <= i64::from(KNEE) {
        return sum;
    }
    let room = i64::from(CEILING - KNEE);
    let over = size - i64::from(KNEE);
    let bent = i64::from(KNEE) + over * room / (over + room);
    bent as i32 * sum.signum()
}
