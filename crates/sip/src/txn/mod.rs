//! Transactions: a request and its responses, repeated where the transport loses, matched where they come back
//! (RFC 3261 §17, corrected by RFC 6026).
//!
//! The two state machines for each side ([`client`], [`server`]) know no messages; the two tables ([`clients`],
//! [`servers`]) know which message belongs to which machine. A 2xx to INVITE and its ACK are the leg's business.
//!
//! It never knows what a call is: a transaction's owner is a number, handed back with everything that concerns it.

mod client;
mod clients;
mod key;
mod server;
mod servers;

pub(crate) use clients::{ClientId, Clients, Expired, Matched};
pub(crate) use servers::{Received, ServerId, Servers, reply_hop};

use std::collections::VecDeque;
use std::time::Instant;

use crate::target::{Destination, Flow, Transmit};
use crate::timer::Timers;

/// Whose transaction it is.
pub(crate) type Owner = u64;

/// Where a message goes, and over which connection if that is still open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hop {
    pub(crate) destination: Destination,
    pub(crate) flow: Option<Flow>,
}

impl Hop {
    pub(crate) fn transmit(self, bytes: bytes::Bytes) -> Transmit {
        Transmit { destination: self.destination, flow: self.flow, bytes }
    }
}

/// Both tables and what they have to send.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) clients: Clients,
    pub(crate) servers: Servers,
    pub(crate) out: VecDeque<Transmit>,
}

impl Layer {
    pub(crate) fn new(timers: Timers) -> Layer {
        Layer { clients: Clients::new(timers), servers: Servers::new(timers), out: VecDeque::new() }
    }

    /// Transactions at once.
    pub(crate) fn len(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.clients.next_timeout().into_iter().chain(self.servers.next_timeout()).min()
    }
}
