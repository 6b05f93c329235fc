//! Next hops that were given up because they said nothing, and speak up after all: an INVITE that rings late is
//! cancelled, one that is answered late is acknowledged and ended, while the call goes on elsewhere.

use std::time::Instant;

use super::cancelling::cancel_for;
use super::sent::Purpose;
use super::{Context, Leg};
use crate::dialog::Dialog;
use crate::msg::{HeaderName, Request, Response};
use crate::target::Flow;
use crate::txn::{ClientId, Hop};

/// An INVITE that was given up for the next target.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) txn: ClientId,
    pub(super) sent: Request,
    pub(super) hop: Hop,
    pub(super) cancelled: bool,
    /// Nothing is expected of it any more.
    pub(super) until: Instant,
}

impl Leg {
    /// A response to an INVITE that was given up; `false` when it is none.
    pub(super) fn on_late_response(
        &mut self,
        cx: &mut Context<'_>,
        txn: ClientId,
        response: &Response,
        flow: &Flow,
    ) -> bool {
        let Some(at) = self.attempts.iter().position(|attempt| attempt.txn == txn) else { return false };
        match response.status.code() {
            100..200 => self.cancel_late(cx, at),
            200..300 => self.end_late(cx, at, response, flow),
            _ => {
                self.attempts.remove(at);
            }
        }
        true
    }

    fn cancel_late(&mut self, cx: &mut Context<'_>, at: usize) {
        let attempt = &mut self.attempts[at];
        if std::mem::replace(&mut attempt.cancelled, true) {
            return;
        }
        attempt.until = cx.now + cx.timers.give_up();
        let mut cancel = cancel_for(&attempt.sent);
        cancel.headers.push(HeaderName::UserAgent, cx.identity.user_agent.as_str());
        let hop = attempt.hop;
        if let Some(txn) = cx.send(self.id, &cancel, hop) {
            self.note_sent(txn, Purpose::Cancel);
        }
    }

    fn end_late(&mut self, cx: &mut Context<'_>, at: usize, response: &Response, flow: &Flow) {
        let attempt = &self.attempts[at];
        let (txn, sent) = (attempt.txn, attempt.sent.clone());
        let Some(dialog) = Dialog::of_caller(&sent, response, Hop { flow: Some(*flow), ..attempt.hop })
        else {
            return;
        };
        if self.has_answered_enough(txn) {
            return;
        }
        let tag = dialog.remote_tag().to_owned();
        self.branches.insert(dialog, false);
        let number = sent.headers.cseq().map_or(0, |cseq| cseq.number);
        self.acknowledge(cx, txn, &tag, &sent, number, false);
        self.bye_surplus(cx, &tag);
    }

    /// An INVITE that was given up has ended; `false` when it is none.
    pub(super) fn forget_attempt(&mut self, txn: ClientId) -> bool {
        let before = self.attempts.len();
        self.attempts.retain(|attempt| attempt.txn != txn);
        self.attempts.len() < before
    }

    pub(super) fn on_attempts_timeout(&mut self, cx: &mut Context<'_>) {
        let now = cx.now;
        for attempt in self.attempts.extract_if(.., |attempt| attempt.until <= now) {
            cx.txns.clients.abandon_unfinished(attempt.txn);
        }
    }
}
