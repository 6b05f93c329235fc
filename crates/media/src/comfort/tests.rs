use proptest::prelude::*;

use super::*;
use crate::codec::AudioCodec;

/// Noise with so many units of peak, from -peak to peak, by a generator of its own.
fn hiss(peak: i16, frames: usize) -> Vec<Vec<i16>> {
    let mut state = 0x2545_f491_u32;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        ((i64::from(state) * i64::from(2 * i32::from(peak) + 1)) >> 32) as i16 - peak
    };
    (0..frames).map(|_| (0..160).map(|_| next()).collect()).collect()
}

fn coded(codec: AudioCodec, pcm: &[i16]) -> Vec<u8> {
    let mut out = vec![0; pcm.len()];
    match codec {
        AudioCodec::Pcmu => g711::encode_ulaw(pcm, &mut out),
        _ => g711::encode_alaw(pcm, &mut out),
    };
    out
}

/// What becomes of frames of a law, one letter each: sound, unchanged, described.
fn heard(hush: &mut Hush, codec: AudioCodec, frames: &[Vec<i16>]) -> String {
    let heard = frames.iter().map(|pcm| match hush.payload(codec, &coded(codec, pcm)) {
        Background::Sound => 's',
        Background::Unchanged => '-',
        Background::Described(_) => 'd',
    });
    heard.collect()
}

fn described(background: Background) -> Noise {
    let Background::Described(noise) = background else { panic!("{background:?}") };
    noise
}

#[test]
fn a_quiet_line_is_sent_for_a_while_then_described_and_described_again() {
    for codec in [AudioCodec::Pcmu, AudioCodec::Pcma] {
        let heard = heard(&mut Hush::default(), codec, &hiss(25, 70));
        assert_eq!(heard, format!("{}d----d{}d{}d--", "s".repeat(12), "-".repeat(24), "-".repeat(24)));
    }
}

#[test]
fn the_first_louder_frame_is_sound_and_quiet_begins_anew() {
    let mut hush = Hush::default();
    heard(&mut hush, AudioCodec::Pcmu, &hiss(25, 20));
    let mut word = hiss(25, 1);
    word[0][80] = 200;
    assert_eq!(heard(&mut hush, AudioCodec::Pcmu, &word), "s");
    assert_eq!(heard(&mut hush, AudioCodec::Pcmu, &hiss(25, 13)), format!("{}d", "s".repeat(12)));
}

#[test]
fn faint_speech_is_sound() {
    // -52 dBov: a tone of 117 at its loudest.
    let tone = |n: usize| (f64::from(u32::try_from(n).unwrap()) * 0.35).sin() * 117.0;
    let frames: Vec<Vec<i16>> =
        (0..50).map(|frame| (0..160).map(|n| tone(frame * 160 + n) as i16).collect()).collect();
    assert_eq!(heard(&mut Hush::default(), AudioCodec::Pcmu, &frames), "s".repeat(50));
}

#[test]
fn noise_is_described_by_level_and_colour() {
    let mut hush = Hush::default();
    let white = hiss(50, 14);
    let (last, before) = white.split_last().unwrap();
    before[..12].iter().for_each(|pcm| assert_eq!(hush.samples(pcm), Background::Sound));
    let noise = described(hush.samples(last));
    // Evenly spread from -50 to 50: its root mean square is 29, -61 dBov.
    assert!(noise.bytes()[0].abs_diff(61) <= 1, "{noise:?}");
    assert!(noise.bytes()[1..].iter().all(|byte| byte.abs_diff(127) < 25), "white: {noise:?}");

    // Each sample the mean of eight: what is high is gone.
    let mut hush = Hush::default();
    let flat: Vec<i16> = hiss(120, 16).concat();
    let dull: Vec<i16> = flat.windows(8).map(|of| of.iter().sum::<i16>() / 8).collect();
    let last = dull.chunks(160).map(|pcm| hush.samples(pcm)).take(13).last().unwrap();
    let noise = described(last);
    assert!(noise.bytes()[1] < 30, "the first coefficient of a dull noise is close to -1: {noise:?}");
}

#[test]
fn digital_silence_has_no_level() {
    let mut hush = Hush::default();
    for _ in 0..12 {
        assert_eq!(hush.payload(AudioCodec::Pcmu, &[g711::ULAW_SILENCE; 160]), Background::Sound);
    }
    let noise = described(hush.payload(AudioCodec::Pcmu, &[g711::ULAW_SILENCE; 160]));
    assert_eq!(noise.bytes(), [127, 127, 127, 127, 127, 127, 127, 127, 127]);
}

#[test]
fn a_line_that_changes_is_described_anew() {
    let mut hush = Hush::default();
    let settled = heard(&mut hush, AudioCodec::Pcmu, &hiss(10, 20));
    assert!(settled.ends_with("d----d--"), "{settled}");
    let louder = heard(&mut hush, AudioCodec::Pcmu, &hiss(50, 12));
    assert!(louder.contains('d'), "{louder}");
}

#[test]
fn other_codecs_are_sound() {
    let mut hush = Hush::default();
    for codec in [AudioCodec::G722, AudioCodec::Opus] {
        assert!((0..30).all(|_| hush.payload(codec, &[0xff; 160]) == Background::Sound));
    }
}

proptest! {
    #[test]
    fn no_payload_makes_it_panic(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..1000), 0..40)) {
        let mut hush = Hush::default();
        for payload in payloads {
            let _ = hush.payload(AudioCodec::Pcmu, &payload);
            let faint: Vec<u8> = payload.iter().map(|byte| byte | 0x70).collect();
            let _ = hush.payload(AudioCodec::Pcmu, &faint);
        }
    }
}
