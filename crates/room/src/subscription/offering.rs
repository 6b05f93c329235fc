//! When to offer a client the sections of its subscriptions, on a peer connection of their own.
//!
//! One offer is out at a time; what changes meanwhile goes into the next.

use std::time::{Duration, Instant};

use super::pace::Pace;
use crate::peer::Count;

/// A client that has not answered by then never will (LiveKit: 15 s).
const PATIENCE: Duration = Duration::from_secs(15);

/// Rounds with tracks begin when the connection is up, as LiveKit's do.
#[derive(Debug, Default)]
pub(crate) struct Offering {
    pub(super) pace: Pace,
    last_id: u32,
    outstanding: Option<Instant>,
    /// The signalling connection was cut while the offer was out.
    maybe_lost: bool,
    /// The next offer restarts ICE.
    restart: bool,
}

/// What [`Offering::due`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Make an offer; restart ICE with it, or not.
    Offer { restart: bool },
    /// The last offer was not answered in time.
    Unanswered,
}

impl Offering {
    /// When [`Offering::look`] wants to be called.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.outstanding.or(self.pace.due())
    }

    /// What is to be done now, with so many subscriptions waiting for a section.
    pub(crate) fn look(&mut self, now: Instant, unplaced: Count) -> Option<Due> {
        if self.due().is_none_or(|due| now < due) {
            return None;
        }
        if self.outstanding.is_some() {
            return Some(Due::Unanswered);
        }
        let restart = self.restart;
        (self.pace.begin(!unplaced.is_zero()) || restart).then_some(Due::Offer { restart })
    }

    /// An offer is made; returns its id.
    pub(crate) fn offered(&mut self, now: Instant) -> u32 {
        self.pace.shown();
        self.restart = false;
        self.outstanding = Some(now + PATIENCE);
        self.last_id += 1;
        self.last_id
    }

    /// Whether an answer with this id is to the offer that is out. Some clients do not say which they mean.
    pub(crate) fn is_meant(&self, id: u32) -> bool {
        self.outstanding.is_some() && (id == 0 || id == self.last_id)
    }

    /// The offer was answered, or withdrawn; so many subscriptions still wait for a section.
    pub(crate) fn over(&mut self, now: Instant, unplaced: Count) {
        self.outstanding = None;
        self.maybe_lost = false;
        self.pace.over(now, !unplaced.is_zero());
        if self.restart {
            self.pace.added(now);
        }
    }

    /// The client's signalling connection was cut, and is there again. Its path may have changed: the next offer
    /// shall restart ICE, as soon as no other is out. One that is out may have got lost: the client will tell.
    pub(crate) fn resumed(&mut self, now: Instant) {
        self.restart = true;
        self.outstanding = self.outstanding.map(|_| now + PATIENCE);
        self.maybe_lost = self.outstanding.is_some();
        self.pace.added(now);
    }

    /// Whether the offer that is out, or its answer, may have got lost.
    pub(crate) fn is_maybe_lost(&self) -> bool {
        self.maybe_lost
    }
}

#[cfg(test)]
mod tests {
    use super::super::pace::DEBOUNCE;
    use super::*;

    const NONE: Count = Count { audio: 0, video: 0 };
    const ONE: Count = Count { audio: 1, video: 0 };

    fn after_join() -> (Offering, Instant) {
        let (mut offering, now) = (Offering::default(), Instant::now());
        assert_eq!(offering.offered(now), 1);
        offering.over(now, NONE);
        (offering, now + Duration::from_secs(1))
    }

    #[test]
    fn one_offer_is_out_at_a_time() {
        let (mut offering, now) = after_join();
        offering.pace.added(now);
        assert_eq!(offering.look(now, ONE), None, "changes are gathered first");
        assert_eq!(offering.look(now + DEBOUNCE, ONE), Some(Due::Offer { restart: false }));
        assert_eq!(offering.offered(now + DEBOUNCE), 2);
        offering.pace.added(now + DEBOUNCE);
        assert_eq!(offering.look(now + Duration::from_secs(1), ONE), None);
        assert!(offering.is_meant(2) && offering.is_meant(0) && !offering.is_meant(1));
        offering.over(now + Duration::from_secs(1), ONE);
        assert_eq!(offering.look(now + Duration::from_secs(1), ONE), Some(Due::Offer { restart: false }));
    }

    #[test]
    fn an_offer_that_stays_unanswered_is_told() {
        let (mut offering, now) = after_join();
        offering.offered(now);
        assert_eq!(offering.due(), Some(now + PATIENCE));
        assert_eq!(offering.look(now + PATIENCE, NONE), Some(Due::Unanswered));
    }

    #[test]
    fn a_restart_waits_for_the_offer_that_is_out() {
        let (mut offering, now) = after_join();
        offering.offered(now);
        offering.resumed(now);
        assert_eq!(offering.look(now + DEBOUNCE, NONE), None);
        offering.over(now, NONE);
        let due = offering.due().unwrap();
        assert_eq!(offering.look(due, NONE), Some(Due::Offer { restart: true }));
        offering.offered(due);
        offering.over(due, NONE);
        assert_eq!(offering.due(), None);
    }
}
