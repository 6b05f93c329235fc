//! Our INVITE: its targets, challenges, provisional responses and refusals (RFC 3261 §13.2, §22).

use std::time::Instant;

use super::identity::add_custom;
use super::{AuthFailure, Context, Custom, Invite, Leg, LegEvent, LegId, Phase, ResponseSummary};
use crate::auth::Authenticator;
use crate::dialog::Dialog;
use crate::msg::{CSeq, HeaderName, Method, Request, Response, StatusCode};
use crate::target::{Flow, Targets, TransportError};
use crate::txn::{ClientId, Hop};

/// What the caller's side keeps of its INVITE.
#[derive(Debug)]
pub(super) struct Calling {
    invite: Invite,
    number: u32,
    targets: Targets,
    /// The INVITE as it was sent last: what CANCEL and ACK are made from.
    pub(super) sent: Option<Request>,
    pub(super) hop: Hop,
    /// Its transaction.
    pub(super) txn: Option<ClientId>,
    provisionals: u32,
    /// Hung up before any response came: CANCEL goes out with the first one, with these header fields.
    pub(super) hangup: Option<Custom>,
    /// End of the ringing, or of the wait for the INVITE's end after CANCEL.
    pub(super) deadline: Option<Instant>,
}

impl Leg {
    /// Places a call. `None` when no target's transport is served: nothing was sent.
    pub(crate) fn call(
        cx: &mut Context<'_>,
        id: LegId,
        invite: Invite,
        targets: Targets,
        seed: u64,
    ) -> Option<Leg> {
        let auth = Authenticator::new(invite.credentials.clone(), seed);
        let mut leg = Leg::new(id, Phase::Calling, invite.call_id.clone(), invite.from_tag.clone(), auth);
        let hop = Hop { destination: targets.current(), flow: None };
        leg.calling = Some(Calling {
            invite,
            number: 1,
            targets,
            sent: None,
            hop,
            txn: None,
            provisionals: 0,
            hangup: None,
            deadline: None,
        });
        leg.send_invite(cx).then_some(leg)
    }

    /// Sends the INVITE, or sends it again with credentials, to the current target.
    fn send_invite(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(calling) = &mut self.calling else { return false };
        calling.hop = Hop { destination: calling.targets.current(), flow: None };
        let mut request = calling.compose(cx);
        if !cx.add_via(&mut request, calling.hop) {
            return false;
        }
        self.auth.authorize(&mut request);
        calling.txn = cx.send(self.id, &request, calling.hop);
        calling.sent = Some(request);
        calling.txn.is_some()
    }

    pub(super) fn on_invite_response(&mut self, cx: &mut Context<'_>, response: &Response, flow: &Flow) {
        match response.status.code() {
            100..200 => self.on_provisional(cx, response, flow),
            200..300 => self.on_answer(cx, response, flow),
            401 | 407 => self.on_challenge(cx, response),
            503 if self.advance(cx) => {}
            _ => self.on_refusal(cx, response),
        }
    }

    fn on_provisional(&mut self, cx: &mut Context<'_>, response: &Response, flow: &Flow) {
        let Some(calling) = &mut self.calling else { return };
        calling.provisionals = calling.provisionals.saturating_add(1);
        if self.phase == Phase::Calling {
            self.phase = Phase::Proceeding;
            calling.deadline = Some(cx.now + cx.timers.ringing_limit);
        }
        let to_tag = response.headers.to_tag().unwrap_or_default();
        if response.status != StatusCode::TRYING
            && !to_tag.is_empty()
            && self.branches.get(&to_tag).is_none()
            && let Some(dialog) = calling.dialog(response, flow)
        {
            self.branches.insert(dialog, true);
        }
        if self.phase != Phase::Proceeding {
            return;
        }
        if let Some(headers) = calling.hangup.take() {
            self.cancel(cx, headers);
        } else {
            let event = match response.status {
                StatusCode::TRYING => LegEvent::Trying,
                _ => LegEvent::Provisional { response: response.into(), to_tag },
            };
            cx.emit(self.id, event);
        }
    }

