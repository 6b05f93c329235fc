//! CreateSIPParticipant: from the request to a plan, and the plan to a call.

use std::time::Duration;

use call::Plan;
use livekit_protocol::{CreateSipParticipantRequest, SipParticipantInfo};

use super::{
    super::{TwirpError, require, rpc::Context},
    repetition::{Begun, Repetition},
};
use crate::{api::auth::Permits, calls::Request};

/// How long a caller waits that does not say.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The same, when it waits for the answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(80);

/// Dropped when the client goes away; see [`super::repetition::Attempt::carry_out`] for what becomes of its call.
pub(super) async fn create(
    context: Context,
    request: CreateSipParticipantRequest,
) -> Result<SipParticipantInfo, TwirpError> {
    require(context.claims.sip_call())?;
    match Repetition::begin(&context).await?.claim(&context).await? {
        Begun::First(attempt) => attempt.carry_out(place(context, request)).await,
        Begun::Again(outcome) => outcome,
    }
}

async fn place(
    context: Context,
    request: CreateSipParticipantRequest,
) -> Result<SipParticipantInfo, TwirpError> {
    let state = &context.state;
    let trunk = match request.sip_trunk_id.as_str() {
        "" => None,
        id => state.store.trunk(id).await?,
    };
    let plan = Plan::new(&request, trunk.as_ref(), &state.plan_defaults, &mut rand::rng())?;
    let default = if plan.wait_until_answered { ANSWER_TIMEOUT } else { TIMEOUT };
    let deadline = context.received_at + context.timeout().unwrap_or(default);
    let request = Request { received_at: context.received_at, deadline, request_id: context.request_id() };
    Ok(state.calls.place(plan, request).await?)
}
