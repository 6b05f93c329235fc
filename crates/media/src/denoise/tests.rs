//! Steady noise under speech, and speech without noise: what is left of each, in numbers.

use std::f64::consts::TAU;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;

const RATE: f64 = 8_000.0;
const SECONDS: usize = 12;
const DELAY: usize = Denoiser::DELAY.as_millis() as usize * 8;

/// A resonance of the vocal tract, tuned anew for each sample.
#[derive(Default)]
struct Formant {
    y1: f64,
    y2: f64,
}

impl Formant {
    fn pass(&mut self, x: f64, frequency: f64, bandwidth: f64) -> f64 {
        let radius = (-std::f64::consts::PI * bandwidth / RATE).exp();
        let b = 2.0 * radius * (TAU * frequency / RATE).cos();
        let y = (1.0 - b + radius * radius) * x + b * self.y1 - radius * radius * self.y2;
        self.y2 = std::mem::replace(&mut self.y1, y);
        y
    }
}

/// Speech-like: a glottal pulse train through four moving formants, three syllables a second, each led in by a hiss,
/// a breath of 0.8 s after every six syllables. Gives the samples and whether each lies well within a pause.
fn speech(seed: u64) -> (Vec<f64>, Vec<bool>) {
    let vowels = [
        [730.0, 1_090.0, 2_440.0],
        [270.0, 2_290.0, 3_010.0],
        [300.0, 870.0, 2_240.0],
        [530.0, 1_840.0, 2_480.0],
    ];
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut tract: [Formant; 4] = Default::default();
    let (mut phase, mut glottis, mut tract_at) = (0.0f64, 0.0f64, vowels[0]);
    let mut samples = Vec::new();
    let mut pauses = Vec::new();
    let mut vowel = vowels[0];
    for n in 0..SECONDS * RATE as usize {
        let t = n as f64 / RATE;
        let in_phrase = t % 2.8;
        let syllable = in_phrase % (1.0 / 3.0) * 3.0;
        let speaking = in_phrase < 2.0;
        if speaking && n % 2_667 == 0 {
            vowel = vowels[rng.random_range(0..vowels.len())];
        }
        for (at, to) in tract_at.iter_mut().zip(vowel) {
            *at += (to - *at) * 0.002;
        }
        let pitch = 120.0 + 25.0 * (TAU * 0.6 * t).sin() - 15.0 * in_phrase + rng.random_range(-1.5..1.5);
        phase += pitch / RATE;
        let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
        phase %= 1.0;
        // The pulse, rounded as the folds round it, and the lips' rise of 6 dB per octave taken together.
        glottis = 0.9 * glottis + pulse;
        let voiced = if speaking { ((syllable - 0.15) / 0.8).clamp(0.0, 1.0) } else { 0.0 };
        let envelope = (voiced * std::f64::consts::PI).sin().powf(0.6);
        let hiss = if speaking && syllable < 0.18 { rng.random_range(-1.0..1.0) * 0.05 } else { 0.0 };
        let mut x = glottis * envelope + hiss;
        let places = [(tract_at[0], 80.0), (tract_at[1], 100.0), (tract_at[2], 140.0), (3_500.0, 200.0)];
        let mut sum = 0.0;
        for (formant, (frequency, bandwidth)) in tract.iter_mut().zip(places) {
            x = formant.pass(x, frequency, bandwidth) * 1.6;
            sum += x;
        }
        samples.push(sum);
        pauses.push(in_phrase > 2.25 && in_phrase < 2.75);
    }
    let scale = 2_500.0 / level_of(&samples, |n| !pauses[n]);
    (samples.iter().map(|s| s * scale).collect(), pauses)
}

fn level_of(signal: &[f64], wanted: impl Fn(usize) -> bool) -> f64 {
    let chosen: Vec<f64> =
        signal.iter().enumerate().filter(|(n, _)| wanted(*n)).map(|(_, s)| s * s).collect();
    (chosen.iter().sum::<f64>() / chosen.len() as f64).sqrt()
}

fn db(ratio: f64) -> f64 {
    20.0 * ratio.max(1e-9).log10()
}

fn isolated(signal: &[f64]) -> Vec<f64> {
    let mut denoiser = Denoiser::new();
    let mut out = Vec::new();
    for piece in signal.as_chunks::<FRAME>().0 {
        let mut frame = piece.map(|s| s.clamp(-32_768.0, 32_767.0) as i16);
        denoiser.process(&mut frame);
        out.extend(frame.map(f64::from));
    }
    out
}

/// White noise, and noise that falls with the frequency as a fan's or a road's does.
fn noise(kind: &str, rms: f64, length: usize) -> Vec<f64> {
    let mut rng = SmallRng::seed_from_u64(7);
    let mut low = 0.0;
    let raw: Vec<f64> = (0..length)
        .map(|_| {
            let white: f64 = rng.random_range(-1.0..1.0);
            low = 0.9 * low + white;
            if kind == "white" { white } else { low }
        })
        .collect();
    let scale = rms / level_of(&raw, |_| true);
    raw.iter().map(|s| s * scale).collect()
}

