//! How a worker is woken for what comes neither by a socket nor by a timer.
//!
//! It waits for sockets, or it rests (`pacing`). What can be taken with the next packets wakes it from waiting alone; whoever
//! waits for its answer, as at the beginning of a call or a join, rouses it from its rest as well.

use std::io;
use std::sync::OnceLock;
use std::thread::{self, Thread};
use std::time::Duration;

/// Wakes one worker.
#[derive(Debug)]
pub(crate) struct Wake {
    waiting: mio::Waker,
    resting: OnceLock<Thread>,
}

impl Wake {
    /// For the worker that waits on this registry; it sees `token` then.
    pub(super) fn new(registry: &mio::Registry, token: mio::Token) -> io::Result<Self> {
        Ok(Self { waiting: mio::Waker::new(registry, token)?, resting: OnceLock::new() })
    }

    /// The worker's thread is this one.
    pub(super) fn is_mine(&self) {
        let _ = self.resting.set(thread::current());
    }

    /// The worker finds what there is when it waits next.
    pub(super) fn wake(&self) {
        // One that fails means a worker that is gone; its queues are then disconnected and say so.
        let _ = self.waiting.wake();
    }

    /// The worker waits now, and so finds what it was woken for.
    pub(super) fn rouse(&self) {
        if let Some(thread) = self.resting.get() {
            thread.unpark();
        }
    }
}

/// The worker's own rest: so long, or until it is roused.
pub(super) fn rest(time: Duration) {
    thread::park_timeout(time);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_resting_worker_is_roused_and_not_merely_woken() {
        const LONG: Duration = Duration::from_secs(600);
        let poll = mio::Poll::new().unwrap();
        let wake = Arc::new(Wake::new(poll.registry(), mio::Token(0)).unwrap());
        let worker = Arc::clone(&wake);
        let begun = Instant::now();
        let thread = thread::spawn(move || {
            worker.is_mine();
            rest(LONG);
        });
        while wake.resting.get().is_none() {
            thread::yield_now();
        }
        wake.rouse();
        thread.join().unwrap();
        assert!(begun.elapsed() < LONG);
    }

    #[test]
    fn who_is_merely_woken_goes_on_resting() {
        let poll = mio::Poll::new().unwrap();
        let wake = Wake::new(poll.registry(), mio::Token(0)).unwrap();
        wake.is_mine();
        wake.wake();
        let (begun, long) = (Instant::now(), Duration::from_millis(100));
        rest(long);
        assert!(begun.elapsed() > long / 2);
    }
}
