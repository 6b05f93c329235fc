//! Next hops inside a dialog that are named and no address: a Contact or Record-Route with a host name (RFC 3263 §4).
//!
//! The shell resolves names, so the agent asks it as soon as one is learnt ([`Output::Resolve`](crate::Output::Resolve))
//! and nothing waits: until the answer is there, and where there is none, requests go the way the dialog began.

use super::Dialog;
use crate::msg::Host;
use crate::target::{Contacts, Destination, TlsPeer, Transport};

/// A next hop to be resolved.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NamedHop {
    /// Its name.
    pub host: Host,
    /// Its port, if one is named: then there is no question about SRV records.
    pub port: Option<u16>,
    /// How it is reached.
    pub transport: Transport,
    /// Over TLS: the peer that the dialog began with. This one has its own name, and is proven the same way otherwise.
    pub peer: TlsPeer,
}

/// What was asked for last, and where it leads.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    hop: NamedHop,
    pub(super) found: Option<Destination>,
}

impl NamedHop {
    /// Which of the addresses that were found is taken. The way the dialog began comes first, then another port of that
    /// host: of several machines behind one name it is the one that knows the call. An address that only has a meaning
    /// where the peer stands is of no use here.
    #[must_use]
    pub fn choose(&self, began: Destination, found: &[Destination]) -> Option<Destination> {
        let usable = |to: &&Destination| {
            to.transport == self.transport && !super::is_unreachable(to.addr.ip(), began.addr.ip())
        };
        let usable: Vec<_> = found.iter().filter(usable).collect();
        if usable.iter().any(|to| to.transport == began.transport && to.addr == began.addr) {
            return Some(began);
        }
        let same_host = usable.iter().find(|to| to.addr.ip() == began.addr.ip());
        same_host.or(usable.first()).map(|to| **to)
    }
}

impl Dialog {
    /// The next hop, if it is named.
    pub(super) fn named_hop(&self, is_served: impl Fn(Transport) -> bool) -> Option<NamedHop> {
        let uri = self.next_uri();
        let host = uri.host().filter(|host| host.name().is_some())?.clone();
        let port = uri.port().filter(|port| *port != 0);
        let (transport, peer) = (self.next_transport(is_served), self.way.destination.peer);
        Some(NamedHop { host, port, transport, peer })
    }

    /// The name that is to be resolved now, told once.
    pub(crate) fn ask(&mut self, served: &Contacts) -> Option<NamedHop> {
        let hop = self.named_hop(|transport| served.get(transport).is_some());
        if hop.as_ref() == self.asked.as_ref().map(|asked| &asked.hop) {
            return None;
        }
        self.asked = hop.clone().map(|hop| Asked { hop, found: None });
        hop
    }

    /// Takes in where a name leads; nothing when it was not found.
    pub(crate) fn resolved(&mut self, hop: &NamedHop, found: &[Destination]) {
        let began = self.way.destination;
        if let Some(asked) = self.asked.as_mut().filter(|asked| asked.hop == *hop) {
            asked.found = hop.choose(began, found);
        }
    }

    /// Where the next hop's name leads, as far as that is known.
    pub(super) fn named_destination(&self, served: &Contacts) -> Option<Destination> {
        let asked = self.asked.as_ref()?;
        let is_current =
            self.named_hop(|transport| served.get(transport).is_some()).as_ref() == Some(&asked.hop);
        asked.found.filter(|_| is_current)
    }
}
