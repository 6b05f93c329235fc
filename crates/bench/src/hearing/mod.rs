//! What an end of a call hears, in counts: frames lost, late and silent, gaps, how evenly frames come, and when marks come.

mod counts;
mod decoders;

use std::time::Instant;

use media::codec::AudioCodec;

pub(crate) use counts::Counts;
use counts::Timing;
pub(crate) use decoders::{Decoders, MAX_SAMPLES};

use crate::mark::{self, Finder};

/// Samples of digital silence, after coding, stay below.
const SILENT_PEAK: u16 = 16;

/// Listens to one stream.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    codec: Option<AudioCodec>,
    decoders: Decoders,
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
    pub(crate) fn codec(&self) -> Option<AudioCodec> {
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
    pub(crate) fn packet(
        &mut self,
        at: Instant,
        codec: AudioCodec,
        seq: u64,
        timestamp: u32,
        payload: &[u8],
    ) {
        if self.codec.replace(codec).is_some_and(|before| before.rtp_clock() != codec.rtp_clock()) {
            self.timing = Timing::default();
        }
        let Some(media) = self.timing.packet(at, seq, timestamp, codec.rtp_clock()) else { return };
        let mut pcm = [0; MAX_SAMPLES];
        let Some(samples) = self.decoders.decode(codec, payload, &mut pcm) else { return };
        let pcm = &pcm[..samples];
        let silent = pcm.iter().all(|sample| sample.unsigned_abs() <= SILENT_PEAK);
        self.silent += u64::from(silent);
        if !silent {
            self.first_sound.get_or_insert(at);
        }
        let position = media / (codec.rtp_clock() / mark::RATE) as i32;
        self.marks.extend(self.finder.take(at, position as u32, pcm));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::{Manner, Speech};
    use media::codec::g711;
    use peers::prepared::{Coding, FRAME};

    #[test]
    fn silence_is_counted_and_a_mark_is_heard_when_it_comes() {
        let manner = Manner { pauses: false, discontinuous: false, marked: true };
        let speech = Speech::new(150.0, Coding::PCMU, manner).unwrap();
        let (mut hearing, start) = (Hearing::default(), Instant::now());
        hearing.packet(start, AudioCodec::Pcmu, 0, 0, &[g711::ULAW_SILENCE; 160]);
        assert_eq!((hearing.counts().silent, hearing.first_sound()), (1, None));
        let mut said = Vec::new();
        for n in 0..200 {
            let at = start + FRAME * (n + 1);
            said.extend(speech.mark(n as usize).map(|offset| at + offset));
            let payload = &speech.audio.frame(n as usize).payload;
            hearing.packet(at, AudioCodec::Pcmu, u64::from(n) + 1, (n + 1) * 160, payload);
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
