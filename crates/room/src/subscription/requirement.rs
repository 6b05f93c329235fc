//! When to ask a client for an offer, and for how many more sections (`media_sections_requirement`).
//!
//! The client adds as many sections as it is asked for, each time: while one request is under way there is no other.

use std::time::{Duration, Instant};

use super::pace::Pace;

/// A client that has not offered by then did not get the request.
const PATIENCE: Duration = Duration::from_secs(15);

/// Rounds begin with the client's first offer: before it there is nothing to ask for.
#[derive(Debug, Default)]
pub(crate) struct Requirement {
    pub(super) pace: Pace,
    outstanding: Option<Outstanding>,
}

#[derive(Debug)]
struct Outstanding {
    /// The offer that fulfils it has so many sections to receive audio on.
    receiving: usize,
    until: Instant,
}

impl Requirement {
    /// When [`Requirement::ask`] wants to be called.
    pub(crate) fn due(&self) -> Option<Instant> {
        let due = self.pace.due()?;
        Some(self.outstanding.as_ref().map_or(due, |outstanding| due.max(outstanding.until)))
    }

    /// An offer came, with so many sections to receive audio on. It may have been made before our request came.
    pub(crate) fn offered(&mut self, receiving: usize) {
        if self.outstanding.as_ref().is_some_and(|outstanding| receiving >= outstanding.receiving) {
            self.outstanding = None;
        }
    }

    /// The offer was answered; so many subscriptions still wait for a section.
    pub(crate) fn answered(&mut self, now: Instant, unplaced: usize) {
        self.pace.shown();
        self.pace.over(now, unplaced);
    }

    /// The client's connection was cut: a request may have got lost with it.
    pub(crate) fn resumed(&mut self, now: Instant) {
        if self.outstanding.take().is_some() {
            self.pace.added(now);
        }
    }

    /// How many more sections to ask for now, if a request is due. `receiving` sections to receive audio on are
    /// there, `free` of them free.
    pub(crate) fn ask(
        &mut self,
        now: Instant,
        unplaced: usize,
        free: usize,
        receiving: usize,
    ) -> Option<u32> {
        if self.due().is_none_or(|due| now < due) {
            return None;
        }
        if !self.pace.begin(unplaced) {
            return None;
        }
        let more = unplaced.saturating_sub(free);
        self.outstanding = Some(Outstanding { receiving: receiving + more, until: now + PATIENCE });
        u32::try_from(more).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::pace::{DEBOUNCE, DEBOUNCE_FREED};
    use super::*;

    fn after_join() -> (Requirement, Instant) {
        let mut requirement = Requirement::default();
        let now = Instant::now();
        requirement.pace.added(now);
        assert_eq!(requirement.due(), None, "nothing is asked for before the first offer");
        requirement.offered(3);
        requirement.answered(now, 0);
        (requirement, now + Duration::from_secs(1))
    }

    #[test]
    fn a_track_with_a_free_section_costs_one_empty_request() {
        let (mut requirement, now) = after_join();
        requirement.pace.added(now);
        assert_eq!(requirement.ask(now, 1, 2, 3), None, "not before the debounce is over");
        assert_eq!(requirement.ask(now + DEBOUNCE, 1, 2, 3), Some(0));
        assert_eq!(requirement.ask(now + DEBOUNCE, 1, 2, 3), None);
    }

    #[test]
    fn sections_are_asked_for_once_however_many_tracks_come_meanwhile() {
        let (mut requirement, now) = after_join();
        requirement.pace.added(now);
        assert_eq!(requirement.ask(now + DEBOUNCE, 2, 0, 3), Some(2));
        requirement.pace.added(now + 2 * DEBOUNCE);
        assert_eq!(requirement.ask(now + Duration::from_secs(1), 3, 0, 3), None);
        // An offer that crossed our request does not fulfil it.
        requirement.offered(3);
        requirement.answered(now + Duration::from_secs(1), 3);
        assert_eq!(requirement.ask(now + Duration::from_secs(2), 3, 0, 3), None);
        requirement.offered(5);
        requirement.answered(now + Duration::from_secs(2), 1);
        assert_eq!(requirement.ask(now + Duration::from_secs(2), 1, 0, 5), Some(1));
    }

    #[test]
    fn a_request_that_got_lost_is_made_again() {
        let (mut requirement, now) = after_join();
        requirement.pace.added(now);
        assert_eq!(requirement.ask(now + DEBOUNCE, 1, 0, 3), Some(1));
        requirement.pace.added(now + DEBOUNCE);
        assert_eq!(requirement.due(), Some(now + DEBOUNCE + PATIENCE));
        assert_eq!(requirement.ask(now + DEBOUNCE + PATIENCE, 1, 0, 3), Some(1));
    }

    #[test]
    fn a_freed_section_is_shown_by_one_round() {
        let (mut requirement, now) = after_join();
        requirement.pace.freed(now);
        assert_eq!(requirement.ask(now + DEBOUNCE_FREED, 0, 1, 3), Some(0));
        requirement.offered(3);
        requirement.answered(now + DEBOUNCE_FREED, 0);
        assert_eq!(requirement.due(), None);
    }
}
