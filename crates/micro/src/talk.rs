//! What is said: prepared once, so that no encoder is part of what is counted.

use std::time::Duration;

use peers::prepared::{Coding, Prepared};
use peers::sound::Sound;

const LENGTH: Duration = Duration::from_secs(10);
/// Full band, as agents publish it.
pub(crate) const FULL_BAND: Coding = Coding::opus(48_000, 32_000);
/// What is asked of publishers to whom only phones listen.
pub(crate) const NARROWBAND: Coding = Coding::opus(8_000, 24_000);

/// A voice over noise, as in the large bench, in frames of 20 ms.
pub(crate) fn voice(coding: Coding) -> anyhow::Result<Vec<Vec<u8>>> {
    frames(&Sound::voice(190.0).over_noise(-50.0), coding)
}

/// A tone that is as loud from frame to frame, so that nobody in the room is told of a change.
pub(crate) fn hum(coding: Coding) -> anyhow::Result<Vec<Vec<u8>>> {
    frames(&Sound::tone(440.0), coding)
}

fn frames(sound: &Sound, coding: Coding) -> anyhow::Result<Vec<Vec<u8>>> {
    let prepared = Prepared::encode(sound, coding, LENGTH, 1)?;
    let count = LENGTH.as_millis() as usize / 20;
    Ok((0..count).map(|index| prepared.frame(index).payload.to_vec()).collect())
}
