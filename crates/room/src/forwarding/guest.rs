//! The room that a participant is forwarded to: there it is a guest, with tracks that others subscribe to as to any.

use std::collections::BTreeSet;
use std::time::{Instant, SystemTime};

use livekit_protocol as proto;
use proto::participant_info::State;

use super::likeness::TrackLikeness;
use super::{Content, ForwardedPacket, ForwardingId, Likeness, Told};
use crate::error::JoinError;
use crate::ids::{ParticipantId, TrackSid};
use crate::lifecycle::Room;
use crate::participant::{Link, Participant};
use crate::track::Track;

/// What a guest has beyond any participant.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) forwarding: ForwardingId,
    /// The codecs that were asked for last: PCMU, PCMA, Opus.
    pub(crate) demand: [bool; 4],
    /// Tracks that are muted where the participant is.
    muted: BTreeSet<TrackSid>,
    /// Tracks that are muted here.
    silenced: BTreeSet<TrackSid>,
}

impl Guest {
    /// Somebody here mutes a track, or wants to hear it again; whether it is to be heard then.
    pub(crate) fn silence(&mut self, track: &TrackSid, silenced: bool) -> bool {
        if silenced {
            self.silenced.insert(track.clone());
        } else {
            self.silenced.remove(track);
        }
        !silenced && !self.muted.contains(track)
    }

    /// Takes in whether a track is muted where it is published; whether it is muted here then.
    fn set_muted(&mut self, track: &TrackSid, muted: bool) -> bool {
        if muted {
            self.muted.insert(track.clone());
        } else {
            self.muted.remove(track);
        }
        muted || self.silenced.contains(track)
    }

    fn forget(&mut self, track: &TrackSid) {
        self.muted.remove(track);
        self.silenced.remove(track);
    }
}

impl Room {
    /// Shows a participant of another room. It is ACTIVE at once; what follows is told by [`Room::guest_told`].
    ///
    /// # Errors
    /// When the room does not take it in: see [`JoinError`].
    pub fn join_guest(
        &mut self,
        now: Instant,
        wallclock: SystemTime,
        forwarding: ForwardingId,
        likeness: &Likeness,
    ) -> Result<ParticipantId, JoinError> {
        let dependent = likeness.is_dependent();
        self.check_join(&likeness.identity, dependent)?;
        self.set_clock(now, wallclock);
        self.replace(now, &likeness.identity);
        let (identity, grants) = (likeness.identity.clone(), likeness.grants.clone());
        let mut participant = self.new_participant(now, identity, likeness.kind, grants);
        likeness.show(&mut participant);
        participant.state = State::Active;
        let (muted, silenced) = (BTreeSet::new(), BTreeSet::new());
        participant.link = Link::Guest(Guest { forwarding, demand: [false; 4], muted, silenced });
        let id = self.admit(now, participant);
        self.update_guest(now, id, likeness);
        Ok(id)
    }

    /// What the room says that a guest is in.
    pub fn guest_told(&mut self, now: Instant, id: ParticipantId, told: &Told) {
        match told {
            Told::Packet(packet) => self.guest_packet(now, id, packet),
            Told::Ended(reason) => self.end(now, id, *reason, true),
            Told::Changed(likeness) => {
                let Some(participant) = self.participants.get_mut(&id) else { return };
                let hidden_before = participant.is_hidden();
                likeness.show(participant);
                if participant.is_hidden() && !hidden_before {
                    self.vanish(id);
                }
                self.update_guest(now, id, likeness);
            }
        }
        self.flush(now);
    }

    /// The guest has these tracks now, and everybody who may see it is told how it is.
    fn update_guest(&mut self, now: Instant, id: ParticipantId, likeness: &Likeness) {
        self.end_tracks(now, id, likeness);
        for track in &likeness.tracks {
            self.update_track(id, track);
        }
        self.counts_changed(now);
        self.announce(id);
        for track in &likeness.tracks {
            self.offer_to_all(now, id, &track.sid());
        }
        self.flush(now);
    }

    fn end_tracks(&mut self, now: Instant, id: ParticipantId, likeness: &Likeness) {
        let Some(participant) = self.participants.get(&id) else { return };
        let is_there = |track: &Track| likeness.tracks.iter().any(|it| it.info.sid == track.sid.as_str());
        let over = participant.tracks.iter().filter(|track| !is_there(track));
        let over: Vec<_> = over.map(|track| track.sid.clone()).collect();
        for sid in &over {
            self.withdraw(now, id, sid);
            if let Some(participant) = self.participants.get_mut(&id) {
                participant.tracks.retain(|track| track.sid != *sid);
                if let Some(guest) = participant.guest_mut() {
                    guest.forget(sid);
                }
            }
        }
    }

    fn update_track(&mut self, id: ParticipantId, likeness: &TrackLikeness) {
        let Some(participant) = self.participants.get_mut(&id) else { return };
        let sid = likeness.sid();
        let muted = participant.guest_mut().is_some_and(|guest| guest.set_muted(&sid, likeness.info.muted));
        match participant.track_mut(sid.as_str()) {
            Some(track) => {
                let before = std::mem::replace(&mut track.info, likeness.info.clone());
                // Whether it is muted is told below.
                track.info.muted = before.muted;
                if let Some(video) = &mut track.video {
                    video.sized(&track.info);
                }
            }
            None => {
                let mut track = likeness.track();
                track.info.muted = muted;
                participant.tracks.push(track);
            }
        }
        self.mute(id, sid.as_str(), muted);
    }

    fn guest_packet(&mut self, now: Instant, id: ParticipantId, packet: &ForwardedPacket) {
        let Some(participant) = self.participants.get(&id) else { return };
        // Of a track that is not known yet, or no longer.
        let Some(at) = participant.tracks.iter().position(|track| track.sid == packet.track) else { return };
        match &packet.content {
            Content::Audio(audio) => self.take_audio(now, id, at, audio),
            Content::Video(video) => self.take_video(now, id, at, video),
            Content::Noise(timestamp, noise) => self.take_noise(now, id, at, *timestamp, noise),
            Content::Written(codec, audio) => self.take_written(now, id, at, *codec, audio),
        }
    }
}

impl Participant {
    pub(crate) fn guest_mut(&mut self) -> Option<&mut Guest> {
        match &mut self.link {
            Link::Guest(guest) => Some(guest),
            Link::Local(_) | Link::Remote(_) => None,
        }
    }

    /// A participant of another room.
    pub(crate) fn is_guest(&self) -> bool {
        matches!(self.link, Link::Guest(_))
    }
}
