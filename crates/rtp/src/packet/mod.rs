//! RTP packets (RFC 3550 §5.1): a view of one that has arrived, and the writing of one to be sent.
//!
//! Reading is `rtp-types`'. Knows no session: sequences, sources and statistics are for others.

mod extension;
#[cfg(test)]
mod tests;

pub use extension::Extension;
use extension::Written;

use rtp_types::RtpParseError;
use thiserror::Error;

/// The largest packet taken from the network, in bytes: an Ethernet frame's worth.
pub const MAX_PACKET: usize = 1500;
/// Version 2, in a packet's first byte.
const VERSION: u8 = 2 << 6;
/// A header extension follows the header, in the same.
const EXTENDED: u8 = 1 << 4;

/// The fields of an RTP header that a telephone call uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpHeader {
    /// Marker bit: the first packet after silence, or of a telephone-event.
    pub marker: bool,
    /// Payload type, 0..=127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in ticks of the payload's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
}

/// A packet that has arrived: its header, its extension, and its payload without padding and CSRCs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    /// The header.
    pub header: RtpHeader,
    /// The header extension.
    pub extension: Extension<'a>,
    /// The payload, possibly empty.
    pub payload: &'a [u8],
}

impl<'a> RtpPacket<'a> {
    /// Reads a packet.
    ///
    /// # Errors
    /// The sender's fault: this is no RTP packet, or a larger one than [`MAX_PACKET`].
    pub fn parse(data: &'a [u8]) -> Result<Self, RtpError> {
        if data.len() > MAX_PACKET {
            return Err(RtpError::TooLarge { len: data.len() });
        }
        let packet = rtp_types::RtpPacket::parse(data)?;
        let header = RtpHeader {
            marker: packet.marker_bit(),
            payload_type: packet.payload_type(),
            sequence: packet.sequence_number(),
            timestamp: packet.timestamp(),
            ssrc: packet.ssrc(),
        };
        let start = packet.payload_offset();
        let payload = data.get(start..start + packet.payload_len()).unwrap_or_default();
        // It stands right in front of the payload.
        let extension = packet.extension().map(|(profile, of)| Extension {
            profile,
            data: data.get(start - of.len()..start).unwrap_or_default(),
        });
        let extension = extension.unwrap_or_default();
        Ok(Self { header, extension, payload })
    }
}

/// Writes a packet over what `out` holds, keeping its memory.
///
/// # Errors
/// The caller's fault: a payload type above 127, or a packet larger than [`MAX_PACKET`]; `out` is left empty.
pub fn write(header: &RtpHeader, payload: &[u8], out: &mut Vec<u8>) -> Result<(), RtpError> {
    write_extended(header, &[], payload, out)
}

/// The same with a header extension of these elements, each an id of 1 to 14 and a value of 1 to 16 bytes.
///
/// # Errors
/// As with [`write`], and for elements that an extension of one-byte headers cannot hold.
pub fn write_extended(
    header: &RtpHeader,
    elements: &[(u8, &[u8])],
    payload: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), RtpError> {
    out.clear();
    let extension = Written::new(elements)?;
    let len = rtp_types::RtpPacket::MIN_RTP_PACKET_LEN + extension.as_slice().len() + payload.len();
    if len > MAX_PACKET {
        return Err(RtpError::TooLarge { len });
    }
    if header.payload_type > 127 {
        return Err(RtpError::PayloadType(header.payload_type));
    }
    let extended = if elements.is_empty() { 0 } else { EXTENDED };
    out.extend_from_slice(&[VERSION | extended, u8::from(header.marker) << 7 | header.payload_type]);
    out.extend_from_slice(&header.sequence.to_be_bytes());
    out.extend_from_slice(&header.timestamp.to_be_bytes());
    out.extend_from_slice(&header.ssrc.to_be_bytes());
    out.extend_from_slice(extension.as_slice());
    out.extend_from_slice(payload);
    Ok(())
}

/// Whether a datagram on a port shared by all that a WebRTC connection carries is media: RTP, and no RTCP (RFC 7983 §7).
#[must_use]
pub fn is_media(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| (128..=191).contains(first)) && !is_rtcp(datagram)
}

/// Whether a datagram on a port shared by RTP and RTCP is RTCP (RFC 5761 §4).
#[must_use]
pub fn is_rtcp(datagram: &[u8]) -> bool {
    datagram.get(1).is_some_and(|&packet_type| (192..=223).contains(&packet_type))
}

/// Why bytes are not an RTP packet.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RtpError {
    /// Not RTP, or cut short.
    #[error("not an RTP packet: {0}")]
    Malformed(#[from] RtpParseError),
    /// More bytes than a packet may have.
    #[error("an RTP packet of {len} bytes is larger than {MAX_PACKET}")]
    TooLarge {
        /// The length, in bytes.
        len: usize,
    },
    /// An element of a header extension that does not fit one.
    #[error("an element of id {0} does not fit a header extension")]
    Element(u8),
    /// A payload type that does not fit seven bits.
    #[error("payload type {0} is larger than 127")]
    PayloadType(u8),
}
