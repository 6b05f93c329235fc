//! Why a participant could not join, or could not do what it was told.

use std::time::Duration;

use crate::endpoint::EndpointError;
use crate::sound::SoundError;

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL cannot be dialled.
    #[error(transparent)]
    Url(#[from] EndpointError),
    /// Nobody answers there, or no socket could be bound.
    #[error("no connection to {server}: {source}")]
    Unreachable {
        /// Host and port.
        server: String,
        /// What the socket said.
        source: std::io::Error,
    },
    /// The server refused the join with an HTTP status.
    #[error("the server refused the join: HTTP {status}: {body}")]
    Refused {
        /// The status.
        status: u16,
        /// The text that came with it.
        body: String,
    },
    /// The server did not answer in time.
    #[error("no answer to the join within {0:?}")]
    Timeout(Duration),
    /// The server sent something else than a join response first, or closed.
    #[error("the session did not begin with a join response: {0}")]
    NotJoined(String),
    /// The WebSocket failed.
    #[error("the signalling connection failed: {0}")]
    Signal(String),
    /// The sound to publish cannot be used.
    #[error(transparent)]
    Sound(#[from] SoundError),
    /// The media engine or codec refused its set-up.
    #[error("the media engine could not be set up: {0}")]
    Media(String),
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The session is over.
    #[error("the session is over")]
    Gone,
    /// The data channels are not open yet.
    #[error("the data channels are not open")]
    NotReady,
    /// The data channel takes no more for now.
    #[error("the data channel's buffer is full")]
    Full,
    /// There is no microphone track.
    #[error("nothing is published")]
    NotPublished,
    /// The sound cannot be played.
    #[error("{0}")]
    Sound(String),
}
