//! Audio on its way: from a client or a local participant to everybody who subscribed.
//!
//! The payload is shared, never copied; each client has its own sequence numbers; timestamps pass unchanged.

use std::collections::VecDeque;
use std::time::Instant;

use rtp::Payload;

use crate::forwarding::Content;
use crate::ids::{ParticipantId, PeerId};
use crate::lifecycle::Room;
use crate::output::{AudioPacket, Codec, LocalEvent, Output, Quiet};
use crate::participant::{Participants, Remote};
use crate::peer::{AudioIn, AudioOut, Role};
use crate::speaker;
use crate::track::red::Blocks;
use crate::track::silence::Step;
use crate::track::{Downlink, Last, Track};

/// A packet of a track, wherever it came from.
struct Packet<'a> {
    codec: Codec,
    seq: u64,
    timestamp: u32,
    marker: bool,
    payload: &'a Payload,
    /// The same with earlier packets in front (RED), for those that take it.
    redundant: Option<&'a Payload>,
    /// What was written before it, to be put in front for them.
    last: Option<&'a Last>,
    quiet: Option<&'a Quiet>,
    level: Option<u8>,
}

impl Room {
    /// Sends a packet of a local participant's track to those who listen in this codec.
    pub fn write_audio(&mut self, now: Instant, id: ParticipantId, codec: Codec, packet: &AudioPacket) {
        let Some(participant) = self.participants.get(&id).filter(|from| from.is_local()) else { return };
        if participant.is_forwarded() {
            self.send_along(id, 0, &Content::Written(codec, packet.clone()));
        }
        self.take_written(now, id, 0, codec, packet);
        self.flush(now);
    }

    /// A packet of a track that is written in the codecs of those who listen.
    pub(crate) fn take_written(
        &mut self,
        now: Instant,
        from: ParticipantId,
        track: usize,
        codec: Codec,
        packet: &AudioPacket,
    ) {
        let AudioPacket { seq, timestamp, marker, ref payload, level, ref quiet } = *packet;
        let level = level.or_else(|| speaker::g711_level(codec, payload));
        let last = self.keep_for_repetition(from, track, codec, packet);
        let (redundant, last, quiet) = (None, last.as_ref(), quiet.as_ref());
        let packet = Packet { codec, seq, timestamp, marker, payload, redundant, last, quiet, level };
        self.forward(now, from, track, &packet);
    }

    /// The packet of Opus before this one, if anybody is to get it twice; this one takes its place.
    fn keep_for_repetition(
        &mut self,
        from: ParticipantId,
        track: usize,
        codec: Codec,
        packet: &AudioPacket,
    ) -> Option<Last> {
        let track = self.participants.get_mut(&from)?.tracks.get_mut(track)?;
        if codec != Codec::Opus || track.downlinks.iter().all(|downlink| downlink.red.is_none()) {
            return None;
        }
        track.last_opus.replace(Last::of(packet.seq, packet.timestamp, &packet.payload))
    }

    /// A packet from a client. Without a track for its section it is dropped.
    pub(crate) fn forward_from_client(&mut self, now: Instant, from: PeerId, packet: &AudioIn) {
        let PeerId { participant: from, role: Role::Publisher } = from else { return };
        let Some(participant) = self.participants.get(&from) else { return };
        let is_it = |track: &Track| track.mid == Some(packet.mid);
        let Some(track) = participant.tracks.iter().position(is_it) else { return };
        if participant.is_forwarded() {
            self.send_along(from, track, &Content::Audio(packet.clone()));
        }
        self.take_audio(now, from, track, packet);
    }

    /// A packet of a client's track, of this room or another one.
    pub(crate) fn take_audio(&mut self, now: Instant, from: ParticipantId, track: usize, packet: &AudioIn) {
        let AudioIn { codec, red, seq, timestamp, marker, ref payload, level, .. } = *packet;
        // Some clients send no level; that of G.711 can be seen.
        let level = level.or_else(|| speaker::g711_level(codec, payload));
        let (redundant, last, quiet) = (None, None, None);
        let packet = Packet { codec, seq, timestamp, marker, payload, redundant, last, quiet, level };
        if red {
            self.forward_redundant(now, from, track, &packet);
        } else {
            self.forward(now, from, track, &packet);
        }
    }

    /// A packet that holds earlier ones as well: who negotiated that gets it as it is, others what is theirs of it.
    fn forward_redundant(&mut self, now: Instant, from: ParticipantId, index: usize, packet: &Packet<'_>) {
        let Some(blocks) = Blocks::read(packet.payload) else { return };
        let Some(track) = self.participants.get_mut(&from).and_then(|p| p.tracks.get_mut(index)) else {
            return;
        };
        let missing = track.red.get_or_insert_default().before(packet.seq);
        let listened_to = !track.listeners.is_empty() && !track.info.muted;
        if listened_to && missing > 0 {
            for (back, age, payload) in blocks.before(packet.payload, missing) {
                let (seq, timestamp) = (packet.seq.wrapping_sub(back), packet.timestamp.wrapping_sub(age));
                let lost =
                    Packet { seq, timestamp, marker: false, payload: &payload, level: None, ..*packet };
                hand_over(&mut self.out, track, from, &lost);
            }
        }
        let plain = listened_to || track.downlinks.iter().any(|downlink| downlink.red.is_none());
        let redundant = Some(packet.payload);
        if !plain {
            return self.forward(now, from, index, &Packet { redundant, ..*packet });
        }
        if let Some(payload) = blocks.primary(packet.payload) {
            self.forward(now, from, index, &Packet { payload: &payload, redundant, ..*packet });
        }
    }

