//! Speech there and back, losses, and packets nobody should send.

mod layers;

use proptest::prelude::*;

use super::*;

/// A voice-like buzz, moving slowly in pitch and loudness.
fn buzz(rate: u32, frames: usize) -> Vec<i16> {
    let mut phase = 0.0f64;
    (0..rate as usize / 50 * frames)
        .map(|n| {
            let t = n as f64 / f64::from(rate);
            phase += (140.0 + 20.0 * (3.0 * t).sin()) / f64::from(rate);
            let wave: f64 =
                (1..12).map(|k| (std::f64::consts::TAU * phase * f64::from(k)).sin() / f64::from(k)).sum();
            (wave * 6_000.0 * (0.6 + 0.4 * (9.0 * t).sin())) as i16
        })
        .collect()
}

fn packets(encoder: &mut Encoder, pcm: &[i16]) -> Vec<Vec<u8>> {
    pcm.chunks_exact(encoder.frame())
        .map(|frame| {
            let mut packet = vec![0; MAX_PACKET];
            let length = encoder.encode(frame, &mut packet).unwrap();
            packet.truncate(length);
            packet
        })
        .collect()
}

/// How far the decoded signal is above its error, at the best alignment within 12 ms.
fn snr(reference: &[i16], heard: &[i16], rate: u32) -> f64 {
    let longest = rate as usize * 12 / 1_000;
    let from = rate as usize / 10;
    (0..longest)
        .map(|lag| {
            let pairs = || reference[from..heard.len() - longest].iter().zip(&heard[from + lag..]);
            let signal: f64 = pairs().map(|(a, _)| f64::from(*a).powi(2)).sum();
            let error: f64 = pairs().map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
            10.0 * (signal / error.max(1.0)).log10()
        })
        .fold(f64::MIN, f64::max)
}

fn energy(pcm: &[i16]) -> f64 {
    pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len().max(1) as f64
}

#[test]
fn speech_comes_back_at_every_rate() {
    for rate in [8_000, 16_000, 48_000] {
        let pcm = buzz(rate, 50);
        let mut decoder = Decoder::new(rate).unwrap();
        let mut heard = Vec::new();
        for packet in packets(&mut Encoder::new(rate, 32_000, 5).unwrap(), &pcm) {
            let mut out = [0; 960];
            let samples = decoder.decode(Some(&packet), false, &mut out).unwrap();
            assert_eq!(samples, rate as usize / 50);
            assert_eq!(duration_48k(&packet), Ok(960));
            heard.extend_from_slice(&out[..samples]);
        }
        let quality = snr(&pcm, &heard, rate);
        println!("{rate} Hz: {quality:.1} dB");
        // SILK keeps the sound of speech, not its waveform: a few dB are what it gives.
        assert!(quality > 5.0, "{rate} Hz: {quality:.1} dB");
    }
}

#[test]
fn a_full_band_stream_decodes_at_8_khz() {
    let pcm = buzz(48_000, 25);
    let mut decoder = Decoder::new(8_000).unwrap();
    let mut out = [0; 960];
    for packet in packets(&mut Encoder::new(48_000, 32_000, 0).unwrap(), &pcm) {
        assert_eq!(decoder.decode(Some(&packet), false, &mut out), Ok(160));
    }
    assert!(energy(&out[..160]) > 1e5);
}

#[test]
fn frames_of_every_duration_are_taken() {
    for (tenths_of_ms, samples_8k) in [(25, 20), (50, 40), (100, 80), (200, 160), (400, 320), (600, 480)] {
        let mut codec = opus_pure::OpusEncoder::new(48_000, 1, opus_pure::Application::Audio).unwrap();
        let frame = 48 * tenths_of_ms / 10;
        let mut packet = [0; 2_000];
        let length = codec.encode_s16(&buzz(48_000, 5)[..frame], frame, &mut packet).unwrap();
        let mut out = [0; 960];
        let decoded = Decoder::new(8_000).unwrap().decode(Some(&packet[..length]), false, &mut out);
        assert_eq!(decoded, Ok(samples_8k));
        assert_eq!(duration_48k(&packet[..length]), Ok(frame as u32));
    }
}

#[test]
fn a_lost_packet_is_recovered_from_the_one_after_it_better_than_concealed() {
    let pcm = buzz(8_000, 60);
    let sent = packets(&mut Encoder::new(8_000, 32_000, 5).unwrap().with_fec(), &pcm);
    let carrying = sent.iter().filter(|packet| carries_fec(packet)).count();
    assert!(carrying > 30, "{carrying} of 60 packets carry a copy of the one before");
    let error_with = |fec: bool| {
        let (mut clean, mut lossy) = (Decoder::new(8_000).unwrap(), Decoder::new(8_000).unwrap());
        let mut error = 0.0;
        for (n, packet) in sent.iter().enumerate() {
            let (mut whole, mut heard) = ([0; 160], [0; 160]);
            clean.decode(Some(packet), false, &mut whole).unwrap();
            if n % 8 == 7 && n + 1 < sent.len() {
                let next = fec.then(|| sent[n + 1].as_slice());
                lossy.decode(next, fec, &mut heard).unwrap();
                let gap: Vec<i16> = whole.iter().zip(&heard).map(|(a, b)| a.saturating_sub(*b)).collect();
                error += energy(&gap) / energy(&whole);
            } else {
                lossy.decode(Some(packet), false, &mut heard).unwrap();
            }
        }
        error
    };
    let (recovered, concealed) = (error_with(true), error_with(false));
    println!("error of lost frames: recovered {recovered:.3}, concealed {concealed:.3}");
    assert!(recovered < concealed * 0.7, "recovered {recovered}, concealed {concealed}");
}

