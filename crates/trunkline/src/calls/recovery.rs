//! Calls that an earlier run of the server left behind, killed or crashed: each phone gets its BYE or CANCEL.

use std::time::Duration;

use sip::auth::Credentials;
use sip::msg::Host;
use sip::{Destination, Transport};
use sip_io::{LostCall, LostState, PlaceError};

use super::Calls;
use crate::store::{OpenCall, StoreError};

/// How long the end of one call may take: RFC 3261's timer F and some. After that its phone is past help.
const LIMIT: Duration = Duration::from_secs(35);
/// What the phone is told (RFC 3326).
const REASON: &str = "SIP;cause=503;text=\"the server was restarted\"";

impl Calls {
    /// Ends what an earlier run left behind. Returns when all of it is under way.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub(crate) async fn end_lost(&self) -> Result<(), StoreError> {
        let store = &self.0.parts.store;
        let lost = store.open_calls().await?;
        if lost.is_empty() {
            return Ok(());
        }
        tracing::warn!(calls = lost.len(), "an earlier run was cut off: the phones of its calls are told");
        for call in lost {
            let calls = self.clone();
            tokio::spawn(async move { calls.end_one(call).await });
        }
        Ok(())
    }

    async fn end_one(&self, call: OpenCall) {
        let parts = &self.0.parts;
        let (id, by) = (call.call_id.clone(), by(&call.state));
        let ended = tokio::time::timeout(LIMIT, self.tell(call)).await;
        let result = match &ended {
            Ok(Ok(())) => "told",
            Ok(Err(error)) => {
                tracing::warn!(callID = %id, %error, "a call of an earlier run could not be ended");
                "failed"
            }
            Err(_) => "unanswered",
        };
        tracing::info!(callID = %id, by, result, "a call of an earlier run is ended");
        parts.metrics.call_recovered(by, result);
        if let Err(error) = parts.store.remove_open_call(&id).await {
            tracing::warn!(%error, call = %id, "a call that is over could not be struck off");
        }
    }

    /// Sends BYE or CANCEL and waits until the phone has taken it.
    async fn tell(&self, call: OpenCall) -> Result<(), PlaceError> {
        let destination = destination(&call.state);
        let mut lost = LostCall::of(call.state);
        lost.headers = vec![("Reason".to_owned(), REASON.to_owned())];
        lost.credentials =
            call.credentials.map(|credentials| Credentials::new(credentials.username, credentials.password));
        let parts = &self.0.parts;
        if destination.transport == Transport::Tls {
            let host = call.host.parse::<Host>().map_err(|_| PlaceError::NotSip)?;
            lost.tls = Some((host, parts.trunks.of(&call.trunk_id, &call.host).tls.clone()));
        }
        let mut leg = parts.stacks.of(destination.addr.ip()).end_lost_call(lost).await?;
        while leg.next_event().await.is_some() {}
        Ok(())
    }
}

fn destination(state: &LostState) -> Destination {
    match state {
        LostState::Up(dialog) => dialog.destination,
        LostState::Ringing(invite) => invite.destination,
    }
}

fn by(state: &LostState) -> &'static str {
    match state {
        LostState::Up(_) => "bye",
        LostState::Ringing(_) => "cancel",
    }
}
