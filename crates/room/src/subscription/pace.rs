//! When the next round of negotiation is due: changes that come close together go into one.

use std::time::{Duration, Instant};

/// Changes within this time go into one round.
pub(super) const DEBOUNCE: Duration = Duration::from_millis(10);
/// The same when the last round is this recent.
const DEBOUNCE_BUSY: Duration = Duration::from_millis(150);
/// Freed sections are in no hurry.
pub(super) const DEBOUNCE_FREED: Duration = Duration::from_millis(200);

#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Rounds may begin: the connection has been negotiated once.
    open: bool,
    due: Option<Instant>,
    /// Sections were freed, or something else changed, that the last round did not show.
    freed: bool,
    last: Option<Instant>,
}

impl Pace {
    /// A subscription waits for a section.
    pub(super) fn added(&mut self, now: Instant) {
        let busy = self.last.is_some_and(|last| now < last + DEBOUNCE_BUSY);
        self.arm(now + if busy { DEBOUNCE_BUSY } else { DEBOUNCE });
    }

    /// A description has to change that somebody waits for.
    pub(super) fn changed(&mut self, now: Instant) {
        self.freed = true;
        self.added(now);
    }

    /// A section was freed.
    pub(super) fn freed(&mut self, now: Instant) {
        self.freed = true;
        self.arm(now + DEBOUNCE_FREED);
    }

    fn arm(&mut self, at: Instant) {
        if self.open {
            self.due = Some(self.due.map_or(at, |due| due.min(at)));
        }
    }

    /// Rounds may begin, and do if subscriptions wait.
    pub(super) fn open(&mut self, now: Instant, unplaced: bool) {
        self.open = true;
        self.due = unplaced.then_some(now);
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Begins the round that is due; whether there is anything to negotiate.
    pub(super) fn begin(&mut self, unplaced: bool) -> bool {
        self.due = None;
        unplaced || self.freed
    }

    /// A description that shows every freed section is made.
    pub(super) fn shown(&mut self) {
        self.freed = false;
    }

    /// A round is over; the next begins at once if subscriptions still wait.
    pub(super) fn over(&mut self, now: Instant, unplaced: bool) {
        self.last = Some(now);
        self.open(now, unplaced);
        if self.freed {
            self.arm(now + DEBOUNCE_FREED);
        }
    }
}
