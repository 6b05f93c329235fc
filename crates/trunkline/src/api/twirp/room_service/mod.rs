//! `livekit.RoomService`: rooms, who is in them, and what moderators do to both.

mod moving;
mod participants;
mod rooms;

use axum::response::Response;
use call::ErrorCode;
use room::{LimitExceeded, ModerationError};

use super::{TwirpError, json::room as message, rpc::Call, unimplemented};

/// What is built.
pub(super) const METHODS: &[&str] = &[
    "CreateRoom",
    "ListRooms",
    "DeleteRoom",
    "UpdateRoomMetadata",
    "SendData",
    "ListParticipants",
    "GetParticipant",
    "RemoveParticipant",
    "UpdateParticipant",
    "MutePublishedTrack",
    "UpdateSubscriptions",
    "PerformRpc",
    "MoveParticipant",
    "ForwardParticipant",
];

/// Runs one method.
pub(super) async fn dispatch(method: &str, call: Call) -> Result<Response, TwirpError> {
    match method {
        "CreateRoom" | "ListRooms" | "DeleteRoom" | "UpdateRoomMetadata" | "SendData" => {
            Box::pin(of_rooms(method, call)).await
        }
        _ => Box::pin(of_participants(method, call)).await,
    }
}

async fn of_rooms(method: &str, call: Call) -> Result<Response, TwirpError> {
    match method {
        "CreateRoom" => call.run(&message::CREATE_ROOM_REQUEST, &message::ROOM, rooms::create).await,
        "ListRooms" => {
            call.run(&message::LIST_ROOMS_REQUEST, &message::LIST_ROOMS_RESPONSE, rooms::list).await
        }
        "DeleteRoom" => {
            call.run(&message::DELETE_ROOM_REQUEST, &message::DELETE_ROOM_RESPONSE, rooms::delete).await
        }
        "UpdateRoomMetadata" => {
            call.run(&message::UPDATE_ROOM_METADATA_REQUEST, &message::ROOM, rooms::update_metadata).await
        }
        _ => call.run(&message::SEND_DATA_REQUEST, &message::SEND_DATA_RESPONSE, rooms::send_data).await,
    }
}

async fn of_participants(method: &str, call: Call) -> Result<Response, TwirpError> {
    let (identity, info) = (&message::ROOM_PARTICIPANT_IDENTITY, &message::PARTICIPANT_INFO);
    match method {
        "ListParticipants" => {
            let response = &message::LIST_PARTICIPANTS_RESPONSE;
            call.run(&message::LIST_PARTICIPANTS_REQUEST, response, participants::list).await
        }
        "GetParticipant" => call.run(identity, info, participants::get).await,
        "RemoveParticipant" => {
            call.run(identity, &message::REMOVE_PARTICIPANT_RESPONSE, participants::remove).await
        }
        "UpdateParticipant" => {
            call.run(&message::UPDATE_PARTICIPANT_REQUEST, info, participants::update).await
        }
        "MutePublishedTrack" => {
            let response = &message::MUTE_ROOM_TRACK_RESPONSE;
            call.run(&message::MUTE_ROOM_TRACK_REQUEST, response, participants::mute_track).await
        }
        "UpdateSubscriptions" => {
            let response = &message::UPDATE_SUBSCRIPTIONS_RESPONSE;
            call.run(&message::UPDATE_SUBSCRIPTIONS_REQUEST, response, participants::update_subscriptions)
                .await
        }
        "PerformRpc" => {
            let response = &message::PERFORM_RPC_RESPONSE;
            call.run(&message::PERFORM_RPC_REQUEST, response, participants::perform_rpc).await
        }
        "MoveParticipant" => {
            let response = &message::MOVE_PARTICIPANT_RESPONSE;
            call.run(&message::MOVE_PARTICIPANT_REQUEST, response, moving::move_participant).await
        }
        "ForwardParticipant" => {
            let response = &message::FORWARD_PARTICIPANT_RESPONSE;
            call.run(&message::FORWARD_PARTICIPANT_REQUEST, response, moving::forward).await
        }
        other => unimplemented::refuse("livekit.RoomService", other, &call.claims),
    }
}

fn no_room() -> TwirpError {
    TwirpError::relayed(ErrorCode::NotFound, "requested room does not exist")
}

fn no_participant() -> TwirpError {
    TwirpError::from(ModerationError::NoParticipant)
}

impl From<ModerationError> for TwirpError {
    fn from(error: ModerationError) -> Self {
        match error {
            ModerationError::Limit(limit) => limit.into(),
            ModerationError::Guest => Self::relayed(ErrorCode::FailedPrecondition, error),
            _ => Self::relayed(ErrorCode::NotFound, error),
        }
    }
}

impl From<LimitExceeded> for TwirpError {
    fn from(exceeded: LimitExceeded) -> Self {
        let what = match exceeded {
            LimitExceeded::Name => "name length exceeds limits",
            LimitExceeded::Metadata => "metadata size exceeds limits",
            LimitExceeded::Attributes => "attribute size exceeds limits",
        };
        Self::argument(what, exceeded.limit())
    }
}
