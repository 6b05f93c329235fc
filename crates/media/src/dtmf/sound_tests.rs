//! Stories of digits as sound.

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::tones::{Detector, Player};
use super::*;
use crate::codec::g711;
use crate::tone::Sine;

const FRAME: usize = 160;

/// What a dial string sounds like, at 8 kHz.
fn sound(dial: &str) -> Vec<i16> {
    let (mut sender, mut player) = (Sender::new(), Player::new(8_000));
    sender.push(&dial.parse().unwrap()).unwrap();
    let mut pcm = Vec::new();
    loop {
        let mut frame = [0; FRAME];
        match sender.step() {
            SenderStep::Idle => return pcm,
            SenderStep::Event(event) => player.fill(&event, &mut frame),
            SenderStep::Audio => {}
        }
        pcm.extend(frame);
    }
}

fn heard(pcm: &[i16], rate: u32, frame: usize) -> String {
    let mut detector = Detector::new(rate);
    pcm.chunks(frame).filter_map(|frame| detector.hear(frame)).map(Digit::as_char).collect()
}

/// Two sines, `ms` long.
fn pair(low: f64, high: f64, peaks: (i16, i16), ms: usize) -> Vec<i16> {
    let mut pcm = vec![0; ms * 8];
    Sine::new(low, peaks.0, 8_000).fill(&mut pcm);
    let mut other = vec![0; pcm.len()];
    Sine::new(high, peaks.1, 8_000).fill(&mut other);
    pcm.iter().zip(&other).map(|(a, b)| a.saturating_add(*b)).collect()
}

const ALL: &str = "0123456789*#ABCD";

#[test]
fn every_digit_that_is_played_is_heard_once_after_g711_too() {
    let played = sound(&format!("{ALL}11w1"));
    let expected = format!("{ALL}111");
    assert_eq!(heard(&played, 8_000, FRAME), expected);
    let (mut coded, mut back) = (vec![0; played.len()], vec![0; played.len()]);
    g711::encode_ulaw(&played, &mut coded);
    g711::decode_ulaw(&coded, &mut back);
    assert_eq!(heard(&back, 8_000, 80), expected, "packets of 10 ms");
    assert_eq!(heard(&back, 8_000, 480), expected, "packets of 60 ms");
}

#[test]
fn a_digit_sounds_160_ms_at_the_levels_of_a_telephone() {
    let pcm = sound("5");
    let loud = pcm.iter().rposition(|sample| *sample != 0).unwrap() + 1;
    assert!((1_270..=1_280).contains(&loud), "{loud} samples");
    assert_eq!(pcm.len(), 13 * FRAME, "with its gap");
    assert!(pcm.iter().all(|sample| sample.unsigned_abs() < 21_000));
}

#[test]
fn short_quiet_detuned_and_lopsided_tones_are_accepted_and_refused_as_q24_says() {
    let quiet = |ms: usize| vec![0; ms * 8];
    let one = |low: f64, high: f64, peaks, ms| {
        let pcm = [quiet(50), pair(low, high, peaks, ms), quiet(50)].concat();
        heard(&pcm, 8_000, FRAME)
    };
    let usual = (9_000, 11_000);
    assert_eq!(one(770.0, 1336.0, usual, 40), "5");
    assert_eq!(one(770.0, 1336.0, usual, 20), "", "too short");
    assert_eq!(one(770.0, 1336.0, usual, 4_000), "5", "a long press is one");
    assert_eq!(one(770.0 * 1.015, 1336.0 * 0.985, usual, 60), "5");
    assert_eq!(one(941.0 * 0.985, 1633.0 * 1.015, usual, 60), "D");
    assert_eq!(one(770.0, 1336.0, (900, 1_000), 60), "5", "-30 dB");
    assert_eq!(one(770.0, 1336.0, (100, 100), 60), "", "-50 dB");
    assert_eq!(one(770.0, 1336.0, (9_000, 3_600), 60), "5", "8 dB of twist");
    assert_eq!(one(770.0, 1336.0, (5_700, 9_000), 60), "5", "4 dB the other way");
    assert_eq!(one(770.0, 1336.0, (9_000, 900), 60), "", "20 dB");
    assert_eq!(one(770.0, 770.0, usual, 60), "", "one tone only");
    assert_eq!(one(425.0, 1336.0, usual, 60), "");
    let twice =
        [pair(697.0, 1209.0, usual, 40), quiet(40), pair(697.0, 1209.0, usual, 40), quiet(40)].concat();
    assert_eq!(heard(&twice, 8_000, FRAME), "11");
}

