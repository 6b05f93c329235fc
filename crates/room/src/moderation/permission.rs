//! Changing what a participant may: tracks it may publish no more end, subscriptions follow.

use std::time::Instant;

use livekit_protocol as proto;
use proto::signal_response::Message as Response;

use crate::ids::{ParticipantId, TrackSid};
use crate::lifecycle::Room;
use crate::participant::Participant;

impl Room {
    /// Gives a participant this permission in place of the one it has. False when it is the same.
    ///
    /// A client whose tracks end is told of each, after it has seen its new permission; others see the tracks go.
    pub(super) fn set_permission(
        &mut self,
        now: Instant,
        id: ParticipantId,
        permission: &proto::ParticipantPermission,
    ) -> bool {
        let Some(participant) = self.participants.get_mut(&id) else { return false };
        let hidden_before = participant.is_hidden();
        participant.grants.set_permission(permission);
        let granted = participant.grants.permission();
        if granted == participant.permission {
            return false;
        }
        participant.permission = granted;
        let hidden = participant.is_hidden();
        if hidden && !hidden_before {
            self.vanish(id);
        }
        let ended = self.revoke_tracks(now, id);
        self.announce(id);
        self.tell_revoked(now, id, ended);
        self.publish_again(now, id);
        self.offer_all(now, id);
        if hidden != hidden_before {
            self.show_tracks(now, id);
        }
        self.negotiate(now, id);
        true
    }

    /// To the others, one who is hidden from now on has left.
    pub(crate) fn vanish(&mut self, id: ParticipantId) {
        let Some(participant) = self.participants.get(&id) else { return };
        let departure = participant.departure(proto::DisconnectReason::UnknownReason);
        self.publish_info(departure, |to| to != id);
    }

    /// Offers its tracks to everybody, or takes them away, as they may have them now.
    fn show_tracks(&mut self, now: Instant, id: ParticipantId) {
        let Some(participant) = self.participants.get(&id) else { return };
        let tracks: Vec<_> = participant.tracks.iter().map(|track| track.sid.clone()).collect();
        for track in tracks {
            self.offer_to_all(now, id, &track);
        }
    }

    /// Ends the tracks that the participant may not publish any more, those only announced included.
    fn revoke_tracks(&mut self, now: Instant, id: ParticipantId) -> Vec<TrackSid> {
        let Some(participant) = self.participants.get_mut(&id) else { return Vec::new() };
        let published = |participant: &Participant| -> Vec<TrackSid> {
            let tracks = participant.tracks.iter();
            tracks.filter(|t| !participant.may_publish(t.info.source)).map(|t| t.sid.clone()).collect()
        };
        let mut ended = published(participant);
        for track in &ended {
            self.withdraw(now, id, track);
        }
        let Some(participant) = self.participants.get_mut(&id) else { return Vec::new() };
        participant.tracks.retain(|track| !ended.contains(&track.sid));
        let permission = participant.permission.clone();
        let may = |source: i32| {
            let sources = &permission.can_publish_sources;
            permission.can_publish && (sources.is_empty() || sources.contains(&source))
        };
        if let Some(remote) = participant.remote_mut() {
            let refused = remote.pending.iter().filter(|pending| !may(pending.info.source));
            ended.extend(refused.map(|pending| TrackSid::from(pending.info.sid.as_str())));
            remote.pending.retain(|pending| may(pending.info.source));
        }
        ended
    }

    fn tell_revoked(&mut self, now: Instant, id: ParticipantId, ended: Vec<TrackSid>) {
        if ended.is_empty() {
            return;
        }
        for track in ended {
            let track_sid = track.to_string();
            self.send(id, Response::TrackUnpublished(proto::TrackUnpublishedResponse { track_sid }));
        }
        let Some(participant) = self.participants.get_mut(&id) else { return };
        if participant.tracks.is_empty() && std::mem::take(&mut participant.is_publisher) {
            self.counts_changed(now);
            self.announce(id);
        }
    }
}
