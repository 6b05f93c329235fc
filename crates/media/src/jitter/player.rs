//! From payloads to samples at 8 kHz, whatever the codec, with made-up sound for what is missing.

use crate::codec::g711;
use crate::codec::opus::{self, Decoder};

use super::TalkerCodec;
use super::conceal::Concealer;

/// Samples in the longest packet: 120 ms.
pub(super) const MAX_SAMPLES: usize = 960;
/// Concealment stays as loud as it is for 40 ms, and has faded out after this: 120 ms.
pub(super) const MAX_CONCEALED: usize = 960;
const LOUD: usize = 320;
/// After faded concealment, real sound rises to its level within 5 ms.
const RISE: usize = 40;
/// What an Opus decoder makes up is in pieces of 2.5 ms.
const OPUS_STEP: usize = 20;

/// How many samples at 8 kHz a payload holds; `None` if it cannot be of that codec.
pub(super) fn samples_in(codec: TalkerCodec, payload: &[u8]) -> Option<usize> {
    let samples = match codec {
        TalkerCodec::Opus => opus::duration_48k(payload).ok()? as usize / 6,
        TalkerCodec::Pcmu | TalkerCodec::Pcma => payload.len(),
    };
    (1..=MAX_SAMPLES).contains(&samples).then_some(samples)
}

/// Whether a payload says that nothing follows for a while: Opus sends one or two bytes and falls silent (DTX).
pub(super) fn announces_pause(codec: TalkerCodec, payload: &[u8]) -> bool {
    codec == TalkerCodec::Opus && payload.len() <= 2
}

/// Which packet stands in for a lost one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Instead<'a> {
    /// The packet right after it, which may hold a copy.
    Next(&'a [u8]),
    Nothing,
}

#[derive(Debug)]
enum Engine {
    Opus(Box<Decoder>),
    G711 { concealer: Box<Concealer>, a_law: bool },
}

/// One talker's decoder. Appends to the samples that wait to be played.
#[derive(Debug)]
pub(super) struct Player {
    engine: Engine,
    /// Samples concealed in a row.
    concealed: usize,
}

impl Player {
    /// `None` only if the Opus library refuses 8 kHz, which it does not.
    pub(super) fn new(codec: TalkerCodec) -> Option<Self> {
        let engine = match codec {
            TalkerCodec::Opus => Engine::Opus(Box::new(Decoder::new(8_000).ok()?)),
            TalkerCodec::Pcmu => Engine::G711 { concealer: Box::new(Concealer::new()), a_law: false },
            TalkerCodec::Pcma => Engine::G711 { concealer: Box::new(Concealer::new()), a_law: true },
        };
        Some(Self { engine, concealed: 0 })
    }

    /// Decodes a packet of `samples`. One that turns out to be broken inside is concealed: `false`.
    pub(super) fn play(&mut self, payload: &[u8], samples: usize, ready: &mut Vec<i16>) -> bool {
        let start = ready.len();
        ready.resize(start + samples, 0);
        let out = &mut ready[start..];
        let decoded = match &mut self.engine {
            Engine::Opus(decoder) => decoder.decode(Some(payload), false, out) == Ok(samples),
            Engine::G711 { concealer, a_law } => {
                if *a_law {
                    g711::decode_alaw(payload, out)
                } else {
                    g711::decode_ulaw(payload, out)
                };
                concealer.real(out);
                true
            }
        };
        if !decoded {
            ready.truncate(start);
            self.conceal(samples, Instead::Nothing, ready);
            return false;
        }
        self.rise(&mut ready[start..]);
        true
    }

    /// Makes up `samples` for sound that is missing. Returns whether they were recovered from the packet after.
    pub(super) fn conceal(&mut self, samples: usize, instead: Instead<'_>, ready: &mut Vec<i16>) -> bool {
        let start = ready.len();
        // The Opus decoder works in whole steps: the surplus of the last one is cut.
        ready.resize(start + samples.next_multiple_of(OPUS_STEP), 0);
        let out = &mut ready[start..];
        let recovered = match (&mut self.engine, instead) {
            (Engine::Opus(decoder), Instead::Next(next)) if opus::carries_fec(next) => {
                decoder.decode(Some(next), true, out).is_ok()
            }
            (Engine::Opus(decoder), _) => {
                // What cannot be concealed stays silent.
                let _silent = decoder.decode(None, false, out);
                false
            }
            (Engine::G711 { concealer, .. }, _) => {
                concealer.conceal(out);
                false
            }
        };
        ready.truncate(start + samples);
        if recovered {
            self.concealed = 0;
        } else {
            self.fade(&mut ready[start..]);
        }
        recovered
    }

    /// Nothing of the sound so far is to be heard in what comes.
    pub(super) fn forget(&mut self) {
        self.concealed = 0;
        if let Engine::G711 { concealer, .. } = &mut self.engine {
            concealer.reset();
        }
    }

    /// Forgets the stream altogether.
    pub(super) fn reset(&mut self) {
        self.forget();
        if let Engine::Opus(decoder) = &mut self.engine {
            decoder.reset();
        }
    }

    fn fade(&mut self, made_up: &mut [i16]) {
        for sample in made_up {
            *sample = scaled(*sample, gain(self.concealed));
            self.concealed += 1;
        }
    }

    fn rise(&mut self, real: &mut [i16]) {
        let low = gain(std::mem::take(&mut self.concealed));
        for (n, sample) in real.iter_mut().take(RISE).enumerate() {
            *sample = scaled(*sample, low + (256 - low) * n as i32 / RISE as i32);
        }
    }
}

/// Loudness after `concealed` samples, of 256.
fn gain(concealed: usize) -> i32 {
    let left = MAX_CONCEALED.saturating_sub(concealed.max(LOUD));
    (left * 256 / (MAX_CONCEALED - LOUD)) as i32
}

fn scaled(sample: i16, gain: i32) -> i16 {
    ((i32::from(sample) * gain) >> 8) as i16
}
