//! The one peer connection, without a socket: str0m as the offerer of every negotiation.
//!
//! Sections: three audio sections to receive on, the data channels' section, one more audio section
//! for the microphone, and more to receive on when the server asks (`media_sections_requirement`).
//! One offer is outstanding at a time; what is wished meanwhile goes into the next (RFC 8829 §3.4).

mod offer;
mod rtc;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use livekit_protocol as proto;
use media::codec::AudioCodec;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::ChannelId;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpWrite, SeqNo};
use str0m::{Candidate, Input, Rtc};

/// Sections to receive on in the first offer, as the SDKs have them.
const FIRST_SECTIONS: u32 = 3;
/// Sections to receive on in all; a server that wants more does not get them.
const MAX_SECTIONS: usize = 256;

/// A failure of the media engine: a broken answer, a socket error, a bug.
#[derive(Debug, thiserror::Error)]
pub(super) enum PeerError {
    /// The media engine refused.
    #[error("{0}")]
    Engine(String),
    /// There is no offer that this answer could be for.
    #[error("an answer without an offer")]
    Unasked,
}

impl PeerError {
    fn engine(error: impl std::fmt::Display) -> Self {
        Self::Engine(error.to_string())
    }
}

/// What the connection wants done or has to tell.
#[derive(Debug)]
pub(super) enum PeerOutput {
    /// Send this datagram.
    Transmit { to: SocketAddr, data: Vec<u8> },
    /// ICE and DTLS are up.
    Connected,
    /// Both data channels are open.
    DataReady,
    /// A message came on a data channel.
    Data { reliable: bool, data: Vec<u8> },
    /// A packet of audio came.
    Audio(AudioPacket),
    /// The connection is gone.
    Closed,
    /// Nothing more until then.
    Wait(Instant),
}

/// One packet of received audio.
#[derive(Debug)]
pub(super) struct AudioPacket {
    pub(super) mid: String,
    pub(super) ssrc: u32,
    /// `None`: comfort noise (RFC 3389), what the talker's silence sounds like from now on.
    pub(super) codec: Option<AudioCodec>,
    /// Extended sequence number.
    pub(super) seq: u64,
    pub(super) timestamp: u32,
    pub(super) payload: Arc<[u8]>,
}

/// One frame of audio to send.
#[derive(Debug)]
pub(super) struct Outgoing<'a> {
    pub(super) codec: AudioCodec,
    pub(super) payload: &'a [u8],
    pub(super) timestamp: u32,
    /// Loudness for the header extension, in dBov.
    pub(super) level: f64,
    /// The first after a pause.
    pub(super) marker: bool,
}

/// What the next offer has to bring.
#[derive(Debug, Default)]
struct Wishes {
    sections: u32,
    publish: Option<String>,
    again: bool,
}

/// The data channels the server answers on.
#[derive(Debug, Default)]
struct Channels {
    reliable: Option<ChannelId>,
    lossy: Option<ChannelId>,
    told: bool,
}

/// The connection.
pub(super) struct Peer {
    rtc: Rtc,
    local: SocketAddr,
    pending: Option<SdpPendingOffer>,
    receiving: Vec<Mid>,
    speaking: Option<Mid>,
    may_speak: bool,
    next_seq: SeqNo,
    wishes: Wishes,
    channels: Channels,
    tracks: HashMap<String, String>,
}

impl Peer {
    /// A connection that sends from `local`, and its first offer.
    pub(super) fn new(local: SocketAddr, g711: bool, now: Instant) -> Result<(Self, String), PeerError> {
        let mut rtc = rtc::build(g711, now);
        let candidate = Candidate::host(local, "udp").map_err(PeerError::engine)?;
        rtc.add_local_candidate(candidate);
        let mut peer = Self {
            rtc,
            local,
            pending: None,
            receiving: Vec::new(),
            speaking: None,
            may_speak: false,
            next_seq: SeqNo::default(),
            wishes: Wishes { sections: FIRST_SECTIONS, ..Wishes::default() },
            channels: Channels::default(),
            tracks: HashMap::new(),
        };
        let offer = peer.next_offer().ok_or_else(|| PeerError::engine("no first offer"))?;
        Ok((peer, offer))
    }

    /// The server needs `audios` more sections; zero asks for a new offer and nothing else.
    pub(super) fn require_sections(&mut self, audios: u32) {
        self.wishes.sections = self.wishes.sections.saturating_add(audios);
        self.wishes.again = true;
    }

    /// Adds the microphone's section with the next offer; `cid` is the id the server was told.
    pub(super) fn publish(&mut self, cid: &str) {
        self.wishes.publish = Some(cid.to_owned());
    }

