//! The audio codecs of a telephone call: what they are called on the wire (RFC 3551 §6) and how they are computed.
//!
//! Never resamples and never buffers: a codec turns one frame into another.

pub mod g711;
pub mod g722;
pub mod opus;

use std::fmt;

/// The length of one audio frame towards the phone, in milliseconds (RFC 3551 §4.2's default packet time).
pub const FRAME_MS: u32 = 20;

/// A codec that a phone can be spoken to with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AudioCodec {
    /// G.711 µ-law, RTP payload type 0.
    Pcmu,
    /// G.711 A-law, RTP payload type 8.
    Pcma,
    /// G.722 at 64 kbit/s, RTP payload type 9.
    G722,
    /// Opus (RFC 7587), a payload type of the offer's choice.
    Opus,
}

impl AudioCodec {
    /// Every codec that is built.
    pub const ALL: [Self; 4] = [Self::Pcmu, Self::Pcma, Self::G722, Self::Opus];
    /// The codecs that every phone has.
    pub const G711: [Self; 2] = [Self::Pcmu, Self::Pcma];

    /// The encoding name of `a=rtpmap` (RFC 3551 table 4), in its registered spelling.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::Opus => "opus",
        }
    }

    /// The codec of an encoding name (any case) and RTP clock rate, if it is built.
    #[must_use]
    pub fn from_name(name: &str, rtp_clock: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.rtp_clock() == rtp_clock && c.name().eq_ignore_ascii_case(name))
    }

    /// The codec of a payload type that needs no `a=rtpmap` (RFC 3551 table 4), if it is built.
    #[must_use]
    pub fn from_static_payload_type(payload_type: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.static_payload_type() == Some(payload_type))
    }

    /// Ticks per second of the RTP timestamp. Not the sample rate for every codec (G.722 lies, RFC 3551 §4.5.2).
    #[must_use]
    pub fn rtp_clock(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8000,
            Self::Opus => opus::RTP_CLOCK,
        }
    }

    /// Samples per second of the audio that is made for it here: Opus is coded from wideband sound, and says of each
    /// packet what it holds.
    #[must_use]
    pub fn sample_rate(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma => 8000,
            Self::G722 | Self::Opus => 16_000,
        }
    }

    /// The payload type assigned by RFC 3551, `None` for a codec with dynamic ones only.
    #[must_use]
    pub fn static_payload_type(self) -> Option<u8> {
        match self {
            Self::Pcmu => Some(0),
            Self::Pcma => Some(8),
            Self::G722 => Some(9),
            Self::Opus => None,
        }
    }

    /// The encoding of `a=rtpmap`, with clock and channels: Opus must say two channels, whatever it carries (RFC 7587 §7).
    #[must_use]
    pub fn rtpmap(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU/8000",
            Self::Pcma => "PCMA/8000",
            Self::G722 => "G722/8000",
            Self::Opus => "opus/48000/2",
        }
    }

    /// RTP clock ticks in one 20 ms frame.
    #[must_use]
    pub fn ticks_per_frame(self) -> u32 {
        self.rtp_clock() * FRAME_MS / 1000
    }
}

impl fmt::Display for AudioCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