/// Speech as far as a detector is concerned: voices of changing pitch with all their harmonics, shaped by formants that
/// wander over the frequencies of digits, with breath. Each harmonic is fainter than the one before, as the vocal cords
/// make them.
fn voice(seconds: usize, rng: &mut StdRng) -> Vec<i16> {
    let mut pcm = Vec::new();
    while pcm.len() < seconds * 8_000 {
        let pitch: f64 = rng.random_range(80.0..300.0);
        let glide: f64 = rng.random_range(-0.3..0.3);
        let formants = [rng.random_range(300.0..900.0), rng.random_range(900.0..2_300.0)];
        let breath: f64 = rng.random_range(0.0..0.1);
        let length = rng.random_range(400..3_000);
        let mut phase = 0.0_f64;
        for n in 0..length {
            phase += pitch * (1.0 + glide * f64::from(n) / f64::from(length)) / 8_000.0;
            let mut sum = 0.0;
            for harmonic in 1..(3_400.0 / pitch) as u32 {
                let frequency = f64::from(harmonic) * pitch;
                let shape: f64 =
                    formants.iter().map(|f: &f64| 1.0 / (1.0 + ((frequency - f) / 80.0).powi(2))).sum();
                sum +=
                    shape / f64::from(harmonic) * (std::f64::consts::TAU * phase * f64::from(harmonic)).sin();
            }
            sum += breath * rng.random_range(-1.0..1.0);
            pcm.push((sum * 20_000.0).clamp(-32_000.0, 32_000.0) as i16);
        }
    }
    pcm
}

/// These voices are harder than people's: two harmonics are often all there is, and now and then they are a digit's.
#[test]
fn voices_press_hardly_a_key() {
    let pressed: usize =
        (0..12).map(|seed| heard(&voice(10, &mut StdRng::seed_from_u64(seed)), 8_000, FRAME).len()).sum();
    assert!(pressed <= 6, "{pressed} digits in two minutes of voices");
}

#[test]
fn the_tones_of_a_telephone_network_press_no_key() {
    for (low, high) in [(350.0, 440.0), (440.0, 480.0), (480.0, 620.0), (425.0, 425.0), (1_400.0, 2_060.0)] {
        assert_eq!(heard(&pair(low, high, (9_000, 9_000), 2_000), 8_000, FRAME), "", "{low} + {high}");
    }
}

#[test]
fn digits_are_heard_through_noise() {
    let mut rng = StdRng::seed_from_u64(3);
    // 15 dB below the tones.
    let noisy: Vec<i16> =
        sound(ALL).iter().map(|s| s.saturating_add(rng.random_range(-3_000..3_000))).collect();
    assert_eq!(heard(&noisy, 8_000, FRAME), ALL);
}

#[test]
fn digits_are_heard_at_16_khz() {
    let mut pcm = vec![0; 16 * 60];
    Sine::new(852.0, 9_000, 16_000).fill(&mut pcm);
    let mut high = vec![0; pcm.len()];
    Sine::new(1_477.0, 9_000, 16_000).fill(&mut high);
    pcm.iter_mut().zip(&high).for_each(|(a, b)| *a += b);
    assert_eq!(heard(&pcm, 16_000, 320), "9");
}

#[test]
fn info_requests_of_both_kinds_are_understood() {
    let digit = |kind: &str, body: &str| digit_of_info(kind, body.as_bytes()).map(Digit::as_char);
    assert_eq!(digit("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"), Ok('5'));
    assert_eq!(digit("Application/DTMF-Relay;x=1", "Duration= 250\nsignal = *\n"), Ok('*'));
    assert_eq!(digit("application/dtmf-relay", "Signal=11"), Ok('#'));
    assert_eq!(digit("application/dtmf-relay", "Signal=d"), Ok('D'));
    assert_eq!(digit("application/dtmf", "7"), Ok('7'));
    assert_eq!(digit("application/dtmf", " 12\r\n"), Ok('A'));
    assert_eq!(digit("application/dtmf", "Signal=3\r\nDuration=100"), Ok('3'));
    assert_eq!(digit("application/dtmf-relay", "5"), Err(InfoError::Body));
    assert_eq!(digit("application/dtmf-relay", "Signal=16"), Err(InfoError::Body));
    assert_eq!(digit("application/dtmf-relay", "Signal=hf"), Err(InfoError::Body));
    assert_eq!(digit("application/dtmf", ""), Err(InfoError::Body));
    assert_eq!(digit("text/plain", "5"), Err(InfoError::ContentType));
}

proptest! {
    #[test]
    fn any_info_body_is_read_or_refused(kind in "application/dtmf(-relay)?", body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = digit_of_info(&kind, &body);
    }

    #[test]
    fn noise_presses_no_key(seed: u64, peak in 1_000..32_000_i16) {
        let mut rng = StdRng::seed_from_u64(seed);
        let pcm: Vec<i16> = (0..16_000).map(|_| rng.random_range(-peak..peak)).collect();
        prop_assert_eq!(heard(&pcm, 8_000, FRAME), "");
    }
}
