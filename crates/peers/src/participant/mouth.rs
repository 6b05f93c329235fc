//! The microphone: a sound encoded as Opus in frames of 20 ms, or frames encoded beforehand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use media::codec::{AudioCodec, opus};

use super::config::ParticipantConfig;
use super::error::{CommandError, ConnectError};
use super::peer::Outgoing;
use crate::measure::{SILENCE_DBFS, dbfs};
use crate::prepared::Prepared;
use crate::sound::{Player, Sound};

/// Rate of the sound; also Opus' RTP clock (RFC 7587 §4.1).
const RATE: u32 = 48_000;
const FRAME: usize = RATE as usize / 50;
const FRAME_TIME: Duration = Duration::from_millis(20);
/// Frames made up for when the clock has run ahead; what is older is skipped.
const MAX_BEHIND: u32 = 5;
/// Effort of the encoder, 0 to 10.
const COMPLEXITY: u8 = 5;

/// Speaks one sound.
pub(super) struct Mouth {
    voice: Voice,
    seed: u64,
    muted: bool,
    /// Nothing was sent in the place of the frame before.
    paused: bool,
    due: Option<Instant>,
    /// Frames that are sent at once.
    burst: u32,
    /// How many of the present burst are out.
    out: u32,
    timestamp: u32,
    level: f64,
}

/// Where the frames come from.
enum Voice {
    Live(Box<Live>),
    Prepared { frames: Arc<Prepared>, next: usize },
}

/// A sound and its encoder.
struct Live {
    player: Player,
    encoder: opus::Encoder,
    pcm: [i16; FRAME],
    packet: [u8; opus::MAX_PACKET],
}

impl Mouth {
    /// The microphone that `config` asks for, if any.
    pub(super) fn of(config: &ParticipantConfig) -> Result<Option<Self>, ConnectError> {
        let voice = match (&config.prepared, &config.publish) {
            (Some(frames), _) => Voice::Prepared { frames: Arc::clone(frames), next: 0 },
            (None, Some(sound)) => Voice::Live(Box::new(Live::new(sound, config.bitrate, config.seed)?)),
            (None, None) => return Ok(None),
        };
        let seed = config.seed;
        let (timestamp, level, burst) = (seed as u32, SILENCE_DBFS, config.burst.max(1));
        let (muted, paused, due, out) = (false, true, None, 0);
        Ok(Some(Self { voice, seed, muted, paused, due, burst, out, timestamp, level }))
    }

    /// Says something else from the next frame on.
    pub(super) fn play(&mut self, sound: &Sound) -> Result<(), CommandError> {
        let Voice::Live(live) = &mut self.voice else {
            return Err(CommandError::Sound("what is said was encoded beforehand".to_owned()));
        };
        let player = Player::new(sound, RATE, self.seed);
        live.player = player.map_err(|error| CommandError::Sound(error.to_string()))?;
        Ok(())
    }

    /// Stops or resumes sending; media time goes on.
    pub(super) fn mute(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Begins to speak, if it has not begun.
    pub(super) fn start(&mut self, now: Instant) {
        self.due.get_or_insert(now);
    }

    /// When the next frame is due.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// The number of the frame that comes next, of audio encoded beforehand.
    pub(super) fn upcoming(&self) -> usize {
        match &self.voice {
            Voice::Prepared { next, .. } => *next,
            Voice::Live(_) => 0,
        }
    }

    /// The next frame if it is due; `None` too while muted, and where the audio has a pause that is not sent.
    pub(super) fn frame(&mut self, now: Instant) -> Option<Outgoing<'_>> {
        let passed = self.advance(now)?;
        let ticks = self.voice.codec().rtp_clock() / 50;
        self.timestamp = self.timestamp.wrapping_add(ticks.wrapping_mul(passed));
        let marker = std::mem::replace(&mut self.paused, true);
        let mut frame = self.voice.frame(self.muted, self.timestamp)?;
        frame.marker = marker;
        self.paused = false;
        self.level = self.level.max(frame.level);
        Some(frame)
    }

    /// Sets the time of the frame after the one that is due; how many frames of media time have passed.
    fn advance(&mut self, now: Instant) -> Option<u32> {
        let due = self.due.filter(|due| *due <= now)?;
        self.out += 1;
        if self.out < self.burst {
            return Some(1);
        }
        self.out = 0;
        let period = FRAME_TIME * self.burst;
        let behind = ((now - due).as_millis() / period.as_millis()) as u32;
        let skipped = behind.saturating_sub(MAX_BEHIND);
        self.due = Some(due + period * (skipped + 1));
        Some(1 + skipped * self.burst)
    }

    /// The loudest frame since the last call, in dBFS.
    pub(super) fn take_level(&mut self) -> f64 {
        std::mem::replace(&mut self.level, SILENCE_DBFS)
    }
}

impl Voice {
    fn codec(&self) -> AudioCodec {
        match self {
            Self::Live(_) => AudioCodec::Opus,
            Self::Prepared { frames, .. } => frames.codec(),
        }
    }

