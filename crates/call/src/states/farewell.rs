//! Farewell: the room ended the call, and its last words are still on their way to the phone. The bridge is closed when they
//! are through, and only then is the phone hung up; it does not wait long for a bridge that says nothing.

use std::time::{Duration, Instant};

use super::{Call, CallOutput, Leg};
use crate::verdict::Verdict;

/// How long the phone is kept at the most: more than a worker gives the last words.
const LIMIT: Duration = Duration::from_millis(700);

/// The headers of our BYE, and when it goes out at the latest.
#[derive(Debug)]
pub(super) struct Farewell {
    headers: Vec<(String, String)>,
    pub(super) until: Instant,
}

impl Call {
    /// Whether somebody in the room may have said something just before this.
    pub(super) fn may_have_last_words(verdict: &Verdict) -> bool {
        use livekit_protocol::DisconnectReason::ServerShutdown;
        match verdict {
            Verdict::EndCall | Verdict::MaxDuration => true,
            Verdict::LeftRoom(reason) => *reason != ServerShutdown,
            _ => false,
        }
    }

    /// Hangs up when the bridge is closed.
    pub(super) fn hang_up_later(&mut self, now: Instant, headers: Vec<(String, String)>) {
        self.farewell = Some(Farewell { headers, until: now + LIMIT });
    }

    /// Hangs up now, if that is still to be done.
    pub(super) fn hang_up(&mut self) {
        let Some(Farewell { headers, .. }) = self.farewell.take() else { return };
        if self.leg == Leg::Up {
            self.leg = Leg::Closing;
            self.push(CallOutput::Hangup { headers });
        }
    }
}
