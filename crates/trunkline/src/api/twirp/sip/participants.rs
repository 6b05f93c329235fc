//! CreateSIPParticipant: from the request to a plan, and the plan to a call.

use std::time::Duration;

use call::Plan;
use livekit_protocol::{CreateSipParticipantRequest, SipParticipantInfo};
use prost::Message;
use sha2::{Digest, Sha256};

use super::super::{TwirpError, require, rpc::Context};
use crate::{
    api::{auth::Permits, unix_now_millis},
    calls::Request,
};

/// How long a caller waits that does not say.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The same, when it waits for the answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(80);
/// How long a repeated request gets the first one's answer, in milliseconds.
const REPEAT_WINDOW: i64 = 10 * 60 * 1000;

/// Dropped when the client goes away, and the call with it.
pub(super) async fn create(
    context: Context,
    request: CreateSipParticipantRequest,
) -> Result<SipParticipantInfo, TwirpError> {
    require(context.claims.sip_call())?;
    let repetition = Repetition::of(&context);
    if let Some(answer) = repetition.recall(&context).await? {
        return Ok(answer);
    }
    let state = &context.state;
    let trunk = match request.sip_trunk_id.as_str() {
        "" => None,
        id => state.store.trunk(id).await?,
    };
    let plan = Plan::new(&request, trunk.as_ref(), &state.plan_defaults, &mut rand::rng())?;
    let default = if plan.wait_until_answered { ANSWER_TIMEOUT } else { TIMEOUT };
    let deadline = context.received_at + context.timeout().unwrap_or(default);
    let request = Request { received_at: context.received_at, deadline, request_id: context.request_id() };
    let placed = state.calls.place(plan, request).await?;
    repetition.remember(&context, &placed).await;
    Ok(placed)
}

/// A request that a client may send again because it did not see the answer: under its id, with the same body, it
/// must not dial twice.
struct Repetition(Option<Key>);

#[derive(Clone)]
struct Key {
    api_key: String,
    request_id: String,
    body_hash: Vec<u8>,
}

impl Repetition {
    fn of(context: &Context) -> Self {
        let key = context.request_id().map(|request_id| Key {
            api_key: context.claims.as_ref().map(|claims| claims.iss.clone()).unwrap_or_default(),
            request_id,
            body_hash: Sha256::digest(&context.body).to_vec(),
        });
        Self(key)
    }

    async fn recall(&self, context: &Context) -> Result<Option<SipParticipantInfo>, TwirpError> {
        let Some(key) = self.0.clone() else { return Ok(None) };
        let since = unix_now_millis() - REPEAT_WINDOW;
        let store = &context.state.store;
        let reply = store.recall_request(key.api_key, key.request_id, key.body_hash, since).await?;
        Ok(reply.and_then(|reply| SipParticipantInfo::decode(reply.as_slice()).ok()))
    }

    /// A call that is up stays up even when its answer cannot be kept.
    async fn remember(&self, context: &Context, answer: &SipParticipantInfo) {
        let Some(key) = self.0.clone() else { return };
        let (reply, now) = (answer.encode_to_vec(), unix_now_millis());
        let store = &context.state.store;
        if let Err(error) =
            store.remember_request(key.api_key, key.request_id, key.body_hash, reply, now).await
        {
            tracing::warn!(%error, "a request's answer could not be kept");
        }
    }
}
