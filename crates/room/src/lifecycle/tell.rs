//! Telling clients: one, or everybody who may know.

use std::time::Instant;

use livekit_protocol as proto;
use proto::signal_response::Message as Response;

use super::Room;
use crate::ids::ParticipantId;
use crate::output::Output;
use crate::participant::Participant;
use crate::signal::frame;

impl Room {
    /// Sends a client a message, if its signalling connection is open.
    pub(crate) fn send(&mut self, to: ParticipantId, message: Response) {
        if self.is_reachable(to) {
            self.out.push_back(Output::Signal { to, bytes: frame(message) });
        }
    }

    pub(crate) fn is_reachable(&self, id: ParticipantId) -> bool {
        self.participants.get(&id).and_then(Participant::remote).is_some_and(|remote| remote.signalling)
    }

    /// The participant changed: it gets a new version, and everybody who may see it is told, itself included.
    pub(crate) fn announce(&mut self, id: ParticipantId) {
        let Some(participant) = self.participants.get_mut(&id) else { return };
        participant.version += 1;
        let (info, hidden) = (participant.info(), participant.is_hidden());
        self.publish_info(info, |to| !hidden || to == id);
    }

    /// Sends a participant's record to those clients `to` chooses.
    pub(crate) fn publish_info(&mut self, info: proto::ParticipantInfo, to: impl Fn(ParticipantId) -> bool) {
        let bytes = frame(Response::Update(proto::ParticipantUpdate { participants: vec![info] }));
        for id in self.everybody() {
            if to(id) && self.is_reachable(id) {
                self.out.push_back(Output::Signal { to: id, bytes: bytes.clone() });
            }
        }
    }

    /// Has a new token made for a client, with its claims as they are now.
    pub(crate) fn refresh_token(&mut self, to: ParticipantId) {
        if !self.is_reachable(to) {
            return;
        }
        if let Some(participant) = self.participants.get(&to) {
            self.out.push_back(Output::RefreshToken { to, claims: Box::new(participant.claims()) });
        }
    }

    /// Participants or publishers came or went: everybody is told within the next tick.
    pub(crate) fn counts_changed(&mut self, now: Instant) {
        self.tick_due.get_or_insert(now + super::timers::TICK);
    }

    /// The tick: tells new counts, and once of everybody that its connection is good.
    ///
    /// Anything worse is never told: a browser that reads of a lost connection starts over.
    pub(super) fn tick(&mut self, now: Instant) {
        if self.tick_due.is_none_or(|due| now < due) {
            return;
        }
        self.tick_due = None;
        if self.counts() != self.told_counts {
            self.told_counts = self.counts();
            self.tell_room();
        }
        for to in self.everybody() {
            self.tell_quality(to);
        }
    }

    fn tell_quality(&mut self, to: ParticipantId) {
        let Some(remote) = self.participants.get(&to).and_then(Participant::remote) else { return };
        let mut of: Vec<_> =
            remote.subscriptions.values().map(|subscription| subscription.publisher).collect();
        of.push(to);
        of.sort_unstable();
        of.dedup();
        of.retain(|id| {
            let active = self.participants.get(id).is_some_and(Participant::is_active);
            active && !remote.quality_told.contains(id)
        });
        let updates: Vec<_> =
            of.iter().filter_map(|id| Some(excellent(self.participants.get(id)?))).collect();
        let Some(remote) = self.remote_mut(to) else { return };
        remote.quality_told.extend(of);
        if !updates.is_empty() {
            self.send(to, Response::ConnectionQuality(proto::ConnectionQualityUpdate { updates }));
        }
    }
}

fn excellent(participant: &Participant) -> proto::ConnectionQualityInfo {
    proto::ConnectionQualityInfo {
        participant_sid: participant.sid.clone(),
        quality: proto::ConnectionQuality::Excellent.into(),
        score: 4.5,
    }
}
