//! RTP packets (RFC 3550 §5.1): a view of one that has arrived, and the writing of one to be sent.
//!
//! Over `rtp-types`. Knows no session: sequences, sources and statistics are for others.

#[cfg(test)]
mod tests;

use rtp_types::{RtpPacketBuilder, RtpParseError};
use thiserror::Error;

/// The largest packet taken from the network, in bytes: an Ethernet frame's worth.
pub const MAX_PACKET: usize = 1500;

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

/// A packet that has arrived: its header, and its payload without padding, CSRCs and header extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    /// The header.
    pub header: RtpHeader,
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
        Ok(Self { header, payload })
    }
}

/// Writes a packet over what `out` holds, keeping its memory.
///
/// # Errors
/// The caller's fault: a payload type above 127, or a packet larger than [`MAX_PACKET`]; `out` is left empty.
pub fn write(header: &RtpHeader, payload: &[u8], out: &mut Vec<u8>) -> Result<(), RtpError> {
    out.clear();
    let len = rtp_types::RtpPacket::MIN_RTP_PACKET_LEN + payload.len();
    if len > MAX_PACKET {
        return Err(RtpError::TooLarge { len });
    }
    if header.payload_type > 127 {
        return Err(RtpError::PayloadType(header.payload_type));
    }
    let builder: RtpPacketBuilder<&[u8], &[u8]> = RtpPacketBuilder::new()
        .marker_bit(header.marker)
        .payload_type(header.payload_type)
        .sequence_number(header.sequence)
        .timestamp(header.timestamp)
        .ssrc(header.ssrc)
        .payload(payload);
    builder.write_into_vec(out).map_err(|_| RtpError::TooLarge { len })
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
    /// A payload type that does not fit seven bits.
    #[error("payload type {0} is larger than 127")]
    PayloadType(u8),
}
