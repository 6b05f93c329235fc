//! Requests of peers that have or await our response.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use super::client::Kind;
use super::key::{MergeKey, ServerKey};
use super::server::{OnTimeout, ServerMachine};
use super::{Hop, Owner};
use crate::msg::{Method, Request, Response, StatusCode};
use crate::target::{Destination, Flow, Transmit};
use crate::timer::{Deadlines, Timers};

/// A server transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ServerId(u64);

/// What a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    /// One not seen before.
    New,
    /// A copy, or the ACK of a refusal: dealt with.
    Absorbed,
    /// The same request by another way (RFC 3261 §8.2.2.2).
    Merged,
}

#[derive(Debug)]
struct Server {
    machine: ServerMachine,
    key: ServerKey,
    merge: Option<MergeKey>,
    owner: Option<Owner>,
    hop: Hop,
    /// The last response, sent again for each copy of the request.
    last: Option<Bytes>,
    /// INVITE: the 100 that goes out when nothing else does.
    trying: Option<Bytes>,
}

/// All server transactions.
#[derive(Debug)]
pub(crate) struct Servers {
    timers: Timers,
    table: HashMap<ServerId, Server>,
    by_key: HashMap<ServerKey, ServerId>,
    by_merge: HashMap<MergeKey, ServerId>,
    deadlines: Deadlines<ServerId>,
    last_id: u64,
}

impl Servers {
    pub(super) fn new(timers: Timers) -> Servers {
        Servers {
            timers,
            table: HashMap::new(),
            by_key: HashMap::new(),
            by_merge: HashMap::new(),
            deadlines: Deadlines::new(),
            last_id: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// Deals with copies; a new request is the caller's to [`open`](Servers::open) or to answer without state.
    pub(crate) fn on_request(
        &mut self,
        now: Instant,
        request: &Request,
        out: &mut VecDeque<Transmit>,
    ) -> Received {
        if request.is_ack() {
            return self.on_ack(now, request);
        }
        let known =
            ServerKey::of(request).and_then(|key| self.by_key.get(&key)).and_then(|id| self.table.get(id));
        if let Some(server) = known {
            if let Some(bytes) = server.last.as_ref().filter(|_| server.machine.on_repeated_request()) {
                out.push_back(server.hop.transmit(bytes.clone()));
            }
            return Received::Absorbed;
        }
        let merged = MergeKey::of(&request.headers).is_some_and(|key| self.by_merge.contains_key(&key));
        if merged { Received::Merged } else { Received::New }
    }

    /// The ACK of a refusal ends its repetition; any other is the ACK of a 2xx, which is a leg's.
    fn on_ack(&mut self, now: Instant, ack: &Request) -> Received {
        let id = ServerKey::of_invite(ack).and_then(|key| self.by_key.get(&key).copied());
        let Some((id, server)) = id.and_then(|id| Some((id, self.table.get_mut(&id)?))) else {
            return Received::New;
        };
        if server.machine.was_accepted() {
            return Received::New;
        }
        server.machine.on_ack(now, &self.timers);
        self.settle(id);
        Received::Absorbed
    }

    /// Keeps a new request until it is answered and its copies have died out. `None` for one whose key cannot be
    /// read, which no parsed request is.
    pub(crate) fn open(
        &mut self,
        now: Instant,
        request: &Request,
        flow: &Flow,
        owner: Option<Owner>,
    ) -> Option<ServerId> {
        let key = ServerKey::of(request)?;
        let is_invite = request.method == Method::Invite;
        let kind = if is_invite { Kind::Invite } else { Kind::NonInvite };
        let machine = ServerMachine::start(now, kind, flow.transport.is_reliable());
        self.last_id += 1;
        let id = ServerId(self.last_id);
        let merge = MergeKey::of(&request.headers).filter(|_| is_invite);
        if let Some(merge) = &merge {
            self.by_merge.insert(merge.clone(), id);
        }
        self.deadlines.set(id, machine.deadline());
        self.by_key.insert(key.clone(), id);
        let trying = is_invite.then(|| Response::to(request, StatusCode::TRYING).encode());
        let hop = reply_hop(request, flow);
        self.table.insert(id, Server { machine, key, merge, owner, hop, last: None, trying });
        Some(id)
    }

    /// Sends a response; `false` when the transaction is gone or has its final response already.
    pub(crate) fn respond(
        &mut self,
        now: Instant,
        id: ServerId,
        response: &Response,
        out: &mut VecDeque<Transmit>,
    ) -> bool {
        let Some(server) = self.table.get_mut(&id) else { return false };
        if !server.machine.on_respond(now, &self.timers, response.status.code()) {
            return false;
        }
        let bytes = response.encode();
        out.push_back(server.hop.transmit(bytes.clone()));
        server.last = Some(bytes);
        self.settle(id);
        true
    }

    /// Where the responses of a transaction go: a leg repeats its 2xx to INVITE itself.
    pub(crate) fn hop(&self, id: ServerId) -> Option<Hop> {
        Some(self.table.get(&id)?.hop)
    }

    /// The INVITE a CANCEL is about: its transaction, its owner, and whether it still has no final response.
    pub(crate) fn cancelled(&self, cancel: &Request) -> Option<(ServerId, Option<Owner>, bool)> {
        let id = *self.by_key.get(&ServerKey::of_invite(cancel)?)?;
        let server = self.table.get(&id)?;
        Some((id, server.owner, server.machine.is_open()))
    }

    /// Runs what is due.
    pub(crate) fn expire(&mut self, now: Instant, out: &mut VecDeque<Transmit>) {
        while let Some(id) = self.deadlines.pop_due(now) {
            let Some(server) = self.table.get_mut(&id) else { continue };
            let bytes = match server.machine.on_timeout(now, &self.timers) {
                OnTimeout::SendTrying => {
                    server.last = server.trying.take();
                    server.last.clone()
                }
                OnTimeout::Resend => server.last.clone(),
                OnTimeout::Terminated | OnTimeout::Nothing => None,
            };
            out.extend(bytes.map(|bytes| server.hop.transmit(bytes)));
            self.settle(id);
        }
    }

    fn settle(&mut self, id: ServerId) {
        let Some(server) = self.table.get(&id) else { return };
        if !server.machine.is_terminated() {
            self.deadlines.set(id, server.machine.deadline());
            return;
        }
        self.deadlines.set(id, None);
        let Some(server) = self.table.remove(&id) else { return };
        self.by_key.remove(&server.key);
        if let Some(merge) = &server.merge {
            self.by_merge.remove(merge);
        }
    }
}

/// Where a response goes (RFC 3261 §18.2.2, RFC 3581 §4): back over the connection; over UDP to the address the
/// request came from, and to its port when `rport` asks for that, else to the port named in Via. What a Via says of
/// addresses is not believed, so that nobody is answered who did not ask.
pub(crate) fn reply_hop(request: &Request, flow: &Flow) -> Hop {
    let port = match request.headers.via() {
        Ok(via) if !flow.transport.is_reliable() && !via.params.contains("rport") => via.port_or_default(),
        _ => flow.remote.port(),
    };
    let addr = SocketAddr::new(flow.remote.ip(), port);
    Hop { destination: Destination::new(flow.transport, addr), flow: Some(*flow) }
}
