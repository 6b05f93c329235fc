//! A phone call's place on a worker, as the call's task sees it.

use std::collections::HashMap;
use std::time::Duration;

use call::bridge::{BridgeCommand, BridgeEvent, BridgeReport};
use call::rpc::RpcCall;
use media::codec::AudioCodec;
use media::sdp::LocalAudio;
use room::LocalJoin;
use room::proto::{self, DisconnectReason};
use thiserror::Error;
use tokio::sync::mpsc;

use super::command::{CallCommand, Command, Place};
use super::handle::Lane;
use super::{RoomError, SessionClosed};

/// A phone that is to join a room.
#[derive(Debug)]
pub(crate) struct CallOpen {
    /// The room's name.
    pub(crate) room: String,
    /// Who joins. The track has the identity's name.
    pub(crate) join: LocalJoin,
    /// What our SDP offers, best first; never empty.
    pub(crate) codecs: Vec<AudioCodec>,
    /// Whether the phone's audio is encrypted.
    pub(crate) encryption: call::plan::Encryption,
    /// Clean the phone's audio of noise.
    pub(crate) voice_isolation: bool,
    /// Another media timeout than the server's.
    pub(crate) media_timeout: Option<Duration>,
    /// The phone is behind a trunk of IPv6, where the server has another address for those.
    pub(crate) over_ipv6: bool,
}

/// Why a phone could not join.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    /// The worker's queue is full: try later.
    #[error("the server is busy")]
    Busy,
    /// The server stops.
    #[error("the server is stopping")]
    Stopped,
    /// No RTP port is free.
    #[error("no RTP port is free")]
    NoPort,
    /// The room refused.
    #[error(transparent)]
    Room(#[from] room::JoinError),
}

/// What a worker tells of a call.
#[derive(Debug)]
pub(crate) enum MediaEvent {
    /// The bridge reports.
    Bridge(BridgeEvent),
    /// Somebody in the room asks something of the phone.
    Rpc(RpcCall),
    /// The API has set attributes of the participant; an empty value deletes its key.
    Attributes(HashMap<String, String>),
    /// The participant is no longer in the room.
    Removed(DisconnectReason),
    /// The bridge is closed; what it measured. Nothing follows.
    Closed(Box<BridgeReport>),
}

/// A phone in its room.
#[derive(Debug)]
pub(crate) struct CallMedia {
    /// `PA_...`
    pub(crate) participant_sid: String,
    /// What our SDP says.
    pub(crate) local: LocalAudio,
    /// What happens. Its end without [`MediaEvent::Closed`] means that the worker is gone.
    pub(crate) events: mpsc::Receiver<MediaEvent>,
    /// The way to the worker.
    pub(crate) commands: CallSender,
}

/// The way of a call's commands. Dropping it takes the phone out of the room.
#[derive(Debug)]
pub(crate) struct CallSender {
    pub(super) lane: Lane,
    pub(super) place: Place,
}

impl CallSender {
    /// For the bridge.
    pub(crate) async fn bridge(&self, command: BridgeCommand) -> Result<(), SessionClosed> {
        self.send(CallCommand::Bridge(Box::new(command))).await
    }

    /// Shows attributes on the participant.
    pub(crate) async fn attributes(&self, attributes: Vec<(String, String)>) -> Result<(), SessionClosed> {
        self.send(CallCommand::Attributes(attributes)).await
    }

    /// Sends a data packet into the room.
    pub(crate) async fn data(&self, packet: Box<proto::DataPacket>) -> Result<(), SessionClosed> {
        self.send(CallCommand::Data(packet)).await
    }

    /// Takes the participant out of the room.
    pub(crate) async fn leave(&self, reason: DisconnectReason) -> Result<(), SessionClosed> {
        self.send(CallCommand::Leave(reason)).await
    }

    async fn send(&self, command: CallCommand) -> Result<(), SessionClosed> {
        let command = Command::Call { of: self.place, command };
        self.lane.send(command).await
    }
}

impl Drop for CallSender {
    fn drop(&mut self) {
        let command = CallCommand::Leave(DisconnectReason::ClientInitiated);
        let command = Command::Call { of: self.place, command };
        // When the queue is full the worker finds out by itself that nobody listens to the call any more.
        let _ = self.lane.try_send(command);
    }
}

impl From<RoomError> for OpenError {
    fn from(error: RoomError) -> Self {
        match error {
            RoomError::Busy => Self::Busy,
            RoomError::Stopped => Self::Stopped,
        }
    }
}
