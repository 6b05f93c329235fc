//! What a leg may reach while it handles something: the transactions, the events, randomness.

use std::collections::VecDeque;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng, RngCore};

use super::{Identity, LegEvent, LegId};
use crate::msg::{HeaderName, Request, Response};
use crate::target::Flow;
use crate::timer::Timers;
use crate::txn::{ClientId, Hop, Layer, ServerId};

/// Lent to a leg for one step.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) timers: &'a Timers,
    pub(crate) identity: &'a Identity,
    pub(crate) txns: &'a mut Layer,
    pub(crate) events: &'a mut VecDeque<(LegId, LegEvent)>,
    pub(crate) rng: &'a mut StdRng,
}

impl Context<'_> {
    pub(crate) fn emit(&mut self, leg: LegId, event: LegEvent) {
        self.events.push_back((leg, event));
    }

    /// A fresh tag.
    pub(crate) fn tag(&mut self) -> String {
        format!("{:016x}", self.rng.next_u64())
    }

    /// Puts a Via with a fresh branch on top. `false` when the transport is not served.
    pub(crate) fn add_via(&mut self, request: &mut Request, hop: Hop) -> bool {
        let branch = format!("z9hG4bK{:016x}", self.rng.next_u64());
        match self.identity.via(hop.destination.transport, &branch) {
            Some(via) => {
                request.headers.push_front(HeaderName::Via, via);
                true
            }
            None => false,
        }
    }

    /// Sends a request that has its Via, as a transaction of its own.
    pub(crate) fn send(&mut self, leg: LegId, request: &Request, hop: Hop) -> Option<ClientId> {
        self.txns.clients.send(self.now, leg.0, request, hop, &mut self.txns.out)
    }

    pub(crate) fn open(&mut self, leg: LegId, request: &Request, flow: &Flow) -> Option<ServerId> {
        self.txns.servers.open(self.now, request, flow, Some(leg.0))
    }

    pub(crate) fn respond(&mut self, id: ServerId, response: &Response) -> bool {
        self.txns.servers.respond(self.now, id, response, &mut self.txns.out)
    }

    /// A time within a range of milliseconds from now.
    pub(crate) fn after_random_ms(&mut self, from: u64, to: u64) -> Instant {
        self.now + std::time::Duration::from_millis(self.rng.random_range(from..=to))
    }
}
