//! What happens by the clock.

use std::ops::Bound;
use std::time::{Duration, Instant};

use livekit_protocol as proto;
use proto::DisconnectReason as Why;

use super::Room;
use crate::ids::ParticipantId;
use crate::participant::{JOIN_TIMEOUT, PATH_TIMEOUT, Participant, TOKEN_REFRESH};

/// How often counts and connection quality are told.
pub(crate) const TICK: Duration = Duration::from_secs(5);

impl Room {
    /// When [`Room::handle_timeout`] wants to be called.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        let remotes = self.participants.values().filter_map(Participant::remote).map(|r| r.next_timeout());
        let own = [self.speakers_due, self.tick_due, self.empty_due, self.rpcs.due()];
        remotes.chain(own.into_iter().flatten()).min()
    }

    /// Time has passed; to be called at [`Room::next_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        let mut after = None;
        while let Some(id) = self.next_due(now, after) {
            self.client_timeout(now, id);
            after = Some(id);
        }
        self.update_speakers(now);
        self.tick(now);
        self.rpc_timeout(now);
        self.flush(now);
        if self.empty_due.is_some_and(|due| now >= due) {
            self.empty_due = None;
            self.close(now, Why::RoomClosed);
        }
    }

    /// The first client after this one that wants to be looked at.
    fn next_due(&self, now: Instant, after: Option<ParticipantId>) -> Option<ParticipantId> {
        let range = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let due = |participant: &Participant| participant.remote().is_some_and(|r| r.next_timeout() <= now);
        self.participants.range(range).find(|(_, participant)| due(participant)).map(|(id, _)| *id)
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
