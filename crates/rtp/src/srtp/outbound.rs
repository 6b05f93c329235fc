//! What we send: one source, its roll-over counter, and the index of its reports.

use super::transform::{Part, Transform, Use};
use super::{MasterKey, NotProtected};

/// The bit that says that an RTCP packet is encrypted.
pub(super) const ENCRYPTED: u32 = 1 << 31;
/// Header and SSRC of an RTCP packet: what stays readable.
pub(super) const RTCP_CLEAR: usize = 8;

/// Keys and counters of our one source.
#[derive(Debug)]
pub(super) struct Outbound {
    rtp: Transform,
    rtcp: Transform,
    roll_over: u32,
    last: Option<u16>,
    rtcp_index: u32,
}

impl Outbound {
    pub(super) fn new(key: &MasterKey) -> Option<Self> {
        let (rtp, rtcp) = (Transform::new(key, Use::Rtp)?, Transform::new(key, Use::Rtcp)?);
        Some(Self { rtp, rtcp, roll_over: 0, last: None, rtcp_index: 0 })
    }

    /// Another key. The counters go on (RFC 3711 §3.3.1).
    pub(super) fn rekey(&mut self, key: &MasterKey) -> Option<()> {
        self.rtp = Transform::new(key, Use::Rtp)?;
        self.rtcp = Transform::new(key, Use::Rtcp)?;
        Some(())
    }

    pub(super) fn rtp(&mut self, packet: &mut Vec<u8>) -> Result<(), NotProtected> {
        let header = self.count(packet).ok_or(NotProtected)?;
        self.seal(packet, &header, self.roll_over)
    }

    /// The same for whoever counts by itself, and for any source.
    pub(super) fn rtp_after(&self, packet: &mut Vec<u8>, roll_over: u32) -> Result<(), NotProtected> {
        let header = Header::read(packet).ok_or(NotProtected)?;
        self.seal(packet, &header, roll_over)
    }

    fn seal(&self, packet: &mut Vec<u8>, header: &Header, roll_over: u32) -> Result<(), NotProtected> {
        let Header { ssrc, sequence, len } = *header;
        let index = u64::from(roll_over) << 16 | u64::from(sequence);
        let roll_over = roll_over.to_be_bytes();
        let trailer: &[u8] = if self.rtp.is_aead() { &[] } else { &roll_over };
        let tag = self.rtp.seal(packet, &Part { ssrc, index, clear: len, trailer })?;
        packet.extend_from_slice(tag.as_slice());
        Ok(())
    }

    /// Follows the sequence numbers. `None`: no packet, or the last number of all has been used.
    pub(super) fn count(&mut self, packet: &[u8]) -> Option<Header> {
        let header = Header::read(packet)?;
        let sequence = header.sequence;
        if self.last.is_some_and(|last| sequence < last && last - sequence > 0x8000) {
            self.roll_over = self.roll_over.checked_add(1)?;
        }
        self.last = Some(sequence);
        Some(header)
    }

    pub(super) fn rtcp(&mut self, packet: &mut Vec<u8>) -> Result<(), NotProtected> {
        let ssrc = rtcp_ssrc(packet).ok_or(NotProtected)?;
        let index = self.rtcp_index;
        self.rtcp_index = (index + 1) % ENCRYPTED;
        let word = (ENCRYPTED | index).to_be_bytes();
        let part = Part { ssrc, index: index.into(), clear: RTCP_CLEAR, trailer: &word };
        let tag = self.rtcp.seal(packet, &part)?;
        let (first, second): (&[u8], &[u8]) =
            if self.rtcp.is_aead() { (tag.as_slice(), &word) } else { (&word, tag.as_slice()) };
        packet.extend_from_slice(first);
        packet.extend_from_slice(second);
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn start_at(&mut self, roll_over: u32, last: u16) {
        (self.roll_over, self.last) = (roll_over, Some(last));
    }
}

/// What SRTP needs of an RTP header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    /// With contributing sources and extension: none of them is encrypted.
    pub(super) len: usize,
}

impl Header {
    pub(super) fn read(packet: &[u8]) -> Option<Self> {
        let first = *packet.first()?;
        let sequence = u16::from_be_bytes(packet.get(2..4)?.try_into().ok()?);
        let ssrc = u32::from_be_bytes(packet.get(8..12)?.try_into().ok()?);
        let mut len = 12 + 4 * usize::from(first & 0x0f);
        if first & 0x10 != 0 {
            let words = u16::from_be_bytes(packet.get(len + 2..len + 4)?.try_into().ok()?);
            len += 4 + 4 * usize::from(words);
        }
        (first >> 6 == 2 && len <= packet.len()).then_some(Self { ssrc, sequence, len })
    }
}

pub(super) fn rtcp_ssrc(packet: &[u8]) -> Option<u32> {
    let version = packet.first()? >> 6;
    let ssrc = packet.get(4..RTCP_CLEAR)?.try_into().ok()?;
    (version == 2).then(|| u32::from_be_bytes(ssrc))
}
