//! Sequence numbers and timestamps of what goes into the room.
//!
//! The room's receivers know how to deal with loss and pauses if they are told the truth, so the source's gaps and
//! timestamp steps are kept. Only where one source takes over from another (dial tone, phone, a phone's new stream) is the
//! line mended: the sequence goes on without a gap and the timestamp by the time that has passed.

use std::time::Instant;

/// Ticks of the 8 kHz clock in 20 ms.
pub(super) const FRAME_TICKS: u32 = 160;
/// Steps beyond these are a source that started over, not a gap: 3,000 packets, 60 s.
const MAX_SEQ_STEP: i64 = 3_000;
const MAX_SECONDS: u32 = 60;

/// One outgoing stream.
#[derive(Debug)]
pub(super) struct Splice {
    /// Ticks a second.
    clock: u32,
    seq_offset: i64,
    tick_offset: u32,
    /// A source is being followed by these offsets.
    following: bool,
    last_seq: u64,
    last_ticks: u32,
    last_at: Option<Instant>,
}

/// Where a packet goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) seq: u64,
    pub(super) ticks: u32,
    /// The first packet after a change of source.
    pub(super) resumed: bool,
}

impl Splice {
    /// A stream that begins after this sequence number and timestamp and counts so many ticks a second.
    pub(super) fn new(seq: u16, ticks: u32, clock: u32) -> Self {
        // Far enough from both ends that the first packets may come in any order.
        let last_seq = u64::from(seq % 0x4000) + 0x1000;
        Self {
            clock,
            seq_offset: 0,
            tick_offset: 0,
            following: false,
            last_seq,
            last_ticks: ticks,
            last_at: None,
        }
    }

    /// The place of a source's packet; `None` for one from before the source took over.
    pub(super) fn place(&mut self, now: Instant, seq: u64, ticks: u32) -> Option<Place> {
        let resumed = !self.following || self.is_restart(seq, ticks);
        if resumed {
            self.follow(now, seq, ticks);
        }
        let out = u64::try_from(i64::try_from(seq).ok()?.checked_add(self.seq_offset)?).ok()?;
        let ticks = ticks.wrapping_add(self.tick_offset);
        if out > self.last_seq {
            self.last_seq = out;
            self.last_ticks = ticks;
            self.last_at = Some(now);
        }
        Some(Place { seq: out, ticks, resumed })
    }

    /// The time of what its source sends beside its packets of audio; `None`: it is not the one that is followed.
    pub(super) fn time_of(&self, ticks: u32) -> Option<u32> {
        self.following.then(|| ticks.wrapping_add(self.tick_offset))
    }

    /// What comes next is of another source, whatever its numbers.
    pub(super) fn part(&mut self) {
        self.following = false;
    }

    /// The place of the next frame of 20 ms of a source that has no numbers of its own.
    pub(super) fn next(&mut self, now: Instant) -> Place {
        let resumed = self.following || self.last_at.is_none();
        let (seq, ticks) = self.continuation(now);
        self.following = false;
        self.last_seq = seq;
        self.last_ticks = if resumed { ticks } else { self.last_ticks.wrapping_add(self.clock / 50) };
        self.last_at = Some(now);
        Place { seq, ticks: self.last_ticks, resumed }
    }

    fn is_restart(&self, seq: u64, ticks: u32) -> bool {
        let Ok(seq) = i64::try_from(seq) else { return true };
        let last = i64::try_from(self.last_seq).unwrap_or(i64::MAX);
        let seq_step = seq.saturating_add(self.seq_offset).saturating_sub(last);
        let tick_step = ticks.wrapping_add(self.tick_offset).wrapping_sub(self.last_ticks) as i32;
        seq_step.abs() > MAX_SEQ_STEP || tick_step.unsigned_abs() > MAX_SECONDS * self.clock
    }

    fn follow(&mut self, now: Instant, seq: u64, ticks: u32) {
        let (next_seq, next_ticks) = self.continuation(now);
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX / 2);
        self.seq_offset = signed(next_seq) - signed(seq);
        self.tick_offset = next_ticks.wrapping_sub(ticks);
        self.following = true;
    }

    /// What follows by the clock.
    fn continuation(&self, now: Instant) -> (u64, u32) {
        let passed = self.last_at.map_or(0, |at| {
            let ticks = now.saturating_duration_since(at).as_micros() * u128::from(self.clock) / 1_000_000;
            u32::try_from(ticks).unwrap_or(u32::MAX).max(self.clock / 50)
        });
        (self.last_seq + 1, self.last_ticks.wrapping_add(passed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_source_keeps_its_gaps_and_its_timestamp_steps() {
        let start = Instant::now();
        let mut line = Splice::new(7, 99, 8_000);
        let first = line.place(start, 1000, 5_000).unwrap();
        assert!(first.resumed);
        let lost_one = line.place(start, 1002, 5_320).unwrap();
        assert_eq!((lost_one.seq - first.seq, lost_one.ticks.wrapping_sub(first.ticks)), (2, 320));
        let pause = line.place(start, 1003, 5_320 + 8_000).unwrap();
        assert_eq!((pause.seq - lost_one.seq, pause.ticks.wrapping_sub(lost_one.ticks)), (1, 8_000));
        assert!(!pause.resumed);
    }

    #[test]
    fn a_late_packet_keeps_its_own_place() {
        let start = Instant::now();
        let mut line = Splice::new(0, 0, 8_000);
        let first = line.place(start, 10, 0).unwrap();
        let third = line.place(start, 12, 320).unwrap();
        let second = line.place(start, 11, 160).unwrap();
        assert_eq!((second.seq - first.seq, third.seq - first.seq), (1, 2));
        assert_eq!(line.place(start, 13, 480).unwrap().seq, third.seq + 1);
    }

    #[test]
    fn the_phone_takes_over_from_the_tone_without_a_seam() {
        let start = Instant::now();
        let mut line = Splice::new(0, 0, 8_000);
        let tone = line.next(start);
        let tone2 = line.next(start + Duration::from_millis(20));
        assert_eq!((tone2.seq - tone.seq, tone2.ticks.wrapping_sub(tone.ticks)), (1, 160));
        let phone = line.place(start + Duration::from_millis(55), 60_000, 123).unwrap();
        assert_eq!(phone.seq, tone2.seq + 1);
        assert_eq!(phone.ticks.wrapping_sub(tone2.ticks), 280, "35 ms have passed");
        assert!(phone.resumed);
    }

    #[test]
    fn a_phone_that_starts_over_is_followed_without_a_jump() {
        let start = Instant::now();
        let mut line = Splice::new(0, 0, 8_000);
        let before = line.place(start, 50_000, 1_000_000).unwrap();
        let after = line.place(start + Duration::from_millis(20), 9, 77).unwrap();
        assert_eq!((after.seq - before.seq, after.ticks.wrapping_sub(before.ticks)), (1, 160));
    }

    #[test]
    fn extreme_numbers_are_survived() {
        let start = Instant::now();
        let mut line = Splice::new(u16::MAX, u32::MAX, 8_000);
        for (seq, ticks) in [(u64::MAX, 0), (0, u32::MAX), (1 << 63, 1 << 31), (5, 5)] {
            let _ = line.place(start, seq, ticks);
            let _ = line.next(start);
        }
    }
}
