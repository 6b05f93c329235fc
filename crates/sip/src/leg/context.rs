//! What a leg may reach while it handles something: the transactions, the events, randomness.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, RngCore};

use super::{Identity, LegEvent, LegId};
use crate::dialog::NamedHop;
use crate::msg::{HeaderName, Request, Response};
use crate::target::Failed;
use crate::target::{Destination, Flow, MAX_DATAGRAM, Oversize, Transport};
use crate::timer::Timers;
use crate::txn::{ClientId, Hop, Layer, ServerId};

/// What a Via header field takes, about.
const VIA_BYTES: usize = 80;

/// Lent to a leg for one step.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) timers: &'a Timers,
    pub(crate) identity: &'a Identity,
    pub(crate) txns: &'a mut Layer,
    pub(crate) events: &'a mut VecDeque<(LegId, LegEvent)>,
    pub(crate) rng: &'a mut StdRng,
    pub(crate) oversize: &'a mut Oversize,
    pub(crate) failed: &'a mut VecDeque<Failed>,
    pub(crate) names: &'a mut VecDeque<(LegId, NamedHop)>,
}

impl Context<'_> {
    pub(crate) fn emit(&mut self, leg: LegId, event: LegEvent) {
        self.events.push_back((leg, event));
    }

    /// A fresh tag.
    pub(crate) fn tag(&mut self) -> String {
        format!("{:016x}", self.rng.next_u64())
    }

    /// Puts a Via with a fresh branch on top of a request that is complete otherwise, and says which way it goes: a
    /// request too large for a datagram takes TCP. `None` when the transport is not served.
    pub(crate) fn add_via(&mut self, request: &mut Request, hop: Hop) -> Option<Hop> {
        let hop = self.fit(request, hop);
        let branch = format!("z9hG4bK{:016x}", self.rng.next_u64());
        let via = self.identity.via(hop.destination.transport, &branch)?;
        request.headers.push_front(HeaderName::Via, via);
        Some(hop)
    }

    fn fit(&self, request: &Request, hop: Hop) -> Hop {
        let Destination { transport, addr, .. } = hop.destination;
        let too_large = || request.encode().len() + VIA_BYTES > MAX_DATAGRAM;
        let served = self.identity.contacts.get(Transport::Tcp).is_some();
        if transport == Transport::Udp && served && too_large() && self.oversize.takes_tcp(self.now, addr) {
            return Hop { destination: Destination::new(Transport::Tcp, addr), flow: None };
        }
        hop
    }

    /// A next hop did not take an INVITE.
    pub(crate) fn note_failed(&mut self, destination: Destination, retry_after: Option<Duration>) {
        self.failed.push_back(Failed { destination, retry_after });
    }

    pub(crate) fn random_below(&mut self, bound: u32) -> u32 {
        self.rng.random_range(0..bound)
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
