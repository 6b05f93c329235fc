//! Resuming: a client whose signalling connection was cut goes on with its session on a new one (LiveKit's
//! reconnect). Its media never stopped; what it missed of the room is told again.

use std::time::{Instant, SystemTime};

use livekit_protocol as proto;
use proto::signal_response::Message as Response;

use super::{Clock, Room};
use crate::config::Resume;
use crate::error::ResumeError;
use crate::ids::ParticipantId;
use crate::output::Output;
use crate::participant::Participant;
use crate::subscription::{MAX_SUBSCRIPTIONS, Negotiation};

impl Room {
    /// Puts a client's session on a new signalling connection. The signals for it are among the outputs; those
    /// for the old one are gone.
    ///
    /// # Errors
    /// When there is nothing to go on with: see [`ResumeError`]. The client shall join anew.
    pub fn resume(
        &mut self,
        now: Instant,
        wallclock: SystemTime,
        resume: &Resume,
    ) -> Result<ParticipantId, ResumeError> {
        let id = self.resumable(resume)?;
        self.clock = Clock::new(now, wallclock);
        self.out.retain(|output| !is_signal_to(output, id));
        if let Some(remote) = self.remote_mut(id) {
            remote.signalling = true;
            remote.quality_told.clear();
            match &mut remote.negotiation {
                Negotiation::Asking(requirement) => requirement.resumed(now),
                Negotiation::Offering(offering) => offering.resumed(now),
            }
        }
        let cut_off = self.remote_mut(id).and_then(|remote| remote.cut_off.take());
        let cut_off = cut_off.filter(|cut_off| now < cut_off.until);
        if cut_off.is_none_or(|cut_off| cut_off.told) {
            self.tell_again(id);
        }
        if cut_off.is_some() {
            self.cut_signal(id);
        }
        self.counts_changed(now);
        self.flush(now);
        Ok(id)
    }

    fn resumable(&self, resume: &Resume) -> Result<ParticipantId, ResumeError> {
        let id = self.by_identity.get(&resume.identity).ok_or(ResumeError::Gone)?;
        let participant = self.participants.get(id).ok_or(ResumeError::Gone)?;
        let remote = participant.remote().ok_or(ResumeError::Gone)?;
        let dual = matches!(remote.negotiation, Negotiation::Offering(_));
        match () {
            () if !resume.participant_sid.is_empty() && resume.participant_sid != participant.sid => {
                Err(ResumeError::Replaced)
            }
            () if remote.closed => Err(ResumeError::Gone),
            () if dual != resume.dual => Err(ResumeError::OtherMode),
            () if remote.outbox.has_lost() => Err(ResumeError::DataLost),
            () => Ok(*id),
        }
    }

    /// Clients take nothing before `reconnect`, and take who is missing in the update for gone.
    fn tell_again(&mut self, to: ParticipantId) {
        let Some(participant) = self.participants.get(&to) else { return };
        let reconnect = proto::ReconnectResponse {
            ice_servers: self.env.ice_servers.clone(),
            server_info: Some(self.server_info()),
            last_message_seq: participant.last_sequence,
            ..Default::default()
        };
        let seen = self.participants.iter().filter(|(id, other)| **id == to || !other.is_hidden());
        let participants = seen.map(|(_, participant)| participant.info()).collect();
        let room = Some(self.info());
        self.send(to, Response::Reconnect(reconnect));
        self.send(to, Response::Update(proto::ParticipantUpdate { participants }));
        self.send(to, Response::RoomUpdate(proto::RoomUpdate { room }));
        self.refresh_token(to);
        self.tell_own_tracks_again(to);
        self.tell_layers_sought_again(to);
    }

    /// Agents wait for the word that somebody subscribed.
    fn tell_own_tracks_again(&mut self, to: ParticipantId) {
        let tracks = self.participants.get(&to).map(|participant| participant.tracks.iter());
        let told = tracks.into_iter().flatten().filter(|track| track.subscribed_told);
        let told: Vec<_> = told.map(|track| track.sid.to_string()).collect();
        for track_sid in told {
            self.send(to, Response::TrackSubscribed(proto::TrackSubscribed { track_sid }));
        }
    }

    /// What the client believes to be the state of things. What it cannot be brought in line with ends its session:
    /// it joins anew.
    pub(crate) fn sync_state(&mut self, now: Instant, from: ParticipantId, state: &proto::SyncState) {
        let Some(participant) = self.participants.get(&from) else { return };
        let published = state.publish_tracks.iter().filter_map(|published| published.track.as_ref());
        if !published.into_iter().all(|track| knows(participant, &track.sid)) {
            return self.end(now, from, proto::DisconnectReason::StateMismatch, true);
        }
        self.settle_offer(now, from, state.answer.as_ref());
        let track_sids = state.track_sids_disabled.iter().take(MAX_SUBSCRIPTIONS).cloned().collect();
        self.update_track_settings(
            now,
            from,
            &proto::UpdateTrackSettings { track_sids, disabled: true, ..Default::default() },
        );
        let is_wish = self.participants.get(&from).is_some_and(lists_wishes);
        if let Some(subscription) = state.subscription.as_ref().filter(|wanted| wanted.subscribe || is_wish) {
            self.update_subscription(now, from, subscription);
        }
    }
}

/// Whether the tracks that a client names as not subscribed are those that it does not want. Go's SDK names all that it has no
/// media of: whatever began while it was cut off would never be heard.
fn lists_wishes(participant: &Participant) -> bool {
    participant.client.sdk() != proto::client_info::Sdk::Go
}

fn knows(participant: &Participant, track: &str) -> bool {
    let pending = participant.remote().map(|remote| remote.pending.iter());
    participant.track(track).is_some()
        || pending.into_iter().flatten().any(|pending| pending.info.sid == track)
}

fn is_signal_to(output: &Output, id: ParticipantId) -> bool {
    match output {
        Output::Signal { to, .. } | Output::RefreshToken { to, .. } => *to == id,
        _ => false,
    }
}
