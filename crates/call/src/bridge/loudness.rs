//! How loud a phone is in Opus, where a room cannot see it (RFC 6464 levels, for active speakers).
//!
//! Packets of speech say whether there is a voice in them, which is enough; a packet of sound in general has to be decoded, in
//! the telephone's band.

use media::codec::{AudioCodec, opus};
use media::level::{SILENCE, level};

use super::decoder::Decoder;

/// A voice that says no more than that it is there: as loud as telephones speak at.
const VOICE: u8 = 26;

/// Listens to Opus that is passed on as it came.
#[derive(Debug, Default)]
pub(super) struct Loudness {
    decoder: Decoder,
    pcm: Vec<i16>,
}

impl Loudness {
    /// The level of a packet in -dBov; `None` for what is no Opus.
    pub(super) fn of_packet(&mut self, payload: &[u8]) -> Option<u8> {
        if let Some(voice) = opus::holds_speech(payload) {
            return Some(if voice { VOICE } else { SILENCE });
        }
        self.pcm.clear();
        self.decoder.decode(AudioCodec::Opus, payload, &mut self.pcm);
        (!self.pcm.is_empty()).then(|| level(&self.pcm))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_is_loud_silence_is_not_and_rubbish_is_neither() {
        let mut loudness = Loudness::default();
        // Speech of 20 ms with its voice flag; without; nothing sent; nothing at all.
        assert_eq!(loudness.of_packet(&[0x48, 0x80, 0, 0]), Some(VOICE));
        assert_eq!(loudness.of_packet(&[0x48, 0x00, 0, 0]), Some(SILENCE));
        assert_eq!(loudness.of_packet(&[0x48]), Some(SILENCE));
        assert_eq!(loudness.of_packet(&[]), None);
    }

    #[test]
    fn sound_in_general_is_as_loud_as_it_is() {
        let mut encoder = opus::Encoder::new(48_000, 128_000, 5).unwrap();
        let mut loudness = Loudness::default();
        let mut packet = [0; opus::MAX_PACKET];
        let levels: Vec<_> = (0..50_u32)
            .map(|frame| {
                let sample = |n: u32| (f64::from(frame * 960 + n) * 0.13).sin() * 3_277.0;
                let pcm: Vec<i16> = (0..960).map(|n| sample(n) as i16).collect();
                let length = encoder.encode(&pcm, &mut packet).unwrap();
                assert_eq!(opus::holds_speech(&packet[..length]), None, "it is coded as sound");
                loudness.of_packet(&packet[..length])
            })
            .collect();
        // A sine of a tenth of the loudest: 20 dB, and 3 for its shape.
        assert!(
            levels[10..].iter().all(|level| level.is_some_and(|level| (22..=24).contains(&level))),
            "{levels:?}"
        );
    }
}
