//! What the filters pass, what they keep out, and how late they are.

use std::f64::consts::PI;

use super::*;

const AMPLITUDE: f32 = 10_000.0;

fn sine(frequency: f32, rate: f32, samples: usize) -> Vec<f32> {
    (0..samples)
        .map(|n| AMPLITUDE * (2.0 * std::f32::consts::PI * frequency * n as f32 / rate).sin())
        .collect()
}

/// The level of one frequency in dB against the tone that went in.
fn level(signal: &[f32], frequency: f32, rate: f32) -> f64 {
    let (mut re, mut im, mut weight) = (0.0f64, 0.0f64, 0.0f64);
    for (n, s) in signal.iter().enumerate() {
        let x = n as f64 / signal.len() as f64;
        let hann = 0.5 - 0.5 * (2.0 * PI * x).cos();
        let angle = 2.0 * PI * f64::from(frequency) * n as f64 / f64::from(rate);
        re += f64::from(*s) * hann * angle.cos();
        im += f64::from(*s) * hann * angle.sin();
        weight += hann;
    }
    20.0 * (2.0 * (re.hypot(im)) / weight / f64::from(AMPLITUDE)).max(1e-9).log10()
}

fn up(input: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; input.len() * FACTOR];
    Up::new().process(input, &mut out);
    out
}

fn down(input: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; input.len() / FACTOR];
    Down::new().process(input, &mut out);
    out
}

#[test]
fn the_telephone_band_passes_both_ways_without_colour() {
    for frequency in [100.0, 300.0, 1_000.0, 2_000.0, 3_000.0, 3_400.0] {
        let wide = level(&up(&sine(frequency, 8_000.0, 8_000))[960..], frequency, 48_000.0);
        let narrow = level(&down(&sine(frequency, 48_000.0, 48_000))[160..], frequency, 8_000.0);
        println!("{frequency} Hz: up {wide:.2} dB, down {narrow:.2} dB");
        assert!(wide.abs() < 0.3, "up at {frequency}: {wide}");
        assert!(narrow.abs() < 0.3, "down at {frequency}: {narrow}");
    }
}

#[test]
fn going_up_leaves_no_images() {
    for frequency in [300.0, 1_000.0, 2_500.0, 3_400.0] {
        let wide = up(&sine(frequency, 8_000.0, 8_000));
        for image in [8_000.0 - frequency, 8_000.0 + frequency, 16_000.0 - frequency, 24_000.0 - frequency] {
            let heard = level(&wide[960..], image, 48_000.0);
            assert!(heard < -65.0, "{frequency} Hz shows at {image} Hz with {heard:.1} dB");
        }
    }
}

#[test]
fn going_down_folds_nothing_into_the_telephone_band() {
    for frequency in [4_600.0f32, 5_000.0, 6_300.0, 7_700.0, 9_000.0, 12_500.0, 20_000.0] {
        let folded = (frequency + 4_000.0).rem_euclid(8_000.0) - 4_000.0;
        let heard = level(&down(&sine(frequency, 48_000.0, 48_000))[160..], folded.abs(), 8_000.0);
        println!("{frequency} Hz folds to {} Hz with {heard:.1} dB", folded.abs());
        assert!(heard < -65.0, "{frequency} Hz folds in with {heard:.1} dB");
    }
}

#[test]
fn each_way_holds_the_audio_back_by_two_milliseconds() {
    let mut click = vec![0.0f32; 320];
    click[100] = AMPLITUDE;
    let wide = up(&click);
    let peak = (0..wide.len()).max_by(|a, b| wide[*a].total_cmp(&wide[*b])).unwrap();
    assert!(peak.abs_diff(100 * FACTOR + DELAY_48K) <= 1, "the click came at {peak}");
}

#[test]
fn pieces_of_any_length_give_what_the_whole_gives() {
    let input = sine(700.0, 8_000.0, 1_000);
    let whole = up(&input);
    let mut filter = Up::new();
    let mut pieces = Vec::new();
    for piece in input.chunks(37) {
        let mut out = vec![0.0; piece.len() * FACTOR];
        filter.process(piece, &mut out);
        pieces.extend(out);
    }
    assert_eq!(whole, pieces);
}
