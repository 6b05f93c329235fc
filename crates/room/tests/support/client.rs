//! The other end: a LiveKit client, with str0m as the offerer on its one peer connection, or with two of them.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use super::leg::Leg;
use super::video::Seen;
use room::proto;
use room::proto::signal_request::Message as Request;
use room::proto::signal_response::Message as Response;
use str0m::Event;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, ChannelId, Reliability};
use str0m::media::{Direction, MediaKind, Mid, SenderFeedback};
use str0m::net::Transmit;
use str0m::rtp::{ExtensionValues, RtpWrite};
use str0m::stats::MediaEgressStats;

/// An RTP packet as the client got it.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) mid: Mid,
    pub(crate) payload_type: u8,
    pub(crate) seq: u16,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) ssrc: u32,
    pub(crate) payload: Vec<u8>,
}

/// What waits for the answer to the offer that is out.
enum Change {
    Publish(String),
    Unpublish(Mid),
}

pub(crate) struct Client {
    /// The connection it publishes on, and receives on if it is the only one.
    leg: Leg,
    /// The connection it receives on, of two.
    subscriber: Option<Leg>,
    offer: Option<(u32, SdpPendingOffer)>,
    changes: VecDeque<Change>,
    /// Asked for while an offer was out.
    wanted: Option<proto::MediaSectionsRequirement>,
    next_offer: u32,
    channels: HashMap<String, ChannelId>,
    /// The server's channels, of two connections.
    server_channels: HashMap<ChannelId, String>,
    receivers: Vec<Mid>,
    /// Sections it made to receive video on.
    pub(crate) video_receivers: usize,
    /// Sections it publishes on.
    pub(crate) published: Vec<Mid>,
    pub(crate) connected: bool,
    /// It does not answer the server's offers for now.
    pub(crate) mute: bool,
    pub(crate) signals: Vec<Response>,
    pub(crate) signal_closed: bool,
    pub(crate) tokens: Vec<room::grants::Claims>,
    /// The claims of the token that came with its move to another room.
    pub(crate) moved_claims: Option<room::grants::Claims>,
    /// What the answers said: which section carries which track.
    pub(crate) mid_to_track: HashMap<String, String>,
    pub(crate) answers: Vec<String>,
    /// The server's offers, with their ids.
    pub(crate) offers: Vec<(u32, String)>,
    /// Its answer to the last of them.
    pub(crate) last_answer: Option<proto::SessionDescription>,
    pub(crate) heard: Vec<Heard>,
    pub(crate) video: Seen,
    /// What it was told of streams that it sends, and of those it gets.
    pub(crate) receiver_reports: Vec<MediaEgressStats>,
    pub(crate) sender_reports: Vec<SenderFeedback>,
    pub(crate) data: Vec<(String, proto::DataPacket)>,
    pub(crate) outgoing: Vec<Request>,
}

impl Client {
    /// A client that negotiates these codecs, Opus redundantly if `red`.
    pub(crate) fn new(now: Instant, address: SocketAddr, codecs: &[room::Codec], red: bool) -> Self {
        Self {
            leg: Leg::new(now, address, codecs, red),
            subscriber: None,
            offer: None,
            changes: VecDeque::new(),
            wanted: None,
            published: Vec::new(),
            next_offer: 1,
            channels: HashMap::new(),
            server_channels: HashMap::new(),
            receivers: Vec::new(),
            video_receivers: 0,
            connected: false,
            mute: false,
            signals: Vec::new(),
            signal_closed: false,
            tokens: Vec::new(),
            moved_claims: None,
            mid_to_track: HashMap::new(),
            answers: Vec::new(),
            offers: Vec::new(),
            last_answer: None,
            heard: Vec::new(),
            video: Seen::default(),
            receiver_reports: Vec::new(),
            sender_reports: Vec::new(),
            data: Vec::new(),
            outgoing: Vec::new(),
        }
    }

    /// A client with two peer connections.
    pub(crate) fn dual(now: Instant, address: SocketAddr, codecs: &[room::Codec], red: bool) -> Self {
        let subscriber = SocketAddr::new(address.ip(), address.port() + 1);
        let leg = Leg::new(now, subscriber, codecs, red);
        Self { subscriber: Some(leg), ..Self::new(now, address, codecs, red) }
    }

    /// When it wants its timeout.
    pub(crate) fn due(&self) -> Instant {
        self.subscriber.iter().fold(self.leg.due, |due, leg| due.min(leg.due))
    }

    /// The first offer of a client with two connections: the data channels.
    pub(crate) fn first_publisher_offer(&mut self) -> proto::SessionDescription {
        let mut api = self.leg.rtc.sdp_api();
        open_channels(&mut api);
        let (offer, pending) = api.apply().unwrap();
        self.describe(offer.to_sdp_string(), pending)
    }

