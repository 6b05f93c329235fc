//! One unbroken line of sequence numbers and timestamps for the phone's audio, whatever the phone does.
//!
//! Gaps stay gaps, so that the listener's own jitter buffer conceals them; but a new source, a restarted sequence or
//! a timestamp that jumps goes on where the old one stopped, and packets that are no audio (telephone-events, comfort
//! noise) leave no hole in the sequence.

use std::time::{Duration, Instant};

/// How far a timestamp may stray from both the sequence and the time that has passed before it counts as a jump.
const JUMP: Duration = Duration::from_secs(1);
/// The longest pause that is still one of the same speech.
const PAUSE: Duration = Duration::from_secs(600);

/// Where a packet lies on the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) sequence: u64,
    pub(super) timestamp: u32,
    /// The first packet after a new source, a restart or a jump.
    pub(super) broken: bool,
    /// The first packet after others that were no audio.
    pub(super) resumed: bool,
}

#[derive(Debug, Default)]
pub(super) struct Timeline {
    last: Option<Last>,
    /// Added to the phone's own numbers (wrapping).
    sequence_offset: u64,
    timestamp_offset: u32,
    /// Ticks between two consecutive packets, as last seen.
    frame: u32,
    skips: Skips,
    /// No packet of the phone's numbering before this one can be placed any more.
    begins: u64,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    /// The phone's own numbers.
    sequence: u64,
    timestamp: u32,
    arrival: Instant,
    clock: u32,
    place: Place,
}

/// Packets taken out of the sequence because they are no audio.
#[derive(Debug, Default)]
struct Skips {
    count: u64,
    /// The latest run of them: first and last packet, and the count before it.
    run: Option<(u64, u64, u64)>,
    pending_resume: bool,
}

impl Timeline {
    /// The numbers of the next packet have nothing to do with those before it.
    pub(super) fn restart(&mut self, first: u64) {
        self.begins = first;
        self.skips.run = None;
        if let Some(last) = &mut self.last {
            // What follows the last placed packet is the next place, less the skips that are still subtracted.
            let next = last.place.sequence.wrapping_add(1);
            self.sequence_offset = next.wrapping_sub(first).wrapping_add(self.skips.count);
            last.sequence = u64::MAX;
        }
    }

    /// Takes a packet that is no audio out of the sequence. To be called for new packets only, not for late ones.
    pub(super) fn skip(&mut self, sequence: u64) {
        match &mut self.skips.run {
            Some((_, end, _)) if *end + 1 == sequence => *end = sequence,
            run => {
                // Late packets from before the run before this one can no longer be placed.
                self.begins = run.map_or(self.begins, |(_, end, _)| end);
                *run = Some((sequence, sequence, self.skips.count));
            }
        }
        self.skips.count += 1;
        self.skips.pending_resume = true;
    }

    /// Places a new audio packet with the phone's own extended `sequence` and `timestamp`, of a codec with `clock`
    /// ticks a second.
    pub(super) fn place(&mut self, sequence: u64, timestamp: u32, now: Instant, clock: u32) -> Place {
        let broken = match self.last {
            None => false,
            // A new source, or another codec with a clock of its own.
            Some(last) if last.sequence == u64::MAX || last.clock != clock => {
                self.rebase(last, timestamp, now, clock);
                true
            }
            Some(last) => self.follow(last, sequence, timestamp, now, clock),
        };
        let place = Place {
            sequence: sequence.wrapping_add(self.sequence_offset).wrapping_sub(self.skips.count),
            timestamp: timestamp.wrapping_add(self.timestamp_offset),
            broken,
            resumed: std::mem::take(&mut self.skips.pending_resume),
        };
        self.last = Some(Last { sequence, timestamp, arrival: now, clock, place });
        place
    }

    /// Places an audio packet that others have overtaken. `None`: it is too old to be placed.
    pub(super) fn place_late(&self, sequence: u64, timestamp: u32) -> Option<Place> {
        if sequence < self.begins {
            return None;
        }
        let skipped = match self.skips.run {
            Some((start, _, before)) if sequence < start => before,
            _ => self.skips.count,
        };
        Some(Place {
            sequence: sequence.wrapping_add(self.sequence_offset).wrapping_sub(skipped),
            timestamp: timestamp.wrapping_add(self.timestamp_offset),
            broken: false,
            resumed: false,
        })
    }

    /// The time of a packet that is no audio, of the phone's own clock, on the line. `None`: it is of a clock that no audio
    /// has come of, or far from what has.
    pub(super) fn time_of(&self, timestamp: u32) -> Option<u32> {
        let last = self.last.filter(|last| last.sequence != u64::MAX)?;
        let time = timestamp.wrapping_add(self.timestamp_offset);
        let after = time.wrapping_sub(last.place.timestamp);
        (after < ticks(PAUSE, last.clock)).then_some(time)
    }

    /// Checks a packet against the one before it and takes a jump of the timestamp out. Returns whether there was one.
    fn follow(&mut self, last: Last, sequence: u64, timestamp: u32, now: Instant, clock: u32) -> bool {
        let packets = sequence.wrapping_sub(last.sequence);
        let step = timestamp.wrapping_sub(last.timestamp);
        let by_time = ticks(now.saturating_duration_since(last.arrival), clock);
        let by_sequence = u64::from(self.frame).saturating_mul(packets).min(u64::from(u32::MAX)) as u32;
        let far = |expected: u32| (step.wrapping_sub(expected) as i32).unsigned_abs() > ticks(JUMP, clock);
        if far(by_time) && far(by_sequence) {
            self.rebase(last, timestamp, now, clock);
            self.begins = sequence;
            return true;
        }
        if packets == 1 && step <= clock / 10 {
            self.frame = step;
        }
        false
    }

    /// Lets `timestamp` follow the last place by the time that has passed, one frame at least.
    fn rebase(&mut self, last: Last, timestamp: u32, now: Instant, clock: u32) {
        let frame = if self.frame == 0 || last.clock != clock { clock / 50 } else { self.frame };
        let passed = ticks(now.saturating_duration_since(last.arrival), clock).max(frame);
        self.timestamp_offset = last.place.timestamp.wrapping_add(passed).wrapping_sub(timestamp);
    }
}

fn ticks(duration: Duration, clock: u32) -> u32 {
    (duration.as_nanos() * u128::from(clock) / 1_000_000_000) as u32
}
