//! A video packet's way through the room.

use std::time::Instant;

use crate::forwarding::{Asked, Content};
use crate::ids::{ParticipantId, PeerId};
use crate::lifecycle::Room;
use crate::output::Output;
use crate::participant::{Link, Participant, Participants};
use crate::peer::{Role, VideoIn, VideoOut};
use crate::track::Track;
use crate::video::{Numbers, Packet, VideoDownlink};

impl Room {
    /// A packet from a client. Without a track for its section it is dropped.
    pub(crate) fn forward_video(&mut self, now: Instant, from: PeerId, packet: &VideoIn) {
        let PeerId { participant: from, role: Role::Publisher } = from else { return };
        let Some(participant) = self.participants.get(&from) else { return };
        let mut tracks = participant.tracks.iter();
        let Some(at) = tracks.position(|track| track.mid == Some(packet.mid)) else { return };
        if participant.is_forwarded() {
            self.send_along(from, at, &Content::Video(packet.clone()));
        }
        self.take_video(now, from, at, packet);
    }

    /// A packet of a client's track, of this room or another one.
    pub(crate) fn take_video(&mut self, now: Instant, from: ParticipantId, at: usize, packet: &VideoIn) {
        let Some(participant) = self.participants.get_mut(&from) else { return };
        let Some((layer, described)) =
            participant.tracks.get_mut(at).and_then(|track| take_in(now, track, packet))
        else {
            return;
        };
        // Taken out of the map while the subscribers' entries in it are written to.
        let Some(video) = participant.tracks.get_mut(at).and_then(|track| track.video.as_mut()) else {
            return;
        };
        let mut downlinks = std::mem::take(&mut video.downlinks);
        for downlink in &mut downlinks {
            let Some(video) = video_of(&mut self.participants, from, at) else { break };
            let taken = downlink.take(now, &mut video.layers, layer, &described);
            if let Some((payload_type, rewritten)) = taken {
                let out = VideoOut {
                    mid: downlink.mid,
                    payload_type,
                    seq: rewritten.seq,
                    timestamp: rewritten.timestamp,
                    marker: packet.marker,
                    patch: rewritten.patch,
                    payload: &packet.payload,
                };
                send(now, &mut self.participants, &mut self.dirty, downlink, &out);
            }
        }
        if let Some(video) = video_of(&mut self.participants, from, at) {
            video.downlinks = downlinks;
        }
        self.ask_key_frame(now, from, at);
    }

    /// Asks a publisher for the key frame that somebody needs, if it is time.
    pub(crate) fn ask_key_frame(&mut self, now: Instant, publisher: ParticipantId, track: usize) {
        let Some(participant) = self.participants.get_mut(&publisher) else { return };
        let Some(track) = participant.tracks.get_mut(track).filter(|track| !track.info.muted) else { return };
        let Some(rid) = track.video.as_mut().and_then(|video| video.ask_key_frame(now)) else { return };
        match (&mut participant.link, track.mid) {
            (Link::Remote(remote), Some(mid)) => remote.transport.publisher().ask_key_frame(mid, rid),
            (Link::Guest(guest), _) => {
                let asked = Asked::KeyFrame(track.sid.clone(), rid);
                self.out.push_back(Output::Asked { id: guest.forwarding, asked });
            }
            _ => {}
        }
        self.touch(publisher);
    }

    /// A subscriber needs a key frame of what it gets on a section.
    pub(crate) fn key_frame_wanted(&mut self, now: Instant, to: ParticipantId, section: str0m::media::Mid) {
        let Some(remote) = self.participants.get(&to).and_then(Participant::remote) else { return };
        let on_it = remote.subscriptions.iter().find(|(_, subscribed)| subscribed.section == Some(section));
        let Some((sid, publisher)) = on_it.map(|(sid, subscribed)| (sid.clone(), subscribed.publisher))
        else {
            return;
        };
        let Some(participant) = self.participants.get_mut(&publisher) else { return };
        let Some(at) = participant.tracks.iter().position(|track| track.sid == sid) else { return };
        if let Some(video) = participant.tracks.get_mut(at).and_then(|track| track.video.as_mut()) {
            video.key_frame_wanted(now, to);
        }
        self.ask_key_frame(now, publisher, at);
    }
}

/// The layer a packet belongs to, and what subscribers need to know of it; `None` if nobody gets it.
fn take_in<'a>(now: Instant, track: &mut Track, packet: &'a VideoIn) -> Option<(usize, Packet<'a>)> {
    let video = track.video.as_mut().filter(|_| !track.info.muted)?;
    let layer = video.layers.find(packet.rid)?;
    if packet.payload_type != video.format.payload_type && !video.changed(packet.payload_type) {
        return None;
    }
    video.layers.seen(now, layer, packet.marker);
    let codec = video.format.codec;
    let key_frame = codec.starts_key_frame(&packet.payload);
    if key_frame {
        video.layers.key_frame(layer);
    }
    let numbers = Numbers { seq: packet.seq, timestamp: packet.timestamp };
    Some((layer, Packet { numbers, codec, payload: &packet.payload, key_frame }))
}

fn video_of(
    participants: &mut Participants,
    publisher: ParticipantId,
    track: usize,
) -> Option<&mut super::Video> {
    participants.get_mut(&publisher)?.tracks.get_mut(track)?.video.as_deref_mut()
}

fn send(
    now: Instant,
    participants: &mut Participants,
    dirty: &mut Vec<ParticipantId>,
    downlink: &mut VideoDownlink,
    packet: &VideoOut<'_>,
) {
    let Some(remote) = participants.get_mut(&downlink.to).and_then(Participant::remote_mut) else { return };
    let peer = remote.transport.subscriber();
    if !peer.is_connected() {
        downlink.layer = None;
        return;
    }
    peer.send_video(now, packet);
    if !std::mem::replace(&mut remote.dirty, true) {
        dirty.push(downlink.to);
    }
}
