//! Audio encoded beforehand and repeated without end, so that sending it costs no encoder: what a
//! load generator says.

use std::time::Duration;

use media::codec::{AudioCodec, g711, g722, opus};

use crate::measure::dbfs;
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
    /// Nothing encodes this codec here.
    #[error("{} cannot be prepared", .0.name())]
    Codec(AudioCodec),
}

/// What audio is encoded as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coding {
    /// The codec.
    pub codec: AudioCodec,
    /// The samples' rate in Hz: what Opus is made from, G.711's 8000 and G.722's 16000.
    pub rate: u32,
    /// Bits per second of Opus; the others have their own.
    pub bitrate: u32,
}

impl Coding {
    /// G.711 µ-law.
    pub const PCMU: Self = Self { codec: AudioCodec::Pcmu, rate: 8000, bitrate: 64_000 };
    /// G.711 A-law.
    pub const PCMA: Self = Self { codec: AudioCodec::Pcma, rate: 8000, bitrate: 64_000 };
    /// G.722, wideband.
    pub const G722: Self = Self { codec: AudioCodec::G722, rate: g722::SAMPLE_RATE, bitrate: 64_000 };

    /// Opus from samples at `rate`: 48000 is full band, 8000 narrowband.
    #[must_use]
    pub const fn opus(rate: u32, bitrate: u32) -> Self {
        Self { codec: AudioCodec::Opus, rate, bitrate }
    }

    /// Samples of one frame.
    #[must_use]
    pub const fn frame(self) -> usize {
        self.rate as usize / 50
    }
}

/// Frames of 20 ms in one codec.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    codec: AudioCodec,
    frames: Vec<Frame>,
}

/// One frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The RTP payload; empty when nothing is sent in its place.
    pub payload: Box<[u8]>,
    /// Its loudness in dBFS.
    pub level: f64,
}

impl Prepared {
    /// Encodes `length` of `sound`, at least one frame.
    ///
    /// # Errors
    /// [`PrepareError`] when the sound cannot be played or encoded.
    pub fn encode(sound: &Sound, coding: Coding, length: Duration, seed: u64) -> Result<Self, PrepareError> {
        let count = (length.as_millis() / FRAME.as_millis()).max(1) as usize;
        let mut pcm = vec![0; count * coding.frame()];
        Player::new(sound, coding.rate, seed)?.fill(&mut pcm);
        Self::of_pcm(&pcm, coding)
    }

    /// Encodes samples at the coding's rate; what is no whole frame at the end is left out.
    ///
    /// # Errors
    /// [`PrepareError`] when the encoder refuses the rate or the bit rate, or there is none.
    pub fn of_pcm(pcm: &[i16], coding: Coding) -> Result<Self, PrepareError> {
        let mut encoder = Coder::new(coding)?;
        let frame = |pcm: &[i16]| Ok(Frame { payload: encoder.encode(pcm)?, level: dbfs(pcm) });
        let frames = pcm.chunks_exact(coding.frame()).map(frame).collect::<Result<_, PrepareError>>()?;
        Ok(Self { codec: coding.codec, frames })
    }

    /// The same with the frames left out for which `sent` is false: discontinuous transmission.
    #[must_use]
    pub fn sending_only(mut self, sent: impl Fn(usize) -> bool) -> Self {
        let left_out = self.frames.iter_mut().enumerate().filter(|(index, _)| !sent(*index));
        left_out.for_each(|(_, frame)| frame.payload = Box::default());
        self
    }

    /// All frames, once.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// Its codec.
    #[must_use]
    pub fn codec(&self) -> AudioCodec {
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
    G722(Box<g722::Encoder>),
    Opus(Box<opus::Encoder>),
}

impl Coder {
    fn new(Coding { codec, rate, bitrate }: Coding) -> Result<Self, PrepareError> {
        Ok(match codec {
            AudioCodec::Pcmu => Self::Ulaw,
            AudioCodec::Pcma => Self::Alaw,
            AudioCodec::G722 => Self::G722(Box::default()),
            AudioCodec::Opus => Self::Opus(Box::new(opus::Encoder::new(rate, bitrate, COMPLEXITY)?)),
            codec => return Err(PrepareError::Codec(codec)),
        })
    }

    fn encode(&mut self, pcm: &[i16]) -> Result<Box<[u8]>, PrepareError> {
        let mut out = vec![0; opus::MAX_PACKET.max(pcm.len())];
        let length = match self {
            Self::Ulaw => g711::encode_ulaw(pcm, &mut out),
            Self::Alaw => g711::encode_alaw(pcm, &mut out),
            Self::G722(encoder) => encoder.encode(pcm, &mut out),
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
        let ulaw = Prepared::encode(&sound, Coding::PCMU, second, 1).unwrap();
        assert_eq!(ulaw.frame(3).payload.len(), 160);
        assert_eq!(ulaw.frame(3), ulaw.frame(53));
        let opus = Prepared::encode(&sound, Coding::opus(48_000, 32_000), second, 1).unwrap();
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

    #[test]
    fn narrowband_opus_is_one_packet_per_frame_and_pauses_are_not_sent() {
        let second = Duration::from_secs(1);
        let frames = Prepared::encode(&Sound::tone(440.0), Coding::opus(8000, 24_000), second, 1).unwrap();
        assert_eq!(frames.frames().len(), 50);
        assert!(opus::duration_48k(&frames.frame(7).payload).is_ok_and(|ticks| ticks == 960));
        let pausing = frames.sending_only(|index| index < 10);
        assert!(!pausing.frame(9).payload.is_empty() && pausing.frame(10).payload.is_empty());
    }
}
