//! The HTTP side: Twirp API, signalling WebSocket, health.
//!
//! Routes, statuses and bodies are LiveKit's. Requests are decoded, checked and handed on; nothing here holds a room
//! or a call.

mod auth;
mod connections;
mod cors;
mod health;
pub(crate) mod hostile;
mod path;
mod serve;
mod signal;
#[cfg(test)]
mod tests;
mod twirp;

use std::{sync::Arc, time::SystemTime};

pub(crate) use auth::sign;
use axum::{
    Router,
    extract::Request,
    middleware,
    routing::{any, get},
};
pub(crate) use connections::Connections;
use pbjson_types::Timestamp;
pub(crate) use serve::{ApiService, serve};
use tower::util::MapRequest;
pub(crate) use twirp::{InFlight, json};

use crate::{calls::Calls, config::Config, metrics::Metrics, store::Store, worker::Workers};

/// What every request handler can reach. Clones share it.
#[derive(Clone)]
pub(crate) struct State {
    parts: Arc<Parts>,
    in_flight: InFlight,
}

/// The parts of the program that the API hands requests to.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) workers: Workers,
    pub(crate) calls: Calls,
    pub(crate) metrics: Metrics,
    /// The From host and codecs of calls that do not name their own.
    pub(crate) plan_defaults: call::PlanDefaults,
}

impl State {
    pub(crate) fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts), in_flight: InFlight::default() }
    }

    /// The requests that are being answered.
    pub(crate) fn in_flight(&self) -> &InFlight {
        &self.in_flight
    }
}

impl std::ops::Deref for State {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

/// The whole HTTP service.
pub(crate) fn service(state: State) -> ApiService {
    MapRequest::new(router(state), path::tidy as fn(Request) -> Request)
}

fn router(state: State) -> Router {
    Router::new()
        .route("/", get(health::answer))
        .route("/rtc", any(signal::connect))
        .route("/rtc/v1", any(signal::connect_v1))
        .route("/rtc/validate", any(signal::validate))
        .route("/rtc/v1/validate", any(signal::validate_v1))
        .route("/twirp/{service}/{*method}", any(twirp::handle))
        .fallback(health::not_found)
        .layer(middleware::from_fn(cors::apply))
        .with_state(state)
}

/// Seconds since 1970.
pub(crate) fn unix_now() -> i64 {
    unix_now_millis() / 1000
}

/// Milliseconds since 1970.
pub(crate) fn unix_now_millis() -> i64 {
    let elapsed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

fn timestamp_now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp {
        seconds: i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(elapsed.subsec_nanos()).unwrap_or(0),
    }
}
