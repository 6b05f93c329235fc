//! The room that a forwarded participant is in.

use std::collections::BTreeMap;
use std::time::Instant;

use livekit_protocol::DisconnectReason;

use super::{Asked, Content, ForwardedPacket, ForwardingId, Likeness, Told};
use crate::error::MoveError;
use crate::ids::{ParticipantId, TrackSid};
use crate::lifecycle::Room;
use crate::output::{Codec, Output};
use crate::participant::Participant;

/// Rooms that one participant may be forwarded to at a time.
const MAX_FORWARDINGS: usize = 16;

/// One of the rooms that a participant is forwarded to.
#[derive(Debug)]
pub(crate) struct Forwarding {
    pub(crate) id: ForwardingId,
    /// In which codecs it is listened to there.
    codecs: [bool; 4],
    /// How many layers of a video are watched there, as far as that was told.
    layers: BTreeMap<TrackSid, usize>,
}

impl Forwarding {
    /// In which codecs it is listened to there.
    pub(crate) fn codecs(&self) -> impl Iterator<Item = Codec> {
        let all = Codec::ALL.into_iter().zip(self.codecs);
        all.filter(|(_, wanted)| *wanted).map(|(codec, _)| codec)
    }

    /// How many layers of a video are watched there: all, until it is told otherwise.
    pub(crate) fn watched(&self, track: &TrackSid) -> usize {
        self.layers.get(track).copied().unwrap_or(usize::MAX)
    }

    fn takes(&self, content: &Content) -> bool {
        match content {
            Content::Written(codec, _) => self.codecs().any(|wanted| wanted == *codec),
            Content::Noise(..) => self.codecs().any(|wanted| matches!(wanted, Codec::Pcmu | Codec::Pcma)),
            Content::Audio(_) | Content::Video(_) => true,
        }
    }
}

impl Room {
    /// Forwards a participant: from now on whatever happens to it is told by [`Output::Told`], and it may be asked for
    /// something by [`Room::forwarding_asked`]. Returns what it looks like now.
    ///
    /// # Errors
    /// When there is no such participant, it is not connected or itself a guest, or it is forwarded to many rooms already.
    pub fn forward_participant(
        &mut self,
        now: Instant,
        identity: &str,
        id: ForwardingId,
    ) -> Result<Likeness, MoveError> {
        self.movable(identity)?;
        let participant = self.id_of(identity).ok_or(MoveError::NoParticipant)?;
        let forwarded = self.participants.get_mut(&participant).ok_or(MoveError::NoParticipant)?;
        if forwarded.forwardings.len() >= MAX_FORWARDINGS {
            return Err(MoveError::TooMany);
        }
        forwarded.forwardings.push(Forwarding { id, codecs: [false; 4], layers: BTreeMap::new() });
        let likeness = Likeness::of(forwarded);
        self.update_bandwidth(now, participant);
        self.flush(now);
        Ok(likeness)
    }

    /// The room where a participant is a guest asks something of it. Of one that is forwarded no longer it asks in vain.
    pub fn forwarding_asked(&mut self, now: Instant, id: ForwardingId, asked: Asked) {
        let is_it = |forwarding: &Forwarding| forwarding.id == id;
        let found = self.participants.iter_mut().find(|(_, of)| of.forwardings.iter().any(is_it));
        let Some((participant, forwarded)) = found.map(|(id, forwarded)| (*id, forwarded)) else { return };
        match asked {
            Asked::Codecs(codecs) => {
                forwarded.forwardings.iter_mut().filter(|it| it.id == id).for_each(|it| it.codecs = codecs);
                self.update_demand(participant);
            }
            Asked::Layers(track, count) => {
                let is_there = forwarded.tracks.iter().any(|published| published.sid == track);
                let forwarding = forwarded.forwardings.iter_mut().find(|it| it.id == id);
                if let Some(forwarding) = forwarding.filter(|_| is_there) {
                    forwarding.layers.insert(track, count);
                }
                self.tell_layers_sought(now, participant);
            }
            Asked::Subscribed(track) => self.tell_subscribed(participant, &track),
            Asked::KeyFrame(track, rid) => {
                let tracks = &mut forwarded.tracks;
                let Some(at) = tracks.iter().position(|published| published.sid == track) else { return };
                if let Some(video) = tracks.get_mut(at).and_then(|track| track.video.as_mut()) {
                    video.layer_wanted(rid);
                }
                self.ask_key_frame(now, participant, at);
            }
            Asked::Nothing => {
                forwarded.forwardings.retain(|forwarding| forwarding.id != id);
                self.update_demand(participant);
                self.update_bandwidth(now, participant);
            }
        }
        self.flush(now);
    }

    /// Tells the rooms that a participant is forwarded to how it is now.
    pub(crate) fn reflect(&mut self, id: ParticipantId) {
        let Some(participant) = self.participants.get(&id) else { return };
        for forwarding in &participant.forwardings {
            let told = Told::Changed(Box::new(Likeness::of(participant)));
            self.out.push_back(Output::Told { id: forwarding.id, told });
        }
    }

    /// A participant leaves: its likenesses go as well.
    pub(crate) fn end_forwardings(&mut self, id: ParticipantId, reason: DisconnectReason) {
        let Some(participant) = self.participants.get_mut(&id) else { return };
        for forwarding in std::mem::take(&mut participant.forwardings) {
            self.out.push_back(Output::Told { id: forwarding.id, told: Told::Ended(reason) });
        }
    }

    /// Sends a packet of a participant's track along to where it is forwarded to.
    pub(crate) fn send_along(&mut self, from: ParticipantId, track: usize, content: &Content) {
        let Some(participant) = self.participants.get(&from) else { return };
        let Some(track) = participant.tracks.get(track).filter(|track| !track.info.muted) else { return };
        for forwarding in participant.forwardings.iter().filter(|forwarding| forwarding.takes(content)) {
            let packet = ForwardedPacket { track: track.sid.clone(), content: content.clone() };
            self.out.push_back(Output::Told { id: forwarding.id, told: Told::Packet(packet) });
        }
    }
}

impl Participant {
    /// Whether it is forwarded to any room.
    pub(crate) fn is_forwarded(&self) -> bool {
        !self.forwardings.is_empty()
    }
}
