//! When to ask a client for an offer, and for how many more sections (`media_sections_requirement`).
//!
//! The client adds as many sections as it is asked for, each time: while one request is under way there is no other.

use std::time::{Duration, Instant};

use super::pace::Pace;
use crate::peer::Count;

/// A client that has not offered by then did not get the request.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a client that resumes may take until it looks at its tracks again: what the answer to its first offer brings
/// meanwhile goes unseen by the Rust SDK (Python, Node), which reports the end of resuming after 3 s at the latest.
const RESUMING: Duration = Duration::from_secs(4);

/// A client that resumes offers on its own, to restart ICE, and what waits is placed with that. If it is asked for another
/// offer before, the core of Node 1.1.0 makes two at once and stands still at the answer, for good.
const OWN_OFFER: Duration = Duration::from_secs(3);

/// Rounds begin with the client's first offer: before it there is nothing to ask for.
#[derive(Debug, Default)]
pub(crate) struct Requirement {
    pub(super) pace: Pace,
    outstanding: Option<Outstanding>,
    /// The client resumes, and its first offer since is not answered yet: so long it has time for that.
    resuming: Option<Instant>,
    /// When it has surely resumed, and shall look at its tracks again.
    look_again: Option<Instant>,
}

#[derive(Debug)]
struct Outstanding {
    /// The offer that fulfils it has so many sections to receive on.
    receiving: Count,
    until: Instant,
}

impl Requirement {
    /// When [`Requirement::ask`] wants to be called.
    pub(crate) fn due(&self) -> Option<Instant> {
        let due = self.pace.due()?;
        let answered_by = self.outstanding.as_ref().map(|outstanding| outstanding.until);
        Some([answered_by, self.resuming].into_iter().flatten().fold(due, Instant::max))
    }

    /// An offer came, with so many sections to receive on. It may have been made before our request came.
    pub(crate) fn offered(&mut self, receiving: Count) {
        if self.outstanding.as_ref().is_some_and(|outstanding| receiving.covers(outstanding.receiving)) {
            self.outstanding = None;
        }
    }

    /// The offer was answered; so many subscriptions still wait for a section.
    pub(crate) fn answered(&mut self, now: Instant, unplaced: Count) {
        self.pace.shown();
        self.pace.over(now, !unplaced.is_zero());
        if self.resuming.take().is_some() {
            self.look_again = Some(now + RESUMING);
        }
        // However often it offers meanwhile: it looks again when it has resumed.
        self.look_again = self.look_again.filter(|at| now < *at);
        if let Some(at) = self.look_again {
            self.pace.freed(at);
        }
    }

    /// The client's connection was cut: a request may have got lost with it.
    pub(crate) fn resumed(&mut self, now: Instant) {
        self.resuming = Some(now + OWN_OFFER);
        if self.outstanding.take().is_some() {
            self.pace.added(now);
        }
    }

    /// How many more sections to ask for now, if a request is due. `receiving` sections to receive on are there, `free`
    /// of them free.
    pub(crate) fn ask(
        &mut self,
        now: Instant,
        unplaced: Count,
        free: Count,
        receiving: Count,
    ) -> Option<Count> {
        if self.due().is_none_or(|due| now < due) {
            return None;
        }
        if !self.pace.begin(!unplaced.is_zero()) {
            return None;
        }
        let more = unplaced.without(free);
        self.outstanding = Some(Outstanding { receiving: receiving.and(more), until: now + PATIENCE });
        Some(more)
    }
}

#[cfg(test)]
mod tests {
    use super::super::pace::{DEBOUNCE, DEBOUNCE_FREED};
    use super::*;

    fn audio(audio: usize) -> Count {
        Count { audio, video: 0 }
    }

    fn after_join() -> (Requirement, Instant) {
        let mut requirement = Requirement::default();
        let now = Instant::now();
        requirement.pace.added(now);
        assert_eq!(requirement.due(), None, "nothing is asked for before the first offer");
        requirement.offered(audio(3));
        requirement.answered(now, audio(0));
        (requirement, now + Duration::from_secs(1))
    }

    #[test]
    fn a_track_with_a_free_section_costs_one_empty_request() {
        let (mut requirement, now) = after_join();
        requirement.pace.added(now);
        assert_eq!(
            requirement.ask(now, audio(1), audio(2), audio(3)),
            None,
            "not before the debounce is over"
        );
        assert_eq!(requirement.ask(now + DEBOUNCE, audio(1), audio(2), audio(3)), Some(audio(0)));
        assert_eq!(requirement.ask(now + DEBOUNCE, audio(1), audio(2), audio(3)), None);
    }

