//! From 16 to 8 kHz: a half-band filter. Every second of its taps is zero and the others are symmetric, so a sample costs a quarter
//! of the multiplications that its length would need. One and a half milliseconds of delay.

use std::f64::consts::PI;
use std::sync::LazyLock;

use super::design::{GOOD, kaiser};
use super::lower::CHUNK;
use super::to_i16;

/// Pairs of taps that are not zero, but for the one in the middle, which is one half.
const PAIRS: usize = 12;
/// Even samples that went before.
const PAST: usize = 2 * PAIRS - 1;
/// Samples worked on side by side, in vector registers.
const LANES: usize = 16;

/// One of each pair, from the outermost on: flat to 3.4 kHz, 50 dB down from 4.6 kHz on.
static TAPS: LazyLock<[f32; PAIRS]> = LazyLock::new(taps);

/// The filter, and what is on it: even samples and odd ones, what went before and after it the piece being worked on.
#[derive(Debug, Clone)]
pub(super) struct Half {
    even: [f32; PAST + CHUNK],
    odd: [f32; PAIRS + CHUNK],
}

impl Half {
    pub(super) fn new() -> Self {
        Self { even: [0.0; PAST + CHUNK], odd: [0.0; PAIRS + CHUNK] }
    }

    /// One sample of `out` for each pair of `input`, which is no longer than [`CHUNK`] pairs.
    pub(super) fn process<T: Copy>(&mut self, input: &[T], level: impl Fn(T) -> f32, out: &mut [i16]) {
        let pairs = input.as_chunks::<2>().0;
        let lines = self.even[PAST..].iter_mut().zip(&mut self.odd[PAIRS..]);
        for ((even, odd), pair) in lines.zip(pairs) {
            (*even, *odd) = (level(pair[0]), level(pair[1]));
        }
        let taps = &*TAPS;
        for (lanes, out) in out[..pairs.len()].chunks_mut(LANES).enumerate() {
            let sums = self.filtered(taps, lanes * LANES);
            out.iter_mut().zip(sums).for_each(|(out, sum)| *out = to_i16(sum));
        }
        self.even.copy_within(pairs.len()..pairs.len() + PAST, 0);
        self.odd.copy_within(pairs.len()..pairs.len() + PAIRS, 0);
    }

    /// The outputs from the one at `from` on.
    fn filtered(&self, taps: &[f32; PAIRS], from: usize) -> [f32; LANES] {
        let mut sums = [0.0; LANES];
        sums.copy_from_slice(&self.odd[from..from + LANES]);
        sums.iter_mut().for_each(|sum| *sum *= 0.5);
        let even = &self.even[from..from + PAST + LANES];
        for (n, tap) in taps.iter().enumerate() {
            let mirrored = even[n..n + LANES].iter().zip(&even[PAST - n..PAST - n + LANES]);
            for (sum, (older, newer)) in sums.iter_mut().zip(mirrored) {
                *sum += tap * (older + newer);
            }
        }
        sums
    }
}

fn taps() -> [f32; PAIRS] {
    let middle = PAST as f64;
    let mut taps = [0.0; PAIRS];
    for (n, tap) in taps.iter_mut().enumerate() {
        // An odd number of samples from the middle, so never zero.
        let at = 2.0 * n as f64 - middle;
        *tap = (PI / 2.0 * at).sin() / (PI * at) * kaiser(GOOD, at / (middle + 0.5));
    }
    // Unit gain: the tap in the middle is one half, and so are all others together.
    let sum: f64 = taps.iter().sum::<f64>() * 2.0;
    taps.map(|tap| (tap / sum / 2.0) as f32)
}
