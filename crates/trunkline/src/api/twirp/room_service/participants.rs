//! Participants: list, get, remove, change, mute, subscribe, and calls of their methods.

use call::ErrorCode;
use livekit_protocol::{
    ListParticipantsRequest, ListParticipantsResponse, MuteRoomTrackRequest, MuteRoomTrackResponse,
    ParticipantInfo, PerformRpcRequest, PerformRpcResponse, RemoveParticipantResponse,
    RoomParticipantIdentity, UpdateParticipantRequest, UpdateSubscription, UpdateSubscriptionsRequest,
    UpdateSubscriptionsResponse,
};
use room::RpcFailure;

use super::{
    super::{TwirpError, require, rpc::Context},
    no_participant, no_room,
};
use crate::{api::auth::Permits, worker::RpcError};

pub(super) async fn list(
    context: Context,
    request: ListParticipantsRequest,
) -> Result<ListParticipantsResponse, TwirpError> {
    require(context.claims.room_admin(&request.room))?;
    let participants = context.state.workers.list_participants(&request.room).await?;
    // Nobody is in a room that does not exist.
    Ok(ListParticipantsResponse { participants: participants.unwrap_or_default() })
}

pub(super) async fn get(
    context: Context,
    request: RoomParticipantIdentity,
) -> Result<ParticipantInfo, TwirpError> {
    require(context.claims.room_admin(&request.room))?;
    let found = context.state.workers.get_participant(&request.room, &request.identity).await?;
    found.ok_or_else(no_participant)
}

pub(super) async fn remove(
    context: Context,
    request: RoomParticipantIdentity,
) -> Result<RemoveParticipantResponse, TwirpError> {
    require(context.claims.room_admin(&request.room))?;
    if context.state.workers.remove_participant(&request.room, &request.identity).await? {
        return Ok(RemoveParticipantResponse {});
    }
    Err(no_participant())
}

/// In a room that does not exist there is no participant, to this method and those that follow.
pub(super) async fn update(
    context: Context,
    request: UpdateParticipantRequest,
) -> Result<ParticipantInfo, TwirpError> {
    require(context.claims.room_admin(&request.room))?;
    let room = request.room.clone();
    let update = move |now, room: &mut room::Room| room.update_participant(now, &request);
    Ok(context.state.workers.in_room(&room, update).await?.ok_or_else(no_participant)??)
}

pub(super) async fn mute_track(
    context: Context,
    request: MuteRoomTrackRequest,
) -> Result<MuteRoomTrackResponse, TwirpError> {
    require(context.claims.room_admin(&request.room))?;
    let may_unmute = context.state.config.room.enable_remote_unmute;
    let MuteRoomTrackRequest { room, identity, track_sid, muted } = request;
    let mute = move |now, room: &mut room::Room| {
        if !muted && !may_unmute {
            // Who is not there is told first.
            return room.participant(&identity).map(|_| None).ok_or_else(no_participant);
        }
        Ok(Some(room.mute_track(now, &identity, &track_sid, muted)?))
    };
    let muted: Result<_, TwirpError> =
        context.state.workers.in_room(&room, mute).await?.ok_or_else(no_participant)?;
    match muted? {
        Some(track) => Ok(MuteRoomTrackResponse { track: Some(track) }),
        None => Err(TwirpError::relayed(ErrorCode::FailedPrecondition, "remote unmute not enabled")),
    }
}

pub(super) async fn update_subscriptions(
    context: Context,
    request: UpdateSubscriptionsRequest,
) -> Result<UpdateSubscriptionsResponse, TwirpError> {
    require(context.claims.room_admin(&request.room))?;
    let UpdateSubscriptionsRequest { room, identity, track_sids, subscribe, participant_tracks } = request;
    let wanted = UpdateSubscription { track_sids, subscribe, participant_tracks };
    let update = move |now, room: &mut room::Room| room.update_subscriptions(now, &identity, &wanted);
    context.state.workers.in_room(&room, update).await?.ok_or_else(no_participant)??;
    Ok(UpdateSubscriptionsResponse {})
}

pub(super) async fn perform_rpc(
    context: Context,
    request: PerformRpcRequest,
) -> Result<PerformRpcResponse, TwirpError> {
    require(context.claims.room_admin(&request.room))?;
    if request.destination_identity.is_empty() {
        return Err(TwirpError::new(ErrorCode::InvalidArgument, "destination identity is required"));
    }
    let answer = context.state.workers.perform_rpc(request).await?.ok_or_else(no_room)?;
    match answer {
        Ok(payload) => Ok(PerformRpcResponse { payload }),
        Err(RpcError::Refused(refused)) => Err(refused.into()),
        Err(RpcError::Failed(failure)) => Err(rpc_failed(&failure)),
    }
}

/// The codes that LiveKit gives the failures of its RPC.
fn rpc_failed(failure: &RpcFailure) -> TwirpError {
    let code = match failure.code {
        RpcFailure::UNSUPPORTED_METHOD => ErrorCode::InvalidArgument,
        RpcFailure::REQUEST_TOO_LARGE => ErrorCode::Malformed,
        RpcFailure::CONNECTION_TIMEOUT | RpcFailure::RESPONSE_TIMEOUT => ErrorCode::Canceled,
        RpcFailure::RECIPIENT_DISCONNECTED => ErrorCode::Unavailable,
        _ => ErrorCode::Internal,
    };
    TwirpError::relayed(code, failure)
}
