//! What is said on both sides: encoded once, repeated by every phone and participant, with marks at known places.
//!
//! A synthetic voice over steady noise at -50 dBFS. The noise never stops, so a frame of digital silence at the other
//! end was put in on the way. Where there is to be silence, speech and pauses take turns: 1.8 s and 2.2 s, 45 % of the time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use peers::prepared::{Coding, FRAME, PrepareError, Prepared};
use peers::sound::{Player, Sound};

use crate::hearing::{Decoders, MAX_SAMPLES};
use crate::mark::{self, Finder};

/// Seconds of speech before it repeats.
const LENGTH: f64 = 20.0;
/// Soft enough that a mark is the loudest by far.
const VOICE_DBFS: f32 = -28.0;
const NOISE_DBFS: f32 = -50.0;
/// A quiet line: what a phone sends while nobody speaks.
const QUIET_DBFS: f32 = -66.0;
/// Speech and pause together, and the speech of it, in seconds.
const TURN: f64 = 4.0;
const SPEAKING: f64 = 1.8;
/// A sender with discontinuous transmission sends one frame in so many while it is silent (as libwebrtc's Opus does).
const SILENCE_EVERY: usize = 20;
/// No codec keeps a sound longer, in seconds.
const MOST_DELAY: f64 = 0.05;
/// Each mark begins at another place within its frame.
const DRIFT: f64 = 37.0 / 8000.0;

/// How somebody speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Manner {
    /// With pauses, 45 % of the time; else without end.
    pub(crate) pauses: bool,
    /// The pauses are not sent.
    pub(crate) discontinuous: bool,
    /// With marks in it.
    pub(crate) marked: bool,
}

/// Speech that is ready to be sent.
#[derive(Debug)]
pub(crate) struct Speech {
    pub(crate) audio: Arc<Prepared>,
    /// For each frame, how long after its first sample a listener who decodes it at once hears a mark begin.
    marks: Vec<Option<Duration>>,
    /// How much later than said a mark comes out of the codec itself.
    pub(crate) codec_delay: Duration,
}

impl Speech {
    /// A voice of `pitch` Hz.
    pub(crate) fn new(pitch: f32, coding: Coding, manner: Manner) -> Result<Arc<Self>, PrepareError> {
        let mut pcm = voice(pitch, coding.rate, manner)?;
        let places: Vec<f64> = if manner.marked { places(manner).collect() } else { Vec::new() };
        places.iter().for_each(|&at| mark::write(&mut pcm, coding.rate, at));
        let mut audio = Prepared::of_pcm(&pcm, coding)?;
        let (marks, codec_delay) = if manner.marked { find(&audio, &places) } else { <_>::default() };
        if manner.discontinuous {
            audio = audio.sending_only(|frame| is_spoken(seconds(frame)) || frame % SILENCE_EVERY == 0);
        }
        Ok(Arc::new(Self { audio: Arc::new(audio), marks, codec_delay }))
    }

    /// How long after the beginning of frame number `frame` a mark begins, if one does.
    pub(crate) fn mark(&self, frame: usize) -> Option<Duration> {
        let index = frame.checked_rem(self.marks.len())?;
        self.marks[index]
    }
}

fn seconds(frame: usize) -> f64 {
    frame as f64 * FRAME.as_secs_f64()
}

fn is_spoken(at: f64) -> bool {
    at % TURN < SPEAKING
}

fn voice(pitch: f32, rate: u32, manner: Manner) -> Result<Vec<i16>, PrepareError> {
    let mut pcm = vec![0; (LENGTH * f64::from(rate)) as usize];
    let voice = Sound::Voice { pitch, level: VOICE_DBFS }.over_noise(NOISE_DBFS);
    Player::new(&voice, rate, 1)?.fill(&mut pcm);
    if manner.pauses {
        let mut quiet = vec![0; pcm.len()];
        Player::new(&Sound::Silence.over_noise(QUIET_DBFS), rate, 2)?.fill(&mut quiet);
        let both = pcm.iter_mut().zip(quiet).enumerate();
        both.filter(|(n, _)| !is_spoken(*n as f64 / f64::from(rate)))
            .for_each(|(_, (to, quiet))| *to = quiet);
    }
    Ok(pcm)
}

/// Where marks begin, in seconds.
fn places(manner: Manner) -> impl Iterator<Item = f64> {
    let (first, apart) = if manner.pauses { (0.9, TURN) } else { (0.5, 2.0) };
    (0..(LENGTH / apart) as u32).map(move |n| first + f64::from(n) * (apart + DRIFT))
}

/// Where a listener finds the marks that were put at `places`, frame by frame, and how much later that is on average.
fn find(audio: &Prepared, places: &[f64]) -> (Vec<Option<Duration>>, Duration) {
    let mut marks = vec![None; audio.frames().len()];
    let (mut finder, start) = (Finder::default(), Instant::now());
    let (mut decoders, mut pcm) = (Decoders::default(), [0; MAX_SAMPLES]);
    let mut found = Vec::new();
    for (index, frame) in audio.frames().iter().enumerate() {
        let samples = decoders.decode(audio.codec(), &frame.payload, &mut pcm).unwrap_or(0);
        let at = start + FRAME * index as u32;
        found.extend(finder.take(at, (index * 160) as u32, &pcm[..samples]));
    }
    for at in &found {
        let since = *at - start;
        let index = (since.as_nanos() / FRAME.as_nanos()) as usize;
        if let Some(mark) = marks.get_mut(index) {
            *mark = Some(since - FRAME * index as u32);
        }
    }
    let late = |said: &f64| {
        let mut later = found.iter().map(|at| (*at - start).as_secs_f64() - said);
        later.find(|later| later.abs() < MOST_DELAY)
    };
    let late: Vec<f64> = places.iter().filter_map(late).collect();
    let mean = late.iter().sum::<f64>() / late.len().max(1) as f64;
    (marks, Duration::from_secs_f64(mean.max(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::AgentCodec;

    const MARKED: Manner = Manner { pauses: false, discontinuous: false, marked: true };

    #[test]
    fn every_mark_is_found_through_every_codec() {
        for (coding, delay) in [
            (Coding::PCMU, 0.0),
            (Coding::PCMA, 0.0),
            (Coding::G722, 3.0),
            (AgentCodec::Opus.coding(), 6.5),
            (AgentCodec::Narrowband.coding(), 6.5),
        ] {
            let speech = Speech::new(190.0, coding, MARKED).unwrap();
            let found = speech.marks.iter().flatten().count();
            assert_eq!(found, 10, "{coding:?}");
            let ms = speech.codec_delay.as_secs_f64() * 1e3;
            assert!((ms - delay).abs() < 1.5, "{coding:?} delays by {ms} ms");
        }
    }

    #[test]
    fn with_pauses_45_percent_is_speech_and_a_silent_sender_sends_little_more() {
        let manner = Manner { pauses: true, discontinuous: true, marked: true };
        let speech = Speech::new(190.0, AgentCodec::Opus.coding(), manner).unwrap();
        let frames = speech.audio.frames();
        let sent = frames.iter().filter(|frame| !frame.payload.is_empty()).count() as f64;
        let share = sent / frames.len() as f64;
        assert!((0.45..0.50).contains(&share), "{share}");
        assert_eq!(speech.marks.iter().flatten().count(), 5);
    }
}
