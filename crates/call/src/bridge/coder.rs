//! From 20 ms frames to the phone's packets: its codec, at its packet time (RFC 3551 §4.2).
//!
//! Frames are collected until they are as long as a packet; what is coded is coded at once, so that a packet of any length
//! is one run of the encoder. A phone that takes comfort noise (RFC 3389) is told what silence sounds like, instead of sending it.

use media::codec::{AudioCodec, FRAME_MS, g711, g722, opus};
use media::comfort::{Background, Hush, Noise};
use media::jitter::Width;
use media::sdp::{Negotiated, OpusTerms};

/// The shortest step in which packets are sent: half a frame.
pub(super) const STEP_MS: u32 = FRAME_MS / 2;
/// The longest packet, in ms.
const MAX_MS: u32 = 60;
/// Samples that may wait: a packet of the longest, and a frame.
const MAX_WAITING: usize = (MAX_MS + FRAME_MS) as usize * 16;
/// The longest payload: three Opus frames of 20 ms, more than any G.711.
const MAX_CODED: usize = opus::MAX_PACKET;

/// Opus towards a phone: wideband speech, and what of it is worth the effort.
const OPUS_BITRATE: u32 = 28_000;
const OPUS_COMPLEXITY: u8 = 3;

/// What the phone wants to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    codec: AudioCodec,
    opus: OpusTerms,
    /// The packet time, in ms.
    ms: u32,
    /// Whether the phone takes comfort noise.
    noise: bool,
}

impl Shape {
    pub(super) fn of(terms: &Negotiated) -> Self {
        let ms = match terms.codec {
            // Opus has no frames of 30 or 50 ms.
            AudioCodec::Opus if !terms.ptime_ms.is_multiple_of(FRAME_MS) && terms.ptime_ms > FRAME_MS => {
                terms.ptime_ms / FRAME_MS * FRAME_MS
            }
            _ => terms.ptime_ms,
        };
        Self {
            codec: terms.codec,
            opus: terms.opus,
            ms: ms.clamp(STEP_MS, MAX_MS),
            noise: terms.noise_payload_type.is_some(),
        }
    }

    /// How much of the sound the phone can take.
    pub(super) fn width(&self) -> Width {
        match self.codec {
            AudioCodec::G722 => Width::Wide,
            AudioCodec::Opus if !self.opus.narrow => Width::Wide,
            _ => Width::Narrow,
        }
    }

    /// Whether packets are sent in the midst of a frame too.
    pub(super) fn needs_steps(&self) -> bool {
        !self.ms.is_multiple_of(FRAME_MS)
    }
}

#[derive(Debug)]
enum Engine {
    Ulaw,
    Alaw,
    G722(Box<g722::Encoder>),
    Opus(Box<opus::Encoder>),
}

impl Engine {
    fn new(shape: Shape) -> Self {
        match shape.codec {
            AudioCodec::Pcma => Self::Alaw,
            AudioCodec::G722 => Self::G722(Box::default()),
            AudioCodec::Opus => {
                opus_encoder(shape).map_or(Self::Ulaw, |encoder| Self::Opus(Box::new(encoder)))
            }
            _ => Self::Ulaw,
        }
    }

    /// Bytes written.
    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize {
        match self {
            Self::Ulaw => g711::encode_ulaw(pcm, out),
            Self::Alaw => g711::encode_alaw(pcm, out),
            Self::G722(encoder) => encoder.encode(pcm, out),
            // A frame that cannot be coded is lost; the next one is not.
            Self::Opus(encoder) => encoder.encode(pcm, out).unwrap_or(0),
        }
    }
}

/// `None` only if the library refuses what it supports.
fn opus_encoder(shape: Shape) -> Option<opus::Encoder> {
    let bitrate = shape.opus.max_bitrate.unwrap_or(OPUS_BITRATE).min(OPUS_BITRATE);
    let mut encoder = opus::Encoder::new(shape.width().sample_rate(), bitrate, OPUS_COMPLEXITY).ok()?;
    if shape.opus.fec {
        encoder = encoder.with_fec();
    }
    if shape.opus.constant_bitrate {
        encoder = encoder.with_constant_bitrate();
    }
    Some(encoder)
}

/// What becomes of the sound of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coded {
    /// It is in [`Coder::coded`].
    Audio,
    /// It is silence that sounds like this from now on.
    Noise(Noise),
    /// It sounds like the silence before it.
    Unchanged,
}

/// Makes the phone's packets.
#[derive(Debug)]
pub(super) struct Coder {
    shape: Shape,
    engine: Engine,
    /// Samples that are not sent yet.
    waiting: Vec<i16>,
    /// Steps until a packet may be sent: packets keep their distance.
    rest: u32,
    hush: Hush,
    coded: [u8; MAX_CODED],
    length: usize,
}

impl Coder {
    pub(super) fn new(shape: Shape) -> Self {
        let waiting = Vec::with_capacity(MAX_WAITING);
        let (engine, hush) = (Engine::new(shape), Hush::default());
        Self { shape, engine, waiting, rest: 0, hush, coded: [0; MAX_CODED], length: 0 }
    }

    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// Takes in a frame.
    pub(super) fn push(&mut self, pcm: &[i16]) {
        if self.waiting.len() + pcm.len() <= MAX_WAITING {
            self.waiting.extend_from_slice(pcm);
        }
    }

    /// Makes a packet if one is due after so many more steps, and tells its length in ms.
    pub(super) fn packet(&mut self, steps: u32) -> Option<(Coded, u32)> {
        self.rest = self.rest.saturating_sub(steps);
        let samples = self.samples(self.shape.ms);
        if self.rest > 0 || self.waiting.len() < samples {
            return None;
        }
        let coded = self.code(samples);
        self.waiting.drain(..samples);
        self.rest = self.shape.ms / STEP_MS;
        coded.map(|coded| (coded, self.shape.ms))
    }

    fn code(&mut self, samples: usize) -> Option<Coded> {
        let pcm = &self.waiting[..samples];
        let background = if self.shape.noise { self.hush.samples(pcm) } else { Background::Sound };
        match background {
            Background::Described(noise) => Some(Coded::Noise(noise)),
            Background::Unchanged => Some(Coded::Unchanged),
            Background::Sound => {
                self.length = self.engine.encode(pcm, &mut self.coded);
                (self.length > 0).then_some(Coded::Audio)
            }
        }
    }

    pub(super) fn coded(&self) -> &[u8] {
        &self.coded[..self.length]
    }

    /// Something else takes the place of what waits; returns how long that was, in ms.
    pub(super) fn drop_waiting(&mut self) -> u32 {
        let ms = self.waiting.len() / self.samples(1);
        self.waiting.clear();
        self.rest = 0;
        // What comes in between may end what the phone makes of the description.
        self.hush = Hush::default();
        u32::try_from(ms).unwrap_or(0)
    }

    fn samples(&self, ms: u32) -> usize {
        (self.shape.width().sample_rate() / 1000 * ms) as usize
    }
}
