//! Participants on their way to other rooms, and those that are seen and heard in several.

use call::ErrorCode;
use livekit_protocol::{
    ForwardParticipantRequest, ForwardParticipantResponse, MoveParticipantRequest, MoveParticipantResponse,
};

use super::{
    super::{TwirpError, require, rpc::Context},
    no_participant, no_room,
};
use crate::{api::auth::Permits, worker::MoveError};

pub(super) async fn move_participant(
    context: Context,
    request: MoveParticipantRequest,
) -> Result<MoveParticipantResponse, TwirpError> {
    let MoveParticipantRequest { room, identity, destination_room } = request;
    check(&context, &room, &destination_room).await?;
    context.state.workers.move_participant(&room, &identity, &destination_room).await??;
    Ok(MoveParticipantResponse {})
}

pub(super) async fn forward(
    context: Context,
    request: ForwardParticipantRequest,
) -> Result<ForwardParticipantResponse, TwirpError> {
    let ForwardParticipantRequest { room, identity, destination_room } = request;
    check(&context, &room, &destination_room).await?;
    context.state.workers.forward_participant(&room, &identity, &destination_room).await??;
    Ok(ForwardParticipantResponse {})
}

/// What both need: a token for the two rooms, and a room to go to, which is made unless the configuration says otherwise.
async fn check(context: &Context, room: &str, destination: &str) -> Result<(), TwirpError> {
    require(context.claims.room_move(room, destination))?;
    if destination.is_empty() {
        return Err(TwirpError::new(ErrorCode::InvalidArgument, "no room name"));
    }
    if room == destination {
        return Err(TwirpError::argument("destination room cannot be the same as source room", ""));
    }
    let (config, workers) = (&context.state.config, &context.state.workers);
    if !config.room.auto_create && workers.list_rooms(vec![destination.to_owned()]).await?.is_empty() {
        return Err(no_room());
    }
    Ok(())
}

impl From<MoveError> for TwirpError {
    fn from(error: MoveError) -> Self {
        let code = match error {
            MoveError::NoRoom => return no_participant(),
            MoveError::Leave(room::MoveError::NoParticipant) => ErrorCode::NotFound,
            MoveError::Leave(room::MoveError::TooMany) => ErrorCode::ResourceExhausted,
            MoveError::Leave(_) => ErrorCode::FailedPrecondition,
            MoveError::Busy | MoveError::Enter(room::JoinError::RoomFull) => ErrorCode::ResourceExhausted,
            MoveError::Enter(_) | MoveError::Stopped => ErrorCode::Unavailable,
        };
        Self::relayed(code, error)
    }
}
