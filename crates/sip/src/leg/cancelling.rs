//! Giving a call up before it is answered (RFC 3261 §9.1).

use super::identity::add_custom;
use super::{Context, Custom, Leg, Phase};
use crate::leg::sent::Purpose;
use crate::msg::{CSeq, HeaderName, Method, Request, Response, StatusCode};

impl Leg {
    /// Before any response CANCEL must not go out: it waits for one.
    pub(super) fn cancel_later(&mut self, headers: Custom) {
        if let Some(calling) = &mut self.calling {
            calling.hangup.get_or_insert(headers);
        }
    }

    /// Sends CANCEL as a transaction of its own. The INVITE's own end is still awaited, for at most 64*T1: a refusal
    /// (487), or a 2xx that crossed.
    pub(super) fn cancel(&mut self, cx: &mut Context<'_>, headers: Custom) {
        self.phase = Phase::Cancelling;
        let Some(calling) = &mut self.calling else { return };
        calling.deadline = Some(cx.now + cx.timers.give_up());
        let Some(invite) = &calling.sent else { return };
        let mut cancel = cancel_for(invite);
        cancel.headers.push(HeaderName::UserAgent, cx.identity.user_agent.as_str());
        add_custom(&mut cancel.headers, &headers);
        calling.hangup = Some(headers);
        let hop = calling.hop;
        if let Some(txn) = cx.send(self.id, &cancel, hop) {
            self.note_sent(txn, Purpose::Cancel);
        }
    }

    /// 481: CANCEL has overtaken its INVITE, or the INVITE was lost. Should it come there yet, CANCEL goes out again.
    pub(super) fn on_cancel_response(&mut self, response: &Response) {
        if let Some(calling) = &mut self.calling {
            calling.cancel_missed = response.status == StatusCode::CALL_DOES_NOT_EXIST;
        }
    }
}

/// Same Request-URI, Call-ID, From, To, number, Route and top Via as the INVITE.
pub(super) fn cancel_for(invite: &Request) -> Request {
    let mut cancel = Request::new(Method::Cancel, invite.uri.clone());
    if let Some(via) = invite.headers.get(&HeaderName::Via) {
        cancel.headers.push(HeaderName::Via, via);
    }
    for name in
        [HeaderName::MaxForwards, HeaderName::Route, HeaderName::From, HeaderName::To, HeaderName::CallId]
    {
        cancel.headers.copy_from(&invite.headers, &name);
    }
    if let Ok(cseq) = invite.headers.cseq() {
        cancel.headers.push(HeaderName::CSeq, CSeq::new(cseq.number, Method::Cancel));
    }
    cancel
}
