//! What a phone hears, in counts: frames lost, late and silent, gaps, and how evenly frames come.

use std::time::{Duration, Instant};

use media::codec::{AudioCodec, g711};
use serde::Serialize;

/// RTP clock of G.711.
const CLOCK: f64 = 8000.0;
/// A frame that comes so much later than the fastest of the last seconds is late.
const LATE: Duration = Duration::from_millis(20);
/// How long the fastest frame is remembered, at least; twice as long at most. A stream that a stall has shifted for good
/// is then no longer late.
const REMEMBERED: Duration = Duration::from_secs(2);
/// So long without a frame is a gap: the one that was due is 20 ms overdue.
const GAP: Duration = Duration::from_millis(40);
/// Samples of digital silence, after coding, stay below.
const SILENT_PEAK: u16 = 16;
/// Times between frames kept; beyond, the figures speak of the first part.
const MAX_SPACINGS: usize = 2_000_000;

/// Listens to one stream.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    counts: Counts,
    first: Option<First>,
    fastest: Option<Fastest>,
    highest_seq: u64,
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

/// Counts since the last [`Hearing::restart`].
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

impl Hearing {
    /// Forgets what was heard; counts from the next frame on.
    pub(crate) fn restart(&mut self) {
        *self = Self::default();
    }

    /// What was counted.
    pub(crate) fn counts(&self) -> Counts {
        let expected = self.first.map_or(0, |first| self.highest_seq - first.seq + 1);
        Counts { lost: expected.saturating_sub(self.counts.frames), ..self.counts }
    }

    /// Milliseconds between frames that followed one another.
    pub(crate) fn spacings(&self) -> &[f32] {
        &self.spacings
    }

    /// Interarrival jitter in milliseconds (RFC 3550 §6.4.1).
    pub(crate) fn jitter_ms(&self) -> f64 {
        self.jitter * 1000.0
    }

    /// Takes a frame; true if it holds a sound.
    pub(crate) fn packet(
        &mut self,
        now: Instant,
        seq: u64,
        timestamp: u32,
        codec: AudioCodec,
        payload: &[u8],
    ) -> bool {
        let silent = is_silent(codec, payload);
        let first = *self.first.get_or_insert(First { seq, timestamp, at: now });
        if seq < first.seq {
            return !silent;
        }
        self.counts.frames += 1;
        self.counts.silent += u64::from(silent);
        self.highest_seq = self.highest_seq.max(seq);
        self.time(now, first, timestamp);
        self.space(now);
        !silent
    }

    /// How long the frame was on its way, compared with the fastest and with the one before.
    fn time(&mut self, now: Instant, first: First, timestamp: u32) {
        let media = f64::from(timestamp.wrapping_sub(first.timestamp) as i32) / CLOCK;
        let transit = (now - first.at).as_secs_f64() - media;
        let fastest = self.fastest.get_or_insert(Fastest { since: now, now: transit, before: transit });
        let fastest = fastest.observe(now, transit);
        self.counts.late += u64::from(transit - fastest > LATE.as_secs_f64());
        if let Some(last) = self.last_transit.replace(transit) {
            self.jitter += ((transit - last).abs() - self.jitter) / 16.0;
        }
    }

    fn space(&mut self, now: Instant) {
        let Some(last) = self.last_arrival.replace(now) else { return };
        let spacing = now - last;
        let ms = spacing.as_secs_f64() * 1000.0;
        self.counts.gaps += u64::from(spacing > GAP);
        self.counts.longest_gap_ms = self.counts.longest_gap_ms.max(ms);
        if self.spacings.len() < MAX_SPACINGS {
            self.spacings.push(ms as f32);
        }
    }
}

fn is_silent(codec: AudioCodec, payload: &[u8]) -> bool {
    let mut pcm = [0; 160];
    payload.chunks(pcm.len()).all(|chunk| {
        let samples = match codec {
            AudioCodec::Pcma => g711::decode_alaw(chunk, &mut pcm),
            _ => g711::decode_ulaw(chunk, &mut pcm),
        };
        pcm[..samples].iter().all(|sample| sample.unsigned_abs() <= SILENT_PEAK)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOUD: [u8; 160] = [0x20; 160];
    const SILENCE: [u8; 160] = [g711::ULAW_SILENCE; 160];

    fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    #[test]
    fn an_even_stream_has_nothing_to_count() {
        let (mut hearing, start) = (Hearing::default(), Instant::now());
        for n in 0..50 {
            assert!(hearing.packet(start + ms(20 * n), n, 160 * n as u32, AudioCodec::Pcmu, &LOUD));
        }
        let counts = Counts { frames: 50, longest_gap_ms: 20.0, ..Counts::default() };
        assert_eq!(hearing.counts(), counts);
        assert!(hearing.jitter_ms() < 0.001);
        assert_eq!(hearing.spacings().len(), 49);
    }

    #[test]
    fn loss_lateness_gaps_and_silence_are_counted_once_each() {
        let (mut hearing, start) = (Hearing::default(), Instant::now());
        let codec = AudioCodec::Pcmu;
        hearing.packet(start, 10, u32::MAX, codec, &LOUD);
        // Frame 11 is lost, frame 12 comes 25 ms late, frame 13 in time and silent.
        hearing.packet(start + ms(65), 12, 319, codec, &LOUD);
        assert!(!hearing.packet(start + ms(66), 13, 479, codec, &SILENCE));
        let counts = hearing.counts();
        assert_eq!((counts.frames, counts.lost, counts.late), (3, 1, 1));
        assert_eq!((counts.gaps, counts.silent), (1, 1));
        assert!((counts.longest_gap_ms - 65.0).abs() < 0.001);
        hearing.restart();
        assert_eq!(hearing.counts(), Counts::default());
    }

    #[test]
    fn a_faster_frame_later_on_sets_the_measure() {
        let (mut hearing, start) = (Hearing::default(), Instant::now());
        for (n, late) in [(0, 15), (1, 0), (2, 25)] {
            let at = start + ms(20 * n + late);
            hearing.packet(at, n, 160 * n as u32, AudioCodec::Pcma, &LOUD);
        }
        assert_eq!(hearing.counts().late, 1);
    }

    #[test]
    fn after_a_stall_that_shifts_the_stream_frames_are_not_late_for_ever() {
        let (mut hearing, start) = (Hearing::default(), Instant::now());
        for n in 0..500 {
            let stall = if n < 100 { 0 } else { 500 };
            hearing.packet(start + ms(20 * n + stall), n, 160 * n as u32, AudioCodec::Pcmu, &LOUD);
        }
        let late = hearing.counts().late;
        assert!((1..=200).contains(&late), "{late}");
    }
}
