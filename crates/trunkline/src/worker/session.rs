//! A client's signalling session, as the WebSocket sees it.

use bytes::Bytes;
use room::grants::Claims;
use room::proto;
use tokio::sync::mpsc;

use super::SessionClosed;
use super::command::{Command, Place};
use super::handle::Lane;

/// A client that wants to join.
#[derive(Debug)]
pub(crate) struct SignalJoin {
    /// The room's name.
    pub(crate) room: String,
    /// What the room shall be like if this join makes it.
    pub(crate) config: Option<Box<proto::RoomConfiguration>>,
    /// Who joins, and how.
    pub(crate) join: room::Join,
}

/// A client that wants to go on with its session.
#[derive(Debug)]
pub(crate) struct SignalResume {
    /// The room's name.
    pub(crate) room: String,
    /// Whose session.
    pub(crate) resume: room::Resume,
}

/// One signalling connection of a room. A session has several in turn when its connection gets lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ConnectionId(pub(super) u64);

/// What the WebSocket has to do.
#[derive(Debug)]
pub(crate) enum SignalOut {
    /// Send this binary frame.
    Message(Bytes),
    /// Sign these claims and send the token, in order with the messages.
    RefreshToken(Box<Claims>),
    /// Sign these claims, put the token into the message and send it.
    Moved(Box<proto::RoomMovedResponse>, Box<Claims>),
    /// Write what is left, then close with code 1000.
    Close,
}

/// A joined client.
#[derive(Debug)]
pub(crate) struct SignalSession {
    /// `PA_...`
    pub(crate) participant_sid: String,
    /// What to send, in order. Its end without a `Close` means that the worker is gone.
    pub(crate) outgoing: mpsc::Receiver<SignalOut>,
    /// What the client sends.
    pub(crate) incoming: SignalSender,
}

/// The way of a client's messages into its room. Dropping it tells the room that the connection is closed.
#[derive(Debug)]
pub(crate) struct SignalSender {
    pub(super) lane: Lane,
    pub(super) place: Place,
    pub(super) connection: ConnectionId,
}

impl SignalSender {
    /// Hands a message to the room; waits while the worker is busy.
    ///
    /// # Errors
    /// When the worker is gone, or busy for seconds.
    pub(crate) async fn send(&self, request: proto::SignalRequest) -> Result<(), SessionClosed> {
        let (from, connection) = (self.place, self.connection);
        let command = Command::Signal { from, connection, request: Box::new(request) };
        self.lane.send(command).await
    }
}

impl Drop for SignalSender {
    fn drop(&mut self) {
        // When the queue is full the worker finds out by itself that nobody listens to the session any more.
        let (from, connection) = (self.place, self.connection);
        let _ = self.lane.try_send(Command::SignalClosed { from, connection });
    }
}
