//! What happens by the clock.

use std::time::{Duration, Instant};

use livekit_protocol as proto;
use proto::DisconnectReason as Why;

use super::Room;
use crate::ids::ParticipantId;
use crate::participant::{JOIN_TIMEOUT, PATH_TIMEOUT, TOKEN_REFRESH};

/// How often counts and connection quality are told.
pub(crate) const TICK: Duration = Duration::from_secs(5);

impl Room {
    /// When [`Room::handle_timeout`] wants to be called.
    #[must_use]
    pub fn next_timeout(&mut self) -> Option<Instant> {
        let own = [self.speakers_due, self.tick_due, self.empty_due, self.rpcs.due()];
        own.into_iter().flatten().chain(self.participants.next_due()).min()
    }

    /// Time has passed; to be called at [`Room::next_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        let mut overdue = std::mem::take(&mut self.overdue);
        self.participants.overdue(now, &mut overdue);
        overdue.drain(..).for_each(|id| self.client_timeout(now, id));
        self.overdue = overdue;
        self.update_speakers(now);
        self.tick(now);
        self.rpc_timeout(now);
        self.flush(now);
        if self.empty_due.is_some_and(|due| now >= due) {
            self.empty_due = None;
            self.close(now, Why::RoomClosed);
        }
    }

    fn client_timeout(&mut self, now: Instant, id: ParticipantId) {
        let Some(remote) = self.remote_mut(id) else { return };
        if remote.transport.due().is_some_and(|due| now >= due) {
            for role in remote.transport.roles() {
                let peer = remote.transport.of(*role);
                if peer.due().is_some_and(|due| now >= due) {
                    peer.timeout(now);
                }
            }
            self.drain(now, id);
        }
        self.answer_held_offer(now, id);
        let Some(remote) = self.remote_mut(id) else { return };
        if remote.path_lost.is_some_and(|lost| now >= lost + PATH_TIMEOUT) {
            return self.end(now, id, Why::ConnectionTimeout, true);
        }
        if !remote.connected && now >= remote.joined + JOIN_TIMEOUT {
            return self.end(now, id, Why::JoinFailure, true);
        }
        if now >= remote.token_due {
            remote.token_due = now + TOKEN_REFRESH;
            self.refresh_token(id);
        }
        self.negotiate(now, id);
    }
}
