//! `livekit.RoomService`: rooms and who is in them.

use axum::response::Response;
use call::ErrorCode;
use livekit_protocol::{
    CreateRoomRequest, DeleteRoomRequest, DeleteRoomResponse, ListParticipantsRequest,
    ListParticipantsResponse, ListRoomsRequest, ListRoomsResponse, ParticipantInfo,
    RemoveParticipantResponse, Room, RoomParticipantIdentity,
};

use super::{
    TwirpError,
    json::room as message,
    require,
    rpc::{Call, Context},
    unimplemented,
};
use crate::api::auth::Permits;

/// What is built.
pub(super) const METHODS: &[&str] =
    &["CreateRoom", "ListRooms", "DeleteRoom", "ListParticipants", "GetParticipant", "RemoveParticipant"];

/// The longest name of a room, in bytes.
const MAX_NAME: usize = 256;

/// Runs one method.
pub(super) async fn dispatch(method: &str, call: Call) -> Result<Response, TwirpError> {
    let identity = &message::ROOM_PARTICIPANT_IDENTITY;
    match method {
        "CreateRoom" => call.run(&message::CREATE_ROOM_REQUEST, &message::ROOM, create).await,
        "ListRooms" => call.run(&message::LIST_ROOMS_REQUEST, &message::LIST_ROOMS_RESPONSE, list).await,
        "DeleteRoom" => call.run(&message::DELETE_ROOM_REQUEST, &message::DELETE_ROOM_RESPONSE, delete).await,
        "ListParticipants" => {
            let response = &message::LIST_PARTICIPANTS_RESPONSE;
            call.run(&message::LIST_PARTICIPANTS_REQUEST, response, list_participants).await
        }
        "GetParticipant" => call.run(identity, &message::PARTICIPANT_INFO, get_participant).await,
        "RemoveParticipant" => {
            call.run(identity, &message::REMOVE_PARTICIPANT_RESPONSE, remove_participant).await
        }
        other => unimplemented::refuse("livekit.RoomService", other, &call.claims),
    }
}

async fn create(context: Context, request: CreateRoomRequest) -> Result<Room, TwirpError> {
    require(context.claims.room_create())?;
    let refuse = |text: String| Err(TwirpError::new(ErrorCode::InvalidArgument, text));
    if request.name.is_empty() {
        return refuse("missing room name".to_owned());
    }
    if request.name.len() > MAX_NAME {
        return refuse(format!("room name length exceeds limits: max length {MAX_NAME}"));
    }
    Ok(context.state.workers.create_room(request).await?)
}

async fn list(context: Context, request: ListRoomsRequest) -> Result<ListRoomsResponse, TwirpError> {
    require(context.claims.room_list())?;
    Ok(ListRoomsResponse { rooms: context.state.workers.list_rooms(request.names).await? })
}

async fn delete(context: Context, request: DeleteRoomRequest) -> Result<DeleteRoomResponse, TwirpError> {
    require(context.claims.room_create())?;
    if context.state.workers.delete_room(&request.room).await? {
        return Ok(DeleteRoomResponse {});
    }
    Err(TwirpError::relayed(ErrorCode::NotFound, "requested room does not exist"))
}

async fn list_participants(
    context: Context,
    request: ListParticipantsRequest,
) -> Result<ListParticipantsResponse, TwirpError> {
    require(context.claims.room_admin(&request.room))?;
    let participants = context.state.workers.list_participants(&request.room).await?;
    // Nobody is in a room that does not exist.
    Ok(ListParticipantsResponse { participants: participants.unwrap_or_default() })
}

async fn get_participant(
    context: Context,
    request: RoomParticipantIdentity,
) -> Result<ParticipantInfo, TwirpError> {
    require(context.claims.room_admin(&request.room))?;
    let found = context.state.workers.get_participant(&request.room, &request.identity).await?;
    found.ok_or_else(no_participant)
}

async fn remove_participant(
    context: Context,
    request: RoomParticipantIdentity,
) -> Result<RemoveParticipantResponse, TwirpError> {
    require(context.claims.room_admin(&request.room))?;
    if context.state.workers.remove_participant(&request.room, &request.identity).await? {
        return Ok(RemoveParticipantResponse {});
    }
    Err(no_participant())
}

fn no_participant() -> TwirpError {
    TwirpError::relayed(ErrorCode::NotFound, "participant does not exist")
}