    /// The next offer, if one is due and none is outstanding.
    pub(super) fn next_offer(&mut self) -> Option<String> {
        if self.pending.is_some() {
            return None;
        }
        let wishes = std::mem::take(&mut self.wishes);
        if wishes.sections == 0 && wishes.publish.is_none() && !wishes.again {
            return None;
        }
        let idle = self.idle_section();
        let first = self.receiving.is_empty();
        let mut changes = self.rtc.sdp_api();
        for &mid in &self.receiving {
            changes.set_direction(mid, Direction::RecvOnly);
        }
        let room = MAX_SECTIONS.saturating_sub(self.receiving.len());
        for _ in 0..room.min(wishes.sections as usize) {
            self.receiving.push(changes.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None));
        }
        if first {
            offer::add_channels(&mut changes);
        }
        if let Some(cid) = wishes.publish {
            let (stream, track) = (Some("-".to_owned()), Some(cid));
            let mid = changes.add_media(MediaKind::Audio, Direction::SendOnly, stream, track, None);
            self.speaking = Some(mid);
        }
        if let Some(mid) = idle.filter(|_| !changes.has_changes()) {
            // The engine makes no offer without a change, and the server wants one all the same.
            changes.set_direction(mid, Direction::Inactive);
            changes.set_direction(mid, Direction::RecvOnly);
        }
        let (offer, pending) = changes.apply()?;
        self.pending = Some(pending);
        Some(offer::without_msid_where_nothing_is_sent(&offer.to_sdp_string()))
    }

    /// Takes the server's answer to the outstanding offer.
    pub(super) fn accept_answer(&mut self, answer: &proto::SessionDescription) -> Result<(), PeerError> {
        let parsed = SdpAnswer::from_sdp_string(&answer.sdp).map_err(PeerError::engine)?;
        let pending = self.pending.take().ok_or(PeerError::Unasked)?;
        self.rtc.sdp_api().accept_answer(pending, parsed).map_err(PeerError::engine)?;
        self.tracks = answer.mid_to_track_id.clone();
        self.may_speak = self
            .speaking
            .and_then(|mid| self.rtc.media(mid))
            .is_some_and(|media| media.direction().is_sending());
        Ok(())
    }

    /// Which section carries which track, by the last answer.
    pub(super) fn tracks(&self) -> &HashMap<String, String> {
        &self.tracks
    }

    /// Takes a candidate of the server (the JSON of a trickle message).
    pub(super) fn add_candidate(&mut self, json: &str) {
        #[derive(serde::Deserialize)]
        struct Init {
            candidate: String,
        }
        let init = serde_json::from_str::<Init>(json);
        let candidate = init.ok().and_then(|init| Candidate::from_sdp_string(&init.candidate).ok());
        match candidate {
            Some(candidate) => self.rtc.add_remote_candidate(candidate),
            None => tracing::debug!(json, "a candidate that does not parse"),
        }
    }

    /// Takes a datagram.
    pub(super) fn receive(&mut self, now: Instant, from: SocketAddr, data: &[u8]) -> Result<(), PeerError> {
        match Receive::new(Protocol::Udp, from, self.local, data) {
            Ok(received) => self.rtc.handle_input(Input::Receive(now, received)).map_err(PeerError::engine),
            // Anybody can send anything to an open port.
            Err(_) => Ok(()),
        }
    }

    /// Moves the clock on.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Result<(), PeerError> {
        self.rtc.handle_input(Input::Timeout(now)).map_err(PeerError::engine)
    }

    /// True once audio can be sent.
    pub(super) fn may_speak(&self) -> bool {
        self.may_speak && self.rtc.is_connected()
    }

    /// Sends a frame, if its codec was negotiated. Drained by [`Peer::poll_output`] after the next [`Peer::handle_timeout`].
    pub(super) fn send_audio(&mut self, now: Instant, frame: &Outgoing<'_>) {
        let Some(mid) = self.speaking else { return };
        let Some(pt) = rtc::payload_type(&self.rtc, frame.codec) else { return };
        let seq = self.next_seq;
        self.next_seq = (*seq + 1).into();
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(mid, None) else { return };
        let level = frame.level.clamp(-127.0, 0.0) as i8;
        let ext_vals = ExtensionValues {
            audio_level: Some(level),
            voice_activity: Some(level > -50),
            ..ExtensionValues::default()
        };
        let packet = RtpWrite::new(pt, seq, frame.timestamp, now, frame.payload);
        stream.write_rtp(packet.marker(frame.marker).ext_vals(ext_vals));
    }

    /// True once both data channels are open.
    pub(super) fn data_ready(&self) -> bool {
        self.channels.told
    }

    /// Sends a message on a data channel; false when its buffer is full or it is not open.
    pub(super) fn send_data(&mut self, reliable: bool, data: &[u8]) -> bool {
        let id = if reliable { self.channels.reliable } else { self.channels.lossy };
        let channel = id.and_then(|id| self.rtc.channel(id));
        channel.is_some_and(|mut channel| channel.write(true, data).unwrap_or(false))
    }

    /// Says goodbye to the server (DTLS close_notify).
    pub(super) fn close(&mut self) {
        let _ = self.rtc.close();
    }

    /// What to do next. Ends with [`PeerOutput::Wait`].
    pub(super) fn poll_output(&mut self) -> Result<PeerOutput, PeerError> {
        loop {
            match self.rtc.poll_output().map_err(PeerError::engine)? {
                str0m::Output::Timeout(at) => return Ok(PeerOutput::Wait(at)),
                str0m::Output::Transmit(packet) => {
                    let (to, data) = (packet.destination, packet.contents.to_vec());
                    return Ok(PeerOutput::Transmit { to, data });
                }
                str0m::Output::Event(event) => {
                    if let Some(output) = self.translate(event) {
                        return Ok(output);
                    }
                }
            }
        }
    }

    /// A section to receive on that carries no track, or any if all do.
    fn idle_section(&self) -> Option<Mid> {
        let idle = self.receiving.iter().find(|mid| !self.tracks.contains_key(&mid.to_string()));
        idle.or(self.receiving.first()).copied()
    }
}

#[cfg(test)]
mod tests;
