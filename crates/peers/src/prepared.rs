//! Audio encoded beforehand and repeated without end, so that sending it costs no encoder: what a
//! load generator says.

use std::time::Duration;

use media::codec::{g711, opus};

use crate::measure::dbfs;
use crate::participant::Codec;
use crate::sound::{Player, Sound, SoundError};

/// Time of one frame.
pub const FRAME: Duration = Duration::from_millis(20);
/// Effort of the Opus encoder, 0 to 10.
const COMPLEXITY: u8 = 5;

/// Audio could not be prepared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// The sound cannot be played.
    #[error(transparent)]
    Sound(#[from] SoundError),
    /// The encoder refused.
    #[error(transparent)]
    Opus(#[from] opus::OpusError),
}

/// Frames of 20 ms in one codec.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    codec: Codec,
    frames: Vec<Frame>,
}

/// One frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The RTP payload.
    pub payload: Box<[u8]>,
    /// Its loudness in dBFS.
    pub level: f64,
}

impl Prepared {
    /// Encodes `length` of `sound` (at least one frame); `bitrate` in bit/s is for Opus, which is full band.
    ///
    /// # Errors
    /// [`PrepareError`] when the sound cannot be played or encoded.
    pub fn encode(
        sound: &Sound,
        codec: Codec,
        bitrate: u32,
        length: Duration,
        seed: u64,
    ) -> Result<Self, PrepareError> {
        let mut player = Player::new(sound, codec.clock(), seed)?;
        let mut encoder = Coder::new(codec, bitrate)?;
        let mut pcm = vec![0; (codec.clock() / 50) as usize];
        let count = (length.as_millis() / FRAME.as_millis()).max(1);
        let mut frame = || {
            player.fill(&mut pcm);
            Ok(Frame { payload: encoder.encode(&pcm)?, level: dbfs(&pcm) })
        };
        let frames = (0..count).map(|_| frame()).collect::<Result<_, PrepareError>>()?;
        Ok(Self { codec, frames })
    }

    /// Its codec.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Frame number `index` of the endless repetition.
    #[must_use]
    pub fn frame(&self, index: usize) -> &Frame {
        &self.frames[index % self.frames.len()]
    }
}

enum Coder {
    Ulaw,
    Alaw,
    Opus(Box<opus::Encoder>),
}

impl Coder {
    fn new(codec: Codec, bitrate: u32) -> Result<Self, PrepareError> {
        Ok(match codec {
            Codec::Pcmu => Self::Ulaw,
            Codec::Pcma => Self::Alaw,
            Codec::Opus => Self::Opus(Box::new(opus::Encoder::new(codec.clock(), bitrate, COMPLEXITY)?)),
        })
    }

    fn encode(&mut self, pcm: &[i16]) -> Result<Box<[u8]>, PrepareError> {
        let mut out = vec![0; opus::MAX_PACKET.max(pcm.len())];
        let length = match self {
            Self::Ulaw => g711::encode_ulaw(pcm, &mut out),
            Self::Alaw => g711::encode_alaw(pcm, &mut out),
            Self::Opus(encoder) => encoder.encode(pcm, &mut out)?,
        };
        out.truncate(length);
        Ok(out.into_boxed_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prepared_audio_decodes_to_the_sound_and_repeats() {
        let sound = Sound::tone(440.0);
        let second = Duration::from_secs(1);
        let ulaw = Prepared::encode(&sound, Codec::Pcmu, 0, second, 1).unwrap();
        assert_eq!(ulaw.frame(3).payload.len(), 160);
        assert_eq!(ulaw.frame(3), ulaw.frame(53));
        let opus = Prepared::encode(&sound, Codec::Opus, 32_000, second, 1).unwrap();
        let mut decoder = opus::Decoder::new(48_000).unwrap();
        let mut pcm = vec![0; 5760];
        let mut loudest = f64::MIN;
        for index in 0..50 {
            let samples = decoder.decode(Some(&opus.frame(index).payload), false, &mut pcm).unwrap();
            assert_eq!(samples, 960);
            loudest = loudest.max(dbfs(&pcm[..samples]));
        }
        assert!((loudest + 15.0).abs() < 1.5, "{loudest}");
    }
}
