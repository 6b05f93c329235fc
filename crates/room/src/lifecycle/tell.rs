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
        self.reflect(id);
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
        self.tick_soon(now);
    }

    /// There is something to tell with the next tick.
    pub(crate) fn tick_soon(&mut self, now: Instant) {
        self.tick_due.get_or_insert(now + super::timers::TICK);
    }

    /// The tick: tells new counts, how good connections are, and which layers nobody watches any more. While nothing is
    /// published there is none.
    pub(super) fn tick(&mut self, now: Instant) {
        if self.tick_due.is_none_or(|due| now < due) {
            return;
        }
        self.tick_due = None;
        if self.counts() != self.told_counts {
            self.told_counts = self.counts();
            self.tell_room();
        }
        self.rate_connections();
        for to in self.everybody() {
            self.tell_quality(to);
            self.tell_layers_sought(now, to);
        }
        if self.participants.values().any(|participant| !participant.tracks.is_empty()) {
            self.tick_soon(now);
        }
    }
}
