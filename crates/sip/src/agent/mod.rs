//! The whole user agent: which message belongs to which leg, and the answers to everything that belongs to none.
//!
//! It never opens a socket, asks a clock or decides about a call: it tells, and does what it is told.

mod commands;
mod config;
mod incoming;
mod output;
mod stateless;

pub use config::{AgentConfig, Inbound, Limits};
pub use output::{DialError, Output};

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

use crate::dialog::NamedHop;
use crate::leg::{Context, Identity, Leg, LegEvent, LegId};
use crate::msg::Message;
use crate::target::{Destination, Failed, MAX_DATAGRAM_PEERS, Oversize, TransportError};
use crate::timer::Deadlines;
use crate::txn::{Expired, Layer};
use stateless::Stateless;

/// How much an agent holds, and what it has turned away since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AgentStats {
    /// Legs, those that only wait for late copies included.
    pub legs: usize,
    /// Client transactions.
    pub client_transactions: usize,
    /// Server transactions.
    pub server_transactions: usize,
    /// Datagrams and frames that were no SIP message.
    pub malformed: u64,
    /// Responses and ACKs that belong to nothing here.
    pub stray: u64,
    /// Requests answered without state.
    pub stateless: u64,
    /// Requests dropped: beyond [`Limits::stateless_per_second`], or ignored as configured.
    pub dropped: u64,
    /// Calls and requests refused since the tables were full.
    pub refused: u64,
    /// Peers known to take datagrams only, of [`AgentStats::MOST_DATAGRAM_PEERS`].
    pub datagram_peers: usize,
    /// Those that found no place among them.
    pub datagram_peers_forgotten: u64,
}

impl AgentStats {
    /// Peers remembered to take datagrams only.
    pub const MOST_DATAGRAM_PEERS: usize = MAX_DATAGRAM_PEERS;
}

impl std::ops::Add for AgentStats {
    type Output = AgentStats;

    fn add(self, other: AgentStats) -> AgentStats {
        AgentStats {
            legs: self.legs + other.legs,
            client_transactions: self.client_transactions + other.client_transactions,
            server_transactions: self.server_transactions + other.server_transactions,
            malformed: self.malformed + other.malformed,
            stray: self.stray + other.stray,
            stateless: self.stateless + other.stateless,
            dropped: self.dropped + other.dropped,
            refused: self.refused + other.refused,
            datagram_peers: self.datagram_peers + other.datagram_peers,
            datagram_peers_forgotten: self.datagram_peers_forgotten + other.datagram_peers_forgotten,
        }
    }
}

/// A SIP user agent without IO. Drain [`Agent::poll_output`] after every call that takes `&mut self`.
#[derive(Debug)]
pub struct Agent {
    config: AgentConfig,
    identity: Identity,
    rng: StdRng,
    txns: Layer,
    legs: HashMap<LegId, Leg>,
    /// By Call-ID and our tag.
    dialogs: HashMap<(String, String), LegId>,
    deadlines: Deadlines<LegId>,
    events: VecDeque<(LegId, LegEvent)>,
    stateless: Stateless,
    oversize: Oversize,
    failed: VecDeque<Failed>,
    names: VecDeque<(LegId, NamedHop)>,
    last_leg: u64,
    malformed: u64,
    stray: u64,
    refused: u64,
}

impl Agent {
    /// An agent with nothing in it. `seed` must be unguessable in use: branches and tags follow from it.
    #[must_use]
    pub fn new(config: AgentConfig, seed: u64) -> Agent {
        let mut rng = StdRng::seed_from_u64(seed);
        let user_agent = config.user_agent.clone();
        let stateless =
            Stateless::new(rng.next_u64(), user_agent.clone(), config.limits.stateless_per_second);
        Agent {
            identity: Identity { contacts: config.contacts.clone(), user_agent },
            txns: Layer::new(config.timers),
            config,
            rng,
            legs: HashMap::new(),
            dialogs: HashMap::new(),
            deadlines: Deadlines::new(),
            events: VecDeque::new(),
            stateless,
            oversize: Oversize::default(),
            failed: VecDeque::new(),
            names: VecDeque::new(),
            last_leg: 0,
            malformed: 0,
            stray: 0,
            refused: 0,
        }
    }

    /// What it was made with.
    #[must_use]
    pub fn config(&self) -> &AgentConfig {
        &self.config
    }

    /// The shell could not deliver to `destination`. Requests that were answered already are not affected: their
    /// peer finds its own way back.
    pub fn transport_failed(&mut self, now: Instant, destination: Destination, error: &TransportError) {
        let failed = self.txns.clients.fail(destination);
        self.undelivered(now, failed, error);
    }