    /// The next frame; it passes unheard while muted.
    fn frame(&mut self, muted: bool, timestamp: u32) -> Option<Outgoing<'_>> {
        let codec = self.codec();
        match self {
            Self::Live(live) => {
                live.player.fill(&mut live.pcm);
                if muted {
                    return None;
                }
                let level = dbfs(&live.pcm);
                let length = live.encoder.encode(&live.pcm, &mut live.packet).ok()?;
                Some(Outgoing { codec, payload: &live.packet[..length], timestamp, level, marker: false })
            }
            Self::Prepared { frames, next } => {
                let frame = frames.frame(*next);
                *next = next.wrapping_add(1);
                let (payload, level) = (&*frame.payload, frame.level);
                let sent = !muted && !payload.is_empty();
                sent.then_some(Outgoing { codec, payload, timestamp, level, marker: false })
            }
        }
    }
}

impl Live {
    fn new(sound: &Sound, bitrate: u32, seed: u64) -> Result<Self, ConnectError> {
        let encoder = opus::Encoder::new(RATE, bitrate, COMPLEXITY);
        let encoder = encoder.map_err(|error| ConnectError::Media(error.to_string()))?;
        let player = Player::new(sound, RATE, seed)?;
        Ok(Self { player, encoder, pcm: [0; FRAME], packet: [0; opus::MAX_PACKET] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepared::Coding;

    #[test]
    fn frames_come_every_20_ms_and_a_stall_skips_media_time() {
        let publish = Some(Sound::tone(440.0));
        let config = ParticipantConfig { publish, seed: 1, ..ParticipantConfig::default() };
        let mut mouth = Mouth::of(&config).unwrap().unwrap();
        let start = Instant::now();
        assert!(mouth.frame(start).is_none(), "not begun");
        mouth.start(start);
        let first = mouth.frame(start).map(|frame| frame.timestamp).unwrap();
        assert!(mouth.frame(start).is_none());
        let later = start + Duration::from_millis(1020);
        let mut stamps = Vec::new();
        while let Some(frame) = mouth.frame(later) {
            stamps.push(frame.timestamp.wrapping_sub(first) / 960);
        }
        assert_eq!(stamps, [46, 47, 48, 49, 50, 51]);
        assert!(mouth.take_level() > -16.0);
        mouth.mute(true);
        assert!(mouth.frame(later + FRAME_TIME).is_none());
        assert!(mouth.next_timeout() > Some(later + FRAME_TIME), "time goes on while muted");
    }

    #[test]
    fn prepared_frames_follow_one_another_in_their_codec_s_clock() {
        let frames = Prepared::encode(&Sound::voice(150.0), Coding::PCMU, Duration::from_secs(1), 1).unwrap();
        let (second, prepared) = (frames.frame(1).payload.clone(), Some(Arc::new(frames)));
        let config = ParticipantConfig { prepared, ..ParticipantConfig::default() };
        let mut mouth = Mouth::of(&config).unwrap().unwrap();
        let start = Instant::now();
        mouth.start(start);
        let first = mouth.frame(start).map(|frame| frame.timestamp).unwrap();
        let frame = mouth.frame(start + FRAME_TIME).unwrap();
        assert_eq!(frame.timestamp.wrapping_sub(first), 160);
        assert_eq!((frame.codec, frame.payload), (AudioCodec::Pcmu, second.as_ref()));
        assert!(mouth.play(&Sound::Silence).is_err());
    }

    #[test]
    fn a_bursty_source_sends_the_same_frames_in_clusters() {
        let second = Duration::from_secs(1);
        let frames = Prepared::encode(&Sound::voice(150.0), Coding::PCMU, second, 1).unwrap();
        let config =
            ParticipantConfig { prepared: Some(Arc::new(frames)), burst: 7, ..ParticipantConfig::default() };
        let mut mouth = Mouth::of(&config).unwrap().unwrap();
        let start = Instant::now();
        mouth.start(start);
        let mut stamps = Vec::new();
        while let Some(frame) = mouth.frame(start) {
            stamps.push((frame.timestamp, frame.marker));
        }
        assert_eq!(stamps.len(), 7);
        assert!(stamps.windows(2).all(|pair| pair[1].0.wrapping_sub(pair[0].0) == 160));
        assert!(stamps[0].1 && !stamps[1].1, "the first packet of a spurt is marked");
        assert_eq!(mouth.next_timeout(), Some(start + 7 * FRAME_TIME));
    }

    #[test]
    fn a_pause_is_not_sent_and_its_time_passes() {
        let second = Duration::from_secs(1);
        let frames = Prepared::encode(&Sound::voice(150.0), Coding::PCMU, second, 1).unwrap();
        let prepared = Some(Arc::new(frames.sending_only(|index| index % 10 < 5)));
        let config = ParticipantConfig { prepared, ..ParticipantConfig::default() };
        let mut mouth = Mouth::of(&config).unwrap().unwrap();
        let start = Instant::now();
        mouth.start(start);
        let sent: Vec<(u32, u32, bool)> = (0..20)
            .filter_map(|n| {
                mouth.frame(start + n * FRAME_TIME).map(|frame| (n, frame.timestamp, frame.marker))
            })
            .collect();
        let numbers: Vec<u32> = sent.iter().map(|(n, ..)| *n).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]);
        assert_eq!(sent[5].1.wrapping_sub(sent[4].1), 6 * 160);
        assert_eq!(sent.iter().filter(|(.., marker)| *marker).count(), 2);
    }
}
