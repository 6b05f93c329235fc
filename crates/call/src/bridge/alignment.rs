//! Where the clock of the frames sits: close behind the arrivals of the one talker, and yet true.
//!
//! A frame fetched right when its packet is there has waited least. So the clock moves, but never further than one frame
//! from where it would be had it never moved: the phone gets the packets of its time, not one more for a talker whose own
//! clock is fast or whose network is restless. At the end of its way the clock comes round: it goes back until the audio
//! is a whole frame too much, and that frame is left out by the talker's buffer.

use std::time::{Duration, Instant};

use super::to_phone::TICK;

/// All below in microseconds. The clock moves by at most this much per frame, so that the phone's own jitter buffer does not
/// notice.
const STEP: i64 = 500;
/// How much earlier than without moves a frame comes at the most, and how much later. Together a frame and what the
/// buffer wants on top of it before it leaves a frame out.
const EARLIEST: i64 = 20_000;
const LATEST: i64 = -5_000;
/// What waits too long by less is not worth coming round for, and what waits longer by a frame and so much is the buffer's.
const SLACK: i64 = 5_000;
/// What is short by more is not left to the clock alone: it is slow.
const MOST_HELP: i64 = 10_000;

/// The longest time from one frame to the next.
pub(super) const LONGEST_TICK: Duration = TICK.saturating_add(Duration::from_micros(STEP as u64));

/// How far the clock has been moved.
#[derive(Debug, Default)]
pub(super) struct Alignment {
    /// How much earlier the frames come than they would without moves.
    moved: i64,
    /// Of this, what the next frame comes earlier by.
    step: i64,
    coming_round: bool,
}

impl Alignment {
    /// A frame was fetched. The next may come earlier by `spare`, or should come later by `short`: one of them is zero.
    pub(super) fn follow(&mut self, spare: Duration, short: Duration) {
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let (spare, short) = (micros(spare), micros(short));
        if self.moved <= LATEST {
            self.coming_round = false;
        } else if self.moved >= EARLIEST && spare > SLACK {
            self.coming_round = true;
        }
        let wanted = if self.coming_round {
            -STEP
        } else if spare > EARLIEST + SLACK {
            0
        } else {
            (spare - short).clamp(-STEP, STEP)
        };
        self.step = wanted.clamp(LATEST - self.moved, EARLIEST - self.moved);
        self.moved += self.step;
    }

    /// Nobody is to be followed: the clock stays where it is.
    pub(super) fn stay(&mut self) {
        self.step = 0;
    }

    /// How much later the clock can come soon.
    pub(super) fn helps(&self) -> Duration {
        Duration::from_micros((self.moved - LATEST).clamp(0, MOST_HELP).unsigned_abs())
    }

    /// When a frame is due that would be at `due`.
    pub(super) fn apply(&self, due: Instant) -> Instant {
        let step = Duration::from_micros(self.step.unsigned_abs());
        if self.step < 0 { due + step } else { due - step }
    }
}
