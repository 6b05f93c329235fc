//! One call: the request, and how far it got.

use std::sync::Arc;
use std::time::{Duration, Instant};

use livekit_protocol as proto;
use peers::api::TwirpClient;

use crate::agent::Agent;
use crate::phone::Line;

/// From the answer of the API to the attribute that shows the call active.
const ACTIVE_LIMIT: Duration = Duration::from_secs(10);

/// A call with both its ends.
pub(super) struct Call {
    pub(super) agent: Agent,
    pub(super) line: Arc<Line>,
    pub(super) asked: Instant,
    pub(super) returned: Instant,
    /// Why it is not up.
    pub(super) failure: Option<String>,
}

/// Places a call and waits until the participant sees it active.
pub(super) async fn place(
    api: &TwirpClient,
    request: proto::CreateSipParticipantRequest,
    mut agent: Agent,
    line: Arc<Line>,
) -> Call {
    let asked = Instant::now();
    let answer = api.create_sip_participant(&request).await;
    let returned = Instant::now();
    let failure = match answer {
        Err(error) => Some(error.to_string()),
        Ok(_) => agent.wait_for_status("active", ACTIVE_LIMIT).await.err().map(|error| format!("{error:#}")),
    };
    Call { agent, line, asked, returned, failure }
}
