//! Requests of ours that wait for their responses.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use super::client::{ClientMachine, Kind, OnResponse, OnTimeout};
use super::key::{ClientKey, sent_by};
use super::{Hop, Owner};
use crate::msg::{CSeq, HeaderName, Method, Request, Response};
use crate::target::{Destination, Flow, Transmit};
use crate::timer::{Deadlines, Timers};

/// A client transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ClientId(u64);

/// A transaction that ended without a final response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expired {
    pub(crate) owner: Owner,
    pub(crate) id: ClientId,
}

#[derive(Debug)]
struct Client {
    machine: ClientMachine,
    key: ClientKey,
    owner: Owner,
    hop: Hop,
    sent_by: String,
    bytes: Bytes,
    /// It was sent once more over a new connection, since the first was lost.
    renewed: bool,
    /// INVITE: what its ACK is made from, then the ACK itself.
    ack: Ack,
}

#[derive(Debug)]
enum Ack {
    /// Not an INVITE.
    None,
    /// No final response yet.
    From(Box<Request>),
    /// Sent; repeated with each copy of the response.
    Sent(Bytes),
}

/// All client transactions.
#[derive(Debug)]
pub(crate) struct Clients {
    timers: Timers,
    table: HashMap<ClientId, Client>,
    by_branch: HashMap<ClientKey, ClientId>,
    deadlines: Deadlines<ClientId>,
    last_id: u64,
}

impl Clients {
    pub(super) fn new(timers: Timers) -> Clients {
        Clients {
            timers,
            table: HashMap::new(),
            by_branch: HashMap::new(),
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

    /// Sends a request, its Via already in place, and waits for its responses. `None` for a request without a
    /// branch, which no caller of ours makes.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        owner: Owner,
        request: &Request,
        hop: Hop,
        out: &mut VecDeque<Transmit>,
    ) -> Option<ClientId> {
        let kind = if request.method == Method::Invite { Kind::Invite } else { Kind::NonInvite };
        let machine = ClientMachine::start(now, &self.timers, kind, hop.destination.transport.is_reliable());
        let bytes = request.encode();
        let id = self.add(owner, request, hop, machine, bytes.clone())?;
        out.push_back(hop.transmit(bytes));
        Some(id)
    }

    fn add(
        &mut self,
        owner: Owner,
        request: &Request,
        hop: Hop,
        machine: ClientMachine,
        bytes: Bytes,
    ) -> Option<ClientId> {
        let key = ClientKey::of(&request.headers)?;
        let sent_by = sent_by(&request.headers.via().ok()?);
        let is_invite = request.method == Method::Invite;
        self.last_id += 1;
        let id = ClientId(self.last_id);
        self.deadlines.set(id, machine.deadline());
        self.by_branch.insert(key.clone(), id);
        let ack = if is_invite { Ack::From(Box::new(ack_ingredients(request))) } else { Ack::None };
        self.table.insert(id, Client { machine, key, owner, hop, sent_by, bytes, renewed: false, ack });
        Some(id)
    }

    /// Waits for the responses to an INVITE that an earlier run of the program sent.
    pub(crate) fn resume(&mut self, owner: Owner, invite: &Request, hop: Hop) -> Option<ClientId> {
        let machine = ClientMachine::resume(hop.destination.transport.is_reliable());
        self.add(owner, invite, hop, machine, Bytes::new())
    }

    /// Whose response this is, if its owner is to hear of it.
    pub(crate) fn on_response(
        &mut self,
        now: Instant,
        response: &Response,
        out: &mut VecDeque<Transmit>,
    ) -> Matched {
        let id = ClientKey::of(&response.headers).and_then(|key| self.by_branch.get(&key).copied());
        let Some((id, client)) = id.and_then(|id| Some((id, self.table.get_mut(&id)?))) else {
            return Matched::Stray;
        };
        // A response with someone else's top Via is not ours (RFC 3261 §18.1.2).
        if response.headers.via().map(|via| sent_by(&via)) != Ok(client.sent_by.clone()) {
            return Matched::Stray;
        }
        let verdict = client.machine.on_response(now, &self.timers, response.status.code());
        match verdict {
            OnResponse::DeliverAndAck => client.acknowledge(response, out),
            OnResponse::AckAgain => client.acknowledge_again(out),
            OnResponse::Deliver | OnResponse::Absorb => {}
        }
        let owner = client.owner;
        self.settle(id);
        match verdict {
            OnResponse::Deliver | OnResponse::DeliverAndAck => Matched::Deliver(owner, id),
            OnResponse::AckAgain | OnResponse::Absorb => Matched::Absorbed,
        }
    }

    /// Runs one deadline after the other until one leaves its owner without an answer; `None` when nothing more is
    /// due.
    pub(crate) fn expire(&mut self, now: Instant, out: &mut VecDeque<Transmit>) -> Option<Expired> {
        while let Some(id) = self.deadlines.pop_due(now) {
            let Some(client) = self.table.get_mut(&id) else { continue };
            let verdict = client.machine.on_timeout(now, &self.timers);
            if verdict == OnTimeout::Resend {
                out.push_back(client.hop.transmit(client.bytes.clone()));
            }
            let owner = client.owner;
            self.settle(id);
            if verdict == OnTimeout::TimedOut {
                return Some(Expired { owner, id });
            }
        }
        None
    }

    /// Ends and returns the transactions that had not reached `destination` for all we know: nothing was heard. Those
    /// that went over a connection to there count, wherever they would go without it.
    pub(crate) fn fail(&mut self, destination: Destination) -> Vec<Expired> {
        self.end(|client| client.is_unanswered_by(destination))
    }

    /// Ends and returns the transaction of one request that never left, if it is a transaction's.
    pub(crate) fn fail_one(&mut self, request: &Request) -> Option<Expired> {
        let id = self.by_branch.get(&ClientKey::of(&request.headers)?).copied()?;
        let client = self.table.get(&id).filter(|client| client.machine.is_unanswered())?;
        let owner = client.owner;
        self.abandon(id);
        Some(Expired { owner, id })
    }

    /// A connection that had served before was lost: the peer may have closed it just when these requests went out. They
    /// go once more, over a new one; a peer that had them takes them for copies, by their branch. Ends and returns those
    /// that have gone twice.
    pub(crate) fn renew(&mut self, destination: Destination, out: &mut VecDeque<Transmit>) -> Vec<Expired> {
        let twice = self.end(|client| client.renewed && client.is_unanswered_by(destination));
        let lost = self.table.values_mut().filter(|client| client.is_unanswered_by(destination));
        for client in lost {
            client.renewed = true;
            client.hop.flow = None;
            out.push_back(client.hop.transmit(client.bytes.clone()));
        }
        twice
    }

    fn end(&mut self, which: impl Fn(&Client) -> bool) -> Vec<Expired> {
        let chosen = self.table.iter().filter(|(_, client)| which(client));
        let ended: Vec<_> = chosen.map(|(id, client)| Expired { owner: client.owner, id: *id }).collect();
        for expired in &ended {
            self.abandon(expired.id);
        }
        ended
    }

    /// Forgets a transaction; whatever still comes for it is stray.
    pub(crate) fn abandon(&mut self, id: ClientId) {
        if let Some(client) = self.table.get_mut(&id) {
            client.machine.terminate();
            self.settle(id);
        }
    }

    /// Forgets a transaction that has no final response; one that has goes on dealing with copies.
    pub(crate) fn abandon_unfinished(&mut self, id: ClientId) {
        if self.table.get(&id).is_some_and(|client| client.machine.is_unfinished()) {
            self.abandon(id);
        }
    }

    fn settle(&mut self, id: ClientId) {
        let Some(client) = self.table.get(&id) else { return };
        if client.machine.is_terminated() {
            self.deadlines.set(id, None);
            if let Some(client) = self.table.remove(&id) {
                self.by_branch.remove(&client.key);
            }
        } else {
            self.deadlines.set(id, client.machine.deadline());
        }
    }
}

/// What became of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matched {
    Deliver(Owner, ClientId),
    /// A copy.
    Absorbed,
    /// Nobody's.
    Stray,
}

