//! What an end of a call hears, in counts: frames lost, late and silent, gaps, how evenly frames come, and when marks come.

mod counts;

use std::time::Instant;

use media::codec::{g711, opus};
use peers::participant::Codec;

pub(crate) use counts::Counts;
use counts::Timing;

use crate::mark::{self, Finder};

/// Samples of digital silence, after coding, stay below.
const SILENT_PEAK: u16 = 16;
/// The longest packet, at the rate marks are found at: 120 ms.
const MAX_SAMPLES: usize = 960;

/// Listens to one stream.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    codec: Option<Codec>,
    decoder: Option<opus::Decoder>,
    timing: Timing,
    finder: Finder,
    marks: Vec<Instant>,
    silent: u64,
    first_sound: Option<Instant>,
}

impl Hearing {
    /// Forgets what was heard but the first sound; counts from the next frame on.
    pub(crate) fn restart(&mut self) {
        self.timing = Timing::default();
        self.marks.clear();
        self.silent = 0;
    }

    /// What was counted.
    pub(crate) fn counts(&self) -> Counts {
        Counts { silent: self.silent, ..self.timing.counts() }
    }

    /// Milliseconds between frames that followed one another.
    pub(crate) fn spacings(&self) -> &[f32] {
        self.timing.spacings()
    }

    /// Interarrival jitter in milliseconds (RFC 3550 §6.4.1).
    pub(crate) fn jitter_ms(&self) -> f64 {
        self.timing.jitter_ms()
    }

    /// The codec heard last.
    pub(crate) fn codec(&self) -> Option<Codec> {
        self.codec
    }

    /// When the first packet came that holds a sound.
    pub(crate) fn first_sound(&self) -> Option<Instant> {
        self.first_sound
    }

    /// When each mark began, if every packet is played from its arrival on.
    pub(crate) fn marks(&self) -> &[Instant] {
        &self.marks
    }

    /// A packet came that says what the silence from now on sounds like.
    pub(crate) fn silence(&mut self, seq: u64) {
        self.timing.silence(seq);
    }

    /// Takes a packet that came at `at`.
    pub(crate) fn packet(&mut self, at: Instant, codec: Codec, seq: u64, timestamp: u32, payload: &[u8]) {
        if self.codec.replace(codec).is_some_and(|before| before.clock() != codec.clock()) {
            self.timing = Timing::default();
        }
        let Some(media) = self.timing.packet(at, seq, timestamp, codec.clock()) else { return };
        if codec == Codec::Opus && self.decoder.is_none() {
            self.decoder = opus::Decoder::new(mark::RATE).ok();
        }
        let mut pcm = [0; MAX_SAMPLES];
        let Some(samples) = decode(codec, payload, self.decoder.as_mut(), &mut pcm) else { return };
        let pcm = &pcm[..samples];
        let silent = pcm.iter().all(|sample| sample.unsigned_abs() <= SILENT_PEAK);
        self.silent += u64::from(silent);
        if !silent {
            self.first_sound.get_or_insert(at);
        }
        let position = media / (codec.clock() / mark::RATE) as i32;
        self.marks.extend(self.finder.take(at, position as u32, pcm));
    }
}

/// Decodes a packet to [`mark::RATE`]; how many samples it holds. `None`: it does not decode.
pub(crate) fn decode(
    codec: Codec,
    payload: &[u8],
    opus: Option<&mut opus::Decoder>,
    pcm: &mut [i16; MAX_SAMPLES],
) -> Option<usize> {
    match codec {
        Codec::Opus => opus?.decode(Some(payload), false, pcm).ok(),
        _ if payload.is_empty() || payload.len() > pcm.len() => None,
        Codec::Pcmu => Some(g711::decode_ulaw(payload, pcm)),
        Codec::Pcma => Some(g711::decode_alaw(payload, pcm)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::{Manner, Speech};
    use peers::prepared::{Coding, FRAME};

    #[test]
    fn silence_is_counted_and_a_mark_is_heard_when_it_comes() {
        let manner = Manner { pauses: false, discontinuous: false, marked: true };
        let speech = Speech::new(150.0, Coding::PCMU, manner).unwrap();
        let (mut hearing, start) = (Hearing::default(), Instant::now());
        hearing.packet(start, Codec::Pcmu, 0, 0, &[g711::ULAW_SILENCE; 160]);
        assert_eq!((hearing.counts().silent, hearing.first_sound()), (1, None));
        let mut said = Vec::new();
        for n in 0..200 {
            let at = start + FRAME * (n + 1);
            said.extend(speech.mark(n as usize).map(|offset| at + offset));
            let payload = &speech.audio.frame(n as usize).payload;
            hearing.packet(at, Codec::Pcmu, u64::from(n) + 1, (n + 1) * 160, payload);
        }
        assert_eq!(hearing.counts().silent, 1);
        assert_eq!(hearing.first_sound(), Some(start + FRAME));
        assert_eq!(hearing.marks().len(), 2);
        for (heard, said) in hearing.marks().iter().zip(said) {
            assert!(
                heard.duration_since(said).as_micros() < 20 && said.duration_since(*heard).as_micros() < 20
            );
        }
        hearing.restart();
        assert!(hearing.marks().is_empty() && hearing.first_sound().is_some());
    }
}
