//! The handle of a running phone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use media::dtmf::{DialString, DtmfError};
use sip::{AgentConfig, Contacts, Inbound, Limits, Timers};
use sip_io::{BindError, Stack, StackConfig, Traced};
use tokio::sync::{broadcast, mpsc};

use super::config::{PhoneConfig, Playback};
use super::event::Happened;
use super::lobby::Lobby;
use crate::sound::{Player, SoundError};
use crate::tell::Teller;

/// Events kept for a slow reader.
const EVENTS: usize = 4096;
const COMMANDS: usize = 256;

/// A phone could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PhoneError {
    /// The SIP port cannot be had.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// What it is to play cannot be played.
    #[error(transparent)]
    Sound(#[from] SoundError),
    /// A script's digits are no dial string.
    #[error("digits of {number}: {source}")]
    Digits {
        /// Whose.
        number: String,
        /// What is wrong with them.
        source: DtmfError,
    },
    /// The folder for recordings cannot be made.
    #[error("{folder}: {source}")]
    Folder {
        /// The folder.
        folder: std::path::PathBuf,
        /// What the disk said.
        source: std::io::Error,
    },
}

/// What a running call can be told, with its number; 0 means all.
#[derive(Debug, Clone)]
pub(super) enum Command {
    HangUp,
    Press(DialString),
    Say(Playback),
}

/// A phone that answers. Dropping it hangs up everything.
#[derive(Debug)]
pub struct Phone {
    stack: Stack,
    events: mpsc::Receiver<Happened>,
    commands: broadcast::Sender<(u64, Command)>,
}

impl Phone {
    /// Opens the SIP port and answers calls from now on.
    ///
    /// # Errors
    /// [`PhoneError`]: a port that is taken, a sound that cannot be played, digits that make no sense.
    pub async fn start(config: PhoneConfig) -> Result<Self, PhoneError> {
        check(&config)?;
        let mut listen = StackConfig::new(config.listen, agent(&config));
        listen.announced = config.announced.map(Into::into);
        let (stack, incoming) = Stack::bind(listen).await?;
        let (tell, events) = mpsc::channel(EVENTS);
        let (commands, _) = broadcast::channel(COMMANDS);
        let lobby = Lobby::new(config, Teller::new(tell), commands.clone());
        tokio::spawn(Arc::new(lobby).receive(incoming));
        Ok(Self { stack, events, commands })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.stack.local_addr()
    }

    /// Every SIP message from now on.
    #[must_use]
    pub fn trace(&self) -> broadcast::Receiver<Traced> {
        self.stack.trace()
    }

    /// The next event of any call.
    pub async fn next(&mut self) -> Option<Happened> {
        self.events.recv().await
    }

    /// Passes events over until `wanted` gives something or `limit` is over.
    pub async fn wait_for<T>(
        &mut self,
        limit: Duration,
        mut wanted: impl FnMut(&Happened) -> Option<T>,
    ) -> Option<T> {
        let search = async {
            loop {
                let happened = self.events.recv().await?;
                if let Some(found) = wanted(&happened) {
                    return Some(found);
                }
            }
        };
        tokio::time::timeout(limit, search).await.ok().flatten()
    }

    /// Hangs up a call; 0 hangs up all.
    pub fn hang_up(&self, call: u64) {
        self.command(call, Command::HangUp);
    }

    /// Presses digits in a call; 0 in all.
    ///
    /// # Errors
    /// [`DtmfError`] when they are no dial string.
    pub fn press(&self, call: u64, digits: &str) -> Result<(), DtmfError> {
        self.command(call, Command::Press(DialString::parse(digits)?));
        Ok(())
    }

    /// Says something else in a call; 0 in all. A sound that cannot be played leaves the old one.
    pub fn say(&self, call: u64, playback: Playback) {
        self.command(call, Command::Say(playback));
    }

    /// Hangs up everything and closes the port.
    pub async fn shutdown(&self, grace: Duration) {
        self.stack.shutdown(grace).await;
    }

    fn command(&self, call: u64, command: Command) {
        // Nobody listens while there is no call.
        let _ = self.commands.send((call, command));
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.hang_up(0);
    }
}

fn agent(config: &PhoneConfig) -> AgentConfig {
    AgentConfig {
        contacts: Contacts::udp_and_tcp(config.listen),
        user_agent: concat!("trunkline-phone/", env!("CARGO_PKG_VERSION")).to_owned(),
        timers: Timers::default(),
        limits: Limits::default(),
        inbound: Inbound::Offer,
    }
}

/// Finds out at once what would else fail in the first call.
fn check(config: &PhoneConfig) -> Result<(), PhoneError> {
    if let Playback::Play(sound) = &config.play {
        Player::new(sound, 8000, config.seed)?;
    }
    let numbers = config.book.entries.iter().map(|entry| (entry.number.as_str(), &entry.script));
    for (number, script) in numbers.chain([("other numbers", &config.book.otherwise)]) {
        let digits = script.press.as_deref().map(DialString::parse).transpose();
        digits.map_err(|source| PhoneError::Digits { number: number.to_owned(), source })?;
    }
    if let Some(folder) = &config.record {
        let failed = |source| PhoneError::Folder { folder: folder.clone(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    Ok(())
}
