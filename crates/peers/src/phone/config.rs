//! How a phone is set up.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::book::PhoneBook;
use crate::sound::Sound;

/// What the phone says once a call is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Playback {
    /// A sound.
    Play(Sound),
    /// What it hears.
    Echo,
}

impl std::str::FromStr for Playback {
    type Err = crate::sound::SoundSpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "echo" { Ok(Self::Echo) } else { Ok(Self::Play(text.parse()?)) }
    }
}

/// What a caller must prove to know (digest, RFC 8760).
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// User name.
    pub username: String,
    /// Password.
    pub password: String,
    /// Asks as a proxy does (407) instead of as the other end (401).
    pub as_proxy: bool,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("username", &self.username).finish_non_exhaustive()
    }
}

/// How a phone is set up. The default listens on 127.0.0.1:5070 and plays a 440 Hz tone.
#[derive(Debug, Clone, PartialEq)]
pub struct PhoneConfig {
    /// Where it listens for SIP, UDP and TCP. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address told to callers; needed when `listen` names none (0.0.0.0).
    pub announced: Option<IpAddr>,
    /// What each dialled number does.
    pub book: PhoneBook,
    /// Rings this long whatever the book says about ringing, when given.
    pub answer_delay: Option<Duration>,
    /// What it says.
    pub play: Playback,
    /// Folder for the recordings of what it hears, one WAV per call.
    pub record: Option<PathBuf>,
    /// Demands digest authentication.
    pub login: Option<Login>,
    /// Hangs up this long after the answer, when given.
    pub hangup_after: Option<Duration>,
    /// Calls at once; any further one is refused with 486.
    pub max_calls: usize,
    /// Tell a level event this often.
    pub level_interval: Duration,
    /// Feeds everything random.
    pub seed: u64,
}

impl Default for PhoneConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5070),
            announced: None,
            book: PhoneBook::default(),
            answer_delay: None,
            play: Playback::Play(Sound::tone(440.0)),
            record: None,
            login: None,
            hangup_after: None,
            max_calls: 1000,
            level_interval: Duration::from_millis(100),
            seed: rand::random(),
        }
    }
}
