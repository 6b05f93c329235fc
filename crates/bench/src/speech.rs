//! What is said on both sides: encoded once, repeated by every phone and participant.
//!
//! A synthetic voice over steady noise at -50 dBFS. The noise never stops, so a frame of digital silence at the other
//! end was put in on the way.

use std::sync::Arc;
use std::time::Duration;

use peers::participant::Codec;
use peers::prepared::{PrepareError, Prepared};
use peers::sound::Sound;

const LENGTH: Duration = Duration::from_secs(20);
const BITRATE: u32 = 32_000;
const NOISE_DBFS: f32 = -50.0;

/// The voice of a phone, in both forms of G.711.
#[derive(Debug, Clone)]
pub(crate) struct PhoneSpeech {
    pub(crate) ulaw: Arc<Prepared>,
    pub(crate) alaw: Arc<Prepared>,
}

impl PhoneSpeech {
    pub(crate) fn new() -> Result<Self, PrepareError> {
        Ok(Self { ulaw: speech(110.0, Codec::Pcmu)?, alaw: speech(110.0, Codec::Pcma)? })
    }
}

/// The voice of a participant.
pub(crate) fn agent(codec: Codec) -> Result<Arc<Prepared>, PrepareError> {
    speech(190.0, codec)
}

fn speech(pitch: f32, codec: Codec) -> Result<Arc<Prepared>, PrepareError> {
    let sound = Sound::voice(pitch).over_noise(NOISE_DBFS);
    Prepared::encode(&sound, codec, BITRATE, LENGTH, 1).map(Arc::new)
}
