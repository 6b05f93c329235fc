//! Events to whoever holds the handle.

use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;

use super::super::event::{Happened, ParticipantEvent};
use super::super::handle::EVENTS;

/// Part of the queue kept free of level events, so that they never push out others.
const RESERVED: usize = EVENTS / 2;
/// How long the last events of a session wait for a slow reader.
const LAST_LIMIT: Duration = Duration::from_secs(1);

/// The sending end of the event queue. Never blocks a running session: what does not fit is lost and
/// counted.
pub(super) struct Teller {
    events: mpsc::Sender<Happened>,
    missed: u64,
}

impl Teller {
    pub(super) fn new(events: mpsc::Sender<Happened>) -> Self {
        Self { events, missed: 0 }
    }

    pub(super) fn event(&mut self, event: ParticipantEvent) {
        let level = matches!(event, ParticipantEvent::Level { .. });
        if level && self.events.capacity() < RESERVED {
            return;
        }
        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(happened(event)) {
            self.missed += 1;
            tracing::debug!(missed = self.missed, "nobody reads the participant's events");
        }
    }

    /// For the last events of a session, which are worth a short wait.
    pub(super) async fn event_or_wait(&mut self, event: ParticipantEvent) {
        let _ = tokio::time::timeout(LAST_LIMIT, self.events.send(happened(event))).await;
    }
}

fn happened(event: ParticipantEvent) -> Happened {
    Happened { at: Instant::now(), wallclock: SystemTime::now(), event }
}
