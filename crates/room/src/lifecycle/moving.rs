//! Moving a participant to another room (LiveKit's MoveParticipant, `room_moved`): its connections, its tracks and
//! whatever it has said of itself go along; what it heard stays behind.
//!
//! The room it leaves tells that it left; the room it comes to is told as of any newcomer. Nobody negotiates anew: a
//! client's peer connections go on, and get the tracks of the new room as they got those of the old.

use std::fmt;
use std::time::{Instant, SystemTime};

use livekit_protocol as proto;
use proto::DisconnectReason as Why;

use super::Room;
use crate::error::{JoinError, MoveError};
use crate::ids::{ParticipantId, TrackSid, new_sid};
use crate::output::{LocalEvent, Output};
use crate::participant::{Link, Participant};

/// A participant between two rooms.
pub struct Traveller(Box<Participant>);

impl fmt::Debug for Traveller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Traveller").field(&self.0.identity).finish()
    }
}

impl Room {
    /// Whether the room would take in a participant of this identity: `dependent` ones (agents, recorders) do not
    /// count.
    ///
    /// # Errors
    /// When the room is closed or full.
    pub fn admits(&self, identity: &str, dependent: bool) -> Result<(), JoinError> {
        self.check_join(identity, dependent)
    }

    /// Whether a participant could be taken out of the room now; whether it is a dependent one.
    ///
    /// # Errors
    /// When there is no such participant, or it is not connected, or not here but forwarded from another room.
    pub fn movable(&self, identity: &str) -> Result<bool, MoveError> {
        let id = self.id_of(identity).ok_or(MoveError::NoParticipant)?;
        let participant = self.participants.get(&id).ok_or(MoveError::NoParticipant)?;
        match &participant.link {
            Link::Guest(_) => Err(MoveError::Guest),
            Link::Remote(remote) if !remote.connected || !remote.signalling || remote.closed => {
                Err(MoveError::NotConnected)
            }
            _ => Ok(participant.is_dependent()),
        }
    }

    /// Takes a participant out of the room for another. What is left to tell it under its id is among the outputs;
    /// nothing of it follows later, and no [`Output::Left`].
    ///
    /// # Errors
    /// As [`Room::movable`].
    pub fn take(&mut self, now: Instant, identity: &str) -> Result<(ParticipantId, Traveller), MoveError> {
        self.movable(identity)?;
        let id = self.id_of(identity).ok_or(MoveError::NoParticipant)?;
        self.flush(now);
        self.tell_departure(id, Why::Migration);
        self.end_forwardings(id, Why::Migration);
        self.silence(id);
        self.release_tracks(now, id);
        self.update_demand(id);
        self.rpc_destination_gone(id);
        let mut participant = self.participants.remove(&id).ok_or(MoveError::NoParticipant)?;
        self.by_identity.remove(identity);
        self.one_left(now, participant.is_dependent());
        self.flush(now);
        participant.forget_room();
        Ok((id, Traveller(Box::new(participant))))
    }

    /// Ends what a local participant hears.
    fn silence(&mut self, id: ParticipantId) {
        let heard = |(from, publisher): (&ParticipantId, &Participant)| -> Vec<(ParticipantId, TrackSid)> {
            let tracks = publisher.tracks.iter().filter(|track| track.listeners.contains(&id));
            tracks.map(|track| (*from, track.sid.clone())).collect()
        };
        let heard: Vec<_> = self.participants.iter().flat_map(heard).collect();
        for (from, track) in heard {
            let event = LocalEvent::TrackRemoved { track, from };
            self.out.push_back(Output::Local { to: id, event });
        }
    }

    /// Takes in a participant of another room, in place of whoever has its identity here.
    pub fn adopt(&mut self, now: Instant, wallclock: SystemTime, traveller: Traveller) -> ParticipantId {
        let mut participant = *traveller.0;
        self.set_clock(now, wallclock);
        self.replace(now, &participant.identity);
        participant.sid = new_sid("PA_", &mut self.rng);
        participant.joined_at_ms = self.clock.ms(now);
        if !participant.grants.room.is_empty() {
            participant.grants.room.clone_from(&self.config.name);
        }
        let tracks: Vec<_> = participant.tracks.iter().map(|track| track.sid.clone()).collect();
        let id = self.admit(now, participant);
        self.name_peers(id);
        self.send_moved(id);
        self.announce(id);
        for track in &tracks {
            self.offer_to_all(now, id, track);
        }
        self.offer_all(now, id);
        self.touch(id);
        self.negotiate(now, id);
        self.flush(now);
        id
    }

    /// Tells a client where it is now.
    fn send_moved(&mut self, to: ParticipantId) {
        let Some(participant) = self.participants.get(&to).filter(|p| p.remote().is_some()) else { return };
        let others = self.participants.iter().filter(|(id, other)| **id != to && !other.is_hidden());
        let moved = proto::RoomMovedResponse {
            room: Some(self.info()),
            token: String::new(),
            participant: Some(participant.info()),
            other_participants: others.map(|(_, other)| other.info()).collect(),
        };
        let claims = Box::new(participant.claims());
        self.out.push_back(Output::Moved { to, moved: Box::new(moved), claims });
    }
}

impl Participant {
    /// Forgets whatever belongs to the room it leaves.
    fn forget_room(&mut self) {
        self.told_level = 0.0;
        for track in &mut self.tracks {
            track.subscribed_told = false;
            track.downlinks.clear();
            if let Some(video) = &mut track.video {
                video.downlinks.clear();
            }
            track.listeners.clear();
        }
        match &mut self.link {
            Link::Local(local) => local.unwanted.clear(),
            Link::Guest(_) => {}
            Link::Remote(remote) => {
                remote.wishes.clear();
                remote.quality_told.clear();
                remote.dirty = false;
            }
        }
    }
}