    #[test]
    fn sections_are_asked_for_once_however_many_tracks_come_meanwhile() {
        let (mut requirement, now) = after_join();
        requirement.pace.added(now);
        assert_eq!(requirement.ask(now + DEBOUNCE, audio(2), audio(0), audio(3)), Some(audio(2)));
        requirement.pace.added(now + 2 * DEBOUNCE);
        assert_eq!(requirement.ask(now + Duration::from_secs(1), audio(3), audio(0), audio(3)), None);
        // An offer that crossed our request does not fulfil it.
        requirement.offered(audio(3));
        requirement.answered(now + Duration::from_secs(1), audio(3));
        assert_eq!(requirement.ask(now + Duration::from_secs(2), audio(3), audio(0), audio(3)), None);
        requirement.offered(audio(5));
        requirement.answered(now + Duration::from_secs(2), audio(1));
        assert_eq!(
            requirement.ask(now + Duration::from_secs(2), audio(1), audio(0), audio(5)),
            Some(audio(1))
        );
    }

    #[test]
    fn a_request_that_got_lost_is_made_again() {
        let (mut requirement, now) = after_join();
        requirement.pace.added(now);
        assert_eq!(requirement.ask(now + DEBOUNCE, audio(1), audio(0), audio(3)), Some(audio(1)));
        requirement.pace.added(now + DEBOUNCE);
        assert_eq!(requirement.due(), Some(now + DEBOUNCE + PATIENCE));
        assert_eq!(requirement.ask(now + DEBOUNCE + PATIENCE, audio(1), audio(0), audio(3)), Some(audio(1)));
    }

    #[test]
    fn a_client_that_has_resumed_looks_at_its_tracks_once_more() {
        let (mut requirement, now) = after_join();
        requirement.resumed(now);
        requirement.offered(audio(3));
        requirement.answered(now, audio(0));
        let due = requirement.due().unwrap();
        assert!(due >= now + RESUMING);
        assert_eq!(requirement.ask(due, audio(0), audio(3), audio(3)), Some(audio(0)));
        requirement.offered(audio(3));
        requirement.answered(due, audio(0));
        assert_eq!(requirement.due(), None);
    }

    #[test]
    fn a_client_that_resumes_is_asked_for_nothing_before_its_own_offer() {
        let (mut requirement, now) = after_join();
        requirement.resumed(now);
        requirement.pace.added(now);
        assert_eq!(requirement.ask(now + DEBOUNCE, audio(1), audio(0), audio(3)), None);
        requirement.offered(audio(3));
        requirement.answered(now + DEBOUNCE, audio(1));
        assert_eq!(requirement.ask(now + DEBOUNCE, audio(1), audio(0), audio(3)), Some(audio(1)));
        // One that makes none is asked in the end.
        requirement.resumed(now);
        requirement.pace.added(now);
        assert_eq!(requirement.due(), Some(now + OWN_OFFER));
        assert_eq!(requirement.ask(now + OWN_OFFER, audio(1), audio(0), audio(3)), Some(audio(1)));
    }

    #[test]
    fn a_freed_section_is_shown_by_one_round() {
        let (mut requirement, now) = after_join();
        requirement.pace.freed(now);
        assert_eq!(requirement.ask(now + DEBOUNCE_FREED, audio(0), audio(1), audio(3)), Some(audio(0)));
        requirement.offered(audio(3));
        requirement.answered(now + DEBOUNCE_FREED, audio(0));
        assert_eq!(requirement.due(), None);
    }

    #[test]
    fn a_video_needs_a_section_of_its_own() {
        let (mut requirement, now) = after_join();
        requirement.pace.added(now);
        let (unplaced, three) = (Count { audio: 0, video: 4 }, Count { audio: 3, video: 3 });
        let more = requirement.ask(now + DEBOUNCE, unplaced, three, three);
        assert_eq!(more, Some(Count { audio: 0, video: 1 }));
        requirement.pace.added(now);
        requirement.offered(Count { audio: 9, video: 3 });
        assert_eq!(requirement.ask(now + DEBOUNCE, unplaced, three, three), None, "audio is no answer to it");
    }
}
