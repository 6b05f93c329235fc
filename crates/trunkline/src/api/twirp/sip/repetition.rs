//! Requests that a client sends again because it did not see the answer: under the same id and with the same body they
//! get the first one's answer, within a window, and never dial twice: not when the connection broke while the phone rang,
//! and not when the server was restarted in between.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use call::ErrorCode;
use livekit_protocol::SipParticipantInfo;
use prost::Message;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedMutexGuard, oneshot};

use super::super::{TwirpError, rpc::Context};
use crate::{
    api::unix_now_millis,
    metrics::{Bound, Refused},
    store::{Claim, RequestKey, Store},
};

/// How long a request is remembered, in milliseconds.
const WINDOW: i64 = 10 * 60 * 1000;

/// For how long a call goes on whose client is gone, so that the same request, sent again, finds it.
const GRACE: Duration = Duration::from_secs(2);

/// Requests that are answered at once. Far more than the calls of a machine; beyond it a request is refused.
const MOST: usize = 16 * 1024;

/// What came of a request.
pub(super) type Outcome = Result<SipParticipantInfo, TwirpError>;

/// What came of the request before, for those who awaited it.
type Lock = Arc<tokio::sync::Mutex<Option<Outcome>>>;

/// The requests that are being answered now. An entry lives as long as somebody holds or awaits its turn.
#[derive(Clone, Default)]
pub(crate) struct InFlight {
    turns: Arc<Mutex<HashMap<RequestKey, Lock>>>,
    refused: Refused,
}

impl InFlight {
    fn turns(&self) -> std::sync::MutexGuard<'_, HashMap<RequestKey, Lock>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other request with this key is under way.
    async fn turn(&self, key: RequestKey) -> Result<Turn, TwirpError> {
        let lock = self.place(&key)?;
        let mut turn = Turn { held: None, key, in_flight: self.clone() };
        turn.held = Some(lock.lock_owned().await);
        Ok(turn)
    }

    fn place(&self, key: &RequestKey) -> Result<Lock, TwirpError> {
        let mut turns = self.turns();
        if turns.len() >= MOST && !turns.contains_key(key) {
            self.refused.count();
            let text = format!("{MOST} requests with an id are being answered; try again when some are");
            return Err(TwirpError::new(ErrorCode::ResourceExhausted, text));
        }
        Ok(turns.entry(key.clone()).or_default().clone())
    }

    /// For the metrics.
    pub(crate) fn bound(&self) -> Bound {
        let (held, refused) = (self.turns().len(), self.refused.total());
        Bound { what: "requests_in_flight", held, most: MOST, refused }
    }
}

/// One request's turn; dropped also when its client goes away while it waits.
struct Turn {
    held: Option<OwnedMutexGuard<Option<Outcome>>>,
    key: RequestKey,
    in_flight: InFlight,
}

impl Turn {
    /// What those got who had it before.
    fn outcome(&self) -> Option<Outcome> {
        self.held.as_deref().cloned().flatten()
    }

    fn set_outcome(&mut self, outcome: &Outcome) {
        if let Some(held) = &mut self.held {
            **held = Some(outcome.clone());
        }
    }

    /// Whether the same request waits for this one's outcome.
    fn is_awaited(&self) -> bool {
        // The map has one reference, whoever has the turn the second.
        self.in_flight.turns().get(&self.key).is_some_and(|lock| Arc::strong_count(lock) > 2)
    }
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
    /// It was carried out before.
    Again(Outcome),
}

/// A request that is written down and not answered yet. Dropped, it may be tried again.
pub(super) struct Attempt {
    turn: Option<Turn>,
    store: Store,
}

impl Repetition {
    /// Waits for an earlier request that is the same.
    pub(super) async fn begin(context: &Context) -> Result<Self, TwirpError> {
        let Some(request_id) = context.request_id() else { return Ok(Self(None)) };
        let key = RequestKey {
            api_key: context.claims.as_ref().map(|claims| claims.iss.clone()).unwrap_or_default(),
            request_id,
            body_hash: Sha256::digest(&context.body).to_vec(),
        };
        Ok(Self(Some(context.state.in_flight.turn(key).await?)))
    }

    /// Writes the request down, or finds what came of it before.
    pub(super) async fn claim(self, context: &Context) -> Result<Begun, TwirpError> {
        let store = context.state.store.clone();
        let Some(turn) = self.0 else { return Ok(Begun::First(Attempt { turn: None, store })) };
        if let Some(outcome) = turn.outcome() {
            return Ok(Begun::Again(outcome));
        }
        let now = unix_now_millis();
        match store.claim_request(turn.key.clone(), now - WINDOW, now).await? {
            Claim::New => Ok(Begun::First(Attempt { turn: Some(turn), store })),
            Claim::Answered(reply) => match SipParticipantInfo::decode(reply.as_slice()) {
                Ok(answer) => Ok(Begun::Again(Ok(answer))),
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
    /// Does the work, and keeps what comes of it for the same request sent again. A client that goes away takes its call
    /// along: at once where it gave its request no id, else when it has not come back after a while.
    pub(super) async fn carry_out(mut self, work: impl Future<Output = Outcome> + Send + 'static) -> Outcome {
        if self.turn.is_none() {
            return work.await;
        }
        let (mut reply, answer) = oneshot::channel();
        tokio::spawn(async move {
            let outcome = tokio::select! {
                outcome = work => outcome,
                () = self.given_up(&mut reply) => return,
            };
            self.settle(&outcome).await;
            // A client that is gone asks again.
            let _ = reply.send(outcome);
        });
        answer.await.unwrap_or_else(|_| Err(TwirpError::new(ErrorCode::Internal, "the call failed inside")))
    }

    /// Ready when the client is gone and nobody has asked for the same since.
    async fn given_up(&self, reply: &mut oneshot::Sender<Outcome>) {
        reply.closed().await;
        loop {
            tokio::time::sleep(GRACE).await;
            if !self.turn.as_ref().is_some_and(Turn::is_awaited) {
                return;
            }
        }
    }

    /// Keeps an answer, and forgets a request that was refused or failed. A call that is up stays up even when that fails.
    async fn settle(&mut self, outcome: &Outcome) {
        let Some(mut turn) = self.turn.take() else { return };
        turn.set_outcome(outcome);
        match outcome {
            Err(_) => forget(self.store.clone(), turn).await,
            Ok(answer) => {
                let key = turn.key.clone();
                let kept = self.store.answer_request(key, answer.encode_to_vec(), unix_now_millis()).await;
                if let Err(error) = kept {
                    tracing::warn!(%error, "a request's answer could not be kept");
                }
            }
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
