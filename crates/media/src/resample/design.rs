//! How the low-passes of the filters here are made: a sinc under Kaiser's window.

use std::f64::consts::PI;

/// The window's shape for some 50 dB of stop-band.
pub(super) const GOOD: f64 = 4.8;
/// For some 75 dB.
pub(super) const BEST: f64 = 7.4;

/// Kaiser's window, from -1 to 1, as high as it comes: whoever uses it has a gain to set anyway.
pub(super) fn kaiser(shape: f64, at: f64) -> f64 {
    bessel_i0(shape * (1.0 - at.powi(2)).max(0.0).sqrt())
}

/// A low-pass of an even number of taps, with unit gain; half-way down at `cutoff` parts of the rate.
pub(super) fn low_pass(shape: f64, taps: usize, cutoff: f64) -> Vec<f32> {
    let middle = (taps - 1) as f64 / 2.0;
    let tap = |n: usize| {
        // The number of taps is even, so this is never zero.
        let at = n as f64 - middle;
        (2.0 * PI * cutoff * at).sin() / (PI * at) * kaiser(shape, at / (middle + 0.5))
    };
    let taps: Vec<f64> = (0..taps).map(tap).collect();
    let sum: f64 = taps.iter().sum();
    taps.iter().map(|tap| (tap / sum) as f32).collect()
}

/// The modified Bessel function of order zero, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..40 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}
