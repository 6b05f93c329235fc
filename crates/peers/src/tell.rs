//! The sending end of an event queue that never blocks the teller.

use std::time::Duration;

use tokio::sync::mpsc;

/// How long the last events of a session wait for a slow reader.
const LAST_LIMIT: Duration = Duration::from_secs(1);

/// Sends events of type `T`. What does not fit is lost and counted; events that come many times a
/// second keep away from the second half of the queue.
#[derive(Debug, Clone)]
pub(crate) struct Teller<T> {
    events: mpsc::Sender<T>,
}

impl<T> Teller<T> {
    pub(crate) fn new(events: mpsc::Sender<T>) -> Self {
        Self { events }
    }

    /// Tells something that matters.
    pub(crate) fn event(&self, event: T) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(event) {
            tracing::debug!("nobody reads the events; one is lost");
        }
    }

    /// Tells something that comes again soon.
    pub(crate) fn level(&self, event: T) {
        if self.events.capacity() > self.events.max_capacity() / 2 {
            self.event(event);
        }
    }

    /// For the last events of a session, which are worth a short wait.
    pub(crate) async fn event_or_wait(&self, event: T) {
        let _ = tokio::time::timeout(LAST_LIMIT, self.events.send(event)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_never_push_out_what_matters() {
        let (sender, mut events) = mpsc::channel(8);
        let tell = Teller::new(sender);
        (0..100).for_each(|_| tell.level("level"));
        (0..4).for_each(|_| tell.event("matters"));
        let mut told = Vec::new();
        while let Ok(event) = events.try_recv() {
            told.push(event);
        }
        assert_eq!(told.iter().filter(|event| **event == "matters").count(), 4);
    }
}
