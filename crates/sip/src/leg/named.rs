//! Next hops that are named: asked for as soon as they are learnt, and followed once they are known.

use super::{Context, Leg};
use crate::dialog::NamedHop;
use crate::target::Destination;

impl Leg {
    /// Asks for the names that the dialogs have learnt since.
    pub(crate) fn ask_names(&mut self, cx: &mut Context<'_>) {
        for dialog in self.branches.iter_mut() {
            if let Some(hop) = dialog.ask(&cx.identity.contacts) {
                cx.names.push_back((self.id, hop));
            }
        }
    }

    /// A name has been resolved. An ACK that has gone the old way meanwhile goes the new one too: whoever answered waits
    /// for it, and takes the second for a copy.
    pub(crate) fn on_resolved(&mut self, cx: &mut Context<'_>, hop: &NamedHop, found: &[Destination]) {
        for dialog in self.branches.iter_mut() {
            let before = dialog.next_hop(&cx.identity.contacts);
            dialog.resolved(hop, found);
            let after = dialog.next_hop(&cx.identity.contacts);
            if before == after {
                continue;
            }
            let tag = dialog.remote_tag();
            for ack in self.acks.iter_mut().filter(|ack| ack.until > cx.now) {
                if let Some(transmit) = ack.redirect(tag, after) {
                    cx.txns.out.push_back(transmit);
                }
            }
        }
    }
}