impl Client {
    /// Nothing was heard of `destination`, where it went: for all we know, or over a connection to there, wherever it
    /// would go without it.
    fn is_unanswered_by(&self, destination: Destination) -> bool {
        let same = |flow: Flow| flow.transport == destination.transport && flow.remote == destination.addr;
        let by_flow = destination.transport.is_reliable() && self.hop.flow.is_some_and(same);
        self.machine.is_unanswered() && (self.hop.destination == destination || by_flow)
    }

    fn acknowledge(&mut self, response: &Response, out: &mut VecDeque<Transmit>) {
        let Ack::From(request) = &mut self.ack else { return };
        if let Some(to) = response.headers.get(&HeaderName::To) {
            request.headers.set(HeaderName::To, to);
        }
        self.ack = Ack::Sent(request.encode());
        self.acknowledge_again(out);
    }

    fn acknowledge_again(&self, out: &mut VecDeque<Transmit>) {
        if let Ack::Sent(bytes) = &self.ack {
            out.push_back(self.hop.transmit(bytes.clone()));
        }
    }
}

/// The ACK to a refusal, but for the To of the response (RFC 3261 §17.1.1.3): the INVITE's own branch and Route.
fn ack_ingredients(invite: &Request) -> Request {
    let mut ack = Request::new(Method::Ack, invite.uri.clone());
    if let Some(via) = invite.headers.get(&HeaderName::Via) {
        ack.headers.push(HeaderName::Via, via);
    }
    for name in
        [HeaderName::MaxForwards, HeaderName::Route, HeaderName::From, HeaderName::To, HeaderName::CallId]
    {
        ack.headers.copy_from(&invite.headers, &name);
    }
    if let Ok(cseq) = invite.headers.cseq() {
        ack.headers.push(HeaderName::CSeq, CSeq::new(cseq.number, Method::Ack));
    }
    ack
}