    /// Offers the same again with an ICE restart.
    pub(crate) fn restart_ice(&mut self) {
        let mut api = self.leg.rtc.sdp_api();
        api.ice_restart(true);
        let (offer, pending) = api.apply().unwrap();
        let offer = self.describe(offer.to_sdp_string(), pending);
        self.outgoing.push(Request::Offer(offer));
    }

    /// The offer of the join request: three audio and three video placeholders, and the data channels.
    pub(crate) fn first_offer(&mut self) -> proto::SessionDescription {
        let mut api = self.leg.rtc.sdp_api();
        for _ in 0..3 {
            self.receivers.push(api.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None));
        }
        for _ in 0..3 {
            api.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        }
        self.video_receivers = 3;
        open_channels(&mut api);
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
    fn offer_again(&mut self, more: proto::MediaSectionsRequirement) {
        let mut api = self.leg.rtc.sdp_api();
        for _ in 0..more.num_audios {
            self.receivers.push(api.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None));
        }
        for _ in 0..more.num_videos {
            api.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
            self.video_receivers += 1;
        }
        if more.num_audios + more.num_videos == 0 {
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
        let mut api = self.leg.rtc.sdp_api();
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
        let mut api = self.leg.rtc.sdp_api();
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
        let opus = self.opus().pt();
        let ext =
            ExtensionValues { audio_level: Some(level), voice_activity: Some(true), ..Default::default() };
        let mut direct = self.leg.rtc.direct_api();
        let tx = direct.stream_tx_by_mid(mid, None).expect("a section to send on");
        tx.write_rtp(RtpWrite::new(opus, seq.into(), timestamp, now, payload).ext_vals(ext));
        self.leg.due = now;
    }

    /// Sends audio with that of the packet before it once more (RED, RFC 2198), 20 ms each.
    pub(crate) fn send_redundantly(
        &mut self,
        now: Instant,
        mid: Mid,
        seq: u64,
        before: &[u8],
        payload: &[u8],
    ) {
        let opus = self.opus();
        let (primary, red) = (*opus.pt(), opus.red().expect("RED was negotiated"));
        let header = (0x80 | u32::from(primary)) << 24 | 960 << 10 | u32::try_from(before.len()).unwrap();
        let payload = [&header.to_be_bytes(), [primary].as_slice(), before, payload].concat();
        let mut direct = self.leg.rtc.direct_api();
        let tx = direct.stream_tx_by_mid(mid, None).expect("a section to send on");
        tx.write_rtp(RtpWrite::new(red, seq.into(), 960 * seq as u32, now, payload));
        self.leg.due = now;
    }

    fn opus(&self) -> str0m::format::PayloadParams {
        *self.leg.rtc.codec_config().find(|p| p.spec().codec == str0m::format::Codec::Opus).unwrap()
    }

    pub(crate) fn send_data(&mut self, now: Instant, label: &str, packet: &proto::DataPacket) {
        assert!(self.try_send_data(now, label, packet));
    }

    /// False when its own buffer is full.
    pub(crate) fn try_send_data(&mut self, now: Instant, label: &str, packet: &proto::DataPacket) -> bool {
        let id = self.channels[label];
        let bytes = prost::Message::encode_to_vec(packet);
        self.leg.due = now;
        self.leg.rtc.channel(id).unwrap().write(true, &bytes).unwrap()
    }

    pub(crate) fn signal(&mut self, message: Response) {
        match &message {
            Response::Answer(answer) => {
                let (id, pending) = self.offer.take().expect("an answer to an offer");
                assert_eq!(answer.id, id);
                let sdp = SdpAnswer::from_sdp_string(&answer.sdp).expect("an answer that parses");
                self.leg.rtc.sdp_api().accept_answer(pending, sdp).expect("an answer that is accepted");
                if self.subscriber.is_none() {
                    self.mid_to_track = answer.mid_to_track_id.clone();
                }
                self.answers.push(answer.sdp.clone());
                match self.wanted.take() {
                    Some(more) => self.offer_again(more),
                    None => self.next_change(),
                }
            }
            Response::Offer(offer) => {
                self.offers.push((offer.id, offer.sdp.clone()));
                if !self.mute {
                    self.answer_offer(offer);
                }
            }
            Response::MediaSectionsRequirement(more) => match &self.offer {
                Some(_) => {
                    let wanted = self.wanted.get_or_insert_default();
                    wanted.num_audios += more.num_audios;
                    wanted.num_videos += more.num_videos;
                }
                None => self.offer_again(*more),
            },
            _ => {}
        }
        self.signals.push(message);
    }

