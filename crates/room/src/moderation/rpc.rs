//! A call of a method that the API makes at a participant (LiveKit's RPC, version 1).
//!
//! The server is no participant: a random id stands for it, as the request's id and as the sender to answer to.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use livekit_protocol as proto;
use prost::Message;
use proto::data_packet::Value;
use proto::rpc_response::Value as Outcome;
use rand::Rng;
use thiserror::Error;

use super::ModerationError;
use crate::ids::ParticipantId;
use crate::lifecycle::Room;
use crate::output::Output;

/// How long the participant may take to say that it got the request.
const ACKNOWLEDGE: Duration = Duration::from_secs(2);
/// How long it may take to answer, unless the caller says.
const RESPOND: Duration = Duration::from_secs(10);
/// The longest it may be told to take.
const RESPOND_AT_MOST: Duration = Duration::from_secs(3600);
/// The longest payload, in bytes.
const MAX_PAYLOAD: usize = 15 * 1024;
/// Calls that may be under way in a room at a time.
const MAX_PENDING: usize = 256;

/// One call; never used again while its room lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RpcId(u64);

/// A call that brought no result: a code of LiveKit's RPC, what it means, and what the participant adds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("RpcError {code}: {message}{}", if data.is_empty() { String::new() } else { format!(": {data}") })]
pub struct RpcFailure {
    /// 1400 to 1505 are LiveKit's own, others the application's.
    pub code: u32,
    /// For people.
    pub message: String,
    /// For programs.
    pub data: String,
}

impl RpcFailure {
    /// The method is not known to the participant.
    pub const UNSUPPORTED_METHOD: u32 = 1400;
    /// The payload is too long.
    pub const REQUEST_TOO_LARGE: u32 = 1402;
    /// The participant did not say that it got the request.
    pub const CONNECTION_TIMEOUT: u32 = 1501;
    /// The participant did not answer in time.
    pub const RESPONSE_TIMEOUT: u32 = 1502;
    /// The participant left.
    pub const RECIPIENT_DISCONNECTED: u32 = 1503;
    /// Too many calls are under way.
    pub const SEND_FAILED: u32 = 1505;

    fn new(code: u32, message: &str) -> Self {
        Self { code, message: message.to_owned(), data: String::new() }
    }
}

/// A call under way.
#[derive(Debug)]
struct Call {
    /// The request's id and its sender.
    name: String,
    destination: ParticipantId,
    acknowledge_by: Option<Instant>,
    respond_by: Instant,
}

impl Call {
    fn due(&self) -> Instant {
        self.acknowledge_by.map_or(self.respond_by, |by| by.min(self.respond_by))
    }

    /// What has become of it by now, if its time is over.
    fn overdue(&self, now: Instant) -> Option<RpcFailure> {
        if self.acknowledge_by.is_some_and(|by| now >= by) {
            return Some(RpcFailure::new(RpcFailure::CONNECTION_TIMEOUT, "Connection timeout"));
        }
        (now >= self.respond_by).then(|| RpcFailure::new(RpcFailure::RESPONSE_TIMEOUT, "Response timeout"))
    }
}

/// The calls that the API has under way in a room.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    calls: BTreeMap<RpcId, Call>,
    next: u64,
}

impl Pending {
    /// When the next one gives up.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.calls.values().map(Call::due).min()
    }

    fn find(&self, name: &str, from: ParticipantId) -> Option<RpcId> {
        let asked = |call: &Call| call.name == name && call.destination == from;
        self.calls.iter().find(|(_, call)| asked(call)).map(|(id, _)| *id)
    }
}

impl Room {
    /// Calls a method of a participant. What comes of it is told by [`Output::RpcAnswered`], once, also when the
    /// participant leaves.
    ///
    /// # Errors
    /// When there is no such participant.
    pub fn perform_rpc(
        &mut self,
        now: Instant,
        request: &proto::PerformRpcRequest,
    ) -> Result<RpcId, ModerationError> {
        let destination = self.known(&request.destination_identity)?;
        let id = RpcId(self.rpcs.next);
        self.rpcs.next += 1;
        if request.payload.len() > MAX_PAYLOAD {
            let failure = RpcFailure::new(RpcFailure::REQUEST_TOO_LARGE, "Request payload too large");
            self.answered(id, Err(failure));
        } else if self.rpcs.calls.len() >= MAX_PENDING {
            self.answered(id, Err(RpcFailure::new(RpcFailure::SEND_FAILED, "Failed to send")));
        } else {
            self.send_rpc(now, id, destination, request);
        }
        self.flush(now);
        Ok(id)
    }

