//! The control plane of phone calls: one task per call, which owns its state machine, its SIP leg and its place on a
//! media worker.

use std::time::Instant;

use call::{CallError, Plan};
use room::proto;

/// A request to place a call, beside its plan.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// When it came in.
    pub(crate) received_at: Instant,
    /// Until when its caller waits.
    pub(crate) deadline: Instant,
    /// What its caller calls it (`X-Livekit-Request-Id`).
    pub(crate) request_id: Option<String>,
}

/// All calls.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    _private: (),
}

impl Calls {
    /// Places a call. Returns once the participant is in its room or, when the plan says so, once the phone has answered and
    /// the initial digits are sent. Dropping the future before means that the caller went away: the call is ended.
    ///
    /// # Errors
    /// Why there is no call, in the API's terms.
    pub(crate) async fn place(
        &self,
        plan: Plan,
        request: Request,
    ) -> Result<proto::SipParticipantInfo, CallError> {
        let _ = (plan, request);
        Err(CallError::new(call::ErrorCode::Unavailable, "no calls yet"))
    }

    /// How many calls there are.
    pub(crate) fn active(&self) -> usize {
        0
    }
}
