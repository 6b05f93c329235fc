//! Every 2xx to an INVITE of ours: acknowledged, acknowledged again, and ended where one too many answered
//! (RFC 3261 §13.2.2.4).

use std::time::Instant;

use super::{Context, Leg, LegEvent, Phase};
use crate::auth::copy_credentials;
use crate::msg::{Headers, Request, Response};
use crate::target::{Flow, Transmit};
use crate::txn::{ClientId, Hop};

/// Answers that are remembered: one per fork, and one per re-INVITE of the last 64*T1.
const MAX_ACKS: usize = 32;

/// Forks of one INVITE whose answers are taken; a peer that invents more is not answered.
const MAX_ANSWERS: usize = 16;

/// An ACK that goes out again for each copy of its 2xx.
#[derive(Debug)]
pub(super) struct SentAck {
    txn: ClientId,
    tag: String,
    transmit: Transmit,
    /// It waits for the dialog to be written down.
    held: bool,
    /// No copy can come after this.
    pub(super) until: Instant,
}

impl SentAck {
    /// It goes by this hop from now on. What is to be sent at once: nothing if it is another dialog's, is still held, or
    /// names another transport in its Via.
    pub(super) fn redirect(&mut self, tag: &str, hop: Hop) -> Option<Transmit> {
        if self.tag != tag || self.transmit.destination.transport != hop.destination.transport {
            return None;
        }
        self.transmit = hop.transmit(self.transmit.bytes.clone());
        (!self.held).then(|| self.transmit.clone())
    }
}

impl Leg {
    /// A 2xx to our INVITE that is no copy: the answer, or that of a fork that came second, or one that crossed our
    /// CANCEL.
    pub(super) fn on_answer(&mut self, cx: &mut Context<'_>, response: &Response, flow: &Flow) {
        let Some(calling) = &mut self.calling else { return };
        let Some(dialog) = calling.dialog(response, flow) else { return };
        let (Some(txn), number) = (calling.txn, calling.number()) else { return };
        let Some(invite) = calling.sent.clone() else { return };
        calling.deadline = None;
        if self.has_answered_enough(txn) {
            return;
        }
        let tag = dialog.remote_tag().to_owned();
        self.keep_early_state(dialog);
        let held = self.holds_acks();
        self.acknowledge(cx, txn, &tag, &invite, number, held);
        match self.phase {
            Phase::Calling | Phase::Proceeding | Phase::Cancelling => self.take_answer(cx, response, tag),
            _ => self.bye_surplus(cx, &tag),
        }
    }

    pub(super) fn has_answered_enough(&self, txn: ClientId) -> bool {
        self.acks.iter().filter(|ack| ack.txn == txn).count() >= MAX_ANSWERS
    }

    /// An early dialog becomes confirmed: target and routes are those of the 2xx, the peer's numbers go on.
    fn keep_early_state(&mut self, mut dialog: crate::dialog::Dialog) {
        let tag = dialog.remote_tag().to_owned();
        if let Some(early) = self.branches.get(&tag) {
            dialog.continue_from(early);
        }
        self.branches.insert(dialog, false);
    }

    fn take_answer(&mut self, cx: &mut Context<'_>, response: &Response, tag: String) {
        self.auth.accepted();
        self.branches.choose(&tag);
        let gave_up = self.is_giving_up();
        let headers = self.calling.as_mut().and_then(|calling| calling.hangup.take()).unwrap_or_default();
        self.phase = Phase::Up;
        if gave_up {
            return self.bye(cx, headers);
        }
        self.session.agreed(cx.now, &response.headers);
        let early = self.branches.main().and_then(|dialog| dialog.description().map(str::to_owned));
        let offered = || self.calling.as_ref().and_then(|calling| calling.invite.body.clone());
        self.session.description = early.or_else(offered);
        self.record_dialog(cx);
        let hasty = self.branches.is_hasty(&tag);
        cx.emit(self.id, LegEvent::Answered { response: response.into(), remote_tag: tag });
        if hasty {
            self.end(cx, Some(LegEvent::RemoteBye { headers: Headers::new() }));
        }
    }

    /// Sends the ACK, with the INVITE's credentials, and keeps it for copies of the 2xx; `held` only keeps it.
    pub(super) fn acknowledge(
        &mut self,
        cx: &mut Context<'_>,
        txn: ClientId,
        tag: &str,
        invite: &Request,
        number: u32,
        held: bool,
    ) {
        let Some(dialog) = self.branches.get(tag) else { return };
        let mut ack = dialog.ack(number);
        let hop = dialog.next_hop(&cx.identity.contacts);
        copy_credentials(invite, &mut ack);
        let Some(hop) = cx.add_via(&mut ack, hop) else { return };
        let transmit = hop.transmit(ack.encode());
        if !held {
            cx.txns.out.push_back(transmit.clone());
        }
        self.acks.retain(|ack| ack.until > cx.now);
        if self.acks.len() >= MAX_ACKS {
            self.acks.remove(0);
        }
        let until = cx.now + cx.timers.give_up();
        self.acks.push(SentAck { txn, tag: tag.to_owned(), transmit, held, until });
    }

    /// Sends the ACKs that were kept back.
    pub(super) fn release_acks(&mut self, cx: &mut Context<'_>) {
        for ack in self.acks.iter_mut().filter(|ack| ack.held) {
            ack.held = false;
            cx.txns.out.push_back(ack.transmit.clone());
        }
    }

    /// A copy of a 2xx gets its ACK again; `false` when it is none.
    pub(super) fn acknowledge_again(
        &mut self,
        cx: &mut Context<'_>,
        txn: ClientId,
        response: &Response,
    ) -> bool {
        if !response.status.is_success() {
            return false;
        }
        let tag = response.headers.to_tag().unwrap_or_default();
        let known = self.acks.iter().find(|ack| ack.txn == txn && ack.tag == tag);
        if let Some(ack) = known.filter(|ack| !ack.held) {
            cx.txns.out.push_back(ack.transmit.clone());
        }
        known.is_some()
    }

    /// A fork that answered second: its call ends, ours goes on.
    pub(super) fn bye_surplus(&mut self, cx: &mut Context<'_>, tag: &str) {
        if !self.branches.is_hasty(tag) {
            self.bye_surplus_branch(cx, tag);
        }
    }
}
