//! What is decoded of a packet for a telephone, and what is not to be heard there.

use super::super::engine::Engine;
use super::super::packet::{Sound, sound};
use super::*;
use crate::resample::Lower;
use crate::tone::Sine;

/// A voice with much above 4 kHz: a buzz and a hiss.
fn bright(frames: usize) -> Vec<i16> {
    let mut noise = 1_u32;
    let mut hiss = move || {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 16) as i16 / 8
    };
    buzz(48_000, frames).into_iter().map(|sample| (sample / 2).saturating_add(hiss())).collect()
}

fn in_two_layers(packet: &[u8]) -> bool {
    packet.first().is_some_and(|toc| (12..=15).contains(&(toc >> 3)))
}

#[test]
fn speech_is_the_same_without_its_upper_layer() {
    let sent = packets(&mut Encoder::new(48_000, 32_000, 5).unwrap(), &bright(100));
    let layered = sent.iter().filter(|packet| in_two_layers(packet)).count();
    assert!(layered > 80, "{layered} of 100 packets are in two layers");
    let mut whole = Engine::new(48_000).unwrap();
    let mut decoder = Decoder::new(8_000).unwrap();
    let (mut all, mut heard) = (Vec::new(), Vec::new());
    for packet in &sent {
        let (mut full, mut ours) = ([0.0; 960], [0; 160]);
        assert_eq!(whole.decode(Some(packet), false, &mut full), Ok(960));
        all.extend_from_slice(&full);
        assert_eq!(decoder.decode(Some(packet), false, &mut ours), Ok(160));
        heard.extend_from_slice(&ours);
    }
    // The two ways down hold the sound back by different parts of a sample.
    let likeness = (0..6).map(|part| {
        let mut low = vec![0; heard.len() - 1];
        Lower::to_sixth().process_float(&all[part..], &mut low);
        snr(&heard, &low, 8_000).max(snr(&low, &heard, 8_000))
    });
    let likeness = likeness.fold(f64::MIN, f64::max);
    println!("{likeness:.1} dB");
    assert!(likeness > 20.0, "{likeness:.1} dB");
}

#[test]
fn packets_change_between_speech_and_music_and_back() {
    let voice = bright(60);
    let speech = packets(&mut Encoder::new(48_000, 32_000, 5).unwrap(), &voice);
    let mut codec = opus_pure::OpusEncoder::new(48_000, 1, opus_pure::Application::Audio).unwrap();
    codec.bitrate_bps = 128_000;
    let music: Vec<Vec<u8>> = voice
        .chunks_exact(960)
        .map(|frame| {
            let mut packet = vec![0; MAX_PACKET];
            let length = codec.encode_s16(frame, 960, &mut packet).unwrap();
            packet.truncate(length);
            packet
        })
        .collect();
    assert_eq!(sound(&music[30]), Sound::Above8kHz);
    for rate in [8_000, 16_000] {
        let mut decoder = Decoder::new(rate).unwrap();
        let mut out = [0; 960];
        for index in 0..60 {
            let packet = if index / 10 % 2 == 0 { &speech[index] } else { &music[index] };
            let samples = decoder.decode(Some(packet), false, &mut out).unwrap();
            assert_eq!(samples, rate as usize / 50);
            assert!(index < 3 || energy(&out[..samples]) > 1e5, "{rate} Hz, packet {index}");
        }
    }
}

/// How loud `frequency` is, in dB of full scale.
fn level(pcm: &[i16], rate: u32, frequency: f64) -> f64 {
    let step = std::f64::consts::TAU * frequency / f64::from(rate);
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in pcm.iter().enumerate() {
        let window = 0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / pcm.len() as f64).cos();
        re += f64::from(*sample) * window * (step * n as f64).cos();
        im += f64::from(*sample) * window * (step * n as f64).sin();
    }
    20.0 * (re.hypot(im) * 4.0 / pcm.len() as f64 / 32_768.0).log10()
}

