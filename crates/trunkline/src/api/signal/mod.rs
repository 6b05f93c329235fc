//! Signalling: the WebSocket of a room participant, and the routes that tell why it was refused.
//!
//! LiveKit signalling protocol 17 over `/rtc` and `/rtc/v1`. A session exists before the connection is upgraded, so
//! that a refusal is an HTTP status. What the messages mean is the room's business.

mod admit;
mod join_request;
mod pump;
mod query;
pub(super) use join_request::{unpack, unpack_attributes};
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use admit::{Admission, Refusal};
use axum::{
    extract::{FromRequestParts, Request, State as Extract, ws::WebSocketUpgrade},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};

use super::{State, auth, connections::Admitted};
use crate::worker::{JoinError, SignalJoin, SignalResume};

/// One signalling message, packed or not.
const MAX_FRAME: usize = 2 * 1024 * 1024;
/// What is read at once from a client. Every connection keeps as much for as long as it lasts; only offers are longer.
const READ_BUFFER: usize = 2 * 1024;

/// Which of the two routes is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    /// `/rtc`: plain parameters, or a join request.
    V0,
    /// `/rtc/v1`: a join request.
    V1,
}

pub(super) async fn validate(Extract(state): Extract<State>, request: Request) -> Response {
    answer(check(&state, Route::V0, &request.into_parts().0).await)
}

pub(super) async fn validate_v1(Extract(state): Extract<State>, request: Request) -> Response {
    answer(check(&state, Route::V1, &request.into_parts().0).await)
}

fn answer(checked: Result<Admission, Box<Response>>) -> Response {
    match checked {
        Ok(_) => "success".into_response(),
        Err(refused) => *refused,
    }
}

pub(super) async fn connect(Extract(state): Extract<State>, request: Request) -> Response {
    upgrade(state, Route::V0, request).await
}

pub(super) async fn connect_v1(Extract(state): Extract<State>, request: Request) -> Response {
    upgrade(state, Route::V1, request).await
}

/// Everything that can be refused before a session exists.
async fn check(state: &State, route: Route, parts: &Parts) -> Result<Admission, Box<Response>> {
    let query = parts.uri.query();
    let claims = auth::authenticate(&parts.headers, query, &state.config.keys, super::unix_now());
    let claims = claims.map_err(|refused| {
        state.metrics.bad_input("token");
        refused.into_response()
    })?;
    let agent = parts.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let admission =
        admit::admit(route, claims, query.unwrap_or(""), agent).map_err(IntoResponse::into_response)?;
    if !state.config.room.auto_create && !exists(state, &admission.room).await {
        return Err(Box::new(Refusal::NoSuchRoom.into_response()));
    }
    Ok(admission)
}

async fn exists(state: &State, room: &str) -> bool {
    state.workers.list_rooms(vec![room.to_owned()]).await.is_ok_and(|rooms| !rooms.is_empty())
}

async fn upgrade(state: State, route: Route, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let place = parts.extensions.get::<Arc<Admitted>>().cloned();
    if !is_upgrade(&parts) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let admission = match check(&state, route, &parts).await {
        Ok(admission) => admission,
        Err(refused) => return *refused,
    };
    let socket = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(socket) => {
            socket.max_message_size(MAX_FRAME).max_frame_size(MAX_FRAME).read_buffer_size(READ_BUFFER)
        }
        Err(refused) => return refused.into_response(),
    };
    match admission.resumes.clone() {
        Some(sid) => resume(state, socket, admission, sid, place).await,
        None => join(state, socket, admission, place).await,
    }
}

async fn join(
    state: State,
    socket: WebSocketUpgrade,
    admission: Admission,
    place: Option<Arc<Admitted>>,
) -> Response {
    let Admission { room, join, config, key, .. } = admission;
    let (room_name, identity) = (room.clone(), join.identity.clone());
    let pause = pump::pause_after_join(&join.client);
    match state.workers.join(SignalJoin { room, config, join: *join }).await {
        Ok(session) => {
            tracing::debug!(
                room = room_name,
                participant = identity,
                sid = session.participant_sid,
                "joined"
            );
            socket.on_upgrade(async move |socket| {
                let _place = place;
                pump::run(socket, session, state, key, pause).await;
            })
        }
        Err(error) => {
            let refusal = join_refusal(&error);
            tracing::info!(status = refusal.0.as_u16(), "join refused");
            tracing::debug!(room = room_name, participant = identity, %error, "join refused, in words");
            refusal.into_response()
        }
    }
}

/// Goes on with a session, or tells the client to join anew: that cannot be said with an HTTP status.
async fn resume(
    state: State,
    socket: WebSocketUpgrade,
    admission: Admission,
    participant_sid: String,
    place: Option<Arc<Admitted>>,
) -> Response {
    let Admission { room, join, key, .. } = admission;
    let dual = matches!(join.mode, room::JoinMode::Dual);
    let resume = room::Resume { identity: join.identity, participant_sid, dual };
    match state.workers.resume(SignalResume { room, resume }).await {
        Ok(Some(session)) => {
            tracing::debug!(sid = session.participant_sid, "resumed");
            socket.on_upgrade(async move |socket| {
                let _place = place;
                pump::run(socket, session, state, key, Duration::ZERO).await;
            })
        }
        Ok(None) => socket.on_upgrade(async move |socket| {
            let _place = place;
            pump::refuse_resume(socket).await;
        }),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    }
}

fn is_upgrade(parts: &Parts) -> bool {
    let says = |name: header::HeaderName, token: &str| {
        let values = parts.headers.get_all(name);
        values
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
    };
    says(header::CONNECTION, "upgrade") && says(header::UPGRADE, "websocket")
}

fn join_refusal(error: &JoinError) -> (StatusCode, String) {
    let status = match error {
        JoinError::Busy | JoinError::Stopped => StatusCode::SERVICE_UNAVAILABLE,
        JoinError::Room(room::JoinError::NoIdentity) => StatusCode::BAD_REQUEST,
        // What clients of a full room get, and try again on.
        JoinError::Room(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, error.to_string())
}
