//! How much audio waits, and bringing it to the target by playing a little faster or slower.

use std::time::Duration;

use super::{MAX_WAITING, PlayoutBuffer, SAMPLE, State, micros};
use crate::jitter::{FRAME, stretch};

/// Microseconds in one frame.
const FRAME_TIME: i64 = FRAME as i64 * SAMPLE;
/// So far from where it should be is the level left alone, or a third of the target where that is less.
const SLACK: i64 = 5_000;
/// What is short by less is nothing to move a clock for.
const SLIGHT: i64 = 1_000;
/// Above this surplus every frame is shortened, below only now and then.
const HURRY: i64 = 100_000;
/// Frames between two stretches; also after an attempt that found no period, for the next frames sound much the same.
const REST: u32 = 3;
/// The least leftover of a packet that is worth leaving out, in ticks.
const WORTHWHILE: usize = 40;

impl PlayoutBuffer {
    /// By how much more than needed the audio waits, in microseconds; `None` if nobody talks. A leftover of a packet
    /// does not count: it makes the audio older, but the next packet is needed no later for it.
    pub(super) fn surplus(&mut self, now: i64) -> Option<i64> {
        self.spare = 0;
        self.short = 0;
        self.stats.depth = Duration::ZERO;
        if self.state != State::Playing {
            return None;
        }
        let depth = self.delays.depth(now, (self.next_at - self.ready_ticks() as i64) * SAMPLE)?;
        let leftover = (self.ready_ticks() % FRAME) as i64 * SAMPLE;
        let surplus = depth - leftover - self.delays.target();
        self.stats.depth = micros(depth);
        self.spare = surplus.clamp(0, MAX_WAITING as i64 * SAMPLE);
        self.short = if surplus < -SLIGHT { -surplus } else { 0 };
        Some(surplus)
    }

    /// Leaves out or repeats a pitch period where the level is away from the target. `leftover` ticks of the packet
    /// before were ready when the frame was begun.
    pub(super) fn stretch(&mut self, surplus: Option<i64>, leftover: usize) {
        let Some(surplus) = surplus else { return };
        self.rested = self.rested.saturating_add(1);
        if self.rested < REST && (surplus < HURRY || self.aperiodic) {
            return;
        }
        let slack = SLACK.min(self.delays.target() / 3);
        if surplus + self.clock_helps < -slack {
            let added = stretch::lengthen(&mut self.ready, self.width);
            self.stats.lengthened += added as u64;
            self.tried(added);
        } else if surplus >= FRAME_TIME + slack {
            self.top_up();
            self.shorten(stretch::LONGEST);
        } else if surplus >= 0 && leftover >= WORTHWHILE && self.packets_fit_frames() {
            self.shorten(leftover);
        }
    }

    fn shorten(&mut self, longest: usize) {
        // What is left must still fill the frame.
        let longest = longest.min(self.ready_ticks() - FRAME);
        let gone = stretch::shorten(&mut self.ready, longest, self.width);
        self.stats.shortened += gone as u64;
        self.tried(gone);
    }

    /// Whether packets always end at the same place in a frame, so that a leftover serves nothing.
    fn packets_fit_frames(&self) -> bool {
        FRAME.is_multiple_of(self.usual) || self.usual.is_multiple_of(FRAME)
    }

    /// A period of so many ticks was found: none if zero.
    fn tried(&mut self, ticks: usize) {
        self.rested = 0;
        self.aperiodic = ticks == 0;
    }

    /// Decodes ahead what shortening needs to look at.
    fn top_up(&mut self) {
        while self.ready_ticks() < FRAME + stretch::needed(stretch::LONGEST) {
            let next = self.next_seq.and_then(|seq| self.shelf.get(seq));
            let Some(seq) = next.filter(|packet| packet.at <= self.next_at).map(|packet| packet.seq) else {
                return;
            };
            self.play_next(seq);
            if self.state != State::Playing {
                return;
            }
        }
    }
}
