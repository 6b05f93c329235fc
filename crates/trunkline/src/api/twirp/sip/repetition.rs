//! Requests that a client sends again because it did not see the answer: under the same id and with the same body they
//! get the first one's answer, within a window, and never dial twice.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use livekit_protocol::SipParticipantInfo;
use prost::Message;
use sha2::{Digest, Sha256};
use tokio::sync::OwnedMutexGuard;

use super::super::{TwirpError, rpc::Context};
use crate::api::unix_now_millis;

/// How long an answer is kept, in milliseconds.
const WINDOW: i64 = 10 * 60 * 1000;

/// What makes two requests the same.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    api_key: String,
    request_id: String,
    body_hash: Vec<u8>,
}

/// The requests that are being answered now. An entry lives as long as somebody holds or awaits its turn.
#[derive(Clone, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashMap<Key, Arc<tokio::sync::Mutex<()>>>>>);

impl InFlight {
    fn turns(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<tokio::sync::Mutex<()>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other request with this key is under way.
    async fn turn(&self, key: Key) -> Turn {
        let lock = self.turns().entry(key.clone()).or_default().clone();
        let mut turn = Turn { held: None, key, in_flight: self.clone() };
        turn.held = Some(lock.lock_owned().await);
        turn
    }
}

/// One request's turn; dropped also when its client goes away while it waits.
struct Turn {
    held: Option<OwnedMutexGuard<()>>,
    key: Key,
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

impl Repetition {
    /// Waits for an earlier request that is the same.
    pub(super) async fn begin(context: &Context) -> Self {
        let Some(request_id) = context.request_id() else { return Self(None) };
        let key = Key {
            api_key: context.claims.as_ref().map(|claims| claims.iss.clone()).unwrap_or_default(),
            request_id,
            body_hash: Sha256::digest(&context.body).to_vec(),
        };
        Self(Some(context.state.in_flight.turn(key).await))
    }

    /// The answer that the same request got before.
    pub(super) async fn recall(&self, context: &Context) -> Result<Option<SipParticipantInfo>, TwirpError> {
        let Some(turn) = &self.0 else { return Ok(None) };
        let Key { api_key, request_id, body_hash } = turn.key.clone();
        let since = unix_now_millis() - WINDOW;
        let reply = context.state.store.recall_request(api_key, request_id, body_hash, since).await?;
        Ok(reply.and_then(|reply| SipParticipantInfo::decode(reply.as_slice()).ok()))
    }

    /// Keeps the answer. A call that is up stays up even when that fails.
    pub(super) async fn remember(&self, context: &Context, answer: &SipParticipantInfo) {
        let Some(turn) = &self.0 else { return };
        let Key { api_key, request_id, body_hash } = turn.key.clone();
        let (reply, now) = (answer.encode_to_vec(), unix_now_millis());
        let kept = context.state.store.remember_request(api_key, request_id, body_hash, reply, now).await;
        if let Err(error) = kept {
            tracing::warn!(%error, "a request's answer could not be kept");
        }
    }
}
