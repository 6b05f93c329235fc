//! One talker untouched, several without edges.

use proptest::prelude::*;

use super::*;

const FRAME: usize = 160;

fn mixed(frames: &[[i16; FRAME]]) -> ([i16; FRAME], usize) {
    let mut mixer = Mixer::new();
    let mut out = [1; FRAME];
    frames.iter().for_each(|frame| mixer.add(frame));
    let talkers = mixer.finish(&mut out);
    (out, talkers)
}

#[test]
fn nobody_is_silence() {
    assert_eq!(mixed(&[]), ([0; FRAME], 0));
}

#[test]
fn two_quiet_talkers_are_added_exactly() {
    assert_eq!(mixed(&[[1_000; FRAME], [-300; FRAME]]), ([700; FRAME], 2));
}

#[test]
fn shouting_together_bends_and_never_wraps() {
    let (two, _) = mixed(&[[30_000; FRAME], [30_000; FRAME]]);
    let (three, _) = mixed(&[[30_000; FRAME]; 3]);
    assert!(two[0] > 28_000 && two[0] < three[0]);
    let (low, _) = mixed(&[[i16::MIN; FRAME]; 40]);
    assert!(low[0] < -32_000);
}

#[test]
fn a_frame_leaves_nothing_behind_for_the_next() {
    let mut mixer = Mixer::new();
    let mut out = [0; FRAME];
    mixer.add(&[5_000; FRAME]);
    mixer.finish(&mut out);
    mixer.add(&[7; FRAME]);
    assert_eq!(mixer.finish(&mut out), 1);
    assert_eq!(out, [7; FRAME]);
}

proptest! {
    #[test]
    fn a_talker_alone_passes_untouched(level in any::<i16>()) {
        prop_assert_eq!(mixed(&[[level; FRAME]]), ([level; FRAME], 1));
    }

    #[test]
    fn louder_in_is_never_quieter_out(a in -200_000i32..200_000, b in -200_000i32..200_000) {
        let (low, high) = (a.min(b), a.max(b));
        prop_assert!(soft_clip(low) <= soft_clip(high));
        prop_assert!(soft_clip(high).abs() <= i32::from(i16::MAX));
        prop_assert_eq!(soft_clip(-high), -soft_clip(high));
    }
}

#[test]
fn a_talker_begins_and_ends_on_a_slope() {
    let (mut first, mut last) = ([8_000i16; FRAME], [8_000i16; FRAME]);
    fade_in(&mut first);
    fade_out(&mut last);
    let steps = |frame: &[i16]| frame.windows(2).map(|pair| pair[1].abs_diff(pair[0])).max();
    assert_eq!((first[0], first[FRAME / 4], first[FRAME - 1]), (0, 8_000, 8_000));
    assert_eq!((last[0], last[FRAME - 1]), (7_950, 0));
    assert_eq!((steps(&first), steps(&last)), (Some(200), Some(50)));
    fade_in(&mut []);
}