    fn send_rpc(
        &mut self,
        now: Instant,
        id: RpcId,
        destination: ParticipantId,
        request: &proto::PerformRpcRequest,
    ) {
        let name = uuid(&mut self.rng);
        let respond = match request.response_timeout_ms {
            0 => RESPOND,
            millis => Duration::from_millis(millis.into()).min(RESPOND_AT_MOST),
        };
        let call = Call {
            name: name.clone(),
            destination,
            acknowledge_by: Some(now + ACKNOWLEDGE),
            respond_by: now + respond,
        };
        self.rpcs.calls.insert(id, call);
        let packet = proto::DataPacket {
            participant_identity: name.clone(),
            destination_identities: vec![request.destination_identity.clone()],
            value: Some(Value::RpcRequest(proto::RpcRequest {
                id: name,
                method: request.method.clone(),
                payload: request.payload.clone(),
                response_timeout_ms: u32::try_from(respond.as_millis()).unwrap_or(u32::MAX),
                version: 1,
                ..Default::default()
            })),
            ..Default::default()
        };
        self.send_from_server(now, true, &packet);
    }

    /// A packet that may be an answer to a call of the API's; true when it was.
    pub(crate) fn rpc_reply(&mut self, from: ParticipantId, packet: &[u8]) -> bool {
        let Some(value) = proto::DataPacket::decode(packet).ok().and_then(|packet| packet.value) else {
            return false;
        };
        match value {
            Value::RpcAck(ack) => match self.rpcs.find(&ack.request_id, from) {
                Some(id) => {
                    if let Some(call) = self.rpcs.calls.get_mut(&id) {
                        call.acknowledge_by = None;
                    }
                    true
                }
                None => false,
            },
            Value::RpcResponse(response) => match self.rpcs.find(&response.request_id, from) {
                Some(id) => {
                    self.answered(id, outcome(response.value));
                    true
                }
                None => false,
            },
            _ => false,
        }
    }

    /// Gives up the calls whose time is over.
    pub(crate) fn rpc_timeout(&mut self, now: Instant) {
        let overdue = |(id, call): (&RpcId, &Call)| Some((*id, call.overdue(now)?));
        let overdue: Vec<_> = self.rpcs.calls.iter().filter_map(overdue).collect();
        for (id, failure) in overdue {
            self.answered(id, Err(failure));
        }
    }

    /// A participant is gone: it answers no more.
    pub(crate) fn rpc_destination_gone(&mut self, gone: ParticipantId) {
        let asked = self.rpcs.calls.iter().filter(|(_, call)| call.destination == gone);
        let asked: Vec<_> = asked.map(|(id, _)| *id).collect();
        for id in asked {
            let failure = RpcFailure::new(RpcFailure::RECIPIENT_DISCONNECTED, "Recipient disconnected");
            self.answered(id, Err(failure));
        }
    }

    fn answered(&mut self, id: RpcId, result: Result<String, RpcFailure>) {
        self.rpcs.calls.remove(&id);
        self.out.push_back(Output::RpcAnswered { id, result });
    }
}

fn outcome(value: Option<Outcome>) -> Result<String, RpcFailure> {
    match value {
        Some(Outcome::Payload(payload)) => Ok(payload),
        Some(Outcome::Error(proto::RpcError { code, message, data })) => {
            Err(RpcFailure { code, message, data })
        }
        // Compressed answers come only to requests that say they take them.
        _ => Ok(String::new()),
    }
}

/// A random UUID (RFC 9562 §5.4, version 4).
fn uuid(rng: &mut impl Rng) -> String {
    let random: u128 = rng.random();
    let value = random & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{value:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn ids_are_random_uuids() {
        let mut rng = StdRng::seed_from_u64(1);
        let (one, two) = (uuid(&mut rng), uuid(&mut rng));
        assert_ne!(one, two);
        assert_eq!(one.len(), 36);
        assert_eq!(&one[14..15], "4");
        assert!("89ab".contains(&one[19..20]));
    }

    #[test]
    fn a_failure_reads_as_livekit_writes_it() {
        let failure = RpcFailure { code: 1502, message: "Response timeout".into(), data: String::new() };
        assert_eq!(failure.to_string(), "RpcError 1502: Response timeout");
        let failure = RpcFailure { data: "more".into(), ..failure };
        assert_eq!(failure.to_string(), "RpcError 1502: Response timeout: more");
    }
}
