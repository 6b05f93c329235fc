//! Audio that clients send.

use std::time::Instant;

use rtp::rtcp::{Arrival, Reception, ReceptionStats, ntp_middle};
use rtp::{RtpPacket, is_media};
use str0m::media::Mid;

use super::Audio;
use crate::peer::sections::Sections;
use crate::peer::{self, AudioIn, MAX_ROUTES, VideoIn};

/// The RTP clock of every video codec, in Hz.
const VIDEO_CLOCK: u32 = 90_000;

/// A stream of the client.
pub(super) struct Incoming {
    pub(super) ssrc: u32,
    pub(super) mid: Mid,
    /// Its packets are str0m's.
    pub(super) of_engine: bool,
    pub(super) reception: Reception,
    /// How it stood when it was rated last.
    rated: ReceptionStats,
    /// Of the last sender report: the middle of its time, and when it came.
    pub(super) sender_report: Option<(u32, Instant)>,
    /// Something has come since it was reported on last.
    pub(super) heard: bool,
}

/// What became of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::peer) enum Taken {
    /// It was audio, and is done with.
    Yes,
    /// It is for str0m.
    No,
}

impl Audio {
    /// str0m has let a packet of an audio stream through: from here on it is known, if there is room. False if it came before.
    pub(in crate::peer) fn heard(
        &mut self,
        now: Instant,
        ssrc: u32,
        packet: &AudioIn,
        sections: &Sections,
    ) -> bool {
        let Some(srtp) = &mut self.srtp else { return true };
        if !srtp.heard(ssrc, packet.seq) {
            return false;
        }
        if let Some(stream) = self.stream(ssrc, packet.mid, false, sections) {
            stream.count(now, packet.seq, packet.timestamp, packet.codec.clock());
            self.reporting.active(now);
        }
        true
    }

    /// A packet of a video, which is str0m's. Only reports on it may be ours: see [`Audio::report`].
    pub(in crate::peer) fn seen(&mut self, now: Instant, ssrc: u32, packet: &VideoIn, sections: &Sections) {
        if let Some(stream) = self.stream(ssrc, packet.mid, true, sections) {
            stream.count(now, packet.seq, packet.timestamp, VIDEO_CLOCK);
            self.reporting.active(now);
        }
    }

    /// A stream, new or known. `None`: there are too many that are still sent. Those stay str0m's altogether.
    fn stream(&mut self, ssrc: u32, mid: Mid, of_engine: bool, sections: &Sections) -> Option<&mut Incoming> {
        if let Some(at) = self.incoming.iter().position(|stream| stream.ssrc == ssrc) {
            return self.incoming.get_mut(at);
        }
        if self.incoming.len() >= MAX_ROUTES {
            self.incoming.retain(|stream| sections.is_published(stream.mid));
        }
        if self.incoming.len() >= MAX_ROUTES {
            return None;
        }
        self.incoming.push(Incoming::new(ssrc, mid, of_engine));
        self.incoming.last_mut()
    }

    /// Takes a datagram if it is audio of a stream that is known. Of such a stream str0m knows no more than its first packet, and
    /// must see no other: it would take an old one for new.
    pub(in crate::peer) fn receive(&mut self, now: Instant, data: &[u8], sections: &Sections) -> Taken {
        let Some((ssrc, payload_type)) = media(data) else { return Taken::No };
        let Some(srtp) = &mut self.srtp else { return Taken::No };
        let Some(stream) = self.incoming.iter_mut().find(|stream| stream.ssrc == ssrc && !stream.of_engine)
        else {
            return Taken::No;
        };
        let Some((codec, red)) = sections.codec_of(stream.mid, payload_type) else { return Taken::Yes };
        let Ok(seq) = srtp.open_rtp(data, &mut self.clear) else { return Taken::Yes };
        let Ok(packet) = RtpPacket::parse(&self.clear) else { return Taken::Yes };
        let (mid, timestamp) = (stream.mid, packet.header.timestamp);
        stream.count(now, seq, timestamp, codec.clock());
        let level =
            sections.extensions(mid).level.and_then(|id| packet.extension.element(id)?.first().copied());
        self.arrived = Some(AudioIn {
            mid,
            codec,
            red,
            seq,
            timestamp,
            marker: packet.header.marker,
            payload: self.payloads.share(packet.payload),
            // The first bit is whether it is speech (RFC 6464 §3).
            level: level.map(|level| level & 0x7f),
        });
        self.reporting.active(now);
        Taken::Yes
    }

    /// What a client said of the streams of a section: when it sent which timestamp.
    pub(in crate::peer) fn sender_report(&mut self, mid: Mid, ntp: u64, came: Instant) {
        for stream in self.incoming.iter_mut().filter(|stream| stream.mid == mid) {
            stream.sender_report = Some((ntp_middle(ntp), came));
        }
    }

    /// What has arrived on a section since this was asked last, with the worst jitter of its streams.
    pub(in crate::peer) fn take_reception(&mut self, mid: Mid) -> peer::Reception {
        let mut all = peer::Reception::default();
        for stream in self.incoming.iter_mut().filter(|stream| stream.mid == mid) {
            let now = stream.reception.stats();
            let before = std::mem::replace(&mut stream.rated, now);
            all.received += now.received.saturating_sub(before.received);
            all.expected += (now.received + now.lost).saturating_sub(before.received + before.lost);
            all.jitter = all.jitter.max(now.jitter);
        }
        all
    }
}

impl Incoming {
    fn new(ssrc: u32, mid: Mid, of_engine: bool) -> Self {
        let (reception, rated) = (Reception::new(), ReceptionStats::default());
        Self { ssrc, mid, of_engine, reception, rated, sender_report: None, heard: false }
    }

    fn count(&mut self, now: Instant, seq: u64, timestamp: u32, clock: u32) {
        self.heard = true;
        // What is late may have been sent again.
        if let Arrival::New { .. } | Arrival::Restarted { .. } = self.reception.packet(seq as u16) {
            self.reception.measure(timestamp, now, clock);
        }
    }
}

/// The SSRC and the payload type of a media packet.
fn media(data: &[u8]) -> Option<(u32, u8)> {
    let ssrc = data.get(8..12).filter(|_| is_media(data))?;
    Some((u32::from_be_bytes(ssrc.try_into().ok()?), data.get(1)? & 0x7f))
}
