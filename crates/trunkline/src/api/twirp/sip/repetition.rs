//! Requests that a client sends again because it did not see the answer: under the same id and with the same body they
//! get the first one's answer, within a window, and never dial twice: not even when the server was restarted in between.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use call::ErrorCode;
use livekit_protocol::SipParticipantInfo;
use prost::Message;
use sha2::{Digest, Sha256};
use tokio::sync::OwnedMutexGuard;

use super::super::{TwirpError, rpc::Context};
use crate::{
    api::unix_now_millis,
    store::{Claim, RequestKey, Store},
};

/// How long a request is remembered, in milliseconds.
const WINDOW: i64 = 10 * 60 * 1000;

/// The requests that are being answered now. An entry lives as long as somebody holds or awaits its turn.
#[derive(Clone, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashMap<RequestKey, Arc<tokio::sync::Mutex<()>>>>>);

impl InFlight {
    fn turns(&self) -> std::sync::MutexGuard<'_, HashMap<RequestKey, Arc<tokio::sync::Mutex<()>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other request with this key is under way.
    async fn turn(&self, key: RequestKey) -> Turn {
        let lock = self.turns().entry(key.clone()).or_default().clone();
        let mut turn = Turn { held: None, key, in_flight: self.clone() };
        turn.held = Some(lock.lock_owned().await);
        turn
    }
}

/// One request's turn; dropped also when its client goes away while it waits.
struct Turn {
    held: Option<OwnedMutexGuard<()>>,
    key: RequestKey,
    in_flight: InFlight,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.held.take();
        let mut turns = self.in_flight.turns();
        // The map's own reference is the last one when nobody else waits.
        if turns.get(&self.key).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            turns.remove(&self.key);
        }
    }
}

/// A request with an id, in its turn; nothing for a request without one.
pub(super) struct Repetition(Option<Turn>);

/// What is done for a request.
pub(super) enum Begun {
    /// It is the first: to be carried out, and then settled.
    First(Attempt),
    /// It was answered before.
    Again(SipParticipantInfo),
}

/// A request that is written down and not answered yet. Dropped, it may be tried again: its client is gone.
pub(super) struct Attempt {
    turn: Option<Turn>,
    store: Store,
}

impl Repetition {
    /// Waits for an earlier request that is the same.
    pub(super) async fn begin(context: &Context) -> Self {
        let Some(request_id) = context.request_id() else { return Self(None) };
        let key = RequestKey {
            api_key: context.claims.as_ref().map(|claims| claims.iss.clone()).unwrap_or_default(),
            request_id,
            body_hash: Sha256::digest(&context.body).to_vec(),
        };
        Self(Some(context.state.in_flight.turn(key).await))
    }

    /// Writes the request down, or finds what came of it before.
    pub(super) async fn claim(self, context: &Context) -> Result<Begun, TwirpError> {
        let store = context.state.store.clone();
        let Some(turn) = self.0 else { return Ok(Begun::First(Attempt { turn: None, store })) };
        let now = unix_now_millis();
        match store.claim_request(turn.key.clone(), now - WINDOW, now).await? {
            Claim::New => Ok(Begun::First(Attempt { turn: Some(turn), store })),
            Claim::Answered(reply) => match SipParticipantInfo::decode(reply.as_slice()) {
                Ok(answer) => Ok(Begun::Again(answer)),
                Err(_) => Ok(Begun::First(Attempt { turn: Some(turn), store })),
            },
            Claim::CutOff => {
                let text = "the server was restarted while it placed this call, which has ended; nobody is called again";
                Err(TwirpError::new(ErrorCode::Aborted, text))
            }
        }
    }
}

impl Attempt {
    /// Keeps the answer. A call that is up stays up even when that fails.
    pub(super) async fn answered(mut self, answer: &SipParticipantInfo) {
        let Some(turn) = self.turn.take() else { return };
        let kept =
            self.store.answer_request(turn.key.clone(), answer.encode_to_vec(), unix_now_millis()).await;
        if let Err(error) = kept {
            tracing::warn!(%error, "a request's answer could not be kept");
        }
    }

    /// Forgets a request that was refused or failed.
    pub(super) async fn failed(mut self) {
        if let Some(turn) = self.turn.take() {
            forget(self.store.clone(), turn).await;
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        // A server that ends has no time for it: the request then counts as cut off.
        if let (Some(turn), Ok(runtime)) = (self.turn.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(forget(self.store.clone(), turn));
        }
    }
}

/// The next of the same waits for its turn until this is done.
async fn forget(store: Store, turn: Turn) {
    if let Err(error) = store.forget_request(turn.key.clone()).await {
        tracing::warn!(%error, "a request could not be forgotten");
    }
}