    /// 401 or 407: the INVITE again with credentials (new number and branch, same Call-ID and From tag), unless we
    /// were giving up anyway.
    fn on_challenge(&mut self, cx: &mut Context<'_>, response: &Response) {
        if self.is_giving_up() {
            return self.on_refusal(cx, response);
        }
        if let Err(why) = self.auth.challenged(response) {
            let failure = AuthFailure { why, response: response.into() };
            return self.end(cx, Some(LegEvent::AuthFailed(failure)));
        }
        if let Some(calling) = &mut self.calling {
            calling.number += 1;
            calling.deadline = None;
        }
        self.phase = Phase::Calling;
        if !self.send_invite(cx) {
            self.on_refusal(cx, response);
        }
    }

    fn on_refusal(&mut self, cx: &mut Context<'_>, response: &Response) {
        self.end(cx, Some(LegEvent::Failed { response: ResponseSummary::from(response) }));
    }

    /// The next target gets the INVITE (RFC 3263 §4.3), if there is one and no one has rung yet.
    fn advance(&mut self, cx: &mut Context<'_>) -> bool {
        if self.phase != Phase::Calling || self.is_giving_up() {
            return false;
        }
        while self.calling.as_mut().is_some_and(|calling| calling.targets.advance()) {
            if self.send_invite(cx) {
                return true;
            }
        }
        false
    }

    pub(super) fn on_invite_expired(&mut self, cx: &mut Context<'_>) {
        if !self.advance(cx) {
            self.end_unanswered(cx);
        }
    }

    pub(super) fn on_invite_undelivered(&mut self, cx: &mut Context<'_>, error: &TransportError) {
        if !self.advance(cx) {
            self.end(cx, Some(LegEvent::TransportFailed(error.clone())));
        }
    }

    /// The ringing has lasted too long, or CANCEL has not ended it.
    pub(super) fn on_calling_timeout(&mut self, cx: &mut Context<'_>) {
        let due = self.calling.as_ref().and_then(|calling| calling.deadline).is_some_and(|at| at <= cx.now);
        match self.phase {
            Phase::Proceeding if due => self.cancel(cx, Custom::new()),
            Phase::Cancelling if due => self.end_unanswered(cx),
            _ => {}
        }
    }

    fn end_unanswered(&mut self, cx: &mut Context<'_>) {
        let provisionals = self.calling.as_ref().map_or(0, |calling| calling.provisionals);
        let after_provisional = provisionals > 0;
        self.end(cx, Some(LegEvent::TransactionTimeout { after_provisional, provisionals }));
    }

    pub(super) fn is_giving_up(&self) -> bool {
        self.phase == Phase::Cancelling
            || self.calling.as_ref().is_some_and(|calling| calling.hangup.is_some())
    }
}

impl Calling {
    /// The INVITE without Via and credentials.
    fn compose(&self, cx: &Context<'_>) -> Request {
        let invite = &self.invite;
        let mut request = Request::new(Method::Invite, invite.request_uri.clone());
        let headers = &mut request.headers;
        headers.push(HeaderName::MaxForwards, 70);
        headers.push(HeaderName::From, invite.from.clone().with_tag(&invite.from_tag));
        headers.push(HeaderName::To, &invite.to);
        headers.push(HeaderName::CallId, invite.call_id.as_str());
        headers.push(HeaderName::CSeq, CSeq::new(self.number, Method::Invite));
        cx.identity.describe(headers, self.hop.destination.transport);
        headers.push(HeaderName::UserAgent, cx.identity.user_agent.as_str());
        add_custom(headers, &invite.headers);
        if let Some(body) = &invite.body {
            request.set_body(super::offers::SDP, body.clone());
        }
        request
    }

    /// The dialog a response makes.
    pub(super) fn dialog(&self, response: &Response, flow: &Flow) -> Option<Dialog> {
        Dialog::of_caller(self.sent.as_ref()?, response, Hop { flow: Some(*flow), ..self.hop })
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }
}
