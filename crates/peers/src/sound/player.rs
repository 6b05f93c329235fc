//! Turns a [`Sound`] into samples, frame by frame, at any rate.

use std::f32::consts::TAU;
use std::path::PathBuf;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::spec::Sound;
use crate::measure::{Recording, WavError};

/// A sound could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum SoundError {
    /// The file cannot be read, or is no 16-bit PCM.
    #[error(transparent)]
    Wav(#[from] WavError),
    /// The file holds no samples.
    #[error("{}: there is nothing in it", .0.display())]
    Empty(PathBuf),
}

/// An endless stream of samples of one sound.
#[derive(Debug)]
pub struct Player {
    rate: f32,
    at: u64,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Silence,
    Tone { hz: f32, peak: f32, on: u64, period: u64 },
    Voice(Voice),
    OverNoise { player: Box<Player>, peak: f32, rng: Box<StdRng> },
    Samples { pcm: Vec<i16>, step: f64 },
}

impl Player {
    /// A player of `sound` at `rate` samples per second; `seed` feeds the noise.
    ///
    /// # Errors
    /// [`SoundError`] when a WAV file cannot be used.
    pub fn new(sound: &Sound, rate: u32, seed: u64) -> Result<Self, SoundError> {
        let samples = |time: std::time::Duration| (time.as_secs_f64() * f64::from(rate)) as u64;
        let kind = match sound {
            Sound::Silence => Kind::Silence,
            Sound::Tone { hz, level } => Kind::Tone { hz: *hz, peak: sine_peak(*level), on: 1, period: 1 },
            Sound::Pulsed { hz, level, on, off } => Kind::Tone {
                hz: *hz,
                peak: sine_peak(*level),
                on: samples(*on),
                period: samples(*on + *off).max(1),
            },
            Sound::Voice { pitch, level } => Kind::Voice(Voice::new(*pitch, *level)),
            Sound::OverNoise { sound, noise } => Kind::OverNoise {
                player: Box::new(Self::new(sound, rate, seed)?),
                // The variance of an even distribution is a third of its peak squared, a sine's is half.
                peak: sine_peak(*noise) * 1.5_f32.sqrt(),
                rng: Box::new(StdRng::seed_from_u64(seed)),
            },
            Sound::Wav(path) => {
                let Recording { rate: from, samples: pcm } = Recording::read(path)?;
                if pcm.is_empty() {
                    return Err(SoundError::Empty(path.clone()));
                }
                Kind::Samples { pcm, step: f64::from(from) / f64::from(rate) }
            }
        };
        Ok(Self { rate: rate as f32, at: 0, kind })
    }

    /// Writes the next `out.len()` samples.
    pub fn fill(&mut self, out: &mut [i16]) {
        for sample in out {
            *sample = self.next_sample();
            self.at += 1;
        }
    }

    fn next_sample(&mut self) -> i16 {
        match &mut self.kind {
            Kind::Silence => 0,
            Kind::Tone { hz, peak, on, period } => {
                if self.at % *period >= *on {
                    return 0;
                }
                // The phase restarts every second, where every whole frequency crosses zero.
                let seconds = (self.at % (self.rate as u64 * 10)) as f64 / f64::from(self.rate);
                let cycles = (seconds * f64::from(*hz)).fract() as f32;
                (*peak * (cycles * TAU).sin()) as i16
            }
            Kind::Voice(voice) => voice.next(self.at as f32 / self.rate, self.rate),
            Kind::OverNoise { player, peak, rng } => {
                let noise = (*peak * rng.random_range(-1.0..1.0)) as i16;
                let sound = player.next_sample();
                player.at += 1;
                sound.saturating_add(noise)
            }
            Kind::Samples { pcm, step } => interpolate(pcm, self.at as f64 * *step),
        }
    }
}

/// Speech as a sum of harmonics: syllables of 0.16 s, phrases of 1.2 s with pauses of 0.8 s.
#[derive(Debug)]
struct Voice {
    pitch: f32,
    scale: f32,
    phase: f32,
}

/// Harmonic amplitudes of a neutral vowel: strong up to the first formant, weaker above.
const HARMONICS: [f32; 12] = [1.0, 0.9, 0.8, 0.7, 0.45, 0.3, 0.2, 0.2, 0.25, 0.2, 0.12, 0.08];
const PHRASE: f32 = 1.2;
const PAUSE: f32 = 0.8;
const SYLLABLE: f32 = 0.16;

