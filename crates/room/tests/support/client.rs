//! The other end: a LiveKit client of the single peer-connection kind, with str0m as the offerer.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use room::proto;
use room::proto::signal_request::Message as Request;
use room::proto::signal_response::Message as Response;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, ChannelId, Reliability};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive, Transmit};
use str0m::rtp::{ExtensionValues, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

/// An RTP packet as the client got it.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) mid: Mid,
    pub(crate) payload_type: u8,
    pub(crate) seq: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    pub(crate) payload: Vec<u8>,
}

/// What waits for the answer to the offer that is out.
enum Change {
    Publish(String),
    Unpublish(Mid),
}

pub(crate) struct Client {
    rtc: Rtc,
    pub(crate) address: SocketAddr,
    offer: Option<(u32, SdpPendingOffer)>,
    changes: VecDeque<Change>,
    /// Asked for while an offer was out.
    wanted: Option<u32>,
    next_offer: u32,
    channels: HashMap<String, ChannelId>,
    receivers: Vec<Mid>,
    pub(crate) due: Instant,
    /// Sections it publishes on.
    pub(crate) published: Vec<Mid>,
    pub(crate) connected: bool,
    failed: bool,
    pub(crate) signals: Vec<Response>,
    pub(crate) signal_closed: bool,
    pub(crate) tokens: Vec<room::grants::Claims>,
    /// What the answers said: which section carries which track.
    pub(crate) mid_to_track: HashMap<String, String>,
    pub(crate) answers: Vec<String>,
    pub(crate) heard: Vec<Heard>,
    pub(crate) data: Vec<(String, proto::DataPacket)>,
    pub(crate) outgoing: Vec<Request>,
}

impl Client {
    /// A client that negotiates these codecs.
    pub(crate) fn new(now: Instant, address: SocketAddr, codecs: &[room::Codec]) -> Self {
        use room::Codec::{Opus, Pcma, Pcmu};
        let mut rtc = RtcConfig::new()
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(codecs.contains(&Opus), false)
            .enable_pcmu(codecs.contains(&Pcmu), false)
            .enable_pcma(codecs.contains(&Pcma), false)
            .enable_vp8(true)
            .build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        Self {
            rtc,
            address,
            offer: None,
            changes: VecDeque::new(),
            wanted: None,
            published: Vec::new(),
            next_offer: 1,
            channels: HashMap::new(),
            receivers: Vec::new(),
            due: now,
            connected: false,
            failed: false,
            signals: Vec::new(),
            signal_closed: false,
            tokens: Vec::new(),
            mid_to_track: HashMap::new(),
            answers: Vec::new(),
            heard: Vec::new(),
            data: Vec::new(),
            outgoing: Vec::new(),
        }
    }

