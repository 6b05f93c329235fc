//! The same for a phone that takes wideband: whatever the talker sends, at 16 kHz.

use std::time::{Duration, Instant};

use super::sim::{Packet, opus, pcmu, sent_over, wobble};
use crate::codec::opus::{Encoder, MAX_PACKET};
use crate::jitter::{FRAME, PlayoutBuffer, PlayoutStats, Pulled, TalkerCodec, Width};
use crate::tone::Sine;

/// A sine of 5 kHz, beyond the telephone's band, in wideband Opus.
fn high(seconds: usize) -> Vec<Packet> {
    let mut encoder = Encoder::new(16_000, 40_000, 5).unwrap().with_fec();
    let mut sine = Sine::new(5_000.0, 8_000, 16_000);
    let packet = |n: usize| {
        let (mut pcm, mut payload) = ([0; 320], vec![0; MAX_PACKET]);
        sine.fill(&mut pcm);
        let length = encoder.encode(&pcm, &mut payload).unwrap();
        payload.truncate(length);
        let (seq, timestamp) = (n as u16, n as u32 * 960);
        Packet { at: n as i64 * 20_000, seq, timestamp, payload, codec: TalkerCodec::Opus }
    };
    (0..seconds * 50).map(packet).collect()
}

/// What is heard at 16 kHz, how many frames were silence, and what was counted.
fn play(arrivals: &[Packet]) -> (Vec<i16>, usize, PlayoutStats) {
    let (start, mut buffer) = (Instant::now(), PlayoutBuffer::new(Width::Wide));
    let (mut audio, mut silent) = (Vec::new(), 0);
    let mut coming = arrivals.iter().peekable();
    for tick in 0..arrivals.last().unwrap().at / 20_000 {
        let now = 3_000 + tick * 20_000;
        while let Some(packet) = coming.next_if(|packet| packet.at <= now) {
            let at = start + Duration::from_micros(packet.at as u64);
            buffer.insert(at, packet.seq, packet.timestamp, &packet.payload, packet.codec);
        }
        let mut frame = [0; 2 * FRAME];
        if buffer.pull(start + Duration::from_micros(now as u64), &mut frame) == Pulled::Silence {
            silent += usize::from(tick > 10);
        }
        audio.extend(frame);
    }
    (audio, silent, buffer.stats())
}

/// The part of the energy that is within a frequency, the worst of all pieces of 100 ms from the second second on.
fn purest_worst(audio: &[i16], frequency: f64) -> f64 {
    let purity = |piece: &[i16]| {
        let (mut re, mut im, mut all) = (0.0, 0.0, 1.0);
        for (n, sample) in piece.iter().enumerate() {
            let (sin, cos) = (std::f64::consts::TAU * frequency * n as f64 / 16_000.0).sin_cos();
            re += f64::from(*sample) * cos;
            im += f64::from(*sample) * sin;
            all += f64::from(*sample).powi(2);
        }
        2.0 * (re * re + im * im) / piece.len() as f64 / all
    };
    audio[16_000..].chunks_exact(1_600).map(purity).fold(1.0, f64::min)
}

#[test]
fn what_lies_beyond_the_telephones_band_is_heard() {
    let (audio, silent, stats) = play(&high(6));
    assert_eq!((silent, stats.concealed), (0, 0), "{stats:?}");
    assert!(purest_worst(&audio, 5_000.0) > 0.95, "{}", purest_worst(&audio, 5_000.0));
}

#[test]
fn a_narrowband_talker_is_heard_as_it_is() {
    let (audio, silent, stats) = play(&pcmu(20, 6.0));
    assert_eq!((silent, stats.concealed), (0, 0), "{stats:?}");
    assert!(purest_worst(&audio, 400.0) > 0.99, "{}", purest_worst(&audio, 400.0));
}

#[test]
fn jitter_and_loss_are_dealt_with_as_for_any_phone() {
    for (name, packets) in [("PCMU", pcmu(20, 30.0)), ("Opus", opus(30.0))] {
        for seed in 0..3 {
            let arrivals =
                sent_over(&packets, seed, |packet, rng| (packet.seq % 20 != 0).then(|| wobble(rng, 25_000)));
            let (_, silent, stats) = play(&arrivals);
            println!("{name}, seed {seed}: {silent} silent frames, {stats:?}");
            assert_eq!(silent, 0, "{name}, seed {seed}");
            assert!(stats.concealed < 30 * 8_000 / 10, "{name}, seed {seed}: {stats:?}");
            assert!(name == "PCMU" || stats.recovered * 10 >= stats.lost * 6, "{stats:?}");
        }
    }
}

#[test]
fn a_talker_whose_clock_is_fast_is_shortened_by_whole_periods() {
    let packets: Vec<Packet> = pcmu(20, 60.0)
        .into_iter()
        .enumerate()
        .map(|(n, packet)| Packet { at: packet.at - n as i64 * 20, ..packet })
        .collect();
    let (audio, silent, stats) = play(&packets);
    assert!(silent == 0 && stats.shortened > 0, "{stats:?}");
    assert!(purest_worst(&audio, 400.0) > 0.7, "{}", purest_worst(&audio, 400.0));
}

#[test]
fn the_width_may_change_in_mid_stream() {
    let (start, mut buffer) = (Instant::now(), PlayoutBuffer::new(Width::Narrow));
    let mut heard = 0;
    for (n, packet) in pcmu(20, 4.0).iter().enumerate() {
        let now = start + Duration::from_millis(20 * n as u64);
        buffer.insert(now, packet.seq, packet.timestamp, &packet.payload, packet.codec);
        let width = if n % 50 < 25 { Width::Narrow } else { Width::Wide };
        buffer.set_width(width);
        let mut frame = vec![0; width.frame()];
        heard += usize::from(buffer.pull(now, &mut frame) == Pulled::Audio);
    }
    assert!(heard > 180, "{heard}");
}
