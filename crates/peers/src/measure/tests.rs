//! Tones that are there are found, and what is not there is not.

use std::f64::consts::TAU;

use super::*;

fn sine(frequency: f64, amplitude: f64, rate: u32, samples: usize) -> Vec<i16> {
    (0..samples).map(|n| (amplitude * (TAU * frequency * n as f64 / f64::from(rate)).sin()) as i16).collect()
}

fn hiss(amplitude: i64, samples: usize) -> Vec<i16> {
    let mut state = 1u64;
    (0..samples)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) as i64 % (2 * amplitude) - amplitude) as i16
        })
        .collect()
}

fn sum(a: &[i16], b: &[i16]) -> Vec<i16> {
    a.iter().zip(b).map(|(a, b)| a.saturating_add(*b)).collect()
}

#[test]
fn a_tone_is_found_with_its_frequency_and_level() {
    for (rate, length) in [(8_000, 800), (8_000, 8_000), (48_000, 9_600)] {
        for frequency in [425.0, 440.3, 1_000.0, 1_333.7, 3_100.0] {
            let found = Tone::find(&sine(frequency, 16_384.0, rate, length), rate)[0];
            assert!((found.frequency - frequency).abs() < 1.0, "{frequency} at {rate}: {found:?}");
            assert!((found.dbfs + 6.02).abs() < 0.2, "{frequency} at {rate}: {found:?}");
            assert!(found.share > 0.99, "{frequency} at {rate}: {found:?}");
        }
    }
}

#[test]
fn two_tones_are_told_apart_and_shared_out() {
    let both = sum(&sine(440.0, 10_000.0, 8_000, 8_000), &sine(1_000.0, 5_000.0, 8_000, 8_000));
    let found = Tone::find(&both, 8_000);
    assert!((found[0].frequency - 440.0).abs() < 0.5 && (found[1].frequency - 1_000.0).abs() < 0.5);
    assert!((share_of(440.0, &both, 8_000) - 0.8).abs() < 0.01);
    assert!((share_of(1_000.0, &both, 8_000) - 0.2).abs() < 0.01);
    assert!(share_of(700.0, &both, 8_000) < 0.001);
}

#[test]
fn noise_holds_no_tone_worth_the_name_and_silence_none() {
    assert!(share_of(1_000.0, &hiss(8_000, 8_000), 8_000) < 0.03);
    assert!(Tone::find(&hiss(8_000, 8_000), 8_000)[0].share < 0.05);
    assert!(Tone::find(&[0; 8_000], 8_000).is_empty());
    assert!(Tone::find(&[1_000; 8_000], 8_000).is_empty());
    assert!(Tone::find(&[], 8_000).is_empty());
    assert_eq!(share_of(1_000.0, &[0; 10], 8_000), 0.0);
}

#[test]
fn frequencies_outside_the_band_have_no_share() {
    let tone = sine(440.0, 10_000.0, 8_000, 800);
    for frequency in [-500.0, 9_000.0, f64::NAN, f64::INFINITY] {
        assert!(share_of(frequency, &tone, 8_000) < 0.001);
    }
}

#[test]
fn windows_show_when_a_tone_begins_and_changes() {
    let recording =
        [vec![0; 1_600], sine(440.0, 8_000.0, 8_000, 1_600), sine(880.0, 8_000.0, 8_000, 1_600)].concat();
    let seen: Vec<Option<f64>> =
        windows(&recording, 8_000, 800).iter().map(|w| w.tone.map(|t| t.frequency.round())).collect();
    assert_eq!(seen, [None, None, Some(440.0), Some(440.0), Some(880.0), Some(880.0)]);
    assert_eq!(windows(&recording, 8_000, 800)[1].dbfs, SILENCE_DBFS);
}

#[test]
fn a_full_scale_sine_is_zero_dbfs_and_the_meter_falls_slowly() {
    let loud = sine(1_000.0, 32_767.0, 8_000, 1_600);
    assert!(dbfs(&loud).abs() < 0.05);
    let mut meter = LevelMeter::new(8_000);
    assert!(meter.update(&loud).abs() < 0.05);
    assert!((meter.update(&[0; 4_000]) + 10.0).abs() < 0.1);
    assert_eq!(meter.update(&[0; 80_000]), SILENCE_DBFS);
}

#[test]
fn a_recording_survives_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let recording = Recording { rate: 8_000, samples: sine(440.0, 20_000.0, 8_000, 4_000) };
    recording.write(&path).unwrap();
    assert_eq!(Recording::read(&path).unwrap(), recording);
}

#[test]
fn what_is_no_wav_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no.wav");
    std::fs::write(&path, b"not audio").unwrap();
    assert!(Recording::read(&path).unwrap_err().to_string().contains("no.wav"));
}
