//! Audio that clients are sent.

use std::time::Instant;

use rtp::{RtpHeader, write_extended};
use str0m::media::Mid;

use super::Audio;
use crate::datagram;
use crate::peer::AudioOut;
use crate::peer::sections::Sections;

/// What encryption adds to a packet, at most.
const MAX_TAG: usize = 16;
/// A header, and the extension that names the section.
const MAX_HEADER: usize = 12 + 24;

/// A stream to the client.
pub(super) struct Outgoing {
    pub(super) mid: Mid,
    pub(super) ssrc: u32,
    /// The client has reported on it: it knows which section the SSRC is of.
    pub(super) acknowledged: bool,
    pub(super) packets: u32,
    pub(super) octets: u32,
    /// Packets that had been sent when it was reported on last.
    pub(super) told: u32,
    /// The last packet: when it was sent, its payload type and timestamp.
    pub(super) last: Last,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Last {
    pub(super) at: Instant,
    pub(super) payload_type: u8,
    pub(super) timestamp: u32,
}

impl Audio {
    /// Sends a packet. Returns whether it did; if not, it is for str0m.
    pub(in crate::peer) fn send(&mut self, now: Instant, packet: &AudioOut<'_>, sections: &Sections) -> bool {
        let Some(path) = self.path.filter(|path| path.sure) else { return false };
        let Some(srtp) = &self.srtp else { return false };
        let Some(stream) = self.outgoing.iter_mut().find(|stream| stream.mid == packet.mid) else {
            return false;
        };
        let Some(mut bytes) = stream.write(packet, sections) else { return false };
        if srtp.protect_rtp_after(&mut bytes, (packet.seq >> 16) as u32).is_err() {
            return false;
        }
        stream.count(now, packet);
        self.leave(path, bytes);
        self.reporting.active(now);
        true
    }

    /// str0m was given a packet, and sends it as this SSRC.
    pub(in crate::peer) fn sent(&mut self, now: Instant, ssrc: u32, packet: &AudioOut<'_>) {
        let known = self.outgoing.iter().position(|stream| stream.mid == packet.mid);
        let at = known.unwrap_or_else(|| {
            self.outgoing.push(Outgoing::new(now, packet.mid, ssrc));
            self.outgoing.len() - 1
        });
        if self.outgoing[at].ssrc != ssrc {
            self.outgoing[at] = Outgoing::new(now, packet.mid, ssrc);
        }
        self.outgoing[at].count(now, packet);
        self.reporting.active(now);
    }

    /// The client has reported on what it gets on a section.
    pub(in crate::peer) fn acknowledged(&mut self, mid: Mid) {
        if let Some(stream) = self.outgoing.iter_mut().find(|stream| stream.mid == mid) {
            stream.acknowledged = true;
        }
    }
}

impl Outgoing {
    fn new(now: Instant, mid: Mid, ssrc: u32) -> Self {
        let last = Last { at: now, payload_type: 0, timestamp: 0 };
        Self { mid, ssrc, acknowledged: false, packets: 0, octets: 0, told: 0, last }
    }

    /// The packet before it is encrypted. `None`: it is larger than a packet may be.
    fn write(&self, packet: &AudioOut<'_>, sections: &Sections) -> Option<Vec<u8>> {
        let mut bytes = datagram::memory();
        bytes.reserve(MAX_HEADER + packet.payload.len() + MAX_TAG);
        let header = RtpHeader {
            marker: packet.marker,
            payload_type: packet.payload_type,
            sequence: packet.seq as u16,
            timestamp: packet.timestamp,
            ssrc: self.ssrc,
        };
        // Until then clients find the section by it (RFC 8843 §9.2).
        let named = sections.extensions(self.mid).mid.filter(|_| !self.acknowledged);
        let name = named.map(|id| (id, self.mid.as_bytes()));
        write_extended(&header, name.as_slice(), packet.payload, &mut bytes).ok()?;
        Some(bytes)
    }

    fn count(&mut self, now: Instant, packet: &AudioOut<'_>) {
        let AudioOut { payload_type, timestamp, .. } = *packet;
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(packet.payload.len() as u32);
        self.last = Last { at: now, payload_type, timestamp };
    }
}
