//! Remote procedure calls to another participant: a request packet out, a response packet in.

use std::collections::HashMap;
use std::time::Instant;

use livekit_protocol as proto;
use proto::data_packet::Value;
use tokio::sync::oneshot;

use super::command::RpcCall;
use super::error::CommandError;

/// Calls under way at once.
const MAX_PENDING: usize = 64;

/// Why a remote call gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RpcError {
    /// The other side answered with an error.
    #[error("error {code}: {message}")]
    Remote {
        /// Code of the error, such as 1400 for an unknown method.
        code: u32,
        /// Its text.
        message: String,
        /// Data that came with it.
        data: String,
    },
    /// No response came in time.
    #[error("no response in time")]
    Timeout,
    /// The request could not be sent.
    #[error(transparent)]
    NotSent(#[from] CommandError),
}

struct Pending {
    deadline: Instant,
    reply: oneshot::Sender<Result<String, RpcError>>,
}

/// The calls waiting for their response.
#[derive(Default)]
pub(super) struct Rpcs {
    pending: HashMap<String, Pending>,
    made: u64,
}

impl Rpcs {
    /// Notes a call and gives the packet to send; `None` (and an error to the caller) if too many wait.
    pub(super) fn start(&mut self, now: Instant, call: RpcCall) -> Option<(String, proto::DataPacket)> {
        if self.pending.len() >= MAX_PENDING {
            let _ = call.reply.send(Err(CommandError::Full.into()));
            return None;
        }
        self.made += 1;
        let id = format!("rpc-{}", self.made);
        let request = proto::RpcRequest {
            id: id.clone(),
            method: call.method,
            payload: call.payload,
            response_timeout_ms: u32::try_from(call.limit.as_millis()).unwrap_or(u32::MAX),
            version: 1,
            ..Default::default()
        };
        let packet = proto::DataPacket {
            destination_identities: vec![call.destination],
            value: Some(Value::RpcRequest(request)),
            ..Default::default()
        };
        self.pending.insert(id.clone(), Pending { deadline: now + call.limit, reply: call.reply });
        Some((id, packet))
    }

    /// Ends a call whose request could not be sent.
    pub(super) fn not_sent(&mut self, id: &str, error: CommandError) {
        self.finish(id, Err(error.into()));
    }

    /// Takes a response in.
    pub(super) fn response(&mut self, response: &proto::RpcResponse) {
        use proto::rpc_response::Value;
        let result = match &response.value {
            Some(Value::Payload(payload)) => Ok(payload.clone()),
            Some(Value::Error(error)) => Err(RpcError::Remote {
                code: error.code,
                message: error.message.clone(),
                data: error.data.clone(),
            }),
            _ => Ok(String::new()),
        };
        self.finish(&response.request_id, result);
    }

    /// Ends what has waited too long.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let over: Vec<String> = self
            .pending
            .iter()
            .filter(|(_, pending)| pending.deadline <= now)
            .map(|(id, _)| id.clone())
            .collect();
        for id in over {
            self.finish(&id, Err(RpcError::Timeout));
        }
    }

    /// When the next call has waited too long.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.pending.values().map(|pending| pending.deadline).min()
    }

    fn finish(&mut self, id: &str, result: Result<String, RpcError>) {
        if let Some(pending) = self.pending.remove(id) {
            let _ = pending.reply.send(result);
        }
    }
}
