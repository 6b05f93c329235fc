//! What arrival times and sequence numbers tell of a stream.

use std::time::{Duration, Instant};

use serde::Serialize;

/// A frame that comes so much later than the fastest of the last seconds is late.
const LATE: Duration = Duration::from_millis(20);
/// How long the fastest frame is remembered, at least; twice as long at most. A stream that a stall has shifted for good
/// is then no longer late.
const REMEMBERED: Duration = Duration::from_secs(2);
/// So long without a frame is a gap: the one that was due is 20 ms overdue.
const GAP: Duration = Duration::from_millis(40);
/// Times between frames kept; beyond, the figures speak of the first part.
const MAX_SPACINGS: usize = 200_000;

/// The times of one stream.
#[derive(Debug, Default)]
pub(super) struct Timing {
    counts: Counts,
    first: Option<First>,
    fastest: Option<Fastest>,
    highest_seq: u64,
    /// Packets that describe a silence.
    descriptions: u64,
    last_arrival: Option<Instant>,
    spacings: Vec<f32>,
    jitter: f64,
    last_transit: Option<f64>,
}

/// What the stream is measured against.
#[derive(Debug, Clone, Copy)]
struct First {
    seq: u64,
    timestamp: u32,
    at: Instant,
}

/// The least time on the way, in seconds against the first frame, of this stretch of time and of the one before.
#[derive(Debug, Clone, Copy)]
struct Fastest {
    since: Instant,
    now: f64,
    before: f64,
}

impl Fastest {
    /// Takes a frame in; the least time there is to compare it with.
    fn observe(&mut self, now: Instant, transit: f64) -> f64 {
        if now - self.since >= REMEMBERED {
            *self = Self { since: now, now: transit, before: self.now };
        }
        self.now = self.now.min(transit);
        self.now.min(self.before)
    }
}

/// Counts since the last restart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Counts {
    /// Frames that came.
    pub(crate) frames: u64,
    /// Frames missing by sequence number.
    pub(crate) lost: u64,
    /// Frames more than 20 ms later than the fastest of the last seconds.
    pub(crate) late: u64,
    /// Times without a frame for more than 40 ms.
    pub(crate) gaps: u64,
    /// Frames of digital silence. The other side never is silent.
    pub(crate) silent: u64,
    /// The longest time without a frame, in milliseconds.
    pub(crate) longest_gap_ms: f64,
}

impl Counts {
    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            frames: self.frames + other.frames,
            lost: self.lost + other.lost,
            late: self.late + other.late,
            gaps: self.gaps + other.gaps,
            silent: self.silent + other.silent,
            longest_gap_ms: self.longest_gap_ms.max(other.longest_gap_ms),
        }
    }
}

impl Timing {
    pub(super) fn counts(&self) -> Counts {
        let expected = self.first.map_or(0, |first| self.highest_seq - first.seq + 1);
        Counts { lost: expected.saturating_sub(self.counts.frames + self.descriptions), ..self.counts }
    }

    pub(super) fn spacings(&self) -> &[f32] {
        &self.spacings
    }

    pub(super) fn jitter_ms(&self) -> f64 {
        self.jitter * 1000.0
    }

    /// Takes a frame; its media time since the first one, in ticks of `clock`. `None`: it is older than that.
    pub(super) fn packet(&mut self, at: Instant, seq: u64, timestamp: u32, clock: u32) -> Option<i32> {
        let first = *self.first.get_or_insert(First { seq, timestamp, at });
        if seq < first.seq {
            return None;
        }
        self.counts.frames += 1;
        self.highest_seq = self.highest_seq.max(seq);
        let media = timestamp.wrapping_sub(first.timestamp) as i32;
        self.time(at, first, f64::from(media) / f64::from(clock));
        self.space(at);
        Some(media)
    }

    /// A description of silence came in place of frames: the next one is not waited for.
    pub(super) fn silence(&mut self, seq: u64) {
        if self.first.is_some_and(|first| seq >= first.seq) {
            self.descriptions += 1;
            self.highest_seq = self.highest_seq.max(seq);
        }
        self.last_arrival = None;
    }

    /// How long the frame was on its way, compared with the fastest and with the one before.
    fn time(&mut self, at: Instant, first: First, media: f64) {
        let transit = at.saturating_duration_since(first.at).as_secs_f64() - media;
        let fastest = self.fastest.get_or_insert(Fastest { since: at, now: transit, before: transit });
        let fastest = fastest.observe(at, transit);
        self.counts.late += u64::from(transit - fastest > LATE.as_secs_f64());
        if let Some(last) = self.last_transit.replace(transit) {
            self.jitter += ((transit - last).abs() - self.jitter) / 16.0;
        }
    }

    fn space(&mut self, at: Instant) {
        let Some(last) = self.last_arrival.replace(at) else { return };
        let spacing = at.saturating_duration_since(last);
        let ms = spacing.as_secs_f64() * 1000.0;
        self.counts.gaps += u64::from(spacing > GAP);
        self.counts.longest_gap_ms = self.counts.longest_gap_ms.max(ms);
        if self.spacings.len() < MAX_SPACINGS {
            self.spacings.push(ms as f32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    #[test]
    fn an_even_stream_has_nothing_to_count() {
        let (mut timing, start) = (Timing::default(), Instant::now());
        for n in 0..50 {
            assert_eq!(timing.packet(start + ms(20 * n), n, 160 * n as u32, 8000), Some(160 * n as i32));
        }
        let counts = Counts { frames: 50, longest_gap_ms: 20.0, ..Counts::default() };
        assert_eq!(timing.counts(), counts);
        assert!(timing.jitter_ms() < 0.001);
        assert_eq!(timing.spacings().len(), 49);
    }

    #[test]
    fn loss_lateness_and_gaps_are_counted_once_each() {
        let (mut timing, start) = (Timing::default(), Instant::now());
        timing.packet(start, 10, u32::MAX, 8000);
        // Frame 11 is lost, frame 12 comes 25 ms late, frame 13 in time.
        timing.packet(start + ms(65), 12, 319, 8000);
        timing.packet(start + ms(66), 13, 479, 8000);
        let counts = timing.counts();
        assert_eq!((counts.frames, counts.lost, counts.late, counts.gaps), (3, 1, 1, 1));
        assert!((counts.longest_gap_ms - 65.0).abs() < 0.001);
    }

    #[test]
    fn a_described_silence_is_neither_loss_nor_gap() {
        let (mut timing, start) = (Timing::default(), Instant::now());
        timing.packet(start, 10, 0, 8000);
        timing.silence(11);
        timing.silence(12);
        timing.packet(start + ms(1000), 13, 8000, 8000);
        let counts = timing.counts();
        assert_eq!((counts.frames, counts.lost, counts.late, counts.gaps), (2, 0, 0, 0));
    }

    #[test]
    fn a_faster_frame_later_on_sets_the_measure() {
        let (mut timing, start) = (Timing::default(), Instant::now());
        for (n, late) in [(0, 15), (1, 0), (2, 25)] {
            timing.packet(start + ms(20 * n + late), n, 960 * n as u32, 48_000);
        }
        assert_eq!(timing.counts().late, 1);
    }

    #[test]
    fn after_a_stall_that_shifts_the_stream_frames_are_not_late_for_ever() {
        let (mut timing, start) = (Timing::default(), Instant::now());
        for n in 0..500 {
            let stall = if n < 100 { 0 } else { 500 };
            timing.packet(start + ms(20 * n + stall), n, 160 * n as u32, 8000);
        }
        let late = timing.counts().late;
        assert!((1..=200).contains(&late), "{late}");
    }
}
