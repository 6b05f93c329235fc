//! What the control plane asks of a worker. Each question carries the place for its answer.

use std::fmt;

use call::bridge::BridgeCommand;
use media::sdp::LocalAudio;
use room::{Asked, ForwardingId, ParticipantId, Room, Told, proto};
use tokio::sync::{mpsc, oneshot};

use super::call_media::{CallOpen, MediaEvent, OpenError};
use super::directory::Placed;
use super::session::{ConnectionId, SignalJoin, SignalOut, SignalResume};
use super::slot::Now;
use super::{JoinError, MoveError, RpcError};

/// One room on its worker. Never used again, even for a room of the same name, nor on another worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RoomKey {
    worker: u16,
    number: u64,
}

impl RoomKey {
    /// The room of this number of a worker, of which there are at most as many as ports.
    pub(super) fn new(worker: usize, number: u64) -> Self {
        Self { worker: u16::try_from(worker).unwrap_or(u16::MAX), number }
    }

    #[cfg(test)]
    pub(super) fn number(self) -> u64 {
        self.number
    }

    /// Whose it is.
    pub(super) fn worker(self) -> usize {
        usize::from(self.worker)
    }
}

/// A participant as a room knows it.
pub(super) type Place = (RoomKey, ParticipantId);

/// The place for an answer.
pub(super) type Reply<T> = oneshot::Sender<T>;

/// What came of a method call.
pub(super) type RpcAnswer = Result<String, RpcError>;

/// Something to be done with a room of its worker; it is told `None` when there is no such room.
pub(super) struct Act(pub(super) Box<ActFn>);

type ActFn = dyn FnOnce(Now, Option<&mut Room>) + Send;

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Act")
    }
}

/// One request to a worker.
#[derive(Debug)]
pub(super) enum Command {
    /// A client joins; the room is made when there is none.
    Join {
        placed: Placed,
        join: Box<SignalJoin>,
        outgoing: mpsc::Sender<SignalOut>,
        reply: Reply<Result<Joined, JoinError>>,
    },
    /// A client goes on with its session; `None` when there is none to go on with.
    Resume { resume: Box<SignalResume>, outgoing: mpsc::Sender<SignalOut>, reply: Reply<Option<Joined>> },
    /// A client says something.
    Signal { from: Place, connection: ConnectionId, request: Box<proto::SignalRequest> },
    /// A client's connection is closed.
    SignalClosed { from: Place, connection: ConnectionId },
    /// Make a room, or tell of the one there is.
    CreateRoom { placed: Placed, request: Box<proto::CreateRoomRequest>, reply: Reply<proto::Room> },
    /// Tell of all rooms, or of those named.
    ListRooms { names: Vec<String>, reply: Reply<Vec<proto::Room>> },
    /// End a room; false when there is none.
    DeleteRoom { name: String, reply: Reply<bool> },
    /// Look into a room, or change something in it.
    InRoom { room: String, act: Act },
    /// Call a method of somebody; `None` when there is no such room.
    PerformRpc { request: Box<proto::PerformRpcRequest>, reply: Reply<Option<RpcAnswer>> },
    /// Move somebody to another room, on this worker or another, which is made when there is none.
    Move { room: String, identity: String, placed: Placed, reply: Reply<Result<(), MoveError>> },
    /// Forward somebody to another room, on this worker or another, which is made when there is none.
    Forward { room: String, identity: String, placed: Placed, reply: Reply<Result<(), MoveError>> },
    /// Another worker tells something of a guest.
    Told { id: ForwardingId, told: Told },
    /// Another worker asks something of somebody who is forwarded.
    Asked { id: ForwardingId, asked: Asked },
    /// A phone joins; the room is made when there is none.
    OpenCall {
        placed: Placed,
        open: Box<CallOpen>,
        events: mpsc::Sender<MediaEvent>,
        reply: Reply<Result<Opened, OpenError>>,
    },
    /// Something for a phone's participant or bridge.
    Call { of: Place, command: CallCommand },
    /// End every room, then the thread.
    Stop,
}

impl Command {
    /// Whom it is for, by the place at which he is known to whoever sends it.
    pub(super) fn addressee(&mut self) -> Option<&mut Place> {
        match self {
            Self::Signal { from, .. } | Self::SignalClosed { from, .. } => Some(from),
            Self::Call { of, .. } => Some(of),
            _ => None,
        }
    }
}

/// What a call's task asks.
#[derive(Debug)]
pub(super) enum CallCommand {
    /// For the bridge.
    Bridge(Box<BridgeCommand>),
    /// Show these attributes.
    Attributes(Vec<(String, String)>),
    /// Send this into the room.
    Data(Box<proto::DataPacket>),
    /// Leave the room.
    Leave(proto::DisconnectReason),
}

/// A phone is in.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) place: Place,
    pub(super) participant_sid: String,
    pub(super) local: LocalAudio,
}

/// A client is in.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) place: Place,
    pub(super) connection: ConnectionId,
    pub(super) participant_sid: String,
}
