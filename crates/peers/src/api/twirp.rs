//! One Twirp call per connection: protobuf or JSON in, the same family out, errors always JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use livekit_protocol as proto;
use prost::Message;
use serde::Deserialize;
use tokio::net::TcpStream;

use super::token::{Grants, TokenError, token};
use crate::endpoint::{Endpoint, EndpointError};

/// Longest answer read; nothing this client asks for comes near it.
const MAX_ANSWER: usize = 4 << 20;
/// How long a server may take to accept the connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// A client of the server's HTTP API with one key.
///
/// Dropping a call's future closes its connection, which is how a caller that went away looks to
/// the server.
#[derive(Clone)]
pub struct TwirpClient {
    endpoint: Endpoint,
    key: String,
    secret: String,
}

impl std::fmt::Debug for TwirpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TwirpClient").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// A Twirp error as the server sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwirpFailure {
    /// HTTP status.
    pub status: u16,
    /// Twirp code, such as `not_found`.
    pub code: String,
    /// The text.
    pub message: String,
    /// Details, such as `sip_status_code`.
    pub meta: BTreeMap<String, String>,
}

impl std::fmt::Display for TwirpFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (HTTP {}): {}", self.code, self.status, self.message)
    }
}

/// Why a call to the API gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The URL cannot be dialled.
    #[error(transparent)]
    Url(#[from] EndpointError),
    /// No token could be made.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Nobody answers there.
    #[error("no connection to {endpoint}: {source}")]
    Connect {
        /// The server's host and port.
        endpoint: String,
        /// What the socket said.
        source: std::io::Error,
    },
    /// The connection broke, or what came is no HTTP.
    #[error("the exchange with the server failed: {0}")]
    Http(String),
    /// The server refused: its own words.
    #[error("{0}")]
    Refused(TwirpFailure),
    /// A good status with a body that does not decode.
    #[error("the server's answer does not decode: {0}")]
    Decode(String),
}