    /// The shell could not take this one message on: nothing is said about where it was to go, and no other request is
    /// affected. A response or an ACK is not missed; the peer repeats what it is for.
    pub fn message_refused(&mut self, now: Instant, bytes: &[u8], error: &TransportError) {
        if let Ok(Message::Request(request)) = Message::parse(bytes) {
            let failed = self.txns.clients.fail_one(&request);
            self.undelivered(now, failed.into_iter().collect(), error);
        }
    }

    /// Where a name leads that [`Output::Resolve`] asked for, in the order in which to try; nothing when it leads nowhere.
    pub fn resolved(&mut self, now: Instant, leg: LegId, hop: &NamedHop, found: &[Destination]) {
        self.with_leg(now, leg, |leg, cx| leg.on_resolved(cx, hop, found));
    }

    /// A connection over which messages had come is gone. Requests without any answer go once more, over a new one; those
    /// that had gone twice are lost. Calls that are up go on: their next request opens a connection.
    pub fn connection_lost(&mut self, now: Instant, destination: Destination, error: &TransportError) {
        let failed = self.txns.clients.renew(destination, &mut self.txns.out);
        self.undelivered(now, failed, error);
    }

    fn undelivered(&mut self, now: Instant, failed: Vec<Expired>, error: &TransportError) {
        for Expired { owner, id } in failed {
            self.with_leg(now, LegId(owner), |leg, cx| leg.on_undelivered(cx, id, error));
        }
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(expired) = self.txns.clients.expire(now, &mut self.txns.out) {
            self.with_leg(now, LegId(expired.owner), |leg, cx| leg.on_expired(cx, expired.id));
        }
        self.txns.servers.expire(now, &mut self.txns.out);
        while let Some(id) = self.deadlines.pop_due(now) {
            self.with_leg(now, id, Leg::on_timeout);
        }
    }

    /// When [`Agent::handle_timeout`] is to be called next.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.txns.next_timeout().into_iter().chain(self.deadlines.next()).min()
    }

    /// The next thing to do. Messages come before events, so an ACK is on its way before its call is told.
    pub fn poll_output(&mut self) -> Option<Output> {
        if let Some(transmit) = self.txns.out.pop_front() {
            return Some(Output::Transmit(transmit));
        }
        if let Some((leg, event)) = self.events.pop_front() {
            return Some(Output::Event { leg, event });
        }
        if let Some((leg, hop)) = self.names.pop_front() {
            return Some(Output::Resolve { leg, hop });
        }
        let Failed { destination, retry_after } = self.failed.pop_front()?;
        Some(Output::TargetFailed { destination, retry_after })
    }

    /// Counts.
    #[must_use]
    pub fn stats(&self) -> AgentStats {
        AgentStats {
            legs: self.legs.len(),
            client_transactions: self.txns.clients.len(),
            server_transactions: self.txns.servers.len(),
            malformed: self.malformed,
            stray: self.stray,
            stateless: self.stateless.answered,
            dropped: self.stateless.dropped,
            refused: self.refused,
            datagram_peers: self.oversize.len(),
            datagram_peers_forgotten: self.oversize.forgotten,
        }
    }

    fn is_full(&self) -> bool {
        self.legs.len() >= self.config.limits.legs || self.txns.len() >= self.config.limits.transactions
    }

    fn next_leg_id(&mut self) -> LegId {
        self.last_leg += 1;
        LegId(self.last_leg)
    }

    fn context(&mut self, now: Instant) -> Context<'_> {
        Context {
            now,
            timers: &self.config.timers,
            identity: &self.identity,
            txns: &mut self.txns,
            events: &mut self.events,
            rng: &mut self.rng,
            oversize: &mut self.oversize,
            failed: &mut self.failed,
            names: &mut self.names,
        }
    }

    fn insert(&mut self, now: Instant, id: LegId, mut leg: Leg) {
        leg.ask_names(&mut self.context(now));
        self.dialogs.insert(leg.key(), id);
        self.legs.insert(id, leg);
        self.settle(now, id);
    }

    /// Lends a leg what it may reach, then sets its timer or forgets it.
    fn with_leg<R>(
        &mut self,
        now: Instant,
        id: LegId,
        step: impl FnOnce(&mut Leg, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let mut cx = Context {
            now,
            timers: &self.config.timers,
            identity: &self.identity,
            txns: &mut self.txns,
            events: &mut self.events,
            rng: &mut self.rng,
            oversize: &mut self.oversize,
            failed: &mut self.failed,
            names: &mut self.names,
        };
        let leg = self.legs.get_mut(&id)?;
        let result = step(leg, &mut cx);
        leg.ask_names(&mut cx);
        leg.record_changes(&mut cx);
        self.settle(now, id);
        Some(result)
    }

    fn settle(&mut self, now: Instant, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        if leg.is_over(now) {
            self.deadlines.set(id, None);
            self.dialogs.remove(&leg.key());
            self.legs.remove(&id);
        } else {
            self.deadlines.set(id, leg.deadline());
        }
    }
}
