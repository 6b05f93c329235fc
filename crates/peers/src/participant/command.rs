//! What a handle asks its driver to do.

use std::collections::HashMap;
use std::time::Duration;

use livekit_protocol as proto;
use tokio::sync::oneshot;

use super::error::CommandError;
use super::event::Heard;
use super::rpc::RpcError;
use crate::sound::Sound;

type Reply<T> = oneshot::Sender<Result<T, CommandError>>;

/// One request to the driver, with where its answer goes.
#[derive(Debug)]
pub(super) enum Command {
    /// Play something else from now on.
    Play(Sound, Reply<()>),
    /// Mute or unmute the microphone.
    Mute(bool, Reply<()>),
    /// Send a data packet.
    Send { packet: Box<proto::DataPacket>, reliable: bool, reply: Reply<()> },
    /// Merge attributes into the own ones.
    SetAttributes(HashMap<String, String>),
    /// Subscribe to or unsubscribe from a track.
    Subscribe { track_sid: String, subscribe: bool },
    /// Call a method of another participant.
    Rpc(RpcCall),
    /// Tell what was heard so far.
    Report(oneshot::Sender<Vec<Heard>>),
    /// Leave the room.
    Leave,
}

/// A remote procedure call to be made.
#[derive(Debug)]
pub(super) struct RpcCall {
    pub(super) destination: String,
    pub(super) method: String,
    pub(super) payload: String,
    pub(super) limit: Duration,
    pub(super) reply: oneshot::Sender<Result<String, RpcError>>,
}
