//! Playing a little faster or slower without changing the pitch: one pitch period is left out or played twice, with
//! the ends faded into one another (overlap-add).
//!
//! Lengths are in ticks of 8 kHz. Wideband sound is compared by every other sample: its pitch is found as well, for the
//! same work.

use super::Width;

/// The shortest and longest period that is looked for, in ticks: 400 to 66 Hz.
pub(super) const SHORTEST: usize = 20;
pub(super) const LONGEST: usize = 120;
/// Ticks over which two periods are compared.
const COMPARED: usize = 100;
/// Ticks that must be there for a period of `longest`.
pub(super) const fn needed(longest: usize) -> usize {
    longest + COMPARED
}
/// How alike two periods must be, unless the sound is faint anyway.
const ALIKE: f32 = 0.6;
/// Mean square below which nobody hears a seam: -55 dB of full scale.
const FAINT: f32 = 60.0 * 60.0;

/// Leaves out one period at the start of `pcm`, of `longest` ticks at most. Returns how many ticks went: none if the
/// sound is not periodic enough, or too short.
pub(super) fn shorten(pcm: &mut Vec<i16>, longest: usize, width: Width) -> usize {
    let Some(ticks) = find_period(pcm, longest, width) else {
        return 0;
    };
    let period = ticks * width.per_tick();
    for n in 0..period {
        pcm[n] = blend(pcm[n], pcm[period + n], n, period);
    }
    pcm.drain(period..2 * period);
    ticks
}

/// Plays one period at the start of `pcm` twice. Returns how many ticks were put in.
pub(super) fn lengthen(pcm: &mut Vec<i16>, width: Width) -> usize {
    let Some(ticks) = find_period(pcm, LONGEST, width) else {
        return 0;
    };
    let (period, end) = (ticks * width.per_tick(), pcm.len());
    pcm.resize(end + period, 0);
    pcm.copy_within(period..end, 2 * period);
    for n in 0..period {
        pcm[period + n] = blend(pcm[2 * period + n], pcm[n], n, period);
    }
    ticks
}

/// From `a` to `b`, step `n` of `length`.
fn blend(a: i16, b: i16, n: usize, length: usize) -> i16 {
    let (n, length) = (n as i32, length as i32);
    ((i32::from(a) * (length - n) + i32::from(b) * n) / length) as i16
}

/// The period at the start of `pcm`, in ticks.
fn find_period(pcm: &[i16], longest: usize, width: Width) -> Option<usize> {
    let mut thinned = [0; needed(LONGEST)];
    let pcm = match width {
        Width::Narrow => pcm,
        Width::Wide => {
            let pairs = pcm.as_chunks::<2>().0;
            thinned.iter_mut().zip(pairs).for_each(|(tick, pair)| *tick = pair[0]);
            &thinned[..pairs.len().min(needed(LONGEST))]
        }
    };
    let longest = longest.min(LONGEST).min(pcm.len().saturating_sub(COMPARED)).min(pcm.len() / 2);
    if longest < SHORTEST {
        return None;
    }
    let mut sound = [0.0; needed(LONGEST)];
    sound.iter_mut().zip(pcm).for_each(|(sound, sample)| *sound = f32::from(*sample));
    let piece = |lag: usize| &sound[lag..lag + COMPARED];
    let here = product(piece(0), piece(0));
    let faint = |lag: usize| product(piece(lag), piece(lag)) / (COMPARED as f32) < FAINT;
    if faint(0) && faint(longest) {
        return Some(longest);
    }
    let likeness = |lag: usize| {
        let there = piece(lag);
        product(piece(0), there) / (here * product(there, there)).sqrt().max(1.0)
    };
    let best = (SHORTEST..=longest).map(|lag| (lag, likeness(lag))).max_by(|a, b| a.1.total_cmp(&b.1))?;
    (best.1 > ALIKE).then_some(best.0)
}

/// Four sums side by side, so that the compiler may use vector registers.
fn product(a: &[f32], b: &[f32]) -> f32 {
    const { assert!(COMPARED.is_multiple_of(4), "nothing is left over") };
    let mut sums = [0.0f32; 4];
    for (a, b) in a.as_chunks::<4>().0.iter().zip(b.as_chunks::<4>().0) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}
