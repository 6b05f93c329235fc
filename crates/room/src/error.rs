//! Why an operation on a room was refused.

use thiserror::Error;

/// Why a participant could not join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The token has no identity. The client's fault: HTTP 400.
    #[error("identity cannot be empty")]
    NoIdentity,
    /// The room has as many participants as it may have. HTTP 500, as LiveKit's clients know it.
    #[error("room is full: max_participants reached")]
    RoomFull,
    /// The room is closing; a new room of the same name may be made.
    #[error("room is closed")]
    Closed,
}

/// Why a client cannot go on with its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// Nobody of this identity is in the room any more.
    #[error("the session is over")]
    Gone,
    /// The identity has another session.
    #[error("the session has been replaced")]
    Replaced,
    /// The session has another number of peer connections than the client now wants.
    #[error("the session has other peer connections")]
    OtherMode,
    /// The client was away for so long that reliable data for it had to be dropped.
    #[error("data for the session has been lost")]
    DataLost,
}

/// Why a local participant could not publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// No such participant in the room, or one that is not local.
    #[error("no local participant with this id")]
    NotLocal,
    /// The participant has published its track already.
    #[error("the participant has published already")]
    AlreadyPublished,
}

/// Why a participant cannot be moved or forwarded to another room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MoveError {
    /// Nobody in the room has this identity.
    #[error("participant does not exist")]
    NoParticipant,
    /// The client is still joining, or has lost its signalling connection: it could not be told.
    #[error("participant is not connected")]
    NotConnected,
    /// It is itself forwarded from another room, where alone it can be moved or forwarded.
    #[error("participant is forwarded from another room")]
    Guest,
    /// It is forwarded to as many rooms as it may be.
    #[error("participant is forwarded to too many rooms")]
    TooMany,
}
