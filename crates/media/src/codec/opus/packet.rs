//! What a packet tells of itself before it is decoded (RFC 6716 §3.1, §3.2 and §4.2.3).

use opus_pure::{OpusMode, packet};

use super::{OpusError, RTP_CLOCK};

/// How much audio a packet holds, in steps of the RTP clock (48 kHz), read from its first two bytes.
///
/// # Errors
/// [`OpusError::Packet`] if these bytes are no Opus header.
pub fn duration_48k(packet: &[u8]) -> Result<u32, OpusError> {
    let samples = samples(packet, RTP_CLOCK)?;
    u32::try_from(samples).map_err(|_| OpusError::Packet("too long"))
}

/// Whether a packet holds no more than a telephone carries: nothing above 4 kHz (RFC 6716 §3.1, table 2).
pub fn is_narrowband(packet: &[u8]) -> bool {
    packet.first().is_some_and(|toc| matches!(toc >> 3, 0..=3 | 16..=19))
}

/// What a packet's sound is (RFC 6716 §3.1, table 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sound {
    /// Speech (SILK), up to 4, 6 or 8 kHz; what lies above in a second layer is another matter (hybrid).
    Speech {
        /// Up to 4 kHz.
        narrow: bool,
    },
    /// Anything (CELT), up to 4 kHz.
    Below4kHz,
    /// Anything, up to 8 kHz.
    Below8kHz,
    /// Anything, up to 12 or 20 kHz.
    Above8kHz,
}

pub(super) fn sound(packet: &[u8]) -> Sound {
    match packet.first().map_or(0, |toc| toc >> 3) {
        0..=3 => Sound::Speech { narrow: true },
        4..=15 => Sound::Speech { narrow: false },
        16..=19 => Sound::Below4kHz,
        20..=23 => Sound::Below8kHz,
        _ => Sound::Above8kHz,
    }
}

/// A packet in two layers (hybrid) as one of wideband speech, which its first layer is, bit by bit (RFC 6716 §4.2, §4.5);
/// any other packet, and one longer than `room`, as it is.
///
/// The second layer's bytes stay where they are. In a packet of speech alone they would be a redundant frame for the change
/// to another mode (§4.5.1), which the library leaves undecoded below 48 kHz.
pub(super) fn speech_alone<'a>(packet: &'a [u8], room: &'a mut [u8]) -> &'a [u8] {
    let Some((toc, rest)) = packet.split_first() else { return packet };
    match (toc >> 3, room.get_mut(..packet.len())) {
        // 12 and 14: 10 ms; 13 and 15: 20 ms. So are 8 and 9.
        (config @ 12..=15, Some(parted)) => {
            parted[0] = ((8 | (config & 1)) << 3) | (toc & 7);
            parted[1..].copy_from_slice(rest);
            parted
        }
        _ => packet,
    }
}

/// Whether a packet carries a copy of the frame before it. Only speech does, and only where the sender meant it to.
pub fn carries_fec(packet: &[u8]) -> bool {
    speech_flags(packet).is_some_and(|(_, copied)| copied)
}

/// Whether the first frame of a packet is a voice, as its encoder saw it. `None` for sound in general (CELT), of which no
/// packet says so.
pub fn holds_speech(packet: &[u8]) -> Option<bool> {
    speech_flags(packet).map(|(voice, _)| voice)
}

/// Whether the first frame of speech in a packet has a voice in it, and whether it carries a copy of the frame before.
fn speech_flags(packet: &[u8]) -> Option<(bool, bool)> {
    packet::mode(packet).ok().filter(|mode| *mode != OpusMode::CeltOnly)?;
    let frame = frame_samples(packet, RTP_CLOCK).ok()?;
    let Some(first) = first_frame(packet).and_then(|frame| frame.first()) else {
        return Some((false, false));
    };
    // The frame begins with one voice flag for each 20 ms of the mid channel, then says whether a copy follows; then
    // the same for the side channel.
    let parts = frame.div_ceil(960);
    let flag = |bit: usize| bit < 8 && first & (0x80 >> bit) != 0;
    let stereo = packet::channels(packet).is_ok_and(|channels| channels == 2);
    Some(((0..parts).any(flag), flag(parts) || (stereo && flag(2 * parts + 1))))
}

/// Samples of the whole packet at `rate`.
pub(super) fn samples(packet: &[u8], rate: u32) -> Result<usize, OpusError> {
    match packet::samples(packet, hertz(rate)?) {
        Ok(0) => Err(OpusError::Packet("no audio in it")),
        Ok(samples) => Ok(samples),
        Err(error) => Err(OpusError::from_codec(&error)),
    }
}

/// Samples of one of its frames.
pub(super) fn frame_samples(packet: &[u8], rate: u32) -> Result<usize, OpusError> {
    samples(packet, rate)?;
    packet::samples_per_frame(packet, hertz(rate)?).map_err(|error| OpusError::from_codec(&error))
}

fn hertz(rate: u32) -> Result<i32, OpusError> {
    i32::try_from(rate).map_err(|_| OpusError::Rate(rate))
}

/// From the first frame on, behind the header and the lengths of the frames.
fn first_frame(packet: &[u8]) -> Option<&[u8]> {
    let (toc, rest) = packet.split_first()?;
    match toc & 3 {
        0 | 1 => Some(rest),
        2 => skip_length(rest),
        _ => {
            let (count, mut rest) = rest.split_first()?;
            if count & 0x40 != 0 {
                rest = skip_padding_length(rest)?;
            }
            if count & 0x80 != 0 {
                for _ in 1..count & 0x3f {
                    rest = skip_length(rest)?;
                }
            }
            Some(rest)
        }
    }
}

fn skip_length(bytes: &[u8]) -> Option<&[u8]> {
    let (first, rest) = bytes.split_first()?;
    if *first < 252 { Some(rest) } else { rest.get(1..) }
}

fn skip_padding_length(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let (length, rest) = bytes.split_first()?;
        bytes = rest;
        if *length != 255 {
            return Some(bytes);
        }
    }
}
