//! From payloads to samples, whatever the codec, with made-up sound for what is missing.
//!
//! Lengths are in ticks of 8 kHz; a wideband player gives two samples for each.

use crate::codec::g711;
use crate::codec::opus::{self, Decoder};
use crate::resample::Double;

use super::conceal::Concealer;
use super::{TalkerCodec, Width};

/// Ticks in the longest packet: 120 ms.
pub(super) const MAX_TICKS: usize = 960;
/// Concealment stays as loud as it is for 40 ms, and has faded out after this: 120 ms.
pub(super) const MAX_CONCEALED: usize = 960;
const LOUD: usize = 320;
/// After faded concealment, real sound rises to its level within 5 ms.
const RISE: usize = 40;
/// What an Opus decoder makes up is in pieces of 2.5 ms.
const OPUS_STEP: usize = 20;

/// How many ticks a payload lasts; `None` if it cannot be of that codec.
pub(super) fn ticks_in(codec: TalkerCodec, payload: &[u8]) -> Option<usize> {
    let ticks = match codec {
        TalkerCodec::Opus => opus::duration_48k(payload).ok()? as usize / 6,
        TalkerCodec::Pcmu | TalkerCodec::Pcma => payload.len(),
    };
    (1..=MAX_TICKS).contains(&ticks).then_some(ticks)
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
    G711(Box<G711>),
}

/// G.711, which is narrowband whoever listens.
#[derive(Debug)]
struct G711 {
    concealer: Concealer,
    a_law: bool,
    /// For a wideband listener: the way up, and the narrow samples on it.
    double: Option<(Double, [i16; MAX_TICKS])>,
}

impl G711 {
    fn new(a_law: bool, width: Width) -> Self {
        let double = (width == Width::Wide).then(|| (Double::default(), [0; MAX_TICKS]));
        Self { concealer: Concealer::new(), a_law, double }
    }

    fn play(&mut self, payload: &[u8], out: &mut [i16]) {
        self.fill(out, |concealer, a_law, narrow| {
            if a_law {
                g711::decode_alaw(payload, narrow)
            } else {
                g711::decode_ulaw(payload, narrow)
            };
            concealer.real(narrow);
        });
    }

    fn conceal(&mut self, out: &mut [i16]) {
        self.fill(out, |concealer, _, narrow| concealer.conceal(narrow));
    }

    fn fill(&mut self, out: &mut [i16], make: impl FnOnce(&mut Concealer, bool, &mut [i16])) {
        match &mut self.double {
            None => make(&mut self.concealer, self.a_law, out),
            Some((double, narrow)) => {
                let narrow = &mut narrow[..(out.len() / 2).min(MAX_TICKS)];
                make(&mut self.concealer, self.a_law, narrow);
                double.process(narrow, out);
            }
        }
    }
}

/// One talker's decoder. Appends to the samples that wait to be played.
#[derive(Debug)]
pub(super) struct Player {
    engine: Engine,
    width: Width,
    /// Ticks concealed in a row.
    concealed: usize,
}

impl Player {
    /// `None` only if the Opus library refuses the width's rate, which it does not.
    pub(super) fn new(codec: TalkerCodec, width: Width) -> Option<Self> {
        let engine = match codec {
            TalkerCodec::Opus => Engine::Opus(Box::new(Decoder::new(width.sample_rate()).ok()?)),
            TalkerCodec::Pcmu => Engine::G711(Box::new(G711::new(false, width))),
            TalkerCodec::Pcma => Engine::G711(Box::new(G711::new(true, width))),
        };
        Some(Self { engine, width, concealed: 0 })
    }

    /// Decodes a packet of so many ticks. One that turns out to be broken inside is concealed: `false`.
    pub(super) fn play(&mut self, payload: &[u8], ticks: usize, ready: &mut Vec<i16>) -> bool {
        let (start, samples) = (ready.len(), ticks * self.width.per_tick());
        ready.resize(start + samples, 0);
        let out = &mut ready[start..];
        let decoded = match &mut self.engine {
            Engine::Opus(decoder) => decoder.decode(Some(payload), false, out) == Ok(samples),
            Engine::G711(g711) => {
                g711.play(payload, out);
                true
            }
        };
        if !decoded {
            ready.truncate(start);
            self.conceal(ticks, Instead::Nothing, ready);
            return false;
        }
        self.rise(&mut ready[start..]);
        true
    }

    /// Makes up so many ticks of sound that is missing. Returns whether they were recovered from the packet after.
    pub(super) fn conceal(&mut self, ticks: usize, instead: Instead<'_>, ready: &mut Vec<i16>) -> bool {
        let start = ready.len();
        // The Opus decoder works in whole steps: the surplus of the last one is cut.
        ready.resize(start + ticks.next_multiple_of(OPUS_STEP) * self.width.per_tick(), 0);
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
            (Engine::G711(g711), _) => {
                g711.conceal(out);
                false
            }
        };
        ready.truncate(start + ticks * self.width.per_tick());
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
        if let Engine::G711(g711) = &mut self.engine {
            g711.concealer.reset();
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
        for tick in made_up.chunks_mut(self.width.per_tick()) {
            let gain = gain(self.concealed);
            tick.iter_mut().for_each(|sample| *sample = scaled(*sample, gain));
            self.concealed += 1;
        }
    }

    fn rise(&mut self, real: &mut [i16]) {
        let low = gain(std::mem::take(&mut self.concealed));
        for (n, tick) in real.chunks_mut(self.width.per_tick()).take(RISE).enumerate() {
            let gain = low + (256 - low) * n as i32 / RISE as i32;
            tick.iter_mut().for_each(|sample| *sample = scaled(*sample, gain));
        }
    }
}

/// Loudness after `concealed` ticks, of 256.
fn gain(concealed: usize) -> i32 {
    let left = MAX_CONCEALED.saturating_sub(concealed.max(LOUD));
    (left * 256 / (MAX_CONCEALED - LOUD)) as i32
}

fn scaled(sample: i16, gain: i32) -> i16 {
    ((i32::from(sample) * gain) >> 8) as i16
}