    /// The offer of the join request: three audio and three video placeholders, and the data channels.
    pub(crate) fn first_offer(&mut self) -> proto::SessionDescription {
        let mut api = self.rtc.sdp_api();
        for _ in 0..3 {
            self.receivers.push(api.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None));
        }
        for _ in 0..3 {
            api.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        }
        for (label, ordered, reliability) in [
            ("_reliable", true, Reliability::Reliable),
            ("_lossy", false, Reliability::MaxRetransmits { retransmits: 0 }),
        ] {
            api.add_channel_with_config(ChannelConfig {
                label: label.to_owned(),
                ordered,
                reliability,
                ..Default::default()
            });
        }
        let (offer, pending) = api.apply().unwrap();
        self.describe(offer.to_sdp_string(), pending)
    }

    fn describe(&mut self, sdp: String, pending: SdpPendingOffer) -> proto::SessionDescription {
        let id = self.next_offer;
        self.next_offer += 1;
        self.offer = Some((id, pending));
        proto::SessionDescription { r#type: "offer".into(), sdp, id, ..Default::default() }
    }

    /// Offers `more` further sections to receive on, or the same again.
    fn offer_again(&mut self, more: u32) {
        let mut api = self.rtc.sdp_api();
        for _ in 0..more {
            self.receivers.push(api.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None));
        }
        if more == 0 {
            api.set_direction(self.receivers[0], Direction::Inactive);
            api.set_direction(self.receivers[0], Direction::RecvOnly);
        }
        let (offer, pending) = api.apply().unwrap();
        let offer = self.describe(offer.to_sdp_string(), pending);
        self.outgoing.push(Request::Offer(offer));
    }

    /// Announces and offers a microphone track; returns its section.
    pub(crate) fn publish(&mut self, cid: &str) -> Mid {
        self.outgoing.push(Request::AddTrack(proto::AddTrackRequest {
            cid: cid.to_owned(),
            name: "mic".into(),
            source: proto::TrackSource::Microphone.into(),
            ..Default::default()
        }));
        let mut api = self.rtc.sdp_api();
        let mid = api.add_media(
            MediaKind::Audio,
            Direction::SendOnly,
            Some("stream".into()),
            Some(cid.to_owned()),
            None,
        );
        let (offer, pending) = api.apply().unwrap();
        let offer = self.describe(offer.to_sdp_string(), pending);
        self.outgoing.push(Request::Offer(offer));
        mid
    }

    /// Stops sending on a section.
    pub(crate) fn unpublish(&mut self, mid: Mid) {
        let mut api = self.rtc.sdp_api();
        api.set_direction(mid, Direction::Inactive);
        let (offer, pending) = api.apply().unwrap();
        let offer = self.describe(offer.to_sdp_string(), pending);
        self.outgoing.push(Request::Offer(offer));
    }

    /// Publishes as soon as no offer is out.
    pub(crate) fn publish_when_free(&mut self, cid: &str) {
        self.changes.push_back(Change::Publish(cid.to_owned()));
        self.next_change();
    }

    /// Unpublishes as soon as no offer is out.
    pub(crate) fn unpublish_when_free(&mut self, mid: Mid) {
        self.published.retain(|published| *published != mid);
        self.changes.push_back(Change::Unpublish(mid));
        self.next_change();
    }

    fn next_change(&mut self) {
        if self.offer.is_some() {
            return;
        }
        match self.changes.pop_front() {
            Some(Change::Publish(cid)) => {
                let mid = self.publish(&cid);
                self.published.push(mid);
            }
            Some(Change::Unpublish(mid)) => self.unpublish(mid),
            None => {}
        }
    }

    /// Sections it made to receive audio on.
    pub(crate) fn sections(&self) -> usize {
        self.receivers.len()
    }

    pub(crate) fn send_audio(
        &mut self,
        now: Instant,
        mid: Mid,
        seq: u64,
        timestamp: u32,
        payload: &[u8],
        level: i8,
    ) {
        let opus =
            self.rtc.codec_config().find(|p| p.spec().codec == str0m::format::Codec::Opus).unwrap().pt();
        let ext =
            ExtensionValues { audio_level: Some(level), voice_activity: Some(true), ..Default::default() };
        let mut direct = self.rtc.direct_api();
        let tx = direct.stream_tx_by_mid(mid, None).expect("a section to send on");
        tx.write_rtp(RtpWrite::new(opus, seq.into(), timestamp, now, payload).ext_vals(ext));
        self.due = now;
    }

    pub(crate) fn send_data(&mut self, now: Instant, label: &str, packet: &proto::DataPacket) {
        let id = self.channels[label];
        let bytes = prost::Message::encode_to_vec(packet);
        assert!(self.rtc.channel(id).unwrap().write(true, &bytes).unwrap());
        self.due = now;
    }

    pub(crate) fn signal(&mut self, message: Response) {
        match &message {
            Response::Answer(answer) => {
                let (id, pending) = self.offer.take().expect("an answer to an offer");
                assert_eq!(answer.id, id);
                let sdp = SdpAnswer::from_sdp_string(&answer.sdp).expect("an answer that parses");
                self.rtc.sdp_api().accept_answer(pending, sdp).expect("an answer that is accepted");
                self.mid_to_track = answer.mid_to_track_id.clone();
                self.answers.push(answer.sdp.clone());
                match self.wanted.take() {
                    Some(more) => self.offer_again(more),
                    None => self.next_change(),
                }
            }
            Response::MediaSectionsRequirement(more) => match &self.offer {
                Some(_) => *self.wanted.get_or_insert(0) += more.num_audios,
                None => self.offer_again(more.num_audios),
            },
            _ => {}
        }
        self.signals.push(message);
    }

    pub(crate) fn receive(&mut self, now: Instant, source: SocketAddr, data: &[u8]) {
        if let Ok(packet) = Receive::new(Protocol::Udp, source, self.address, data) {
            self.rtc.handle_input(Input::Receive(now, packet)).unwrap();
        }
    }

    pub(crate) fn timeout(&mut self, now: Instant) {
        self.failed |= self.rtc.handle_input(Input::Timeout(now)).is_err();
    }

    pub(crate) fn disconnect(&mut self) {
        self.rtc.close().unwrap();
    }

    /// What it wants sent.
    pub(crate) fn poll(&mut self) -> Vec<Transmit> {
        let mut out = Vec::new();
        if self.failed {
            self.due += Duration::from_secs(3600);
            return out;
        }
        loop {
            let Ok(output) = self.rtc.poll_output() else {
                // Its handshake timed out: nothing comes of it any more.
                self.failed = true;
                return out;
            };
            match output {
                Output::Timeout(at) => {
                    self.due = at;
                    return out;
                }
                Output::Transmit(transmit) => out.push(transmit),
                Output::Event(event) => self.event(event),
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Connected => self.connected = true,
            Event::ChannelOpen(id, label) => drop(self.channels.insert(label, id)),
            Event::ChannelData(data) => {
                let label = self.channels.iter().find(|(_, id)| **id == data.id).unwrap().0.clone();
                let packet = prost::Message::decode(data.data.as_slice()).expect("a DataPacket");
                self.data.push((label, packet));
            }
            Event::RtpPacket(packet) => {
                let ssrc = packet.header.ssrc;
                let mid = self.rtc.direct_api().stream_rx(&ssrc).expect("a known stream").mid();
                self.heard.push(Heard {
                    mid,
                    payload_type: *packet.header.payload_type,
                    seq: packet.header.sequence_number,
                    timestamp: packet.header.timestamp,
                    ssrc: *ssrc,
                    payload: packet.payload.to_vec(),
                });
            }
            _ => {}
        }
    }

    /// Both channels are open.
    pub(crate) fn has_channels(&self) -> bool {
        self.channels.len() == 2
    }
}
