use super::*;

fn tone(frequency: f64, rate: u32, len: usize) -> Vec<i16> {
    let mut out = vec![0; len];
    Sine::new(frequency, HALF_SCALE, rate).fill(&mut out);
    out
}

#[test]
fn a_tone_written_in_pieces_is_the_tone_written_at_once() {
    for rate in [8000, 16_000, 48_000] {
        let whole = tone(425.0, rate, 4801);
        let mut sine = Sine::new(425.0, HALF_SCALE, rate);
        let mut pieces = Vec::new();
        for len in [1, 160, 7, 960, 0, 3673] {
            let mut piece = vec![0; len];
            sine.fill(&mut piece);
            pieces.extend(piece);
        }
        assert_eq!(pieces, whole);
    }
}

#[test]
fn a_tone_has_the_asked_frequency_and_level() {
    for (frequency, rate) in [(425.0, 8000), (1000.0, 48_000), (697.0, 16_000)] {
        let samples = tone(frequency, rate, rate as usize);
        let rising = samples.windows(2).filter(|w| w[0] < 0 && w[1] >= 0).count();
        assert!((rising as f64 - frequency).abs() <= 1.0, "{rising} periods of {frequency} Hz in one second");
        let peak = samples.iter().map(|s| s.unsigned_abs()).max().unwrap();
        assert!((16_000..=16_383).contains(&peak), "peak {peak}");
    }
}

#[test]
fn the_dial_tone_sounds_one_second_in_five_at_any_rate() {
    for rate in [8000_u32, 48_000] {
        let mut dial_tone = DialTone::new(rate);
        let mut frame = vec![0; rate as usize / 50];
        for n in 0..500 {
            let audible = dial_tone.fill(&mut frame);
            assert_eq!(audible, n % 250 < 50, "frame {n} at {rate} Hz");
            assert_eq!(frame.iter().any(|&s| s != 0), audible);
        }
    }
}

#[test]
fn impossible_rates_give_silence_and_never_a_panic() {
    let mut out = [1; 10];
    DialTone::new(0).fill(&mut out);
    assert_eq!(out, [0; 10]);
    DialTone::new(u32::MAX).fill(&mut out);
    Sine::new(f64::NAN, i16::MIN, 8000).fill(&mut out);
    assert_eq!(out, [0; 10]);
}
