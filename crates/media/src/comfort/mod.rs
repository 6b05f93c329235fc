//! Comfort noise (RFC 3389): when a telephone's line is so quiet that it need not be sent, and what its quiet sounds like.
//!
//! What lies below the faintest speech is described instead of sent: by its level and its colour, twice a second. Speech is
//! never held back: the first packet that is louder is sound again, and a pause counts as quiet only after a while, so that
//! the ends of words stay. It never makes noise itself, and never looks at anything but G.711 and 8 kHz.

mod noise;
#[cfg(test)]
mod tests;

use noise::Spectrum;

use crate::codec::{AudioCodec, g711};

pub use noise::Noise;

/// The payload type of comfort noise at 8 kHz (RFC 3551 §6).
pub const PAYLOAD_TYPE: u8 = 13;

/// The longest payload: a level and the most coefficients that receivers take.
pub const LONGEST: usize = 13;

/// The loudest sample of a quiet line, of 32,768: -49 dBov. It is the first segment of µ-law.
const PEAK: i16 = 120;
/// The mean square of the loudest quiet line: -60 dBov, 34 dB below what telephones speak at.
const ENERGY: f32 = 1_074.0;
/// Quiet of less than this is still sent: 240 ms.
const HANGOVER: u32 = 1_920;
/// A description is sent again so soon, in case the first was lost: 100 ms. No two are closer.
const SOON: u32 = 800;
/// And then this often: 500 ms.
const OFTEN: u32 = 4_000;
/// The line has become another one: so many decibels louder or quieter.
const CHANGE: u8 = 3;
/// The most samples looked at together.
const CHUNK: usize = 160;

/// What is to be done with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// It is heard.
    Sound,
    /// It sounds like what was described last.
    Unchanged,
    /// It sounds like this.
    Described(Noise),
}

/// Listens to one line.
#[derive(Debug, Clone, Default)]
pub struct Hush {
    /// Samples since the last sound.
    quiet: u32,
    spectrum: Spectrum,
    last: Option<Last>,
}

/// The last description.
#[derive(Debug, Clone, Copy)]
struct Last {
    level: u8,
    /// Samples since.
    ago: u32,
    /// It was the first.
    first: bool,
}

impl Hush {
    /// A payload of G.711; any other codec's is sound.
    pub fn payload(&mut self, codec: AudioCodec, payload: &[u8]) -> Background {
        let decode = match codec {
            AudioCodec::Pcmu => g711::decode_ulaw,
            AudioCodec::Pcma => g711::decode_alaw,
            _ => return self.sound(),
        };
        if !is_faint(codec, payload) {
            return self.sound();
        }
        let mut pcm = [0; CHUNK];
        for chunk in payload.chunks(CHUNK) {
            let length = decode(chunk, &mut pcm);
            if !self.hears_quiet(&pcm[..length]) {
                return self.sound();
            }
        }
        self.describe()
    }

    /// Samples at 8 kHz.
    pub fn samples(&mut self, pcm: &[i16]) -> Background {
        let loudest = pcm.iter().fold(0, |loudest: u16, sample| loudest.max(sample.unsigned_abs()));
        if loudest > PEAK.unsigned_abs() || !pcm.chunks(CHUNK).all(|chunk| self.hears_quiet(chunk)) {
            return self.sound();
        }
        self.describe()
    }

    fn sound(&mut self) -> Background {
        // A line that is loud is loud most of the time.
        if self.quiet > 0 {
            *self = Self::default();
        }
        Background::Sound
    }

    /// Takes in a part of a packet. False: it is not quiet.
    fn hears_quiet(&mut self, pcm: &[i16]) -> bool {
        if !self.spectrum.take(pcm, ENERGY) {
            return false;
        }
        let length = u32::try_from(pcm.len()).unwrap_or_default();
        self.quiet = self.quiet.saturating_add(length);
        if let Some(last) = &mut self.last {
            last.ago = last.ago.saturating_add(length);
        }
        true
    }

    fn describe(&mut self) -> Background {
        if self.quiet <= HANGOVER {
            return Background::Sound;
        }
        let level = self.spectrum.level();
        let due = self.last.is_none_or(|last| {
            let wait = if last.first || level.abs_diff(last.level) >= CHANGE { SOON } else { OFTEN };
            last.ago >= wait
        });
        if !due {
            return Background::Unchanged;
        }
        self.last = Some(Last { level, ago: 0, first: self.last.is_none() });
        Background::Described(self.spectrum.noise())
    }
}

/// Whether no sample is above [`PEAK`], by the bytes alone: both laws number their steps by size.
fn is_faint(codec: AudioCodec, payload: &[u8]) -> bool {
    let step = |byte: u8| if codec == AudioCodec::Pcmu { !byte & 0x7f } else { (byte ^ 0x55) & 0x7f };
    // Steps are of 8 in the first segment of µ-law, of 16 in that of A-law.
    let most = if codec == AudioCodec::Pcmu { 15 } else { 7 };
    payload.iter().fold(0, |loudest: u8, byte| loudest.max(step(*byte))) <= most
}
