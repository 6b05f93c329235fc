//! Who owns which call.

use std::collections::HashMap;

use sip::{LegEvent, LegId};
use tokio::sync::mpsc;

use super::Command;
use crate::leg::LegHandle;

/// Events a call's owner may be behind.
const EVENTS: usize = 256;
/// Room kept for the events that end a call: a peer that floods the rest cannot use it up.
const RESERVED: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Legs(HashMap<LegId, Owner>);

#[derive(Debug)]
struct Owner {
    events: mpsc::Sender<LegEvent>,
    /// The call was hung up since nobody listens any more.
    given_up: bool,
}

/// What became of an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Delivered {
    /// Its owner has it, or it could be spared: one of many, or nobody is left to read it.
    Yes,
    /// The owner does not drain its events.
    Overrun,
}

impl Legs {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn add(&mut self, leg: LegId, commands: mpsc::Sender<Command>) -> LegHandle {
        let (events, queue) = mpsc::channel(EVENTS);
        self.0.insert(leg, Owner { events, given_up: false });
        LegHandle::new(leg, queue, commands)
    }

    pub(super) fn deliver(&mut self, leg: LegId, event: LegEvent) -> Delivered {
        let Some(Owner { events, .. }) = self.0.get(&leg) else { return Delivered::Yes };
        let last = matches!(event, LegEvent::Ended);
        if is_sparable(&event) && events.capacity() <= RESERVED {
            return Delivered::Yes;
        }
        let outcome = match events.try_send(event) {
            Ok(()) => Delivered::Yes,
            Err(mpsc::error::TrySendError::Full(_)) => Delivered::Overrun,
            // The sweep finds it.
            Err(mpsc::error::TrySendError::Closed(_)) => Delivered::Yes,
        };
        if last {
            self.0.remove(&leg);
        }
        outcome
    }

    /// Calls whose owner dropped the handle, each told once.
    pub(super) fn orphans(&mut self) -> Vec<LegId> {
        let mut found = Vec::new();
        for (leg, owner) in &mut self.0 {
            if !owner.given_up && owner.events.is_closed() {
                owner.given_up = true;
                found.push(*leg);
            }
        }
        found
    }

    pub(super) fn all(&self) -> Vec<LegId> {
        self.0.keys().copied().collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a peer can send as often as it likes.
fn is_sparable(event: &LegEvent) -> bool {
    matches!(event, LegEvent::Provisional { .. } | LegEvent::Info { .. })
}
