use super::*;

/// Known points of G.711's tables 1 and 2, scaled to 16 bits.
#[test]
fn the_corner_points_of_both_laws_are_those_of_the_standard() {
    let ulaw = |byte| ULAW_TO_LINEAR[byte];
    assert_eq!([ulaw(0xff), ulaw(0x7f), ulaw(0x80), ulaw(0x00)], [0, 0, 32_124, -32_124]);
    let alaw = |byte| ALAW_TO_LINEAR[byte];
    assert_eq!([alaw(0xd5), alaw(0x55), alaw(0xaa), alaw(0x2a)], [8, -8, 32_256, -32_256]);
    assert_eq!(linear_to_ulaw(0), ULAW_SILENCE);
    assert_eq!(linear_to_alaw(0), ALAW_SILENCE);
    assert_eq!([linear_to_ulaw(i16::MAX), linear_to_ulaw(i16::MIN)], [0x80, 0x00]);
    assert_eq!([linear_to_alaw(i16::MAX), linear_to_alaw(i16::MIN)], [0xaa, 0x2a]);
}

#[test]
fn every_byte_survives_decoding_and_encoding() {
    for byte in 0..=255_u8 {
        // µ-law has two zeros; the negative one comes back as the positive one.
        if byte != 0x7f {
            assert_eq!(linear_to_ulaw(ULAW_TO_LINEAR[usize::from(byte)]), byte);
        }
        assert_eq!(linear_to_alaw(ALAW_TO_LINEAR[usize::from(byte)]), byte);
    }
}

#[test]
fn every_sample_comes_back_within_half_a_step() {
    for sample in i16::MIN..=i16::MAX {
        let magnitude = i32::from(sample).abs();
        // A step is a sixteenth of its segment, at least 8 (µ-law) or 16 (A-law); the top clips.
        let ulaw_step = 1 << ((magnitude + 132).ilog2() - 4);
        let alaw_step = 1 << (magnitude.max(256).ilog2() - 4);
        let ulaw = i32::from(ULAW_TO_LINEAR[usize::from(linear_to_ulaw(sample))]);
        let alaw = i32::from(ALAW_TO_LINEAR[usize::from(linear_to_alaw(sample))]);
        let clip = if magnitude > 32_124 { 644 } else { 0 };
        assert!((ulaw - i32::from(sample)).abs() <= ulaw_step / 2 + clip, "u-law {sample} -> {ulaw}");
        assert!((alaw - i32::from(sample)).abs() <= alaw_step / 2 + 1, "A-law {sample} -> {alaw}");
    }
}

#[test]
fn converting_between_the_laws_stays_within_a_step_of_the_coarser_one() {
    let all: Vec<u8> = (0..=255).collect();
    let (mut converted, mut back) = ([0; 256], [0; 256]);
    assert_eq!(ulaw_to_alaw(&all, &mut converted), 256);
    assert_eq!(alaw_to_ulaw(&converted, &mut back), 256);
    for byte in 0..256 {
        let before = i32::from(ULAW_TO_LINEAR[byte]);
        let after = i32::from(ULAW_TO_LINEAR[usize::from(back[byte])]);
        assert!((before - after).abs() <= (before.abs() / 16).max(16), "{byte:#x}: {before} -> {after}");
    }
}

#[test]
fn the_shorter_side_decides_how_much_is_written() {
    let mut out = [0_u8; 3];
    assert_eq!(encode_ulaw(&[0; 160], &mut out), 3);
    assert_eq!(encode_alaw(&[0; 2], &mut out), 2);
    assert_eq!(out, [ALAW_SILENCE, ALAW_SILENCE, ULAW_SILENCE]);
    let mut pcm = [1_i16; 4];
    assert_eq!(decode_ulaw(&[ULAW_SILENCE; 2], &mut pcm), 2);
    assert_eq!(decode_alaw(&[], &mut pcm), 0);
    assert_eq!(pcm, [0, 0, 1, 1]);
}
