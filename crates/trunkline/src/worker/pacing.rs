//! How often a busy worker wakes.
//!
//! A wake-up costs more than the packet that caused it. While much happens the worker rests a moment after each turn, so that
//! one wake-up serves what came meanwhile; packets are then late by less than that moment. While little happens it does not:
//! resting would only wake it more often than the packets do. Who waits for an answer does not wait for the rest to be over (`wake`).

use std::time::{Duration, Instant};

/// The rest: far below what a listener's jitter buffer notices.
const MOMENT: Duration = Duration::from_millis(2);
/// The same where enough comes in half the time.
const HALF_A_MOMENT: Duration = Duration::from_millis(1);
/// Things per second from which on a rest pays: about four calls ...
const MANY: f64 = 600.0;
/// ... and half of one is enough: some fifty.
const VERY_MANY: f64 = 7_500.0;
/// How long is counted.
const WINDOW: Duration = Duration::from_millis(500);

/// Counts what happens.
#[derive(Debug)]
pub(super) struct Pacing {
    since: Instant,
    count: u32,
    moment: Duration,
}

impl Pacing {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, count: 0, moment: Duration::ZERO }
    }

    /// So many packets came, or deadlines were due.
    pub(super) fn happened(&mut self, now: Instant, things: usize) {
        self.count = self.count.saturating_add(u32::try_from(things).unwrap_or(u32::MAX));
        let passed = now.saturating_duration_since(self.since);
        if passed >= WINDOW {
            self.moment = match f64::from(self.count) / passed.as_secs_f64() {
                rate if rate > VERY_MANY => HALF_A_MOMENT,
                rate if rate > MANY => MOMENT,
                _ => Duration::ZERO,
            };
            self.since = now;
            self.count = 0;
        }
    }

    /// How long to rest after a turn that began at `woke`.
    pub(super) fn rest(&self, woke: Instant, now: Instant) -> Option<Duration> {
        let left = (woke + self.moment).saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after_a_second_of(things_per_10_ms: usize) -> Option<Duration> {
        let start = Instant::now();
        let mut pacing = Pacing::new(start);
        let mut now = start;
        for _ in 0..100 {
            now += Duration::from_millis(10);
            pacing.happened(now, things_per_10_ms);
        }
        pacing.rest(now, now + Duration::from_micros(500))
    }

    #[test]
    fn a_busy_worker_rests_and_a_quiet_one_does_not() {
        assert_eq!(after_a_second_of(12), Some(Duration::from_micros(1_500)));
        assert_eq!(after_a_second_of(2), None);
        assert_eq!(after_a_second_of(150), Some(Duration::from_micros(500)));
        assert_eq!(after_a_second_of(70), Some(Duration::from_micros(1_500)));
    }

    #[test]
    fn a_turn_that_took_long_is_followed_at_once() {
        let start = Instant::now();
        let pacing = Pacing { since: start, count: 0, moment: MOMENT };
        assert_eq!(pacing.rest(start, start + Duration::from_millis(3)), None);
    }
}
