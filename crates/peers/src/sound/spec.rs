//! The sounds there are, and how a command line names them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Level of a sound that names none, in dBFS.
const DEFAULT_LEVEL: f32 = -15.0;

/// A sound to play. Levels are RMS in dBFS.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Sound {
    /// Digital silence.
    #[default]
    Silence,
    /// A sine without end.
    Tone {
        /// Frequency in Hz.
        hz: f32,
        /// Level in dBFS.
        level: f32,
    },
    /// A sine that comes and goes, beginning with sound.
    Pulsed {
        /// Frequency in Hz.
        hz: f32,
        /// Level in dBFS while it sounds.
        level: f32,
        /// How long it sounds.
        on: Duration,
        /// How long it pauses.
        off: Duration,
    },
    /// Something a voice detector takes for speech: harmonics of a wandering pitch in syllables with
    /// pauses between the phrases.
    Voice {
        /// Middle of the pitch in Hz.
        pitch: f32,
        /// Level in dBFS while it speaks.
        level: f32,
    },
    /// Another sound over steady white noise, as from a noisy place.
    OverNoise {
        /// What sounds.
        sound: Box<Sound>,
        /// Level of the noise in dBFS.
        noise: f32,
    },
    /// A WAV file, repeated without end.
    Wav(PathBuf),
}

/// A sound that could not be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no sound: use silence, tone:HZ, pulsed:HZ, voice:HZ (each with @DBFS if you like) or a WAV file"
)]
pub struct SoundSpecError(String);

impl Sound {
    /// A sine at the usual level.
    #[must_use]
    pub fn tone(hz: f32) -> Self {
        Self::Tone { hz, level: DEFAULT_LEVEL }
    }

    /// A sine that sounds and pauses for half a second each.
    #[must_use]
    pub fn pulsed(hz: f32) -> Self {
        let half = Duration::from_millis(500);
        Self::Pulsed { hz, level: DEFAULT_LEVEL, on: half, off: half }
    }

    /// A voice of the given pitch.
    #[must_use]
    pub fn voice(pitch: f32) -> Self {
        Self::Voice { pitch, level: DEFAULT_LEVEL }
    }

    /// This sound over steady noise at `noise` dBFS.
    #[must_use]
    pub fn over_noise(self, noise: f32) -> Self {
        Self::OverNoise { sound: Box::new(self), noise }
    }
}

impl FromStr for Sound {
    type Err = SoundSpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || SoundSpecError(text.to_owned());
        if let Some((sound, noise)) = text.rsplit_once("+noise@") {
            let noise: f32 = noise.parse().map_err(|_| wrong())?;
            let audible = (-90.0..=0.0).contains(&noise);
            let sound: Self = sound.parse().map_err(|_| wrong())?;
            return if audible { Ok(sound.over_noise(noise)) } else { Err(wrong()) };
        }
        if text == "silence" {
            return Ok(Self::Silence);
        }
        if text.to_ascii_lowercase().ends_with(".wav") {
            return Ok(Self::Wav(PathBuf::from(text.strip_prefix("wav:").unwrap_or(text))));
        }
        let (kind, value) = text.split_once(':').ok_or_else(wrong)?;
        let (hz, level) = value.split_once('@').map_or((value, None), |(hz, level)| (hz, Some(level)));
        let hz: f32 = hz.parse().map_err(|_| wrong())?;
        let level: f32 = level.map_or(Ok(DEFAULT_LEVEL), str::parse).map_err(|_| wrong())?;
        if !(20.0..=20_000.0).contains(&hz) || !(-90.0..=0.0).contains(&level) {
            return Err(wrong());
        }
        let half = Duration::from_millis(500);
        match kind {
            "tone" => Ok(Self::Tone { hz, level }),
            "pulsed" => Ok(Self::Pulsed { hz, level, on: half, off: half }),
            "voice" => Ok(Self::Voice { pitch: hz, level }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Sound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence => write!(f, "silence"),
            Self::Tone { hz, .. } => write!(f, "tone of {hz} Hz"),
            Self::Pulsed { hz, .. } => write!(f, "pulsed tone of {hz} Hz"),
            Self::Voice { pitch, .. } => write!(f, "voice of {pitch} Hz"),
            Self::OverNoise { sound, noise } => write!(f, "{sound} over noise at {noise} dBFS"),
            Self::Wav(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sounds_are_named_on_a_command_line() {
        assert_eq!("silence".parse(), Ok(Sound::Silence));
        assert_eq!("tone:440".parse(), Ok(Sound::tone(440.0)));
        assert_eq!("tone:440@-30".parse(), Ok(Sound::Tone { hz: 440.0, level: -30.0 }));
        assert_eq!("pulsed:500".parse(), Ok(Sound::pulsed(500.0)));
        assert_eq!("voice:150".parse(), Ok(Sound::voice(150.0)));
        assert_eq!("pulsed:500+noise@-45".parse(), Ok(Sound::pulsed(500.0).over_noise(-45.0)));
        assert_eq!("wav:a.wav".parse(), Ok(Sound::Wav("a.wav".into())));
        assert_eq!("b.WAV".parse(), Ok(Sound::Wav("b.WAV".into())));
        for bad in [
            "",
            "tone",
            "tone:",
            "tone:x",
            "tone:1",
            "tone:440@9",
            "hum:440",
            "tone:NaN",
            "tone:440+noise@",
            "+noise@-4",
        ] {
            assert!(bad.parse::<Sound>().is_err(), "{bad}");
        }
    }
}
