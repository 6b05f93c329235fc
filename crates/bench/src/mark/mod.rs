//! Marks: a short chirp within the speech, said at a known time and found at the other end to a part of a sample.
//!
//! A chirp's correlation with itself has one narrow peak, so its place shows to a part of a sample through G.711, Opus
//! and resampling alike. Everything is found at 8 kHz, what a telephone hears.

mod finder;

use std::f64::consts::TAU;
use std::sync::OnceLock;

pub(crate) use finder::Finder;

/// Samples per second that marks are found at.
pub(crate) const RATE: u32 = 8000;
/// How long a mark sounds, in seconds.
const LENGTH: f64 = 0.010;
/// Within the telephone's band.
const FROM_HZ: f64 = 700.0;
const TO_HZ: f64 = 2700.0;
/// Louder than any speech of ours.
const PEAK: f64 = 0.7 * 32767.0;
/// Around a mark the speech is this much softer, so that its place is the mark's alone.
const DUCKED: f64 = 0.1;
const DUCK: f64 = 0.006;

/// Puts a mark into samples at `rate`, beginning at `at` seconds.
pub(crate) fn write(pcm: &mut [i16], rate: u32, at: f64) {
    let begin = (at * f64::from(rate)).round() as usize;
    let margin = (DUCK * f64::from(rate)) as usize;
    let mark = chirp(rate);
    let end = (begin + mark.len() + margin).min(pcm.len());
    for sample in &mut pcm[begin.saturating_sub(margin).min(end)..end] {
        *sample = (f64::from(*sample) * DUCKED) as i16;
    }
    for (sample, mark) in pcm.iter_mut().skip(begin).zip(mark) {
        *sample = sample.saturating_add((mark * PEAK) as i16);
    }
}

/// The mark's samples, the loudest nearly 1.
fn chirp(rate: u32) -> Vec<f64> {
    let rate = f64::from(rate);
    let sample = |n: usize| {
        let t = n as f64 / rate;
        let phase = FROM_HZ * t + (TO_HZ - FROM_HZ) * t * t / (2.0 * LENGTH);
        (TAU * phase).sin() * (std::f64::consts::PI * t / LENGTH).sin()
    };
    (0..(LENGTH * rate) as usize).map(sample).collect()
}

/// The mark at [`RATE`], with an energy of 1.
fn template() -> &'static [f32] {
    static TEMPLATE: OnceLock<Vec<f32>> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let chirp = chirp(RATE);
        let energy: f64 = chirp.iter().map(|sample| sample * sample).sum();
        chirp.iter().map(|sample| (sample / energy.sqrt()) as f32).collect()
    })
}
