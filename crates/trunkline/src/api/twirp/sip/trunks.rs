//! Outbound trunks: create, update, get, list, delete.

use call::{
    ErrorCode, ids,
    trunk::{self, TrunkError},
};
use livekit_protocol::{
    CreateSipOutboundTrunkRequest, DeleteSipTrunkRequest, GetSipOutboundTrunkRequest,
    GetSipOutboundTrunkResponse, ListSipOutboundTrunkRequest, ListSipOutboundTrunkResponse,
    ListSipTrunkRequest, ListSipTrunkResponse, Pagination, SipOutboundTrunkInfo, SipTrunkInfo,
    UpdateSipOutboundTrunkRequest, sip_trunk_info::TrunkKind,
};

use super::super::{TwirpError, require, rpc::Context};
use crate::api::{auth::Permits, timestamp_now};

pub(super) async fn create(
    context: Context,
    request: CreateSipOutboundTrunkRequest,
) -> Result<SipOutboundTrunkInfo, TwirpError> {
    require(context.claims.sip_admin())?;
    let mut trunk = trunk::validate_new(request.trunk.as_ref())?.clone();
    trunk.sip_trunk_id = ids::generate(ids::TRUNK, &mut rand::rng());
    trunk.created_at = Some(timestamp_now());
    trunk.updated_at = trunk.created_at;
    context.state.store.put_trunk(trunk.clone()).await?;
    tracing::info!(sipTrunk = trunk.sip_trunk_id, "trunk created");
    Ok(trunk::shown(trunk))
}

pub(super) async fn update(
    context: Context,
    request: UpdateSipOutboundTrunkRequest,
) -> Result<SipOutboundTrunkInfo, TwirpError> {
    require(context.claims.sip_admin())?;
    trunk::validate_request(&request)?;
    let id = request.sip_trunk_id.clone();
    let change = move |stored: SipOutboundTrunkInfo| {
        let mut updated = trunk::apply_update(&stored, &request)?;
        updated.updated_at = Some(timestamp_now());
        Ok::<_, TrunkError>(updated)
    };
    let updated = context.state.store.update_trunk(&id, change).await?.ok_or(TrunkError::NotFound)??;
    tracing::info!(sipTrunk = id, "trunk updated");
    Ok(show(&context, updated))
}

pub(super) async fn get(
    context: Context,
    request: GetSipOutboundTrunkRequest,
) -> Result<GetSipOutboundTrunkResponse, TwirpError> {
    require(context.claims.sip_admin())?;
    if request.sip_trunk_id.is_empty() {
        return Err(TwirpError::new(ErrorCode::InvalidArgument, "trunk ID is required"));
    }
    let trunk = context.state.store.trunk(&request.sip_trunk_id).await?.ok_or(TrunkError::NotFound)?;
    Ok(GetSipOutboundTrunkResponse { trunk: Some(show(&context, trunk)) })
}

pub(super) async fn list(
    context: Context,
    request: ListSipOutboundTrunkRequest,
) -> Result<ListSipOutboundTrunkResponse, TwirpError> {
    require(context.claims.sip_admin())?;
    let mut items = stored(&context, request.page.as_ref()).await?;
    items.retain(|trunk| matches(trunk, &request));
    if !request.trunk_ids.is_empty() {
        // What was asked for by id is answered in the order of the ids.
        items.sort_by_key(|trunk| request.trunk_ids.iter().position(|id| *id == trunk.sip_trunk_id));
    }
    items.truncate(page_size(request.page.as_ref()));
    Ok(ListSipOutboundTrunkResponse { items: items.into_iter().map(|trunk| show(&context, trunk)).collect() })
}

/// The deprecated list, in its own message.
pub(super) async fn list_legacy(
    context: Context,
    request: ListSipTrunkRequest,
) -> Result<ListSipTrunkResponse, TwirpError> {
    require(context.claims.sip_admin())?;
    let mut items = stored(&context, request.page.as_ref()).await?;
    items.truncate(page_size(request.page.as_ref()));
    Ok(ListSipTrunkResponse { items: items.into_iter().map(|trunk| legacy(show(&context, trunk))).collect() })
}

pub(super) async fn delete(
    context: Context,
    request: DeleteSipTrunkRequest,
) -> Result<SipTrunkInfo, TwirpError> {
    require(context.claims.sip_admin())?;
    if request.sip_trunk_id.is_empty() {
        return Err(TwirpError::new(ErrorCode::InvalidArgument, "trunk ID is required"));
    }
    if !context.state.store.delete_trunk(&request.sip_trunk_id).await? {
        return Err(TrunkError::NotFound.into());
    }
    tracing::info!(sipTrunk = request.sip_trunk_id, "trunk deleted");
    Ok(SipTrunkInfo { sip_trunk_id: request.sip_trunk_id, ..SipTrunkInfo::default() })
}

/// All trunks of a page and after it.
async fn stored(
    context: &Context,
    page: Option<&Pagination>,
) -> Result<Vec<SipOutboundTrunkInfo>, TwirpError> {
    Ok(context.state.store.trunks(page.map_or("", |page| &page.after_id)).await?)
}

fn page_size(page: Option<&Pagination>) -> usize {
    let limit = page.and_then(|page| usize::try_from(page.limit).ok());
    limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX)
}

/// A trunk without numbers matches any number.
fn matches(trunk: &SipOutboundTrunkInfo, request: &ListSipOutboundTrunkRequest) -> bool {
    let id = request.trunk_ids.is_empty() || request.trunk_ids.contains(&trunk.sip_trunk_id);
    let number = request.numbers.is_empty()
        || trunk.numbers.is_empty()
        || trunk.numbers.iter().any(|number| request.numbers.contains(number));
    id && number
}

/// A trunk as it is answered.
fn show(context: &Context, trunk: SipOutboundTrunkInfo) -> SipOutboundTrunkInfo {
    let mut shown = trunk::shown(trunk);
    if context.state.config.api.hide_passwords {
        shown.auth_password.clear();
    }
    shown
}

fn legacy(trunk: SipOutboundTrunkInfo) -> SipTrunkInfo {
    SipTrunkInfo {
        sip_trunk_id: trunk.sip_trunk_id,
        kind: TrunkKind::TrunkOutbound.into(),
        outbound_address: trunk.address,
        outbound_number: trunk.numbers.into_iter().next().unwrap_or_default(),
        transport: trunk.transport,
        outbound_username: trunk.auth_username,
        outbound_password: trunk.auth_password,
        name: trunk.name,
        metadata: trunk.metadata,
        ..SipTrunkInfo::default()
    }
}
