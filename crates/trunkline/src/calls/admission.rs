//! Whether the server can carry one more call (`sip.max_cpu_utilization`).
//!
//! What counts is what this process uses and whether its media keeps time, not how busy the machine is with other
//! things: livekit-sip refuses calls while somebody else compiles. A call that is refused costs those that run nothing.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use call::{CallError, ErrorCode};

use crate::worker::{Utilization, process_time};

/// Over how long the process is measured, at least.
const WINDOW: Duration = Duration::from_millis(500);
/// So many of a worker's deadlines may be missed by two frames before it takes no more.
const MAX_LATE: f64 = 0.1;

/// Measures the process when it is asked.
#[derive(Debug)]
pub(super) struct Admission {
    /// The share of the processors that may be in use; 1 or more: no limit.
    limit: f64,
    processors: f64,
    last: Mutex<Sample>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    process: Duration,
    /// The share of all processors used in the window before.
    used: f64,
}

impl Admission {
    pub(super) fn new(limit: f64) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let last = Sample { at: Instant::now(), process: process_time(), used: 0.0 };
        Self { limit, processors: processors as f64, last: Mutex::new(last) }
    }

    /// Whether a worker that is used so much, in this process, may get one more call.
    pub(super) fn check(&self, worker: Utilization) -> Result<(), CallError> {
        self.judge(worker, self.used(Instant::now(), process_time()))
    }

    fn judge(&self, worker: Utilization, process: f64) -> Result<(), CallError> {
        let refuse = |text: &str| Err(CallError::new(ErrorCode::ResourceExhausted, text));
        if worker.busy.max(process) > self.limit {
            return refuse("sip.max_cpu_utilization is reached");
        }
        if worker.late > MAX_LATE {
            return refuse("the server cannot keep its audio in time");
        }
        Ok(())
    }

    /// The share of all processors that the process used last.
    fn used(&self, now: Instant, process: Duration) -> f64 {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(last.at);
        if passed >= WINDOW {
            let worked = process.saturating_sub(last.process).as_secs_f64();
            let used = worked / (passed.as_secs_f64() * self.processors);
            *last = Sample { at: now, process, used };
        }
        last.used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Utilization = Utilization { busy: 0.0, late: 0.0 };

    #[test]
    fn beyond_the_limit_and_when_late_calls_are_refused() {
        let admission = Admission::new(0.9);
        assert!(admission.judge(IDLE, 0.5).is_ok());
        for (worker, process) in [
            (IDLE, 0.95),
            (Utilization { busy: 0.95, late: 0.0 }, 0.5),
            (Utilization { busy: 0.2, late: 0.2 }, 0.1),
        ] {
            let refused = admission.judge(worker, process).unwrap_err();
            assert_eq!(refused.code, ErrorCode::ResourceExhausted);
        }
    }

    #[test]
    fn the_process_is_measured_over_its_own_time() {
        let admission = Admission::new(0.9);
        let Sample { at, process, .. } = *admission.last.lock().unwrap();
        let second = Duration::from_secs(1);
        let worked = second.mul_f64(admission.processors * 0.75);
        let used = admission.used(at + second, process + worked);
        assert!((used - 0.75).abs() < 0.01, "{used}");
        let soon = admission.used(at + second + WINDOW / 2, process + 2 * worked);
        assert_eq!(soon, used, "a window is not over");
    }
}
