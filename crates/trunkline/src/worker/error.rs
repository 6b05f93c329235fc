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
    /// A TCP port for WebRTC is taken or forbidden.
    #[error("cannot listen on TCP {address} for WebRTC: {source}; set rtc.tcp_port to a free port, or to 0")]
    TcpPort {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// No port is left in the range.
    #[error("no TCP port is left for WebRTC: rtc.tcp_port needs one port per media worker")]
    TcpPorts,
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

/// Why a participant was not moved or forwarded to another room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum MoveError {
    /// There is no such room.
    #[error("requested room does not exist")]
    NoRoom,
    /// The server stops.
    #[error("the server is stopping")]
    Stopped,
    /// Too many are on the way to the other room's worker: try later. The participant stayed where it was.
    #[error("the server is busy")]
    Busy,
    /// The participant cannot be moved or forwarded.
    #[error(transparent)]
    Leave(#[from] room::MoveError),
    /// The other room does not take it in.
    #[error(transparent)]
    Enter(#[from] room::JoinError),
}

/// Why a method call brought no result.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum RpcError {
    /// Nobody was called.
    #[error(transparent)]
    Refused(#[from] room::ModerationError),
    /// What the participant, or its silence, says.
    #[error(transparent)]
    Failed(#[from] room::RpcFailure),
}
