//! How a participant behaves.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::tap::TapHandle;
use crate::path::Trouble;
use crate::prepared::Prepared;
use crate::sound::Sound;

/// What a participant does with the audio it receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Listening {
    /// Decodes everything: levels, recordings.
    #[default]
    Decode,
    /// Decodes until the first sound, then only counts and times packets: for many participants at once.
    Count,
}

/// How a participant behaves. The default listens, subscribes to everything and publishes nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct ParticipantConfig {
    /// What its microphone track carries; none when absent.
    pub publish: Option<Sound>,
    /// What it carries instead, when given: encoded beforehand.
    pub prepared: Option<Arc<Prepared>>,
    /// What it does with the audio it receives.
    pub listening: Listening,
    /// Name of the microphone track.
    pub track_name: String,
    /// Bitrate of the microphone's Opus, in bit/s.
    pub bitrate: u32,
    /// Folder for recordings of what it hears: one WAV per track, `<identity>-<track sid>.wav`.
    pub record: Option<PathBuf>,
    /// Offers PCMU and PCMA next to Opus, as every browser does.
    pub g711: bool,
    /// Subscribes to every track without asking.
    pub auto_subscribe: bool,
    /// Metadata to join with; needs the right to change its own.
    pub metadata: String,
    /// Attributes to join with; need the same right.
    pub attributes: BTreeMap<String, String>,
    /// Tell a level event for each track this often.
    pub level_interval: Duration,
    /// Frames of the microphone that are sent at once; 1 is an even stream.
    pub burst: u32,
    /// What happens to its audio packets on the way to the server.
    pub trouble: Option<Trouble>,
    /// Watches its audio packet by packet. What it hears is then counted, not decoded.
    pub tap: Option<TapHandle>,
    /// Feeds everything random that is not secret.
    pub seed: u64,
}

impl Default for ParticipantConfig {
    fn default() -> Self {
        Self {
            publish: None,
            prepared: None,
            listening: Listening::Decode,
            track_name: "microphone".to_owned(),
            bitrate: 32_000,
            record: None,
            g711: true,
            auto_subscribe: true,
            metadata: String::new(),
            attributes: BTreeMap::new(),
            level_interval: Duration::from_millis(100),
            burst: 1,
            trouble: None,
            tap: None,
            seed: rand::random(),
        }
    }
}
