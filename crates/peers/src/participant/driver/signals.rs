//! What the server says over the signalling socket.

use std::time::Instant;

use livekit_protocol as proto;
use proto::signal_response::Message as Response;

use super::super::ear::Ear;
use super::super::event::{Cause, ParticipantEvent};
use super::super::signal::Closed;
use super::Driver;

impl Driver {
    pub(super) async fn signalled(&mut self, message: Result<Response, Closed>) -> Result<(), Cause> {
        let message = match message {
            Ok(message) => message,
            Err(_) if self.leaving.is_some() => return Err(Cause::Left),
            Err(closed) => return Err(Cause::SignalLost(closed.to_string())),
        };
        self.clock.heard(Instant::now());
        match message {
            Response::Answer(answer) => self.answered(&answer),
            Response::Trickle(trickle) => self.peer.add_candidate(&trickle.candidate_init),
            Response::Update(update) => update.participants.into_iter().for_each(|info| self.update(info)),
            Response::TrackPublished(published) => self.published(published),
            Response::MediaSectionsRequirement(wanted) => self.peer.require_sections(wanted.num_audios),
            Response::Leave(leave) => return Err(self.sent_away(&leave)),
            Response::PongResp(pong) => self.clock.pong(&pong),
            other => self.tell_news(other),
        }
        Ok(())
    }

    /// Messages that only become events; the rest is of no interest to a participant of ours.
    fn tell_news(&mut self, message: Response) {
        let event = match message {
            Response::SpeakersChanged(changed) => ParticipantEvent::Speakers(changed.speakers),
            Response::RoomUpdate(proto::RoomUpdate { room: Some(room) }) => {
                ParticipantEvent::RoomUpdated(Box::new(room))
            }
            Response::RequestResponse(answer) => ParticipantEvent::RequestAnswered(Box::new(answer)),
            Response::TrackSubscribed(subscribed) => {
                ParticipantEvent::SubscribedTo { track_sid: subscribed.track_sid }
            }
            _ => return,
        };
        self.event(event);
    }

    pub(super) fn update(&mut self, info: proto::ParticipantInfo) {
        for event in self.roster.update(info) {
            self.event(event);
        }
    }

    fn published(&mut self, published: proto::TrackPublishedResponse) {
        if published.cid != self.cid || self.own_track.is_some() {
            return;
        }
        let track_sid = published.track.unwrap_or_default().sid;
        self.own_track = Some(track_sid.clone());
        self.peer.publish(&published.cid);
        self.event(ParticipantEvent::Published { track_sid });
    }

    fn sent_away(&self, leave: &proto::LeaveRequest) -> Cause {
        match self.leaving {
            Some(_) => Cause::Left,
            None => Cause::Server { reason: leave.reason(), action: leave.action() },
        }
    }

    fn answered(&mut self, answer: &proto::SessionDescription) {
        if let Err(error) = self.peer.accept_answer(answer) {
            tracing::warn!(%error, "an answer that cannot be used");
            return;
        }
        let mapped = self.peer.tracks().clone();
        let gone: Vec<String> = self
            .ears
            .keys()
            .filter(|track| !mapped.values().any(|mapped| mapped == *track))
            .cloned()
            .collect();
        for track in gone {
            if let Some(ear) = self.ears.remove(&track) {
                self.event(ParticipantEvent::TrackEnded(ear.finish()));
            }
        }
        for (mid, track_sid) in &mapped {
            if !self.ears.contains_key(track_sid) {
                self.subscribed(mid, track_sid);
            }
        }
        self.sections = mapped;
    }

    fn subscribed(&mut self, mid: &str, track_sid: &str) {
        let identity = self.roster.publisher(track_sid).unwrap_or_default().to_owned();
        self.ears.insert(track_sid.to_owned(), Ear::new(track_sid.to_owned(), identity.clone()));
        self.event(ParticipantEvent::TrackSubscribed {
            identity,
            track_sid: track_sid.to_owned(),
            mid: mid.to_owned(),
        });
    }
}
