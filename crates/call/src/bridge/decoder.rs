//! A phone's payloads, in whatever codec, as samples: G.722 at 16 kHz, everything else at the telephone's 8.

use media::codec::{AudioCodec, g711, g722, opus};

/// Ticks of 8 kHz in the longest packet: 120 ms.
pub(super) const MAX_TICKS: usize = 960;
/// The telephone's sample rate.
const RATE: u32 = 8_000;

/// How long a payload lasts, in ticks of 8 kHz; 0 for what is no audio.
pub(super) fn ticks_in(codec: AudioCodec, payload: &[u8]) -> usize {
    match codec {
        AudioCodec::Opus => opus::duration_48k(payload).map_or(0, |ticks| ticks as usize / 6),
        _ => payload.len(),
    }
}

/// Decodes one phone's packets. The memories of codecs that have one are made when they are needed.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    g722: Option<Box<g722::Decoder>>,
    opus: Option<Box<opus::Decoder>>,
}

impl Decoder {
    /// Appends a packet's samples to `out`: none of what is broken or too long.
    pub(super) fn decode(&mut self, codec: AudioCodec, payload: &[u8], out: &mut Vec<i16>) {
        let (start, ticks) = (out.len(), ticks_in(codec, payload));
        if ticks > MAX_TICKS {
            return;
        }
        out.resize(start + if codec == AudioCodec::G722 { 2 * ticks } else { ticks }, 0);
        let room = &mut out[start..];
        let length = match codec {
            AudioCodec::G722 => self.g722.get_or_insert_default().decode(payload, room),
            AudioCodec::Opus => self.decode_opus(payload, room),
            AudioCodec::Pcma => g711::decode_alaw(payload, room),
            _ => g711::decode_ulaw(payload, room),
        };
        out.truncate(start + length);
    }

    fn decode_opus(&mut self, payload: &[u8], room: &mut [i16]) -> usize {
        if self.opus.is_none() {
            self.opus = opus::Decoder::new(RATE).ok().map(Box::new);
        }
        self.opus.as_mut().map_or(0, |decoder| decoder.decode(Some(payload), false, room).unwrap_or(0))
    }
}
