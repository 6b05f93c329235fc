//! The microphone: a sound, encoded as Opus in frames of 20 ms.

use std::time::{Duration, Instant};

use media::codec::opus;

use super::error::ConnectError;
use super::peer::Outgoing;
use crate::measure::{SILENCE_DBFS, dbfs};
use crate::sound::{Player, Sound, SoundError};

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
    player: Player,
    encoder: opus::Encoder,
    seed: u64,
    muted: bool,
    due: Option<Instant>,
    timestamp: u32,
    level: f64,
    pcm: [i16; FRAME],
    packet: [u8; opus::MAX_PACKET],
}

impl Mouth {
    pub(super) fn new(sound: &Sound, bitrate: u32, seed: u64) -> Result<Self, ConnectError> {
        let encoder = opus::Encoder::new(RATE, bitrate, COMPLEXITY);
        let encoder = encoder.map_err(|error| ConnectError::Media(error.to_string()))?;
        Ok(Self {
            player: Player::new(sound, RATE, seed)?,
            encoder,
            seed,
            muted: false,
            due: None,
            timestamp: seed as u32,
            level: SILENCE_DBFS,
            pcm: [0; FRAME],
            packet: [0; opus::MAX_PACKET],
        })
    }

    /// Says something else from the next frame on.
    pub(super) fn play(&mut self, sound: &Sound) -> Result<(), SoundError> {
        self.player = Player::new(sound, RATE, self.seed)?;
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

    /// The next frame if it is due; `None` too while muted.
    pub(super) fn frame(&mut self, now: Instant) -> Option<Outgoing<'_>> {
        let due = self.due.filter(|due| *due <= now)?;
        let behind = (now - due).as_millis() / FRAME_TIME.as_millis();
        let skipped = (behind as u32).saturating_sub(MAX_BEHIND);
        self.due = Some(due + FRAME_TIME * (skipped + 1));
        self.timestamp = self.timestamp.wrapping_add(FRAME as u32 * (skipped + 1));
        self.player.fill(&mut self.pcm);
        if self.muted {
            return None;
        }
        let level = dbfs(&self.pcm);
        self.level = self.level.max(level);
        let length = self.encoder.encode(&self.pcm, &mut self.packet).ok()?;
        Some(Outgoing { payload: &self.packet[..length], timestamp: self.timestamp, level })
    }

    /// The loudest frame since the last call, in dBFS.
    pub(super) fn take_level(&mut self) -> f64 {
        std::mem::replace(&mut self.level, SILENCE_DBFS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_every_20_ms_and_a_stall_skips_media_time() {
        let mut mouth = Mouth::new(&Sound::tone(440.0), 32_000, 1).unwrap();
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
}