    fn forward(&mut self, now: Instant, from: ParticipantId, index: usize, packet: &Packet<'_>) {
        let Some(track) = self.participants.get_mut(&from).and_then(|p| p.tracks.get_mut(index)) else {
            return;
        };
        if track.info.muted {
            track.downlinks.iter_mut().for_each(Downlink::pause);
            return;
        }
        if let Some(level) = packet.level {
            track.meter.observe(now, packet.codec, packet.timestamp, level);
            if self.speakers_due.is_none() {
                self.speakers_due = Some(speaker::next_look(self.clock, now));
            }
        }
        hand_over(&mut self.out, track, from, packet);
        self.each_downlink(from, index, |participants, dirty, downlink| {
            if downlink.codec == packet.codec {
                send(now, participants, dirty, downlink, packet);
            }
        });
    }

    /// Goes through the clients that a track is sent to, with what sending to them takes.
    pub(super) fn each_downlink(
        &mut self,
        from: ParticipantId,
        index: usize,
        mut work: impl FnMut(&mut Participants, &mut Vec<ParticipantId>, &mut Downlink),
    ) {
        let Some(track) = self.participants.get_mut(&from).and_then(|p| p.tracks.get_mut(index)) else {
            return;
        };
        // Taken out of the map while the subscribers' entries in it are written to.
        let mut downlinks = std::mem::take(&mut track.downlinks);
        for downlink in &mut downlinks {
            work(&mut self.participants, &mut self.dirty, downlink);
        }
        if let Some(track) = self.participants.get_mut(&from).and_then(|p| p.tracks.get_mut(index)) {
            track.downlinks = downlinks;
        }
    }
}

/// To the participants inside the server.
fn hand_over(out: &mut VecDeque<Output>, track: &Track, from: ParticipantId, packet: &Packet<'_>) {
    // Of one that is written in several codecs they listen to the first.
    if track.written && packet.codec != track.codec_for_listeners() {
        return;
    }
    for listener in &track.listeners {
        let event = LocalEvent::Audio {
            track: track.sid.clone(),
            from,
            codec: packet.codec,
            seq: packet.seq as u16,
            timestamp: packet.timestamp,
            marker: packet.marker,
            payload: packet.payload.clone(),
            audio_level: packet.level,
        };
        out.push_back(Output::Local { to: *listener, event });
    }
}

fn send(
    now: Instant,
    participants: &mut Participants,
    dirty: &mut Vec<ParticipantId>,
    downlink: &mut Downlink,
    packet: &Packet<'_>,
) {
    let Some(remote) = reachable(participants, downlink) else { return };
    let joined = downlink.red.and(packet.last).and_then(|last| {
        last.in_front_of(packet.seq, packet.timestamp, packet.payload, downlink.payload_type)
    });
    let (payload_type, payload, marker) = match downlink.silence.step(packet.quiet) {
        Step::Nothing => return downlink.rebase.leave_out(packet.seq),
        Step::Noise(payload_type, noise) => (payload_type, noise, false),
        Step::Sound { resumed } => {
            let (payload_type, payload) = match (downlink.red, packet.redundant.or(joined.as_ref())) {
                (Some(red), Some(redundant)) => (red, redundant),
                _ => (downlink.payload_type, packet.payload),
            };
            (payload_type, payload, packet.marker || resumed)
        }
    };
    let Some(seq) = downlink.rebase.map(packet.seq) else { return };
    let (mid, timestamp) = (downlink.mid, packet.timestamp);
    let out = AudioOut { mid, payload_type, seq, timestamp, marker, payload };
    put(now, remote, dirty, downlink.to, &out);
}

/// The subscriber, if it is sent anything now.
pub(super) fn reachable<'p>(
    participants: &'p mut Participants,
    downlink: &mut Downlink,
) -> Option<&'p mut Remote> {
    let remote = participants.get_mut(&downlink.to)?.remote_mut()?;
    if downlink.paused || !remote.transport.subscriber().is_connected() {
        downlink.pause();
        return None;
    }
    Some(remote)
}

/// Gives a packet to a subscriber's connection.
pub(super) fn put(
    now: Instant,
    remote: &mut Remote,
    dirty: &mut Vec<ParticipantId>,
    to: ParticipantId,
    out: &AudioOut<'_>,
) {
    remote.transport.subscriber().send_audio(now, out);
    if !std::mem::replace(&mut remote.dirty, true) {
        dirty.push(to);
    }
}
