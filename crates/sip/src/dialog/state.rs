//! A dialog as plain values: written down while the call is up, so that a program that crashed can end it.

use super::{Dialog, NamedHop};
use crate::msg::{NameAddr, Uri};
use crate::target::{Destination, Transport};
use crate::txn::Hop;

/// Requests that may have been sent since the dialog was written down. Numbers may be skipped, never used twice.
const UNRECORDED: u32 = 100;

/// Everything a BYE needs. Addresses are as printed in their header fields; the whole is no secret but holds
/// telephone numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialogState {
    /// Call-ID.
    pub call_id: String,
    /// From of our requests, with our tag.
    pub local: String,
    /// To of our requests, with the peer's tag.
    pub remote: String,
    /// CSeq of our last request.
    pub number: u32,
    /// The peer's Contact: a URI.
    pub target: String,
    /// Route of our requests, in order.
    pub routes: Vec<String>,
    /// The next hop when target or routes name hosts and not addresses, or addresses that cannot be reached from here.
    pub destination: Destination,
}

/// A dialog as it was written down last.
#[derive(Debug)]
pub(crate) struct Mark {
    number: u32,
    target: Uri,
    destination: Destination,
}

impl DialogState {
    /// The next hop of its requests, if that is a name: whoever resolves it puts what it
    /// [chooses](NamedHop::choose) into [`DialogState::destination`].
    #[must_use]
    pub fn named_hop(&self) -> Option<NamedHop> {
        Dialog::restore(self)?.named_hop(|_| true)
    }

    /// Call-ID and our tag; `None` when From cannot be read.
    pub(crate) fn key(&self) -> Option<(String, String)> {
        let local: NameAddr = self.local.parse().ok()?;
        Some((self.call_id.clone(), local.tag()?.to_owned()))
    }
}

impl Dialog {
    /// What a later look at the dialog is compared with.
    pub(crate) fn mark(&self) -> Mark {
        Mark { number: self.local_number, target: self.target.clone(), destination: self.reached() }
    }

    /// Whether what was written down at `mark` will soon be of no use.
    pub(crate) fn has_moved(&self, mark: &Mark) -> bool {
        self.target != mark.target
            || self.reached() != mark.destination
            || self.local_number.saturating_sub(mark.number) >= UNRECORDED / 2
    }

    pub(crate) fn state(&self) -> DialogState {
        DialogState {
            call_id: self.call_id.clone(),
            local: self.local.to_string(),
            remote: self.remote.to_string(),
            number: self.local_number,
            target: self.target.to_string(),
            routes: self.routes.iter().map(NameAddr::to_string).collect(),
            destination: self.reached(),
        }
    }

    /// The way for a later run of the program. Over UDP it is where the peer was seen last; a connection that the peer
    /// opened cannot be opened from here.
    fn reached(&self) -> Destination {
        let way = self.way.destination;
        if let Some(asked) = &self.asked {
            return asked.found.unwrap_or(way);
        }
        match self.way.flow {
            Some(flow) if flow.transport == Transport::Udp && way.transport == Transport::Udp => flow.back(),
            _ => way,
        }
    }

    /// `None` when a part cannot be read.
    pub(crate) fn restore(state: &DialogState) -> Option<Dialog> {
        let dialog = Dialog {
            call_id: state.call_id.clone(),
            local: state.local.parse().ok()?,
            remote: state.remote.parse().ok()?,
            local_number: state.number,
            remote_number: None,
            reliable: None,
            description: None,
            target: state.target.parse().ok()?,
            routes: state.routes.iter().map(|route| route.parse().ok()).collect::<Option<_>>()?,
            way: Hop { destination: state.destination, flow: None },
            asked: None,
        };
        Some(dialog.skip_unrecorded())
    }

    /// Leaves out the numbers of requests that may have been sent since the dialog was written down.
    pub(crate) fn skip_unrecorded(mut self) -> Dialog {
        self.local_number = self.local_number.saturating_add(UNRECORDED);
        self
    }
}
