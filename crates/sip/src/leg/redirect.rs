//! 3xx: the call is tried where the peer says, as far as the application allows (RFC 3261 §8.1.3.4).

use super::calling::Calling;
use super::{Context, Leg, LegEvent, Phase, Redirects};
use crate::msg::{NameAddr, Response, Scheme, Uri};
use crate::target::{Contacts, Destination, Targets, Transport};

/// Redirections of one call that are followed.
const MAX_FOLLOWED: usize = 5;

/// Where a call may still be tried.
#[derive(Debug, Default)]
pub(super) struct Redirected {
    /// Best last.
    contacts: Vec<Uri>,
    /// Addresses called so far.
    followed: Vec<Uri>,
}

/// The Contacts of a response by their `q`, best first; those without one count as 1.
pub(super) fn contacts(response: &crate::msg::Headers) -> Vec<NameAddr> {
    let quality = |contact: &NameAddr| {
        let q = contact.params.get("q").and_then(|q| q.parse::<f32>().ok());
        q.filter(|q| (0.0..=1.0).contains(q)).unwrap_or(1.0)
    };
    let mut contacts: Vec<NameAddr> = response.contacts().filter_map(Result::ok).collect();
    contacts.sort_by(|a, b| quality(b).total_cmp(&quality(a)));
    contacts
}

impl Leg {
    /// Calls the best of the contacts; `false` when none may be followed.
    pub(super) fn redirect(&mut self, cx: &mut Context<'_>, response: &Response) -> bool {
        let giving_up = self.is_giving_up();
        let Some(calling) = &mut self.calling else { return false };
        if giving_up || calling.options.redirects == Redirects::Report || response.status.code() == 380 {
            return false;
        }
        let mut found: Vec<Uri> =
            contacts(&response.headers).into_iter().map(|contact| contact.uri).collect();
        found.retain(|uri| calling.is_within_host(uri, &cx.identity.contacts));
        found.reverse();
        calling.redirected.contacts = found;
        self.follow(cx, response)
    }

    /// Calls the next contact of an earlier redirection, if there is one.
    pub(super) fn follow(&mut self, cx: &mut Context<'_>, response: &Response) -> bool {
        if self.is_giving_up() {
            return false;
        }
        let Some(calling) = &mut self.calling else { return false };
        let Some(uri) = calling.next_contact() else { return false };
        calling.go_to(uri.clone(), &cx.identity.contacts);
        self.phase = Phase::Calling;
        if !self.send_invite(cx) {
            return false;
        }
        cx.emit(self.id, LegEvent::Redirected { response: response.into(), target: uri });
        true
    }
}

impl Calling {
    fn next_contact(&mut self) -> Option<Uri> {
        let redirected = &mut self.redirected;
        if redirected.followed.len() >= MAX_FOLLOWED {
            return None;
        }
        let called = self.invite.request_uri.clone();
        while let Some(uri) = redirected.contacts.pop() {
            let known = redirected.followed.iter().chain([&called]).any(|known| known.equivalent(&uri));
            if !known {
                redirected.followed.push(uri.clone());
                return Some(uri);
            }
        }
        None
    }

    /// Same host as the one called, by name or address, and no less protected.
    fn is_within_host(&self, uri: &Uri, served: &Contacts) -> bool {
        let Some(host) = uri.host() else { return false };
        let same_name = self.invite.request_uri.host().is_some_and(|ours| ours.equivalent(host));
        let same_address = host.ip() == Some(self.targets.current().addr.ip());
        let secured = self.targets.current().transport == Transport::Tls;
        let transport = self.transport_to(uri, served);
        let less_secure = self.invite.request_uri.scheme() == Scheme::Sips && uri.scheme() != Scheme::Sips;
        (same_name || same_address)
            && !less_secure
            && transport.is_some_and(|t| !secured || t == Transport::Tls)
    }

    /// `None` for a transport that is not served.
    fn transport_to(&self, uri: &Uri, served: &Contacts) -> Option<Transport> {
        match uri.transport() {
            Some(Ok(transport)) => served.get(transport).map(|_| transport),
            Some(Err(_)) => None,
            None => Some(self.targets.current().transport),
        }
    }

    /// The host's address is known; port and transport are those of the contact where it names them.
    fn go_to(&mut self, uri: Uri, served: &Contacts) {
        let current = self.targets.current();
        let transport = self.transport_to(&uri, served).unwrap_or(current.transport);
        let mut addr = current.addr;
        match uri.port().filter(|port| *port != 0) {
            Some(port) => addr.set_port(port),
            None if transport != current.transport => addr.set_port(transport.default_port()),
            None => {}
        }
        self.targets = Targets::from(Destination::new(transport, addr).with_peer(current.peer));
        self.invite.request_uri = uri.into_request_uri();
        self.renumber();
    }
}
