use proptest::prelude::*;

use super::*;
use crate::tone::Sine;

/// The part of the energy of `pcm` that is a sine of this frequency.
fn share(pcm: &[i16], frequency: f64) -> f64 {
    let (mut re, mut im, mut all) = (0.0, 0.0, 0.0);
    for (n, sample) in pcm.iter().enumerate() {
        let (sample, angle) = (f64::from(*sample), std::f64::consts::TAU * frequency * n as f64 / 16_000.0);
        re += sample * angle.cos();
        im += sample * angle.sin();
        all += sample * sample;
    }
    2.0 * (re * re + im * im) / (all * pcm.len() as f64)
}

#[test]
fn tones_of_the_whole_band_come_through() {
    for frequency in [200.0, 1_000.0, 3_000.0, 5_000.0, 6_500.0] {
        let mut pcm = vec![0; 16_000];
        Sine::new(frequency, 8_000, 16_000).fill(&mut pcm);
        let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
        let mut out = Vec::new();
        for frame in pcm.chunks(320) {
            let (mut coded, mut back) = ([0; 160], [0; 320]);
            assert_eq!(encoder.encode(frame, &mut coded), 160);
            assert_eq!(decoder.decode(&coded, &mut back), 320);
            out.extend(back);
        }
        let share = share(&out[1_600..], frequency);
        assert!(share > 0.95, "{frequency} Hz: {share}");
    }
}

#[test]
fn too_little_room_is_survived() {
    assert_eq!(Encoder::new().encode(&[0; 320], &mut [0; 10]), 0);
    assert_eq!(Decoder::new().decode(&[0; 160], &mut [0; 319]), 0);
    assert_eq!(Encoder::new().encode(&[0; 3], &mut [0; 10]), 1);
}

proptest! {
    #[test]
    fn any_bytes_are_decoded(payload in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut out = vec![0; payload.len() * 2];
        prop_assert_eq!(Decoder::new().decode(&payload, &mut out), out.len());
    }
}
