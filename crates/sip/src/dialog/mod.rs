//! Dialogs: what two ends remember of each other between a call's requests (RFC 3261 §12).
//!
//! A dialog is known by Call-ID and both tags. It numbers our requests, checks the numbers of the peer's, and knows
//! where the peer wants them sent: its Contact (the remote target) by way of the route set.
//!
//! It never sends anything and never knows whether the call is up.

mod named;
mod state;

pub use named::NamedHop;
pub use state::DialogState;
pub(crate) use state::Mark;

use std::net::{IpAddr, SocketAddr};

use crate::msg::{CSeq, HeaderName, Method, NameAddr, Request, Response, Uri};
use crate::target::{Contacts, Destination, Flow, Transport};
use crate::txn::Hop;
use named::Asked;

/// Hops a request may take (RFC 3261 §8.1.1.6).
const MAX_FORWARDS: u32 = 70;

/// One dialog, early or confirmed.
#[derive(Debug, Clone)]
pub(crate) struct Dialog {
    call_id: String,
    /// From in our requests, with our tag.
    local: NameAddr,
    /// To in our requests, with the peer's tag.
    remote: NameAddr,
    local_number: u32,
    remote_number: Option<u32>,
    /// The last reliable provisional response, and the number of the INVITE it answered.
    reliable: Option<(u32, u32)>,
    /// Our description, once offer and answer have been exchanged before the call is up.
    description: Option<String>,
    target: Uri,
    routes: Vec<NameAddr>,
    /// The way that worked last: used where the next hop is named, as long as it is not known where that leads.
    way: Hop,
    /// The next hop, where it is named.
    asked: Option<Asked>,
}

impl Dialog {
    /// The caller's view: our INVITE as sent, a response to it, the hop the INVITE took and the flow the response
    /// came by. A response without a usable Contact leaves the Request-URI as the target: even an unusable answer
    /// must be acknowledged somewhere.
    pub(crate) fn of_caller(invite: &Request, response: &Response, way: Hop) -> Option<Dialog> {
        let mut routes = response.headers.record_routes().unwrap_or_default();
        routes.reverse();
        Some(Dialog {
            call_id: invite.headers.call_id().ok()?.to_owned(),
            local: invite.headers.from().ok()?,
            remote: response.headers.to().ok()?,
            local_number: invite.headers.cseq().ok()?.number,
            remote_number: None,
            reliable: None,
            description: None,
            target: response.headers.contact().map_or_else(|_| invite.uri.clone(), |contact| contact.uri),
            routes,
            way,
            asked: None,
        })
    }

    /// The callee's view: the INVITE as it came, our tag, and its flow.
    pub(crate) fn of_callee(invite: &Request, local_tag: &str, flow: &Flow) -> Option<Dialog> {
        let remote = invite.headers.from().ok()?;
        let target = invite.headers.contact().map_or_else(|_| remote.uri.clone(), |contact| contact.uri);
        Some(Dialog {
            call_id: invite.headers.call_id().ok()?.to_owned(),
            local: invite.headers.to().ok()?.with_tag(local_tag),
            remote,
            local_number: 0,
            remote_number: Some(invite.headers.cseq().ok()?.number),
            reliable: None,
            description: None,
            target,
            routes: invite.headers.record_routes().unwrap_or_default(),
            way: Hop { destination: flow.back(), flow: Some(*flow) },
            asked: None,
        })
    }

    /// The peer's tag, empty when it has none (RFC 2543).
    pub(crate) fn remote_tag(&self) -> &str {
        self.remote.tag().unwrap_or_default()
    }

    /// A new request of ours, with the next number: everything but Via, Contact and what the method needs.
    pub(crate) fn request(&mut self, method: Method) -> Request {
        self.local_number += 1;
        self.compose(method, self.local_number)
    }

    /// The ACK for a 2xx to our INVITE of that number.
    pub(crate) fn ack(&self, number: u32) -> Request {
        self.compose(Method::Ack, number)
    }

    /// Takes the number of a peer's request; `false` when it is older than one seen before: then the answer is 500
    /// (RFC 3261 §12.2.2).
    pub(crate) fn take_remote_number(&mut self, number: u32) -> bool {
        let fresh = self.remote_number.is_none_or(|last| number >= last);
        if fresh {
            self.remote_number = Some(number);
        }
        fresh
    }

    /// Takes the RSeq of a reliable provisional response to our INVITE of that number; `false` when it is a copy or
    /// comes before its predecessor (RFC 3262 §4).
    pub(crate) fn take_rseq(&mut self, invite: u32, rseq: u32) -> bool {
        let fresh = match self.reliable {
            Some((number, last)) if number == invite => Some(rseq) == last.checked_add(1),
            _ => true,
        };
        if fresh {
            self.reliable = Some((invite, rseq));
        }
        fresh
    }

