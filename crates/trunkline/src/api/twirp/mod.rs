//! The Twirp API (Twirp wire protocol v7): routing, content types, errors; one file per service.

mod body;
mod error;
pub(crate) mod json;
mod room_service;
mod rpc;
mod sip;
mod unimplemented;

use std::time::Instant;

use axum::{
    body::Body,
    extract::{Path, Request, State as Extract},
    http::{HeaderMap, Method, header},
    response::{IntoResponse, Response},
};
pub(super) use error::TwirpError;
use room::grants::Claims;
use rpc::Call;
pub(crate) use sip::repetition::InFlight;

use super::{State, auth, health};

/// Answers `/twirp/{service}/{method}`.
pub(super) async fn handle(
    Extract(state): Extract<State>,
    Path((service, method)): Path<(String, String)>,
    request: Request<Body>,
) -> Response {
    let received_at = Instant::now();
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let claims = auth::authenticate(&parts.headers, parts.uri.query(), &state.config.keys, super::unix_now());
    let claims = match claims {
        Ok(claims) => claims,
        Err(refused) => {
            state.metrics.bad_input("token");
            return refused.into_response();
        }
    };
    let Some(service) = Service::named(&service) else { return health::not_found().await };
    if parts.method != Method::POST {
        let text = format!("unsupported method {:?} (only POST is allowed)", parts.method.as_str());
        return TwirpError::bad_route(parts.method.as_str(), &path, text).into_response();
    }
    if !service.knows(&method) {
        let text = format!("no handler for path {path:?}");
        return TwirpError::bad_route("POST", &path, text).into_response();
    }
    let format = match Format::of(&parts.headers, &path) {
        Ok(format) => format,
        Err(error) => return error.into_response(),
    };
    // Nobody's body is not waited for.
    if let Err(error) = require_token(&claims) {
        state.metrics.api_request(service.name(), &method, error.code.as_str());
        return error.into_response();
    }
    let limit = state.config.limit.max_api_request_body_size;
    let body = match body::read(body, limit, body::PATIENCE).await {
        Ok(body) => body,
        Err(refused) => {
            state.metrics.bad_input("http");
            return refused.into_response();
        }
    };
    let call = Call { state: state.clone(), claims, headers: parts.headers, received_at, format, body };
    answer(&state, service, &method, call).await
}

/// Runs the method and counts its answer.
async fn answer(state: &State, service: Service, method: &str, call: Call) -> Response {
    let result = match service {
        Service::Sip => Box::pin(sip::dispatch(method, call)).await,
        Service::Room => Box::pin(room_service::dispatch(method, call)).await,
        Service::Egress | Service::Ingress | Service::AgentDispatch => {
            unimplemented::refuse(service.name(), method, &call.claims)
        }
    };
    let code = result.as_ref().map_or_else(|error| error.code.as_str(), |_| "ok");
    state.metrics.api_request(service.name(), method, code);
    if let Err(error) = &result {
        tracing::debug!(service = service.name(), method, code, error = %error.message, "API request refused");
    }
    result.unwrap_or_else(IntoResponse::into_response)
}

/// The services of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Sip,
    Room,
    Egress,
    Ingress,
    AgentDispatch,
}

impl Service {
    fn named(name: &str) -> Option<Self> {
        [Self::Sip, Self::Room, Self::Egress, Self::Ingress, Self::AgentDispatch]
            .into_iter()
            .find(|service| service.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sip => "livekit.SIP",
            Self::Room => "livekit.RoomService",
            Self::Egress => "livekit.Egress",
            Self::Ingress => "livekit.Ingress",
            Self::AgentDispatch => "livekit.AgentDispatchService",
        }
    }

    /// Whether there is such a method, built or not.
    fn knows(self, method: &str) -> bool {
        let built = match self {
            Self::Sip => sip::METHODS,
            Self::Room => room_service::METHODS,
            _ => &[],
        };
        built.contains(&method) || unimplemented::methods(self.name()).contains(&method)
    }
}

/// How a request is written; its answer is written alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Protobuf,
}

impl Format {
    fn of(headers: &HeaderMap, path: &str) -> Result<Self, TwirpError> {
        let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        match value.split(';').next().unwrap_or("").trim().to_ascii_lowercase().as_str() {
            "application/json" => Ok(Self::Json),
            "application/protobuf" => Ok(Self::Protobuf),
            _ => Err(TwirpError::bad_route("POST", path, format!("unexpected Content-Type: {value:?}"))),
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Protobuf => "application/protobuf",
        }
    }
}

/// A grant is missing, or a token altogether.
fn require(granted: bool) -> Result<(), TwirpError> {
    if granted {
        Ok(())
    } else {
        Err(TwirpError::new(call::ErrorCode::Unauthenticated, "permissions denied"))
    }
}

/// Any good token will do.
fn require_token(claims: &Option<Claims>) -> Result<(), TwirpError> {
    require(claims.is_some())
}
