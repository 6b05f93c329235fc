//! What comes out of a peer connection: datagrams to send, and what has happened.

use str0m::channel::ChannelId;
use str0m::media::Mid;
use str0m::net::Transmit;
use str0m::rtp::{RtpPacket, Ssrc};
use str0m::{Event, IceConnectionState, Output, Rtc, RtcError};

use super::roaming::is_stun;
use super::{AudioIn, MAX_ROUTES, Peer, Route, State, VideoIn, keys};

/// What came out of a peer connection.
pub(crate) enum Polled {
    Transmit(Transmit),
    Event(PeerEvent),
    /// Nothing more for now.
    Idle,
}

#[derive(Debug)]
pub(crate) enum PeerEvent {
    /// ICE and DTLS are up for the first time.
    Connected,
    /// The path works, or works no longer.
    Path {
        works: bool,
    },
    Audio(AudioIn),
    Video(VideoIn),
    /// The client needs a key frame of what it gets on this section.
    KeyFrameWanted(Mid),
    Data {
        reliable: bool,
        data: Vec<u8>,
    },
    /// The channels for data to the client are there, or have room again.
    Writable,
    /// The client closed the connection.
    Closed,
    /// The connection cannot be used any more, through no fault of the client.
    Broken,
}

impl Peer {
    /// What comes out next.
    pub(crate) fn poll(&mut self) -> Polled {
        if let Some(packet) = self.audio.take_arrived() {
            return Polled::Event(PeerEvent::Audio(packet));
        }
        if let Some(mut transmit) = self.audio.take_leaving() {
            self.roaming.direct(&mut transmit);
            return Polled::Transmit(transmit);
        }
        self.poll_engine()
    }

    /// What str0m has to say, if it was told anything.
    fn poll_engine(&mut self) -> Polled {
        loop {
            if self.state == State::Breaking {
                self.state = State::Broken;
                return Polled::Event(PeerEvent::Broken);
            }
            if !self.stirred {
                return Polled::Idle;
            }
            match self.ask() {
                Some(Ok(Output::Timeout(at))) => {
                    self.stirred = false;
                    self.due = Some(at);
                }
                Some(Ok(Output::Transmit(mut transmit))) => {
                    if !is_stun(&transmit.contents) {
                        self.audio.sends(transmit.proto, transmit.source, transmit.destination);
                    }
                    self.roaming.direct(&mut transmit);
                    return Polled::Transmit(transmit);
                }
                Some(Ok(Output::Event(event))) => {
                    if let Some(event) = self.event(event) {
                        return Polled::Event(event);
                    }
                }
                Some(Err(error)) => {
                    tracing::warn!(%error, "peer connection failed");
                    self.break_down();
                }
                None if self.state == State::Broken => {
                    self.stirred = false;
                    self.due = None;
                }
                None => {}
            }
        }
    }

    /// Polls str0m once; by the way it may come to have keys.
    fn ask(&mut self) -> Option<Result<Output, RtcError>> {
        if self.audio.has_begun() {
            return self.guarded(Rtc::poll_output);
        }
        let (output, keys) = keys::overhear(|| self.guarded(Rtc::poll_output));
        if let Some(keys) = keys {
            self.audio.begin(&keys);
        }
        output
    }

    fn event(&mut self, event: Event) -> Option<PeerEvent> {
        match event {
            Event::Connected => {
                self.connected = true;
                Some(PeerEvent::Connected)
            }
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                Some(PeerEvent::Path { works: false })
            }
            Event::IceConnectionStateChange(state) if state.is_connected() => {
                Some(PeerEvent::Path { works: true })
            }
            Event::RtpPacket(packet) => self.media(packet),
            Event::KeyframeRequest(request) => Some(PeerEvent::KeyFrameWanted(request.mid)),
            Event::ChannelOpen(id, label) => self.channel_open(id, &label),
            Event::ChannelClose(id) => {
                self.reliable = self.reliable.filter(|channel| *channel != id);
                self.lossy = self.lossy.filter(|channel| *channel != id);
                None
            }
            Event::ChannelBufferedAmountLow(_) => Some(PeerEvent::Writable),
            Event::ChannelData(data) => {
                let reliable = Some(data.id) == self.reliable;
                (reliable || Some(data.id) == self.lossy)
                    .then_some(PeerEvent::Data { reliable, data: data.data })
            }
            Event::Closed => {
                self.audio.end();
                Some(PeerEvent::Closed)
            }
            event => {
                self.report_event(&event);
                None
            }
        }
    }

    fn channel_open(&mut self, id: ChannelId, label: &str) -> Option<PeerEvent> {
        match label {
            "_reliable" => self.reliable = Some(id),
            "_lossy" => self.lossy = Some(id),
            _ => return None,
        }
        Some(PeerEvent::Writable)
    }

    fn media(&mut self, packet: RtpPacket) -> Option<PeerEvent> {
        let Route { mid, rid } = self.route(packet.header.ssrc)?;
        let Some((codec, red)) = self.sections.codec_of(mid, *packet.header.payload_type) else {
            return self.video(mid, rid, packet);
        };
        let ssrc = *packet.header.ssrc;
        let audio = AudioIn {
            mid,
            codec,
            red,
            seq: *packet.seq_no,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            payload: packet.payload.into(),
            level: packet.header.ext_vals.audio_level.map(|level| level.unsigned_abs().min(127)),
        };
        self.audio.heard(packet.timestamp, ssrc, &audio, &self.sections).then_some(PeerEvent::Audio(audio))
    }

    /// What a packet is part of.
    fn route(&mut self, ssrc: Ssrc) -> Option<Route> {
        if let Some((_, route)) = self.routes.iter().find(|(known, _)| *known == ssrc) {
            return Some(*route);
        }
        let route = self.guarded(|rtc| {
            let mut direct = rtc.direct_api();
            direct.stream_rx(&ssrc).map(|rx| Route { mid: rx.mid(), rid: rx.rid() })
        })??;
        if self.routes.len() == MAX_ROUTES {
            self.routes.remove(0);
        }
        self.routes.push((ssrc, route));
        Some(route)
    }
}
