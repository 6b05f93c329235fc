//! The time of day, reckoned from the instants the room is driven with.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use livekit_protocol as proto;

/// Ties instants to the time of day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    instant: Instant,
    since_1970: Duration,
}

impl Clock {
    pub(crate) fn new(instant: Instant, wallclock: SystemTime) -> Self {
        Self { instant, since_1970: wallclock.duration_since(UNIX_EPOCH).unwrap_or_default() }
    }

    /// The time of day.
    pub(crate) fn wallclock(&self, now: Instant) -> SystemTime {
        UNIX_EPOCH + self.since_1970(now)
    }

    /// Milliseconds since 1970.
    pub(crate) fn ms(&self, now: Instant) -> i64 {
        i64::try_from(self.since_1970(now).as_millis()).unwrap_or(i64::MAX)
    }

    /// A version by time, as TrackInfo carries it.
    pub(crate) fn timed_version(&self, now: Instant) -> proto::TimedVersion {
        let unix_micro = i64::try_from(self.since_1970(now).as_micros()).unwrap_or(i64::MAX);
        proto::TimedVersion { unix_micro, ticks: 0 }
    }

    /// The last moment up to `at` whose time of day is a whole number of `step`s: rooms that are driven together come to the same one.
    pub(crate) fn whole(&self, at: Instant, step: Duration) -> Instant {
        let over = self.since_1970(at).as_nanos() % step.as_nanos().max(1);
        at - Duration::from_nanos(u64::try_from(over).unwrap_or(0))
    }

    fn since_1970(&self, now: Instant) -> Duration {
        self.since_1970 + now.saturating_duration_since(self.instant)
    }
}
