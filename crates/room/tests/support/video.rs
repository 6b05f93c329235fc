//! A client's camera, and what it sees of others': VP8 packets of one byte of picture.

use std::time::Instant;

use room::proto;
use room::proto::signal_request::Message as Request;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid, Rid, Simulcast, SimulcastLayer};
use str0m::rtp::{RtpPacket, RtpWrite, Vp8Descriptor};

use super::client::Client;

/// A video packet as a client got it.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    pub(crate) mid: Mid,
    pub(crate) payload_type: u8,
    pub(crate) seq: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    pub(crate) picture_id: Option<u16>,
    /// The last byte of the payload: which layer it was sent on, here.
    pub(crate) layer: u8,
    pub(crate) key_frame: bool,
}

/// All a client saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) pictures: Vec<Picture>,
    /// The layers that it was asked for key frames of.
    pub(crate) key_frames_asked: Vec<Option<Rid>>,
}

impl Seen {
    pub(super) fn see(&mut self, mid: Mid, packet: &RtpPacket) {
        let vp8 = Vp8Descriptor::parse(&packet.payload).ok();
        self.pictures.push(Picture {
            mid,
            payload_type: *packet.header.payload_type,
            seq: packet.header.sequence_number,
            timestamp: packet.header.timestamp,
            ssrc: *packet.header.ssrc,
            picture_id: vp8.as_ref().and_then(Vp8Descriptor::picture_id),
            layer: packet.payload.last().copied().unwrap_or_default(),
            key_frame: vp8.is_some_and(|vp8| vp8.starts_keyframe(&packet.payload)),
        });
    }
}

/// One picture of one layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shot {
    pub(crate) rid: Option<&'static str>,
    pub(crate) seq: u64,
    pub(crate) timestamp: u32,
    pub(crate) picture_id: u16,
    pub(crate) key_frame: bool,
    pub(crate) layer: u8,
}

impl Client {
    /// Announces and offers a camera of 1280x720 in these layers (none: in one); returns its section.
    pub(crate) fn publish_camera(&mut self, cid: &str, rids: &[&str]) -> Mid {
        let layer = |(quality, rid): (usize, &&str)| proto::VideoLayer {
            quality: i32::try_from(quality).unwrap(),
            width: 1280 >> (rids.len() - 1 - quality),
            height: 720 >> (rids.len() - 1 - quality),
            rid: (*rid).to_owned(),
            ..Default::default()
        };
        self.outgoing.push(Request::AddTrack(proto::AddTrackRequest {
            cid: cid.to_owned(),
            name: "cam".into(),
            r#type: proto::TrackType::Video.into(),
            source: proto::TrackSource::Camera.into(),
            width: 1280,
            height: 720,
            layers: rids.iter().enumerate().map(layer).collect(),
            ..Default::default()
        }));
        let send = rids.iter().map(|rid| SimulcastLayer::new(rid)).collect();
        let simulcast = (!rids.is_empty()).then_some(Simulcast { send, recv: Vec::new() });
        let mut api = self.leg().rtc.sdp_api();
        let (stream, track) = (Some("stream".into()), Some(cid.to_owned()));
        let mid = api.add_media(MediaKind::Video, Direction::SendOnly, stream, track, simulcast);
        let (offer, pending) = api.apply().unwrap();
        self.offer_changes(offer.to_sdp_string(), pending);
        mid
    }

    pub(crate) fn shoot(&mut self, now: Instant, mid: Mid, shot: Shot) {
        let vp8 = |p: &&str0m::format::PayloadParams| p.spec().codec == str0m::format::Codec::Vp8;
        let pt = self.leg().rtc.codec_config().params().iter().find(vp8).unwrap().pt();
        let [high, low] = shot.picture_id.to_be_bytes();
        let inter = u8::from(!shot.key_frame);
        let payload = vec![0x90, 0xe0, 0x80 | high, low, shot.picture_id as u8, 0, 0x10 | inter, shot.layer];
        let leg = self.leg();
        let mut direct = leg.rtc.direct_api();
        let tx = direct.stream_tx_by_mid(mid, shot.rid.map(Rid::from)).expect("a layer to send on");
        let packet = RtpWrite::new(pt, shot.seq.into(), shot.timestamp, now, payload);
        tx.write_rtp(packet.marker(true).nackable(true));
        leg.due = now;
    }

    /// Asks for a key frame of what it gets on a section.
    pub(crate) fn ask_key_frame(&mut self, now: Instant, ssrc: u32) {
        let leg = self.receiving_leg();
        let mut direct = leg.rtc.direct_api();
        direct.stream_rx(&ssrc.into()).unwrap().request_keyframe(KeyframeRequestKind::Pli);
        leg.due = now;
    }
}
