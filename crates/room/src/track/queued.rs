//! Tracks that a client announces while another of theirs still goes by the same name: it ends the old one with its next
//! offer, and waits for the word that the new one may come.

use std::time::Instant;

use livekit_protocol as proto;

use crate::ids::ParticipantId;
use crate::lifecycle::Room;
use crate::participant::Participant;

/// Whether a track that is announced or published goes by this name.
pub(super) fn is_taken(participant: &Participant, cid: &str) -> bool {
    let pending = participant.remote().map(|remote| remote.pending.iter());
    pending.into_iter().flatten().any(|pending| pending.cids.iter().any(|known| known == cid))
        || participant.tracks.iter().any(|track| track.info.codecs.iter().any(|codec| codec.cid == cid))
}

impl Room {
    /// Keeps an announcement until its name is free.
    pub(super) fn queue_track(&mut self, from: ParticipantId, request: proto::AddTrackRequest) {
        if let Some(remote) = self.remote_mut(from) {
            remote.queued.push(request);
        }
    }

    /// Tracks have ended: those that waited for their names come.
    pub(super) fn add_queued_tracks(&mut self, now: Instant, from: ParticipantId) {
        let Some(remote) = self.remote_mut(from) else { return };
        let mut waiting = std::mem::take(&mut remote.queued);
        while let Some(participant) = self.participants.get(&from) {
            let free = waiting.iter().position(|request| !is_taken(participant, &request.cid));
            let Some(free) = free else { break };
            let request = waiting.remove(free);
            self.add_track(now, from, request);
        }
        if let Some(remote) = self.remote_mut(from) {
            remote.queued.splice(0..0, waiting);
        }
    }
}