/// Tones that a publisher sends at `rate`, as a decoder at `heard_at` plays them: how loud each is, and how loud where it would
/// fold to.
fn tones(rate: u32, bitrate: u32, heard_at: u32, frequencies: &[f64]) -> Vec<(f64, f64)> {
    let tone = |frequency: &f64| {
        let mut pcm = vec![0; rate as usize * 2];
        Sine::new(*frequency, 6_000, rate).fill(&mut pcm);
        let mut decoder = Decoder::new(heard_at).unwrap();
        let mut heard = Vec::new();
        for packet in packets(&mut Encoder::new(rate, bitrate, 5).unwrap(), &pcm) {
            let mut out = [0; 320];
            let samples = decoder.decode(Some(&packet), false, &mut out).unwrap();
            heard.extend_from_slice(&out[..samples]);
        }
        let heard = &heard[heard_at as usize..];
        let low = f64::from(heard_at);
        let folded = (frequency - (frequency / low).round() * low).abs();
        (level(heard, heard_at, *frequency), level(heard, heard_at, folded))
    };
    frequencies.iter().map(tone).collect()
}

#[test]
fn what_is_above_the_listeners_band_does_not_fold_into_it() {
    // Wideband speech, speech in two layers, and full-band sound, at 8 and at 16 kHz.
    for (rate, bitrate, heard_at, frequencies) in [
        (16_000, 32_000, 8_000, &[4_700.0, 5_200.0, 6_500.0][..]),
        (48_000, 32_000, 8_000, &[5_200.0, 10_000.0, 13_000.0]),
        (48_000, 32_000, 16_000, &[10_000.0, 13_000.0]),
        (48_000, 128_000, 8_000, &[5_200.0, 10_000.0, 13_000.0]),
        (48_000, 128_000, 16_000, &[10_000.0, 13_000.0]),
    ] {
        for (frequency, (_, folded)) in frequencies.iter().zip(tones(rate, bitrate, heard_at, frequencies)) {
            println!("{frequency} Hz at {bitrate} bit/s is heard at {heard_at} Hz with {folded:.0} dB");
            assert!(folded < -60.0, "{frequency} Hz at {bitrate} bit/s folds: {folded:.0} dB");
        }
    }
}

#[test]
fn what_is_in_the_listeners_band_is_as_loud_as_it_was_said() {
    let said = 20.0 * (6_000.0_f64 / 32_768.0).log10();
    for (rate, bitrate, heard_at, frequencies) in [
        (8_000, 24_000, 8_000, &[400.0, 1_000.0, 2_000.0, 3_200.0][..]),
        (16_000, 32_000, 8_000, &[400.0, 1_000.0, 2_000.0, 3_200.0]),
        (48_000, 32_000, 8_000, &[400.0, 1_000.0, 2_000.0, 3_200.0]),
        (48_000, 128_000, 8_000, &[400.0, 1_000.0, 2_000.0, 3_200.0]),
        (48_000, 32_000, 16_000, &[400.0, 2_000.0, 6_000.0]),
        (48_000, 128_000, 16_000, &[400.0, 2_000.0, 6_000.0]),
    ] {
        for (frequency, (heard, _)) in frequencies.iter().zip(tones(rate, bitrate, heard_at, frequencies)) {
            println!("{frequency} Hz at {bitrate} bit/s of {rate} Hz at {heard_at} Hz: {heard:.1} dB");
            assert!(
                (heard - said).abs() < 2.0,
                "{frequency} Hz at {bitrate} bit/s: {heard:.1} of {said:.1} dB"
            );
        }
    }
}

#[test]
fn a_talker_may_go_to_narrowband_and_back() {
    let (wide, narrow) = (buzz(48_000, 60), buzz(8_000, 60));
    let wide = packets(&mut Encoder::new(48_000, 32_000, 5).unwrap(), &wide);
    let narrow = packets(&mut Encoder::new(8_000, 24_000, 5).unwrap(), &narrow);
    let mut decoder = Decoder::new(8_000).unwrap();
    let mut loudest_step = 0;
    let mut last = 0;
    for index in 0..60 {
        let packet = if index / 20 == 1 { &narrow[index] } else { &wide[index] };
        let mut out = [0; 160];
        assert_eq!(decoder.decode(Some(packet), false, &mut out), Ok(160));
        assert!(index < 3 || energy(&out) > 1e5, "packet {index}");
        if index % 20 == 0 && index > 0 {
            loudest_step = loudest_step.max(i32::from(out[0]).abs_diff(last));
        }
        last = i32::from(out[159]);
    }
    // No louder a click than the voice's own pulses.
    assert!(loudest_step < 12_000, "{loudest_step}");
}
