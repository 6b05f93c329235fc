//! One request of either format, from bytes to a message and back.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use axum::{
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use call::ErrorCode;
use prost::Message;
use room::grants::Claims;

use super::{Format, TwirpError, json};
use crate::api::State;

/// A request whose method is known.
pub(super) struct Call {
    pub(super) state: State,
    pub(super) claims: Option<Claims>,
    pub(super) headers: HeaderMap,
    pub(super) received_at: Instant,
    pub(super) format: Format,
    pub(super) body: Bytes,
}

impl Call {
    /// Decodes the request, runs `handler` and encodes what it returns.
    pub(super) async fn run<Req, Res, Fut>(
        self,
        request: &json::Message,
        response: &json::Message,
        handler: impl FnOnce(Context, Req) -> Fut,
    ) -> Result<Response, TwirpError>
    where
        Req: Message + Default,
        Res: Message,
        Fut: Future<Output = Result<Res, TwirpError>>,
    {
        let decoded = decode::<Req>(self.format, &self.body, request).inspect_err(|_| {
            tracing::debug!(message = request.name, "an API request could not be decoded");
            self.state.metrics.bad_input("http");
        })?;
        let format = self.format;
        let context = Context {
            state: self.state,
            claims: self.claims,
            headers: self.headers,
            received_at: self.received_at,
            body: self.body,
        };
        let answer = handler(context, decoded).await?;
        Ok(encode(format, &answer, response))
    }
}

/// What a handler knows beside its request.
pub(super) struct Context {
    pub(super) state: State,
    pub(super) claims: Option<Claims>,
    headers: HeaderMap,
    pub(super) received_at: Instant,
    /// The request as it came.
    pub(super) body: Bytes,
}

impl Context {
    /// How long the caller says it waits.
    pub(super) fn timeout(&self) -> Option<Duration> {
        let millis: u64 = self.headers.get("x-twirp-timeout-ms")?.to_str().ok()?.parse().ok()?;
        Some(Duration::from_millis(millis.clamp(1, 24 * 3600 * 1000)))
    }

    /// What the caller calls its request, so that a repetition can be told.
    pub(super) fn request_id(&self) -> Option<String> {
        let id = self.headers.get("x-livekit-request-id")?.to_str().ok()?;
        Some(id.to_owned()).filter(|id| !id.is_empty() && id.len() <= 128)
    }
}

fn decode<M: Message + Default>(
    format: Format,
    body: &[u8],
    description: &json::Message,
) -> Result<M, TwirpError> {
    let malformed = |text: &str| TwirpError::new(ErrorCode::Malformed, text);
    match format {
        Format::Protobuf => {
            M::decode(body).map_err(|_| malformed("the protobuf request could not be decoded"))
        }
        Format::Json => {
            let error = || malformed("the json request could not be decoded");
            let bytes = json::decode(body, description).map_err(|_| error())?;
            M::decode(bytes.as_slice()).map_err(|_| error())
        }
    }
}

fn encode(format: Format, message: &impl Message, description: &json::Message) -> Response {
    let bytes = message.encode_to_vec();
    let body = match format {
        Format::Protobuf => bytes,
        Format::Json => json::encode(&bytes, description).to_string().into_bytes(),
    };
    ([(header::CONTENT_TYPE, format.content_type())], body).into_response()
}
