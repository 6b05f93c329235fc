//! What the control plane asks of a worker. Each question carries the place for its answer.

use std::fmt;

use call::bridge::BridgeCommand;
use media::sdp::LocalAudio;
use room::{ParticipantId, Room, proto};
use tokio::sync::{mpsc, oneshot};

use super::call_media::{CallOpen, MediaEvent, OpenError};
use super::directory::Placed;
use super::session::{ConnectionId, SignalJoin, SignalOut, SignalResume};
use super::slot::Now;
use super::{JoinError, MoveError, RpcError};

/// One room on its worker. Never used again, even for a room of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RoomKey(pub(super) u64);

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
    Signal {
        room: RoomKey,
        from: ParticipantId,
        connection: ConnectionId,
        request: Box<proto::SignalRequest>,
    },
    /// A client's connection is closed.
    SignalClosed { room: RoomKey, from: ParticipantId, connection: ConnectionId },
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
    /// Move somebody to another room, which is made when there is none.
    Move { room: String, identity: String, placed: Placed, reply: Reply<Result<(), MoveError>> },
    /// A phone joins; the room is made when there is none.
    OpenCall {
        placed: Placed,
        open: Box<CallOpen>,
        events: mpsc::Sender<MediaEvent>,
        reply: Reply<Result<Opened, OpenError>>,
    },
    /// Something for a phone's participant or bridge.
    Call { room: RoomKey, participant: ParticipantId, command: CallCommand },
    /// End every room, then the thread.
    Stop,
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
    pub(super) room: RoomKey,
    pub(super) participant: ParticipantId,
    pub(super) participant_sid: String,
    pub(super) local: LocalAudio,
}

/// A client is in.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) room: RoomKey,
    pub(super) participant: ParticipantId,
    pub(super) connection: ConnectionId,
    pub(super) participant_sid: String,
}