    fn answer_offer(&mut self, offer: &proto::SessionDescription) {
        let leg = self.subscriber.as_mut().expect("an offer is for the second connection");
        let sdp = SdpOffer::from_sdp_string(&offer.sdp).expect("an offer that parses");
        let answer = leg.rtc.sdp_api().accept_offer(sdp).expect("an offer that is accepted");
        let sdp = answer.to_sdp_string();
        let answer =
            proto::SessionDescription { r#type: "answer".into(), sdp, id: offer.id, ..Default::default() };
        self.last_answer = Some(answer.clone());
        self.outgoing.push(Request::Answer(answer));
        self.mid_to_track = offer.mid_to_track_id.clone();
    }

    pub(super) fn addresses(&mut self) -> Vec<SocketAddr> {
        self.legs().map(|leg| leg.address).collect()
    }

    fn legs(&mut self) -> impl Iterator<Item = &mut Leg> {
        std::iter::once(&mut self.leg).chain(&mut self.subscriber)
    }

    pub(crate) fn receive(&mut self, now: Instant, source: SocketAddr, to: SocketAddr, data: &[u8]) {
        if let Some(leg) = self.legs().find(|leg| leg.address == to) {
            leg.receive(now, source, data);
        }
    }

    pub(crate) fn timeout(&mut self, now: Instant) {
        self.legs().for_each(|leg| leg.timeout(now));
    }

    pub(crate) fn disconnect(&mut self) {
        self.legs().for_each(|leg| leg.rtc.close().unwrap());
    }

    /// What it wants sent.
    pub(crate) fn poll(&mut self) -> Vec<Transmit> {
        let (mut out, events) = self.leg.poll();
        events.into_iter().for_each(|event| self.event(event));
        if let Some(leg) = &mut self.subscriber {
            let (packets, events) = leg.poll();
            out.extend(packets);
            events.into_iter().for_each(|event| self.subscriber_event(event));
        }
        out
    }

    fn subscriber_event(&mut self, event: Event) {
        match event {
            Event::Connected => self.connected = true,
            Event::ChannelOpen(id, label) => drop(self.server_channels.insert(id, label)),
            Event::ChannelData(data) => {
                let label = self.server_channels[&data.id].clone();
                let packet = prost::Message::decode(data.data.as_slice()).expect("a DataPacket");
                self.data.push((label, packet));
            }
            Event::RtpPacket(packet) => self.hear(&packet),
            _ => {}
        }
    }

    fn hear(&mut self, packet: &str0m::rtp::RtpPacket) {
        let ssrc = packet.header.ssrc;
        let leg = self.subscriber.as_mut().unwrap_or(&mut self.leg);
        let mid = leg.rtc.direct_api().stream_rx(&ssrc).expect("a known stream").mid();
        if leg.rtc.media(mid).expect("a known section").kind() == MediaKind::Video {
            return self.video.see(mid, packet);
        }
        self.heard.push(Heard {
            mid,
            payload_type: *packet.header.payload_type,
            seq: packet.header.sequence_number,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            ssrc: *ssrc,
            payload: packet.payload.to_vec(),
        });
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Connected => self.connected |= self.subscriber.is_none(),
            Event::ChannelOpen(id, label) => drop(self.channels.insert(label, id)),
            Event::ChannelData(data) => {
                let label = self.channels.iter().find(|(_, id)| **id == data.id).unwrap().0.clone();
                let packet = prost::Message::decode(data.data.as_slice()).expect("a DataPacket");
                self.data.push((label, packet));
            }
            Event::RtpPacket(packet) => self.hear(&packet),
            Event::MediaEgressStats(stats) if stats.remote.is_some() => self.receiver_reports.push(stats),
            Event::SenderFeedback(report) => self.sender_reports.push(report),
            Event::KeyframeRequest(request) => self.video.key_frames_asked.push(request.rid),
            _ => {}
        }
    }

    /// The connection it publishes on.
    pub(super) fn leg(&mut self) -> &mut Leg {
        &mut self.leg
    }

    /// The connection it receives on.
    pub(super) fn receiving_leg(&mut self) -> &mut Leg {
        self.subscriber.as_mut().unwrap_or(&mut self.leg)
    }

    /// Offers what was added to its connection.
    pub(super) fn offer_changes(&mut self, sdp: String, pending: SdpPendingOffer) {
        let offer = self.describe(sdp, pending);
        self.outgoing.push(Request::Offer(offer));
    }

    /// Its channels are open, and the server's if it has any.
    pub(crate) fn has_channels(&self) -> bool {
        self.channels.len() == 2 && (self.subscriber.is_none() || self.server_channels.len() == 3)
    }
}

fn open_channels(api: &mut str0m::change::SdpApi<'_>) {
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
}