#[test]
fn a_packet_without_a_copy_is_told() {
    let pcm = buzz(8_000, 10);
    for packet in packets(&mut Encoder::new(8_000, 32_000, 5).unwrap(), &pcm) {
        assert!(!carries_fec(&packet));
    }
    // CELT, and packets cut short.
    for packet in [&[0xf8, 0xff, 0xff][..], &[0x0b], &[0x0b, 0x41], &[0x0a, 0xff], &[]] {
        assert!(!carries_fec(packet));
    }
}

#[test]
fn concealment_fades_and_takes_any_length() {
    let mut decoder = Decoder::new(8_000).unwrap();
    let mut out = [0; 960];
    for packet in packets(&mut Encoder::new(8_000, 24_000, 0).unwrap(), &buzz(8_000, 20)) {
        decoder.decode(Some(&packet), false, &mut out).unwrap();
    }
    let before = energy(&out[..160]);
    assert_eq!(decoder.decode(None, false, &mut out[..155]), Ok(140));
    assert!(energy(&out[..140]) > before / 30.0);
    for _ in 0..40 {
        assert_eq!(decoder.decode(None, false, &mut out[..160]), Ok(160));
    }
    assert!(energy(&out[..160]) < before / 100.0);
}

#[test]
fn wrong_use_is_told_from_wrong_packets() {
    assert_eq!(Decoder::new(44_100).unwrap_err(), OpusError::Rate(44_100));
    assert_eq!(Encoder::new(8_000, 100, 0).unwrap_err(), OpusError::Bitrate(100));
    let mut encoder = Encoder::new(8_000, 24_000, 99).unwrap();
    let wrong = encoder.encode(&[0; 100], &mut [0; 100]);
    assert_eq!(wrong, Err(OpusError::FrameLength { expected: 160, given: 100 }));
    let mut decoder = Decoder::new(8_000).unwrap();
    assert!(matches!(decoder.decode(Some(&[]), false, &mut [0; 160]), Err(OpusError::Packet(_))));
    let short = decoder.decode(Some(&[0x08, 1, 2, 3]), false, &mut [0; 10]);
    assert_eq!(short, Err(OpusError::Buffer { needed: 160, given: 10 }));
    assert!(duration_48k(&[0xff, 0x3f]).is_err());
}

#[derive(Debug, Clone)]
enum Step {
    Packet(Vec<u8>),
    Fec(Vec<u8>, usize),
    Lost(usize),
    Damaged { packet: usize, byte: usize, with: u8, cut: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let garbage = || proptest::collection::vec(any::<u8>(), 0..300);
    let step = prop_oneof![
        3 => garbage().prop_map(Step::Packet),
        2 => (garbage(), 0usize..1_000).prop_map(|(packet, out)| Step::Fec(packet, out)),
        1 => (0usize..1_000).prop_map(Step::Lost),
        4 => (0usize..10, 0usize..200, any::<u8>(), 0usize..100)
            .prop_map(|(packet, byte, with, cut)| Step::Damaged { packet, byte, with, cut }),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_sequence_of_hostile_packets_hurts_the_decoder(steps in steps(), rate in prop_oneof![Just(8_000u32), Just(16_000), Just(48_000)]) {
        let good = packets(&mut Encoder::new(16_000, 24_000, 0).unwrap().with_fec(), &buzz(16_000, 10));
        let mut decoder = Decoder::new(rate).unwrap();
        let mut out = [0; 5_760];
        for step in steps {
            let result = match step {
                Step::Packet(packet) => decoder.decode(Some(&packet), false, &mut out),
                Step::Fec(packet, length) => decoder.decode(Some(&packet), true, &mut out[..length]),
                Step::Lost(length) => decoder.decode(None, false, &mut out[..length]),
                Step::Damaged { packet, byte, with, cut } => {
                    let mut packet = good[packet].clone();
                    let at = byte % packet.len();
                    packet[at] ^= with;
                    packet.truncate(packet.len() - cut % packet.len());
                    decoder.decode(Some(&packet), false, &mut out)
                }
            };
            // The codec must not have been started afresh either: that would be a bug of its own.
            prop_assert_ne!(result, Err(OpusError::Internal));
            if let Ok(samples) = result {
                prop_assert!(samples <= 5_760);
            }
        }
        for packet in &good {
            prop_assert_eq!(decoder.decode(Some(packet), false, &mut out), Ok(rate as usize / 50));
        }
    }
}

#[test]
fn a_packet_of_speech_says_whether_there_is_a_voice_in_it_and_one_of_sound_in_general_does_not() {
    let voice = packets(&mut Encoder::new(16_000, 24_000, 5).unwrap(), &buzz(16_000, 50));
    let spoken = voice.iter().filter(|packet| holds_speech(packet) == Some(true)).count();
    // A hum that changes little is taken for noise after a while.
    assert!(spoken > 30, "{spoken}");
    let quiet = packets(&mut Encoder::new(16_000, 24_000, 5).unwrap(), &[0; 320 * 50]);
    assert!(quiet[10..].iter().all(|packet| holds_speech(packet) == Some(false)));
    // CELT, 20 ms, full band; and speech of which nothing is sent.
    assert_eq!(holds_speech(&[0xf8, 1, 2, 3]), None);
    assert_eq!(holds_speech(&[0x48]), Some(false));
}
