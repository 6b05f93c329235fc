//! How late this program itself sends: what it measures of others is worth less when it is late.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

/// One bucket for each millisecond, and one for all beyond.
const BUCKETS: usize = 101;

/// Counts of frames by how late they were sent.
#[derive(Debug)]
pub(crate) struct Lateness([AtomicU64; BUCKETS]);

/// What they come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Late {
    /// Frames sent.
    pub(crate) frames: u64,
    /// Milliseconds late, rounded up, at most 101.
    pub(crate) p50_ms: u64,
    pub(crate) p99_ms: u64,
    pub(crate) max_ms: u64,
}

impl Default for Lateness {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Lateness {
    /// A frame was sent so late.
    pub(crate) fn note(&self, late: Duration) {
        let bucket = usize::try_from(late.as_millis()).unwrap_or(BUCKETS).min(BUCKETS - 1);
        self.0[bucket].fetch_add(1, Ordering::Relaxed);
    }

    /// Forgets everything.
    pub(crate) fn restart(&self) {
        self.0.iter().for_each(|bucket| bucket.store(0, Ordering::Relaxed));
    }

    pub(crate) fn late(&self) -> Late {
        let counts: Vec<u64> = self.0.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let frames = counts.iter().sum();
        let at = |share: f64| {
            let rank = (frames as f64 * share).ceil() as u64;
            let mut seen = 0;
            let bucket = counts.iter().position(|count| {
                seen += count;
                seen >= rank.max(1)
            });
            bucket.map_or(0, |bucket| bucket as u64 + 1)
        };
        Late { frames, p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_frames_are_counted_by_the_millisecond() {
        let lateness = Lateness::default();
        assert_eq!(lateness.late(), Late::default());
        (0..98).for_each(|_| lateness.note(Duration::from_micros(300)));
        lateness.note(Duration::from_micros(7_500));
        lateness.note(Duration::from_secs(3));
        assert_eq!(lateness.late(), Late { frames: 100, p50_ms: 1, p99_ms: 8, max_ms: 101 });
        lateness.restart();
        assert_eq!(lateness.late().frames, 0);
    }
}
