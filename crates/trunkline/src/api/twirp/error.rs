//! Errors as they leave the server: always JSON, with exactly the status, members and metadata that the SDKs read.

use std::collections::BTreeMap;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use call::{CallError, ErrorCode, PlanError, trunk::TrunkError};
use livekit_protocol::{SipStatus, SipStatusCode};
use prost::Message;
use serde::Serialize;

use crate::{store::StoreError, worker::RoomError};

/// What livekit-server puts before a message that it has from another of its processes. Clients look for the text
/// behind it; some compare the whole.
const RELAYED: &str = "twirp error unknown: ";

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TwirpError {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    pub(crate) meta: BTreeMap<&'static str, String>,
}

impl TwirpError {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), meta: BTreeMap::new() }
    }

    /// A value that is not right, in the words of Twirp's Go library.
    pub(super) fn argument(argument: &str, what: impl std::fmt::Display) -> Self {
        let mut error = Self::new(ErrorCode::InvalidArgument, format!("{argument} {what}"));
        error.meta.insert("argument", argument.to_owned());
        error
    }

    /// With the prefix of messages that crossed LiveKit's internal RPC.
    pub(super) fn relayed(code: ErrorCode, message: impl std::fmt::Display) -> Self {
        Self::new(code, format!("{RELAYED}{message}"))
    }

    pub(super) fn bad_route(method: &str, path: &str, message: String) -> Self {
        let mut error = Self::new(ErrorCode::BadRoute, message);
        error.meta.insert("twirp_invalid_route", format!("{method} {path}"));
        error
    }
}

#[derive(Serialize)]
struct Wire<'a> {
    code: &'static str,
    msg: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    meta: &'a BTreeMap<&'static str, String>,
}

impl IntoResponse for TwirpError {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let wire = Wire { code: self.code.as_str(), msg: &self.message, meta: &self.meta };
        // Three texts always print.
        let body = serde_json::to_string(&wire).unwrap_or_default();
        (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

impl From<CallError> for TwirpError {
    fn from(error: CallError) -> Self {
        let mut twirp = Self::relayed(error.code, &error.message);
        if let Some((code, reason)) = &error.sip_status {
            let number = i32::from(*code);
            let name = SipStatusCode::try_from(number).map_or("", |code| code.as_str_name());
            let text = if reason.is_empty() { name } else { reason };
            twirp.meta.insert("sip_status_code", code.to_string());
            twirp.meta.insert("sip_status", text.to_owned());
            twirp.meta.insert(
                "error_details",
                error_details(&error, SipStatus { code: number, status: reason.clone() }),
            );
        }
        twirp
    }
}

/// `google.rpc.Status` around a `livekit.SIPStatus`, as the Go SDK and the `lk` command read it.
fn error_details(error: &CallError, status: SipStatus) -> String {
    let status = RpcStatus {
        code: error.code.grpc(),
        message: error.message.clone(),
        details: vec![Any {
            type_url: "type.googleapis.com/livekit.SIPStatus".to_owned(),
            value: status.encode_to_vec(),
        }],
    };
    STANDARD.encode(status.encode_to_vec())
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

impl From<PlanError> for TwirpError {
    fn from(error: PlanError) -> Self {
        if error.is_relayed() {
            Self::relayed(error.code(), error)
        } else {
            Self::new(error.code(), error.to_string())
        }
    }
}

impl From<TrunkError> for TwirpError {
    fn from(error: TrunkError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<StoreError> for TwirpError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy | StoreError::TooManyTrunks { .. } => {
                Self::new(ErrorCode::ResourceExhausted, error.to_string())
            }
            StoreError::Closed => Self::new(ErrorCode::Unavailable, error.to_string()),
            StoreError::Unwritable(_) => {
                tracing::error!(%error, "the store failed");
                Self::new(ErrorCode::Unavailable, error.to_string())
            }
            StoreError::Failed | StoreError::Sqlite(_) | StoreError::Seal(_) | StoreError::Damaged(_) => {
                tracing::error!(%error, "the store failed");
                Self::new(ErrorCode::Internal, "the store failed: the server's log says why")
            }
        }
    }
}

impl From<RoomError> for TwirpError {
    fn from(error: RoomError) -> Self {
        let code = match error {
            RoomError::Busy => ErrorCode::ResourceExhausted,
            RoomError::Stopped => ErrorCode::Unavailable,
        };
        Self::new(code, error.to_string())
    }
}
