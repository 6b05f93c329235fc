//! What other participants may ask of a phone: LiveKit's RPC methods `lk.sip.EndCall` and `lk.sip.GetRemoteHeaders`.
//!
//! A request is a data packet; the answer is two: an acknowledgement and a response. This module reads and writes them; it
//! never ends a call.

use std::collections::HashMap;

use livekit_protocol::{self as proto, data_packet, rpc_response};
use serde_json::{Map, Value, json};

/// Method that hangs up.
pub const END_CALL: &str = "lk.sip.EndCall";
/// Method that tells the headers of the 200 OK.
pub const GET_REMOTE_HEADERS: &str = "lk.sip.GetRemoteHeaders";

/// LiveKit's code for an error of the method itself.
const APPLICATION_ERROR: u32 = 1500;
/// LiveKit's code for a method that nobody registered.
const UNSUPPORTED_METHOD: u32 = 1400;
/// Longest payload that is read; LiveKit's own limit is 15 KiB.
const MAX_PAYLOAD: usize = 15 * 1024;

/// A request, as it came from the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpcCall {
    /// Identity of the participant who asks.
    pub from: String,
    /// The request's id, repeated in the answers.
    pub id: String,
    /// The method's name.
    pub method: String,
    /// JSON text.
    pub payload: String,
}

impl RpcCall {
    /// The RPC request inside `packet`, when it is one.
    #[must_use]
    pub fn from_packet(packet: &proto::DataPacket, from: &str) -> Option<Self> {
        match &packet.value {
            Some(data_packet::Value::RpcRequest(request)) => Some(Self {
                from: from.to_owned(),
                id: request.id.clone(),
                method: request.method.clone(),
                payload: request.payload.clone(),
            }),
            _ => None,
        }
    }

    /// What is asked for, or the error to answer with.
    pub(crate) fn parse(&self) -> Result<Method, RpcFault> {
        if self.payload.len() > MAX_PAYLOAD {
            return Err(RpcFault::application("payload too large"));
        }
        match self.method.as_str() {
            END_CALL => Ok(Method::EndCall { headers: headers_of(&self.object()?)? }),
            GET_REMOTE_HEADERS => {
                let object = self.object()?;
                Ok(Method::GetRemoteHeaders {
                    include: names_of(&object, "include")?,
                    exclude: names_of(&object, "exclude")?,
                })
            }
            _ => Err(RpcFault {
                code: UNSUPPORTED_METHOD,
                message: "Method not supported at destination".to_owned(),
            }),
        }
    }

    fn object(&self) -> Result<Map<String, Value>, RpcFault> {
        if self.payload.trim().is_empty() {
            return Ok(Map::new());
        }
        serde_json::from_str(&self.payload)
            .map_err(|_| RpcFault::application("the payload is not a JSON object"))
    }

    /// The two packets that answer the request.
    pub(crate) fn answer(&self, result: Result<Value, RpcFault>) -> [proto::DataPacket; 2] {
        let value = match result {
            Ok(value) => rpc_response::Value::Payload(value.to_string()),
            Err(fault) => rpc_response::Value::Error(proto::RpcError {
                code: fault.code,
                message: fault.message,
                data: String::new(),
            }),
        };
        let ack = data_packet::Value::RpcAck(proto::RpcAck { request_id: self.id.clone() });
        let response = proto::RpcResponse { request_id: self.id.clone(), value: Some(value) };
        [self.packet(ack), self.packet(data_packet::Value::RpcResponse(response))]
    }

    fn packet(&self, value: data_packet::Value) -> proto::DataPacket {
        proto::DataPacket {
            destination_identities: vec![self.from.clone()],
            value: Some(value),
            ..proto::DataPacket::default()
        }
    }
}

/// A request that makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Method {
    /// Hang up, with these headers on the BYE.
    EndCall { headers: Vec<(String, String)> },
    /// Tell the headers of the 200 OK, these only (when any is named), without those.
    GetRemoteHeaders { include: Vec<String>, exclude: Vec<String> },
}

/// An error of an RPC method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RpcFault {
    code: u32,
    message: String,
}

impl RpcFault {
    pub(crate) fn application(message: &str) -> Self {
        Self { code: APPLICATION_ERROR, message: message.to_owned() }
    }
}

fn headers_of(object: &Map<String, Value>) -> Result<Vec<(String, String)>, RpcFault> {
    let headers = match object.get("headers") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(headers)) => headers,
        Some(_) => return Err(RpcFault::application("headers: expected an object of strings")),
    };
    let mut fields = HashMap::new();
    for (name, value) in headers {
        let value =
            value.as_str().ok_or_else(|| RpcFault::application("headers: expected an object of strings"))?;
        fields.insert(name.clone(), value.to_owned());
    }
    crate::rules::header_map(&fields).map_err(|error| RpcFault::application(&error.to_string()))?;
    let mut fields: Vec<_> = fields.into_iter().collect();
    fields.sort();
    Ok(fields)
}

fn names_of(object: &Map<String, Value>, key: &str) -> Result<Vec<String>, RpcFault> {
    let fault = || RpcFault::application(&format!("{key}: expected a list of header names"));
    match object.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(names)) => {
            names.iter().map(|n| n.as_str().map(str::to_owned).ok_or_else(fault)).collect()
        }
        Some(_) => Err(fault()),
    }
}

/// Headers of the protocol itself, which tell an application nothing.
const NEVER_TOLD: &[&str] = &[
    "route",
    "record-route",
    "via",
    "supported",
    "accept",
    "allow",
    "allow-events",
    "content-type",
    "content-length",
    "content-encoding",
    "content-disposition",
    "cseq",
    "event",
    "expires",
    "session-expires",
    "min-se",
    "max-forwards",
];

/// The answer to `lk.sip.GetRemoteHeaders`.
pub(crate) fn remote_headers(headers: &[(String, String)], include: &[String], exclude: &[String]) -> Value {
    let named = |list: &[String], name: &str| list.iter().any(|entry| entry.eq_ignore_ascii_case(name));
    let told = headers.iter().filter(|(name, _)| {
        !NEVER_TOLD.iter().any(|never| never.eq_ignore_ascii_case(name))
            && (include.is_empty() || named(include, name))
            && !named(exclude, name)
    });
    let told: Map<String, Value> =
        told.map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect();
    json!({ "headers": told })
}

#[cfg(test)]
mod tests;
