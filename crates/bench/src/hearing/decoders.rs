//! From a packet of any codec to samples at the rate that marks are found at.

use media::codec::{AudioCodec, g711, g722, opus};
use media::resample::Lower;

use crate::mark;

/// The longest packet, at the rate marks are found at: 120 ms.
pub(crate) const MAX_SAMPLES: usize = 960;

/// The decoders of one stream: each is made with the first packet that wants it.
#[derive(Debug, Default)]
pub(crate) struct Decoders {
    opus: Option<opus::Decoder>,
    g722: Option<Wideband>,
}

/// G.722 and the way down from its rate.
#[derive(Debug)]
struct Wideband {
    decoder: g722::Decoder,
    half: Lower,
}

impl Decoders {
    /// Decodes a packet to [`mark::RATE`]; how many samples it holds. `None`: it does not decode.
    pub(crate) fn decode(
        &mut self,
        codec: AudioCodec,
        payload: &[u8],
        pcm: &mut [i16; MAX_SAMPLES],
    ) -> Option<usize> {
        match codec {
            AudioCodec::Opus => {
                if self.opus.is_none() {
                    self.opus = opus::Decoder::new(mark::RATE).ok();
                }
                self.opus.as_mut()?.decode(Some(payload), false, pcm).ok()
            }
            // One byte of all others is one sample at this rate.
            _ if payload.is_empty() || payload.len() > pcm.len() => None,
            AudioCodec::Pcmu => Some(g711::decode_ulaw(payload, pcm)),
            AudioCodec::Pcma => Some(g711::decode_alaw(payload, pcm)),
            AudioCodec::G722 => Some(self.g722.get_or_insert_with(Wideband::new).decode(payload, pcm)),
            _ => None,
        }
    }
}

impl Wideband {
    fn new() -> Self {
        Self { decoder: g722::Decoder::new(), half: Lower::to_half() }
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16; MAX_SAMPLES]) -> usize {
        let mut wide = [0; 2 * MAX_SAMPLES];
        let samples = self.decoder.decode(payload, &mut wide);
        self.half.process(&wide[..samples], &mut pcm[..samples / 2]);
        samples / 2
    }
}