    /// This is the same dialog as `early`, confirmed: the numbers of both sides go on from there, and so does what was
    /// described, and where a name leads.
    pub(crate) fn continue_from(&mut self, early: &Dialog) {
        self.local_number = self.local_number.max(early.local_number);
        self.remote_number = early.remote_number;
        self.description.clone_from(&early.description);
        self.asked.clone_from(&early.asked);
    }

    /// Offer and answer have been exchanged: this is our side of it.
    pub(crate) fn describe(&mut self, description: String) {
        self.description = Some(description);
    }

    /// Our side of the last exchange before the call is up; `None` before the first one.
    pub(crate) fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// The peer has moved (a re-INVITE, an UPDATE, or the 2xx to ours).
    pub(crate) fn refresh_target(&mut self, contact: Option<NameAddr>, flow: &Flow) {
        if let Some(contact) = contact {
            self.target = contact.uri;
        }
        self.way.flow = Some(*flow);
    }

    /// Where the next request goes (RFC 3261 §8.1.2). A transport that is not named, or not served, is the one the
    /// dialog began with; a host that is named and no address is reached the way the dialog began until it is resolved.
    pub(crate) fn next_hop(&self, served: &Contacts) -> Hop {
        let uri = self.next_uri();
        let Some(ip) = uri.host().and_then(crate::msg::Host::ip) else {
            let found = self.named_destination(served);
            return found.map_or(self.way, |destination| self.hop_to(destination));
        };
        let transport = self.next_transport(|transport| served.get(transport).is_some());
        let port = uri.port().filter(|port| *port != 0).unwrap_or_else(|| transport.default_port());
        let addr = self.seen_address(ip, transport).unwrap_or(SocketAddr::new(ip, port));
        self.hop_to(Destination::new(transport, addr).with_peer(self.way.destination.peer))
    }

    /// By the socket or connection that is known, if it leads there.
    fn hop_to(&self, destination: Destination) -> Hop {
        let Destination { transport, addr, .. } = destination;
        let same_peer = |flow: &Flow| {
            flow.transport == transport && (!transport.is_reliable() || flow.remote.ip() == addr.ip())
        };
        Hop { destination, flow: self.way.flow.filter(same_peer) }
    }

    /// What the next request is sent by: the first route, else the target.
    fn next_uri(&self) -> &Uri {
        self.routes.first().map_or(&self.target, |route| &route.uri)
    }

    fn next_transport(&self, is_served: impl Fn(Transport) -> bool) -> Transport {
        match self.next_uri().transport() {
            Some(Ok(transport)) if is_served(transport) => transport,
            _ => self.way.destination.transport,
        }
    }

    /// Where the peer's messages come from, when what it names for itself cannot be reached from here (it stands
    /// behind NAT). Of a dialog that was written down only the way it was reached is known, and is as good. Proxies on
    /// the way (a route set) know better and are believed.
    fn seen_address(&self, named: IpAddr, transport: Transport) -> Option<SocketAddr> {
        let flow = self.way.flow.map(|flow| (flow.transport, flow.remote));
        let ways = [flow, Some((self.way.destination.transport, self.way.destination.addr))];
        let mut seen =
            ways.into_iter().flatten().filter(|(by, _)| *by == transport && self.routes.is_empty());
        let (_, seen) = seen.next()?;
        is_unreachable(named, seen.ip()).then_some(seen)
    }

    /// RFC 3261 §12.2.1.1: loose routers stand in Route; a strict one takes the Request-URI's place.
    fn compose(&self, method: Method, number: u32) -> Request {
        let strict = self.routes.first().filter(|route| !route.uri.is_loose_route());
        let uri = strict.map_or(&self.target, |route| &route.uri).clone().into_request_uri();
        let mut request = Request::new(method.clone(), uri);
        let headers = &mut request.headers;
        headers.push(HeaderName::MaxForwards, MAX_FORWARDS);
        for route in self.routes.iter().skip(usize::from(strict.is_some())) {
            headers.push(HeaderName::Route, route);
        }
        if strict.is_some() {
            headers.push(HeaderName::Route, NameAddr::new(self.target.clone()));
        }
        headers.push(HeaderName::From, &self.local);
        headers.push(HeaderName::To, &self.remote);
        headers.push(HeaderName::CallId, self.call_id.as_str());
        headers.push(HeaderName::CSeq, CSeq::new(number, method));
        request
    }
}

/// Whether an address of a peer that is seen elsewhere means nothing here.
fn is_unreachable(named: IpAddr, seen: IpAddr) -> bool {
    named.is_unspecified()
        || (named.is_loopback() && !seen.is_loopback())
        || (is_private(named) && !is_private(seen))
}

/// Not reachable over the public network: private, loopback, link-local or shared (carrier NAT) addresses.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let is_shared = a == 100 && b & 0xc0 == 64;
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || is_shared
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_loopback() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests;
