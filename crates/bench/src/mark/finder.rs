//! Looks for marks in blocks of 20 ms as they arrive.

use std::time::{Duration, Instant};

use super::{RATE, template};

/// Samples of 20 ms.
const BLOCK: usize = 160;
const BLOCK_TIME: Duration = Duration::from_millis(20);
/// A block this loud may hold a mark. The speech stays below, so most blocks are not looked into.
const LOUD: u16 = 8000;
/// How much like the mark what is found must be, 1 being the mark itself.
const ALIKE: f32 = 0.6;
/// What is found so soon after the last one is the same mark.
const SAME: Duration = Duration::from_millis(100);

/// Finds the marks of one stream.
#[derive(Debug, Default)]
pub(crate) struct Finder {
    before: Option<Block>,
    middle: Option<Block>,
    last: Option<Instant>,
}

#[derive(Debug)]
struct Block {
    /// When it arrived: a listener who plays it at once hears it from then on.
    at: Instant,
    /// Of its first sample in the stream.
    position: u32,
    peak: u16,
    pcm: [i16; BLOCK],
}

impl Finder {
    /// Takes the samples of a packet that came at `at`, its first sample at `position` of the stream. When a mark has
    /// been found: when it begins, if each packet is played from its arrival on.
    pub(crate) fn take(&mut self, at: Instant, position: u32, pcm: &[i16]) -> Option<Instant> {
        let mut found = None;
        for (block, n) in pcm.chunks_exact(BLOCK).zip(0_u32..) {
            let place = position.wrapping_add(n * BLOCK as u32);
            found = self.block(at + BLOCK_TIME * n, place, block).or(found);
        }
        found
    }

    fn block(&mut self, at: Instant, position: u32, samples: &[i16]) -> Option<Instant> {
        let mut pcm = [0; BLOCK];
        pcm.copy_from_slice(samples);
        let peak = pcm.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
        let after = Block { at, position, peak, pcm };
        let loud = self.middle.as_ref().filter(|middle| middle.peak >= LOUD);
        let found = loud.and_then(|middle| search(self.before.as_ref(), middle, &after));
        self.before = self.middle.replace(after);
        let begin = found?;
        let same = self.last.is_some_and(|last| begin < last + SAME);
        self.last = Some(self.last.map_or(begin, |last| last.max(begin)));
        (!same).then_some(begin)
    }
}

/// When the mark begins that begins in `before` or `middle`, if one does.
fn search(before: Option<&Block>, middle: &Block, after: &Block) -> Option<Instant> {
    let mut window = [0.0; 3 * BLOCK];
    let before = before.filter(|before| middle.position.wrapping_sub(before.position) == BLOCK as u32);
    let after = Some(after).filter(|after| after.position.wrapping_sub(middle.position) == BLOCK as u32);
    for (block, begin) in [(before, 0), (Some(middle), BLOCK), (after, 2 * BLOCK)] {
        let samples = block.map(|block| &block.pcm).into_iter().flatten();
        window[begin..].iter_mut().zip(samples).for_each(|(to, sample)| *to = f32::from(*sample));
    }
    let place = peak_of(&window)?;
    let (block, offset) = match before.filter(|_| place < BLOCK as f64) {
        Some(before) => (before, place),
        None => (middle, place - BLOCK as f64),
    };
    let seconds = offset / f64::from(RATE);
    Some(if seconds < 0.0 {
        block.at.checked_sub(Duration::from_secs_f64(-seconds))?
    } else {
        block.at + Duration::from_secs_f64(seconds)
    })
}

/// Where the window is most like the mark, between the samples too.
fn peak_of(window: &[f32; 3 * BLOCK]) -> Option<f64> {
    let mark = template();
    let alike = |at: usize| {
        let part = &window[at..at + mark.len()];
        let product: f32 = part.iter().zip(mark).map(|(sample, mark)| sample * mark).sum();
        let energy: f32 = part.iter().map(|sample| sample * sample).sum();
        if energy > 1.0 { product / energy.sqrt() } else { 0.0 }
    };
    let likeness: Vec<f32> = (0..2 * BLOCK + 1).map(alike).collect();
    let best = (1..2 * BLOCK).max_by(|&a, &b| likeness[a].total_cmp(&likeness[b]))?;
    if likeness[best] < ALIKE {
        return None;
    }
    let [left, top, right] = [likeness[best - 1], likeness[best], likeness[best + 1]];
    let bend = left - 2.0 * top + right;
    let shift = if bend < 0.0 { 0.5 * (left - right) / bend } else { 0.0 };
    Some(best as f64 + f64::from(shift.clamp(-0.5, 0.5)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mark;

    fn find(pcm: &[i16], lost: Option<usize>) -> Vec<f64> {
        let (mut finder, start) = (Finder::default(), Instant::now());
        let mut found = Vec::new();
        for (n, block) in pcm.chunks_exact(BLOCK).enumerate().filter(|(n, _)| Some(*n) != lost) {
            let at = start + BLOCK_TIME * n as u32;
            found.extend(finder.take(at, (n * BLOCK) as u32, block));
        }
        found.iter().map(|&at| (at - start).as_secs_f64()).collect()
    }

    #[test]
    fn each_mark_is_found_once_at_its_sample_wherever_it_begins_in_a_block() {
        for step in 0..32_usize {
            let begin = (1600 + 5 * step) as f64 / 8000.0;
            let mut pcm = vec![0; 8000];
            pcm.iter_mut().enumerate().for_each(|(n, sample)| *sample = ((n * 37 % 200) as i16) - 100);
            mark::write(&mut pcm, 8000, begin);
            let found = find(&pcm, None);
            assert_eq!(found.len(), 1, "at {begin}: {found:?}");
            assert!((found[0] - begin).abs() < 0.25 / 8000.0, "{} is not {begin}", found[0]);
        }
    }

    #[test]
    fn a_loud_tone_is_no_mark_and_a_lost_block_hides_one() {
        let tone: Vec<i16> = (0..8000).map(|n| ((f64::from(n) * 0.8).sin() * 20_000.0) as i16).collect();
        assert!(find(&tone, None).is_empty());
        let mut pcm = vec![0; 8000];
        mark::write(&mut pcm, 8000, 0.205);
        assert!(find(&pcm, Some(10)).is_empty());
    }
}