impl Voice {
    fn new(pitch: f32, level: f32) -> Self {
        let power: f32 = HARMONICS.iter().map(|amplitude| amplitude * amplitude).sum();
        // The mean square of the syllable envelope is 0.35; the level speaks of the phrase.
        let scale = sine_peak(level) / (power * 0.35).sqrt();
        Self { pitch, scale, phase: 0.0 }
    }

    fn next(&mut self, seconds: f32, rate: f32) -> i16 {
        let within = seconds % (PHRASE + PAUSE);
        let glide = 1.0 + 0.15 * (seconds * TAU / 0.9).sin() + 0.05 * (seconds * TAU * 5.0).sin();
        let hz = self.pitch * glide;
        self.phase = (self.phase + hz / rate).fract();
        let mut value = 0.0;
        if within < PHRASE {
            let envelope = (within / SYLLABLE * std::f32::consts::PI).sin().abs().powf(0.7) * 0.75;
            value = self.scale * envelope * harmonics(self.phase, hz, rate);
        }
        value.clamp(f32::from(i16::MIN), f32::from(i16::MAX)) as i16
    }
}

fn harmonics(phase: f32, hz: f32, rate: f32) -> f32 {
    let audible = HARMONICS.iter().zip(1_u8..).take_while(|(_, n)| f32::from(*n) * hz < rate / 2.2);
    audible.map(|(amplitude, n)| amplitude * (phase * f32::from(n) * TAU).sin()).sum()
}

fn interpolate(pcm: &[i16], position: f64) -> i16 {
    let whole = position as usize % pcm.len();
    let next = (whole + 1) % pcm.len();
    let part = position.fract() as f32;
    (f32::from(pcm[whole]) * (1.0 - part) + f32::from(pcm[next]) * part) as i16
}

/// Amplitude of a sine whose level against a full-scale sine is `level` dBFS.
fn sine_peak(level: f32) -> f32 {
    f32::from(i16::MAX) * 10_f32.powf(level.min(0.0) / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::dbfs;

    fn second(sound: &Sound, rate: u32) -> Vec<i16> {
        let mut out = vec![0; rate as usize];
        Player::new(sound, rate, 1).unwrap().fill(&mut out);
        out
    }

    #[test]
    fn a_tone_has_its_frequency_and_level_at_every_rate() {
        for rate in [8000, 16_000, 48_000] {
            let pcm = second(&Sound::Tone { hz: 440.0, level: -20.0 }, rate);
            let rising = pcm.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
            assert!((438..=441).contains(&rising), "{rising} at {rate}");
            assert!((dbfs(&pcm) + 20.0).abs() < 0.2);
        }
    }

    #[test]
    fn a_pulsed_tone_pauses() {
        let pcm = second(&Sound::pulsed(500.0), 8000);
        assert!(dbfs(&pcm[..4000]) > -16.0);
        assert!(pcm[4000..].iter().all(|&sample| sample == 0));
    }

    #[test]
    fn a_voice_speaks_and_pauses_at_its_level() {
        let sound = Sound::Voice { pitch: 150.0, level: -20.0 }.over_noise(-50.0);
        let mut out = vec![0; 16_000];
        Player::new(&sound, 8000, 7).unwrap().fill(&mut out);
        let spoken = dbfs(&out[..9600]);
        let pause = dbfs(&out[9700..15_900]);
        assert!((spoken + 20.0).abs() < 2.0, "{spoken}");
        assert!((pause + 50.0).abs() < 1.0, "{pause}");
    }

    #[test]
    fn a_wav_file_is_played_at_another_rate_and_repeats() {
        let file = tempfile::Builder::new().suffix(".wav").tempfile().unwrap();
        let samples = second(&Sound::Tone { hz: 400.0, level: -20.0 }, 8000);
        Recording { rate: 8000, samples }.write(file.path()).unwrap();
        let mut player = Player::new(&Sound::Wav(file.path().to_owned()), 48_000, 1).unwrap();
        let mut out = vec![0; 96_000];
        player.fill(&mut out);
        assert!((dbfs(&out[50_000..]) + 20.0).abs() < 0.3);
    }

    #[test]
    fn what_is_no_wav_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(Player::new(&Sound::Wav(file.path().to_owned()), 8000, 1), Err(SoundError::Wav(_))));
    }
}