/// The network needs a moment to learn the noise.
const LEARNT: usize = 24_000;

#[test]
fn steady_noise_sinks_in_the_pauses_and_speech_stays() {
    for kind in ["white", "fan"] {
        for snr in [10.0, 20.0] {
            let (voice, pauses) = speech(1);
            let hum = noise(kind, 2_500.0 / 10f64.powf(snr / 20.0), voice.len());
            let noisy: Vec<f64> = voice.iter().zip(&hum).map(|(v, h)| v + h).collect();
            let clean = isolated(&noisy);
            let paused = |n: usize| n >= LEARNT && pauses[n];
            let talking = |n: usize| n >= LEARNT && !pauses[n];
            let later = |n: usize| n >= DELAY && paused(n - DELAY);
            let talking_later = |n: usize| n >= DELAY && talking(n - DELAY);
            let floor = db(level_of(&clean, later) / level_of(&noisy, paused));
            let speech = db(level_of(&clean, talking_later) / level_of(&voice, talking));
            println!("{kind} noise, {snr} dB: pauses {floor:+.1} dB, speech {speech:+.2} dB");
            assert!(floor <= -12.0, "{kind} noise at {snr} dB: the pauses fell by {floor:.1} dB");
            assert!(speech.abs() <= 2.0, "{kind} noise at {snr} dB: speech changed by {speech:.2} dB");
        }
    }
}

/// How far apart the spectra of two signals are, in dB, over the loud parts of the telephone band.
fn spectral_distance(a: &[f64], b: &[f64]) -> f64 {
    const LENGTH: usize = 256;
    let spectrum = |piece: &[f64]| -> Vec<f64> {
        let bin = |k: usize| {
            let (mut re, mut im) = (0.0, 0.0);
            for (n, s) in piece.iter().enumerate() {
                let hann = 0.5 - 0.5 * (TAU * n as f64 / LENGTH as f64).cos();
                let (sin, cos) = (TAU * (k * n) as f64 / LENGTH as f64).sin_cos();
                re += s * hann * cos;
                im += s * hann * sin;
            }
            db(re.hypot(im))
        };
        (10..110).map(bin).collect()
    };
    let mut apart = Vec::new();
    for (a, b) in a.chunks_exact(LENGTH).zip(b.chunks_exact(LENGTH)) {
        let (a, b) = (spectrum(a), spectrum(b));
        let loudest = a.iter().copied().fold(f64::MIN, f64::max);
        let loud = a.iter().zip(&b).filter(|(a, _)| **a > loudest - 25.0 && **a > 80.0);
        apart.extend(loud.map(|(a, b)| (a - b).powi(2)));
    }
    (apart.iter().sum::<f64>() / apart.len() as f64).sqrt()
}

#[test]
fn clean_speech_stays_clean() {
    let (voice, pauses) = speech(2);
    let heard = isolated(&voice);
    let talking = |n: usize| n >= LEARNT && !pauses[n];
    let change = db(level_of(&heard, |n| n >= DELAY && talking(n - DELAY)) / level_of(&voice, talking));
    let distance = spectral_distance(&voice[LEARNT..], &heard[LEARNT + DELAY..]);
    println!("clean speech: level {change:+.2} dB, spectral distance {distance:.2} dB");
    assert!(change.abs() <= 1.0, "clean speech changed by {change:.2} dB");
    assert!(distance < 2.0, "clean speech was bent: its spectrum is {distance:.2} dB off");
}

#[test]
fn the_delay_is_what_is_declared() {
    let (voice, _) = speech(3);
    let heard = isolated(&voice);
    let product = |lag: usize| (LEARNT..64_000).map(|n| voice[n] * heard[n + lag]).sum::<f64>();
    let found = (0..400).max_by(|a, b| product(*a).total_cmp(&product(*b))).unwrap();
    println!("delay: {:.2} ms", found as f64 / 8.0);
    assert!(found.abs_diff(DELAY) <= 8, "speech comes {found} samples late, not {DELAY}");
}

#[test]
fn silence_stays_silent_and_full_scale_never_wraps() {
    let mut denoiser = Denoiser::new();
    for _ in 0..50 {
        let mut frame = [0; FRAME];
        denoiser.process(&mut frame);
        assert!(frame.iter().all(|s| s.abs() <= 1));
    }
    for n in 0..50 {
        let mut frame: [i16; FRAME] =
            std::array::from_fn(|k| if (k / 20 + n) % 2 == 0 { i16::MAX } else { i16::MIN });
        denoiser.process(&mut frame);
    }
    assert!((0.0..=1.0).contains(&denoiser.voice_probability()));
}
