//! RTP, its reports and its encryption, for phones and rooms alike. A core without IO.
//!
//! [`packet`] reads and writes packets (RFC 3550 §5), [`rtcp`] reports (RFC 3550 §6), [`srtp`] protects both (RFC 3711);
//! [`Payload`] is what many are sent.
//! Knows no session: what is sent and heard in a call is `media`'s, in a room `room`'s. Every parser takes hostile
//! input, nothing panics, and nothing asks a clock or draws randomness of its own.

mod payload;

pub mod packet;
pub mod rtcp;
pub mod srtp;

pub use payload::{Payload, Payloads};

pub use packet::{
    Extension, MAX_PACKET, RtpError, RtpHeader, RtpPacket, is_media, is_rtcp, write, write_extended,
};
