//! Video over a peer connection: packets in and out, and key frames asked for either way (RFC 4585 §6.3.1, RFC 5104 §4.3.1).
//!
//! Lost packets are asked for and sent again by str0m where the section negotiated NACK and RTX (RFC 4588).

use std::sync::Arc;
use std::time::Instant;

use str0m::media::{KeyframeRequestKind, Mid, Rid};
use str0m::rtp::{RtpPacket, RtpWrite, Vp8Patch};

use super::{Peer, PeerEvent};

/// A video packet from a client.
#[derive(Debug, Clone)]
pub(crate) struct VideoIn {
    pub(crate) mid: Mid,
    /// The layer it belongs to, where there are several.
    pub(crate) rid: Option<Rid>,
    pub(crate) payload_type: u8,
    pub(crate) seq: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) payload: Arc<[u8]>,
}

/// A video packet to a client.
pub(crate) struct VideoOut<'a> {
    pub(crate) mid: Mid,
    pub(crate) payload_type: u8,
    pub(crate) seq: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    /// Changes to the payload.
    pub(crate) patch: Option<Vp8Patch>,
    pub(crate) payload: &'a Arc<[u8]>,
}

impl Peer {
    /// A packet of a section that has no audio codec of this payload type. Those without payload only probe the path.
    pub(super) fn video(&mut self, mid: Mid, rid: Option<Rid>, packet: RtpPacket) -> Option<PeerEvent> {
        if !self.sections.is_video(mid) {
            return None;
        }
        let (ssrc, came) = (*packet.header.ssrc, packet.timestamp);
        let video = VideoIn {
            mid,
            rid,
            payload_type: *packet.header.payload_type,
            seq: *packet.seq_no,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            payload: packet.payload,
        };
        self.audio.seen(came, ssrc, &video, &self.sections);
        (!video.payload.is_empty()).then_some(PeerEvent::Video(video))
    }

    /// Queues a video packet; [`Peer::flush`] sends it.
    pub(crate) fn send_video(&mut self, now: Instant, packet: &VideoOut<'_>) {
        self.queued = true;
        self.guarded(|rtc| {
            let mut direct = rtc.direct_api();
            if let Some(tx) = direct.stream_tx_by_mid(packet.mid, None) {
                let (pt, seq) = (packet.payload_type.into(), packet.seq.into());
                let payload = Arc::clone(packet.payload);
                let write = RtpWrite::new(pt, seq, packet.timestamp, now, payload);
                let write = write.marker(packet.marker).nackable(true);
                tx.write_rtp(match packet.patch {
                    Some(patch) => write.vp8_patch(patch),
                    None => write,
                });
            }
        });
    }

    /// Asks the client for a key frame of a layer; [`Peer::flush`] sends it.
    pub(crate) fn ask_key_frame(&mut self, mid: Mid, rid: Option<Rid>) {
        self.queued = true;
        self.guarded(|rtc| {
            if let Some(rx) = rtc.direct_api().stream_rx_by_mid(mid, rid) {
                rx.request_keyframe(KeyframeRequestKind::Pli);
            }
        });
    }
}
