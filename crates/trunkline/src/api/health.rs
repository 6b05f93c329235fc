//! `GET /` for load balancers and for browsers that look whether the server is there; what every unknown path gets.

use std::{future::Future, time::Duration};

use axum::{
    extract::State as Extract,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use thiserror::Error;
use tokio::time::timeout;

use super::State;
use crate::{store::StoreError, worker::RoomError};

/// How long a part may take to say that it is well.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why no new work should come here. Load balancers see the status, people the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
enum Unwell {
    #[error("draining: new calls are refused")]
    Draining,
    #[error("a media worker does not answer")]
    Worker,
    #[error("the store does not answer")]
    Store,
}

/// The health answer. HEAD gets the same without the body.
pub(super) async fn answer(Extract(state): Extract<State>) -> Response {
    match check(&state).await {
        Ok(()) => "OK".into_response(),
        Err(unwell) => (StatusCode::SERVICE_UNAVAILABLE, unwell.to_string()).into_response(),
    }
}

async fn check(state: &State) -> Result<(), Unwell> {
    if !state.calls.are_taken() {
        return Err(Unwell::Draining);
    }
    // A part with too much to do is alive: it refuses what it cannot do by itself.
    let workers = async {
        let nobody = state.workers.list_rooms(vec![String::new()]).await;
        matches!(nobody, Ok(_) | Err(RoomError::Busy))
    };
    let store = async { matches!(state.store.check().await, Ok(()) | Err(StoreError::Busy)) };
    let (workers, store) = tokio::join!(in_time(workers), in_time(store));
    if !workers {
        return Err(Unwell::Worker);
    }
    if store { Ok(()) } else { Err(Unwell::Store) }
}

async fn in_time(well: impl Future<Output = bool>) -> bool {
    timeout(PATIENCE, well).await.unwrap_or(false)
}

/// An unknown path.
pub(super) async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, [(header::X_CONTENT_TYPE_OPTIONS, "nosniff")], "404 page not found\n")
        .into_response()
}