impl ApiError {
    /// The server's own error, when it is one.
    #[must_use]
    pub fn refused(&self) -> Option<&TwirpFailure> {
        match self {
            Self::Refused(failure) => Some(failure),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    code: String,
    msg: String,
    #[serde(default)]
    meta: BTreeMap<String, String>,
}

impl TwirpClient {
    /// A client for the server at `url` (`http://` or `ws://`), signing with `key` and `secret`.
    ///
    /// # Errors
    /// [`ApiError::Url`] when the URL cannot be dialled.
    pub fn new(url: &str, key: &str, secret: &str) -> Result<Self, ApiError> {
        let endpoint = Endpoint::parse(url)?;
        Ok(Self { endpoint, key: key.to_owned(), secret: secret.to_owned() })
    }

    /// One call in protobuf: `service` such as `livekit.SIP`, `method` such as `CreateSIPParticipant`.
    ///
    /// # Errors
    /// [`ApiError::Refused`] with the server's error, or why there is none.
    pub async fn call<Q: Message, A: Message + Default>(
        &self,
        service: &str,
        method: &str,
        request: &Q,
        grants: &Grants,
    ) -> Result<A, ApiError> {
        let body = Bytes::from(request.encode_to_vec());
        let answer = self.exchange(service, method, "application/protobuf", body, grants).await?;
        A::decode(answer).map_err(|error| ApiError::Decode(error.to_string()))
    }

    /// One call in JSON, as curl would make it.
    ///
    /// # Errors
    /// As [`TwirpClient::call`].
    pub async fn call_json(
        &self,
        service: &str,
        method: &str,
        request: &serde_json::Value,
        grants: &Grants,
    ) -> Result<serde_json::Value, ApiError> {
        let body = Bytes::from(request.to_string());
        let answer = self.exchange(service, method, "application/json", body, grants).await?;
        serde_json::from_slice(&answer).map_err(|error| ApiError::Decode(error.to_string()))
    }

    /// livekit.SIP CreateSIPOutboundTrunk.
    ///
    /// # Errors
    /// As [`TwirpClient::call`].
    pub async fn create_outbound_trunk(
        &self,
        trunk: proto::SipOutboundTrunkInfo,
    ) -> Result<proto::SipOutboundTrunkInfo, ApiError> {
        let request = proto::CreateSipOutboundTrunkRequest { trunk: Some(trunk) };
        self.call("livekit.SIP", "CreateSIPOutboundTrunk", &request, &Grants::sip_service()).await
    }

    /// livekit.SIP CreateSIPParticipant: places a call.
    ///
    /// # Errors
    /// As [`TwirpClient::call`]; a refused or failed call carries its SIP status in the metadata.
    pub async fn create_sip_participant(
        &self,
        request: &proto::CreateSipParticipantRequest,
    ) -> Result<proto::SipParticipantInfo, ApiError> {
        self.call("livekit.SIP", "CreateSIPParticipant", request, &Grants::sip_service()).await
    }

    /// livekit.RoomService RemoveParticipant.
    ///
    /// # Errors
    /// As [`TwirpClient::call`].
    pub async fn remove_participant(&self, room: &str, identity: &str) -> Result<(), ApiError> {
        let request = proto::RoomParticipantIdentity {
            room: room.to_owned(),
            identity: identity.to_owned(),
            ..Default::default()
        };
        let grants = Grants::room_service(room);
        let _: proto::RemoveParticipantResponse =
            self.call("livekit.RoomService", "RemoveParticipant", &request, &grants).await?;
        Ok(())
    }

    /// livekit.RoomService ListParticipants.
    ///
    /// # Errors
    /// As [`TwirpClient::call`].
    pub async fn list_participants(&self, room: &str) -> Result<Vec<proto::ParticipantInfo>, ApiError> {
        let request = proto::ListParticipantsRequest { room: room.to_owned() };
        let grants = Grants::room_service(room);
        let answer: proto::ListParticipantsResponse =
            self.call("livekit.RoomService", "ListParticipants", &request, &grants).await?;
        Ok(answer.participants)
    }

    /// livekit.RoomService DeleteRoom.
    ///
    /// # Errors
    /// As [`TwirpClient::call`].
    pub async fn delete_room(&self, room: &str) -> Result<(), ApiError> {
        let request = proto::DeleteRoomRequest { room: room.to_owned() };
        let grants = Grants::room_service(room);
        let _: proto::DeleteRoomResponse =
            self.call("livekit.RoomService", "DeleteRoom", &request, &grants).await?;
        Ok(())
    }

    async fn exchange(
        &self,
        service: &str,
        method: &str,
        content_type: &str,
        body: Bytes,
        grants: &Grants,
    ) -> Result<Bytes, ApiError> {
        let bearer = token(&self.key, &self.secret, grants)?;
        let request = Request::post(format!("{}/twirp/{service}/{method}", self.endpoint.prefix))
            .header(HOST, self.endpoint.authority())
            .header(AUTHORIZATION, format!("Bearer {bearer}"))
            .header(CONTENT_TYPE, content_type)
            .body(Full::new(body))
            .map_err(|error| ApiError::Http(error.to_string()))?;
        let (status, body) = self.send(request).await?;
        if status == 200 { Ok(body) } else { Err(ApiError::Refused(failure(status, &body))) }
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(u16, Bytes), ApiError> {
        let http = |error: hyper::Error| ApiError::Http(error.to_string());
        let io = TokioIo::new(self.dial().await?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.map_err(http)?;
        // The connection is driven beside the request, not by a task of its own, so that dropping
        // this future closes the socket.
        let exchange = async {
            let response = sender.send_request(request).await.map_err(http)?;
            read_answer(response).await
        };
        let mut exchange = Box::pin(exchange);
        tokio::select! {
            answer = &mut exchange => answer,
            end = connection => match end {
                Ok(()) => exchange.await,
                Err(error) => Err(http(error)),
            },
        }
    }

    async fn dial(&self) -> Result<TcpStream, ApiError> {
        let target = (self.endpoint.host.as_str(), self.endpoint.port);
        let dialled = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(target)).await;
        let stream = dialled.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        stream.map_err(|source| ApiError::Connect { endpoint: self.endpoint.to_string(), source })
    }
}

async fn read_answer(response: Response<hyper::body::Incoming>) -> Result<(u16, Bytes), ApiError> {
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
    let body = body.map_err(|error| ApiError::Http(error.to_string()))?.to_bytes();
    Ok((status, body))
}

fn failure(status: u16, body: &[u8]) -> TwirpFailure {
    match serde_json::from_slice::<ErrorBody>(body) {
        Ok(error) => TwirpFailure { status, code: error.code, message: error.msg, meta: error.meta },
        Err(_) => TwirpFailure {
            status,
            code: String::new(),
            message: String::from_utf8_lossy(body).into_owned(),
            meta: BTreeMap::new(),
        },
    }
}

#[cfg(test)]
#[path = "twirp_tests.rs"]
mod tests;
