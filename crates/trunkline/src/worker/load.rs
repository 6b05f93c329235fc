//! How much of its core a worker uses, and whether it keeps its time.
//!
//! It is the thread's own time on the processor that counts: what other programs take shows only where it makes the worker
//! late. Measured once a second, with the sweep, by the kernel's own accounts in /proc; where there are none, nothing is
//! used. Never waits and never takes a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A deadline that is missed by more than this is heard: two frames.
const LATE: Duration = Duration::from_millis(40);
/// Fewer deadlines in a second tell nothing.
const ENOUGH: u32 = 50;

/// One worker's load: written by the worker, read by whoever places rooms and takes calls.
#[derive(Debug, Default)]
pub(crate) struct Load {
    busy: AtomicU32,
    late: AtomicU32,
}

/// What a worker did in the second before, as shares of one.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Utilization {
    /// The time its thread was on a processor.
    pub(crate) busy: f64,
    /// The deadlines that it missed by more than two frames of audio.
    pub(crate) late: f64,
}

impl Load {
    pub(crate) fn now(&self) -> Utilization {
        let share = |value: &AtomicU32| f64::from(value.load(Ordering::Relaxed)) / 1_000.0;
        Utilization { busy: share(&self.busy), late: share(&self.late) }
    }

    fn set(&self, busy: u32, late: u32) {
        self.busy.store(busy, Ordering::Relaxed);
        self.late.store(late, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(crate) fn pretend(&self, utilization: Utilization) {
        self.set((utilization.busy * 1_000.0) as u32, (utilization.late * 1_000.0) as u32);
    }
}

/// Measures the thread that it is made and called on.
#[derive(Debug)]
pub(super) struct LoadMeter {
    load: Arc<Load>,
    since: Instant,
    on_processor: Duration,
    deadlines: u32,
    late: u32,
}

impl LoadMeter {
    pub(super) fn new(load: Arc<Load>, now: Instant) -> Self {
        Self { load, since: now, on_processor: thread_time(), deadlines: 0, late: 0 }
    }

    /// A deadline was met, so late.
    pub(super) fn met(&mut self, late: Duration) {
        self.deadlines = self.deadlines.saturating_add(1);
        self.late += u32::from(late > LATE);
    }

    /// A second or so is over.
    pub(super) fn publish(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since);
        let on_processor = thread_time();
        let worked = on_processor.saturating_sub(self.on_processor);
        let late =
            if self.deadlines < ENOUGH { 0 } else { per_mille(self.late.into(), self.deadlines.into()) };
        self.load.set(per_mille(worked.as_micros(), passed.as_micros()), late);
        (self.since, self.on_processor, self.deadlines, self.late) = (now, on_processor, 0, 0);
    }
}

fn per_mille(part: u128, whole: u128) -> u32 {
    u32::try_from(part * 1_000 / whole.max(1)).unwrap_or(u32::MAX).min(1_000)
}

/// The time that the calling thread has been on a processor: the first number of its `schedstat`, in nanoseconds.
fn thread_time() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = told.split_ascii_whitespace().next().and_then(|first| first.parse().ok());
    Duration::from_nanos(first.unwrap_or(0))
}

/// The time that all threads of this process have been on processors: `utime` and `stime` of proc(5), in hundredths of a
/// second, behind the program's name, which may hold anything.
pub(crate) fn process_time() -> Duration {
    let told = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = told.rsplit_once(')').map_or("", |(_, fields)| fields).split_ascii_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_on_the_processor_counts_and_sleep_does_not() {
        let load = Arc::new(Load::default());
        let start = Instant::now();
        let mut meter = LoadMeter::new(Arc::clone(&load), start);
        let mut sum = 0_u64;
        while thread_time() < meter.on_processor + Duration::from_millis(50) {
            sum = std::hint::black_box(sum + 1);
        }
        // By the thread's own clock it worked 50 ms; whatever the machine did besides, a second is said to have passed.
        meter.publish(start + Duration::from_secs(1));
        let busy = load.now().busy;
        assert!((0.05..0.1).contains(&busy), "{busy}");
    }

    #[test]
    fn missed_deadlines_count_once_there_are_enough() {
        let load = Arc::new(Load::default());
        let start = Instant::now();
        let mut meter = LoadMeter::new(Arc::clone(&load), start);
        (0..10).for_each(|_| meter.met(Duration::from_secs(1)));
        meter.publish(start + Duration::from_secs(1));
        assert_eq!(load.now().late, 0.0, "too few to tell");
        (0..75).for_each(|_| meter.met(Duration::from_millis(1)));
        (0..25).for_each(|_| meter.met(Duration::from_millis(41)));
        meter.publish(start + Duration::from_secs(2));
        assert_eq!(load.now().late, 0.25);
    }
}
