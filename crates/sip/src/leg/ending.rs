//! BYE, and the end of the leg (RFC 3261 §15).

use super::sent::{Draft, Purpose};
use super::{Context, Custom, Leg, LegEvent, Phase};
use crate::msg::{Method, StatusCode};

impl Leg {
    /// Ends the call with BYE. The leg ends with its answer, or without one after 64*T1.
    pub(super) fn bye(&mut self, cx: &mut Context<'_>, headers: Custom) {
        self.let_go(cx);
        self.phase = Phase::Ending;
        self.drop_offers(cx);
        let Some(tag) = self.branches.main_tag().map(str::to_owned) else { return self.end(cx, None) };
        if !self.send_inside(cx, &tag, Purpose::Bye, bye_draft(headers)) {
            self.end(cx, None);
        }
    }

    /// Ends a fork that answered second; the call goes on.
    pub(super) fn bye_surplus_branch(&mut self, cx: &mut Context<'_>, tag: &str) {
        self.send_inside(cx, tag, Purpose::SurplusBye, bye_draft(Custom::new()));
    }

    /// The peer does not know the dialog any more, or does not answer inside it (RFC 3261 §12.2.1.2).
    pub(super) fn lose_dialog(&mut self, cx: &mut Context<'_>) {
        if self.phase == Phase::Up {
            self.tell(cx, LegEvent::DialogLost);
            self.bye(cx, Custom::new());
        }
    }

    /// Tells an event, unless the end has been told.
    pub(super) fn tell(&self, cx: &mut Context<'_>, event: LegEvent) {
        if self.phase != Phase::Closed {
            cx.emit(self.id, event);
        }
    }

    /// Tells why, if anyone but the application ended it, and that it ended. Late copies are still dealt with.
    pub(super) fn end(&mut self, cx: &mut Context<'_>, cause: Option<LegEvent>) {
        if self.phase == Phase::Closed {
            return;
        }
        self.let_go(cx);
        if let Some(cause) = cause {
            cx.emit(self.id, cause);
        }
        cx.emit(self.id, LegEvent::Ended);
        self.drop_offers(cx);
        self.phase = Phase::Closed;
        self.ringing = None;
        self.unacked = None;
        self.bye_after_ack = None;
        if let Some(calling) = &mut self.calling {
            calling.deadline = None;
            calling.silent_until = None;
            calling.unheard_until = None;
            calling.hangup = None;
            if let Some(txn) = calling.txn {
                cx.txns.clients.abandon_unfinished(txn);
            }
        }
    }

    /// The peer's unanswered offer gets 487; our own is not tried again, nor is the session refreshed.
    fn drop_offers(&mut self, cx: &mut Context<'_>) {
        self.retry = None;
        self.session.stop();
        self.refuse_offer(cx, StatusCode::REQUEST_TERMINATED);
    }
}

pub(super) fn bye_draft(custom: Custom) -> Draft {
    Draft { method: Method::Bye, custom, own: None, body: None }
}
