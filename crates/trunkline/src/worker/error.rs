//! What can go wrong between the control plane and a worker.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

/// Why the workers could not be started. Each names what to do.
#[derive(Debug, Error)]
pub(crate) enum StartError {
    /// A UDP port for WebRTC is taken or forbidden.
    #[error("cannot bind UDP {address} for WebRTC: {source}; set rtc.udp_port to a free port")]
    RtcPort {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// No port is left in the range.
    #[error("no UDP port is left for WebRTC: rtc.udp_port needs one port per media worker")]
    RtcPorts,
    /// A thread or its event queue could not be made.
    #[error("cannot start a media worker: {0}")]
    Thread(#[from] io::Error),
}

/// Why a participant could not join a room.
#[derive(Debug, Error)]
pub(crate) enum JoinError {
    /// The worker's queue is full: try later.
    #[error("the server is busy")]
    Busy,
    /// The server stops.
    #[error("the server is stopping")]
    Stopped,
    /// The room refused.
    #[error(transparent)]
    Room(#[from] room::JoinError),
}

/// Why an operation on rooms could not be carried out.
#[derive(Debug, Error)]
pub(crate) enum RoomError {
    /// The worker's queue is full: try later.
    #[error("the server is busy")]
    Busy,
    /// The server stops.
    #[error("the server is stopping")]
    Stopped,
}

/// The session is over: nothing more can be sent on it.
#[derive(Debug, Clone, Copy, Error)]
#[error("the session is over")]
pub(crate) struct SessionClosed;
