//! Rooms: create, list, delete, their metadata, and data sent into them.

use call::ErrorCode;
use livekit_protocol::{
    CreateRoomRequest, DeleteRoomRequest, DeleteRoomResponse, ListRoomsRequest, ListRoomsResponse, Room,
    SendDataRequest, SendDataResponse, UpdateRoomMetadataRequest,
};
use room::LimitExceeded;

use super::{
    super::{TwirpError, require, rpc::Context},
    no_room,
};
use crate::api::auth::Permits;

/// The longest name of a room, in bytes.
const MAX_NAME: usize = 256;
/// The length of a nonce: a UUID.
const NONCE: usize = 16;

pub(super) async fn create(context: Context, request: CreateRoomRequest) -> Result<Room, TwirpError> {
    require(context.claims.room_create())?;
    let refuse = |text: String| Err(TwirpError::new(ErrorCode::InvalidArgument, text));
    if request.name.is_empty() {
        return refuse("missing room name".to_owned());
    }
    if request.name.len() > MAX_NAME {
        return refuse(format!("room name length exceeds limits: max length {MAX_NAME}"));
    }
    if request.metadata.len() > LimitExceeded::Metadata.limit() {
        return Err(LimitExceeded::Metadata.into());
    }
    Ok(context.state.workers.create_room(request).await?)
}

pub(super) async fn list(
    context: Context,
    request: ListRoomsRequest,
) -> Result<ListRoomsResponse, TwirpError> {
    require(context.claims.room_list())?;
    Ok(ListRoomsResponse { rooms: context.state.workers.list_rooms(request.names).await? })
}

pub(super) async fn delete(
    context: Context,
    request: DeleteRoomRequest,
) -> Result<DeleteRoomResponse, TwirpError> {
    require(context.claims.room_create())?;
    if context.state.workers.delete_room(&request.room).await? {
        return Ok(DeleteRoomResponse {});
    }
    Err(no_room())
}

pub(super) async fn update_metadata(
    context: Context,
    request: UpdateRoomMetadataRequest,
) -> Result<Room, TwirpError> {
    require(context.claims.room_admin(&request.room))?;
    let UpdateRoomMetadataRequest { room, metadata } = request;
    let update = move |_, room: &mut room::Room| room.update_metadata(&metadata);
    Ok(context.state.workers.in_room(&room, update).await?.ok_or_else(no_room)??)
}

pub(super) async fn send_data(
    context: Context,
    request: SendDataRequest,
) -> Result<SendDataResponse, TwirpError> {
    require(context.claims.room_admin(&request.room))?;
    let length = request.nonce.len();
    if length != 0 && length != NONCE {
        let text = format!("nonce should be 16-bytes or not present, got: {length} bytes");
        return Err(TwirpError::new(ErrorCode::InvalidArgument, text));
    }
    let room = request.room.clone();
    let send = move |now, room: &mut room::Room| room.send_message(now, request);
    context.state.workers.in_room(&room, send).await?.ok_or_else(no_room)?;
    Ok(SendDataResponse {})
}
