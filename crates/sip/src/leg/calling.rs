//! Our INVITE: its targets, challenges, provisional responses and refusals (RFC 3261 §13.2, §22).

use std::time::{Duration, Instant};

use super::attempts::Attempt;
use super::identity::add_custom;
use super::journal::Journal;
use super::redirect::Redirected;
use super::reliable::Provisional;
use super::session::Session;
use super::{
    AuthFailure, CallOptions, Context, Custom, Invite, Leg, LegEvent, LegId, Phase, ResponseSummary,
};
use crate::auth::Authenticator;
use crate::dialog::Dialog;
use crate::msg::{CSeq, HeaderName, Method, Request, Response, StatusCode};
use crate::target::{Destination, Flow, Targets, Transport, TransportError};
use crate::txn::{ClientId, Hop};

/// What the caller's side keeps of its INVITE.
#[derive(Debug)]
pub(super) struct Calling {
    pub(super) invite: Invite,
    pub(super) options: CallOptions,
    pub(super) redirected: Redirected,
    number: u32,
    pub(super) targets: Targets,
    /// The INVITE as it was sent last: what CANCEL and ACK are made from.
    pub(super) sent: Option<Request>,
    pub(super) hop: Hop,
    /// It went over TCP since it is too large for a datagram.
    oversize: bool,
    /// More than 100 has come.
    has_rung: bool,
    /// End of the wait for any response, where it is shorter than the transaction's own.
    pub(super) silent_until: Option<Instant>,
    /// Its transaction.
    pub(super) txn: Option<ClientId>,
    provisionals: u32,
    /// Hung up before any response came: CANCEL goes out with the first one, with these header fields.
    pub(super) hangup: Option<Custom>,
    /// The peer did not know the INVITE that our CANCEL was for: it had not come there yet.
    pub(super) cancel_missed: bool,
    /// End of the ringing, or of the wait for the INVITE's end after CANCEL.
    pub(super) deadline: Option<Instant>,
    /// End of the wait for what CANCEL does to a call of an earlier run whose answer may have been lost.
    pub(super) unheard_until: Option<Instant>,
}

impl Leg {
    /// Places a call. `None` when no target's transport is served: nothing was sent.
    pub(crate) fn call(
        cx: &mut Context<'_>,
        id: LegId,
        invite: Invite,
        targets: Targets,
        options: CallOptions,
        seed: u64,
    ) -> Option<Leg> {
        let auth = Authenticator::new(invite.credentials.clone(), seed);
        let scheme = invite.request_uri.scheme();
        let mut leg = Leg::new(id, Phase::Calling, invite.call_id.clone(), invite.from_tag.clone(), auth);
        leg.journal = Journal::new(options.is_journaled);
        leg.calling = Some(Calling::new(invite, targets, options));
        leg.scheme = scheme;
        leg.send_invite(cx).then_some(leg)
    }

    /// Sends the INVITE, or sends it again with credentials, to the current target, once it is written down.
    pub(super) fn send_invite(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(calling) = &mut self.calling else { return false };
        let planned = Hop { destination: calling.targets.current(), flow: None };
        let mut request = calling.compose(cx, &self.session, planned.destination.transport);
        self.auth.authorize(&mut request);
        let Some(hop) = cx.add_via(&mut request, planned) else { return false };
        calling.hop = hop;
        calling.oversize = hop != planned;
        calling.silent_until = None;
        calling.txn = None;
        calling.sent = Some(request);
        self.hold_invite(cx) || self.launch_invite(cx)
    }

    /// Sends the INVITE that is composed.
    pub(super) fn launch_invite(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(calling) = &mut self.calling else { return false };
        let Some(request) = &calling.sent else { return false };
        let hop = calling.hop;
        let limit = match hop.destination.transport {
            Transport::Udp => cx.timers.silence_limit,
            Transport::Tcp | Transport::Tls => cx.timers.stream_silence_limit,
        };
        let has_other = calling.oversize || calling.targets.has_next();
        let limit = if has_other { Some(limit) } else { cx.timers.last_silence_limit };
        calling.silent_until = limit.map(|limit| cx.now + limit);
        calling.txn = cx.send(self.id, request, hop);
        calling.txn.is_some()
    }

    pub(super) fn on_invite_response(&mut self, cx: &mut Context<'_>, response: &Response, flow: &Flow) {
        if let Some(calling) = &mut self.calling {
            calling.silent_until = None;
        }
        match response.status.code() {
            100..200 => self.on_provisional(cx, response, flow),
            200..300 => self.on_answer(cx, response, flow),
            300..400 if self.redirect(cx, response) => {}
            401 | 407 => self.on_challenge(cx, response),
            422 if self.lengthen_session(cx, response) => {}
            488 | 606 if self.offer_again(cx) => {}
            503 => self.on_unavailable(cx, response),
            400..600 if self.follow(cx, response) => {}
            _ => self.on_refusal(cx, response),
        }
    }

    /// 503: this next hop is out of service; the next one may not be (RFC 3263 §4.3).
    fn on_unavailable(&mut self, cx: &mut Context<'_>, response: &Response) {
        let after = response.headers.retry_after().map(|seconds| Duration::from_secs(seconds.into()));
        self.note_failed(cx, after);
        if !self.advance(cx) && !self.follow(cx, response) {
            self.on_refusal(cx, response);
        }
    }

    fn note_failed(&self, cx: &mut Context<'_>, retry_after: Option<Duration>) {
        if let Some(calling) = &self.calling {
            cx.note_failed(calling.hop.destination, retry_after);
        }
    }

    /// 422: the INVITE again with the interval that is asked for (RFC 4028 §7.3).
    fn lengthen_session(&mut self, cx: &mut Context<'_>, response: &Response) -> bool {
        if self.is_giving_up() || !self.session.raise(response) {
            return false;
        }
        if let Some(calling) = &mut self.calling {
            calling.renumber();
        }
        self.phase = Phase::Calling;
        self.send_invite(cx)
    }

    fn on_provisional(&mut self, cx: &mut Context<'_>, response: &Response, flow: &Flow) {
        let Some(calling) = &mut self.calling else { return };
        calling.provisionals = calling.provisionals.saturating_add(1);
        if self.phase == Phase::Calling {
            self.phase = Phase::Proceeding;
            calling.deadline = Some(cx.now + cx.timers.ringing_limit);
        }
        calling.has_rung |= response.status != StatusCode::TRYING;
        let number = calling.number;
        let to_tag = response.headers.to_tag().unwrap_or_default();
        if response.status != StatusCode::TRYING {
            self.begin_early_dialog(cx, response, flow, &to_tag);
        }
        let Some(calling) = &mut self.calling else { return };
        if self.phase == Phase::Cancelling && std::mem::take(&mut calling.cancel_missed) {
            let headers = calling.hangup.take().unwrap_or_default();
            return self.cancel(cx, headers);
        }
        if self.phase != Phase::Proceeding {
            return;
        }
        if let Some(headers) = calling.hangup.take() {
            self.cancel(cx, headers);
        } else if self.prove(cx, response, &to_tag, number) == Provisional::Fresh {
            let event = match response.status {
                StatusCode::TRYING => LegEvent::Trying,
                _ => LegEvent::Provisional { response: response.into(), to_tag },
            };
            cx.emit(self.id, event);
        }
    }

    fn begin_early_dialog(&mut self, cx: &mut Context<'_>, response: &Response, flow: &Flow, to_tag: &str) {
        if to_tag.is_empty() || self.branches.get(to_tag).is_some() {
            return;
        }
        let dialog = self.calling.as_ref().and_then(|calling| calling.dialog(response, flow));
        if let Some(dialog) = dialog {
            self.branches.insert(dialog, true);
            self.record_early(cx, response);
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
            calling.renumber();
        }
        self.phase = Phase::Calling;
        if !self.send_invite(cx) {
            self.on_refusal(cx, response);
        }
    }

    /// The INVITE again with the other offer, if there is one and we are not giving up.
    fn offer_again(&mut self, cx: &mut Context<'_>) -> bool {
        if self.is_giving_up() {
            return false;
        }
        let Some(calling) = &mut self.calling else { return false };
        let Some(other) = calling.invite.other_body.take() else { return false };
        calling.invite.body = Some(other);
        calling.renumber();
        self.phase = Phase::Calling;
        self.send_invite(cx)
    }

    fn on_refusal(&mut self, cx: &mut Context<'_>, response: &Response) {
        self.end(cx, Some(LegEvent::Failed { response: ResponseSummary::from(response) }));
    }

    /// The next target gets the INVITE (RFC 3263 §4.3), if there is one and no one has rung yet.
    fn advance(&mut self, cx: &mut Context<'_>) -> bool {
        let rang = self.calling.as_ref().is_some_and(|calling| calling.has_rung);
        let undecided = matches!(self.phase, Phase::Calling | Phase::Proceeding);
        if !undecided || rang || self.is_giving_up() {
            return false;
        }
        self.phase = Phase::Calling;
        if let Some(calling) = &mut self.calling {
            calling.deadline = None;
        }
        while self.calling.as_mut().is_some_and(|calling| calling.targets.advance()) {
            if self.send_invite(cx) {
                return true;
            }
        }
        false
    }

    pub(super) fn on_invite_expired(&mut self, cx: &mut Context<'_>) {
        self.note_failed(cx, None);
        if !self.advance(cx) {
            self.end_unanswered(cx);
        }
    }

    pub(super) fn on_invite_undelivered(&mut self, cx: &mut Context<'_>, error: &TransportError) {
        if self.fall_back(cx) {
            return;
        }
        self.note_failed(cx, None);
        if !self.advance(cx) {
            self.end(cx, Some(LegEvent::TransportFailed(error.clone())));
        }
    }

    /// An INVITE too large for a datagram goes as one all the same where the peer does not take TCP.
    fn fall_back(&mut self, cx: &mut Context<'_>) -> bool {
        let giving_up = self.is_giving_up();
        let Some(calling) = self.calling.as_ref().filter(|calling| calling.oversize && !giving_up) else {
            return false;
        };
        cx.oversize.note_refusal(cx.now, calling.hop.destination.addr);
        self.send_invite(cx)
    }

    /// Nothing was heard of this next hop, and there is another way. Should it speak up later, that is dealt with.
    fn give_silent_up(&mut self, cx: &mut Context<'_>) {
        let Some(calling) = &mut self.calling else { return };
        calling.silent_until = None;
        if let (Some(txn), Some(sent)) = (calling.txn.take(), calling.sent.clone()) {
            let until = cx.now + cx.timers.give_up();
            self.attempts.push(Attempt { txn, sent, hop: calling.hop, cancelled: false, until });
        }
        if self.fall_back(cx) {
            return;
        }
        self.note_failed(cx, None);
        if !self.advance(cx) {
            self.end_unanswered(cx);
        }
    }

    /// The ringing has lasted too long, or CANCEL has not ended it.
    pub(super) fn on_calling_timeout(&mut self, cx: &mut Context<'_>) {
        let due = self.calling.as_ref().and_then(|calling| calling.deadline).is_some_and(|at| at <= cx.now);
        let silent = self.calling.as_ref().and_then(|calling| calling.silent_until);
        let unheard = self.calling.as_ref().and_then(|calling| calling.unheard_until);
        match self.phase {
            Phase::Calling if silent.is_some_and(|at| at <= cx.now) && !self.is_giving_up() => {
                self.give_silent_up(cx);
            }
            Phase::Calling if silent.is_some_and(|at| at <= cx.now) => self.keep_waiting(),
            Phase::Proceeding if due => self.cancel(cx, Custom::new()),
            Phase::Cancelling if due => self.end_unanswered(cx),
            Phase::Cancelling if unheard.is_some_and(|at| at <= cx.now) => self.end_early_dialogs(cx),
            _ => {}
        }
    }

    /// Hung up before any response: then only the INVITE's own end counts.
    fn keep_waiting(&mut self) {
        if let Some(calling) = &mut self.calling {
            calling.silent_until = None;
        }
    }

    pub(super) fn end_unanswered(&mut self, cx: &mut Context<'_>) {
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
    /// An INVITE that an earlier run of the program sent. `None` for one without a branch.
    pub(super) fn resume(
        cx: &mut Context<'_>,
        id: LegId,
        invite: Invite,
        request: Request,
        destination: Destination,
    ) -> Option<Calling> {
        let hop = Hop { destination, flow: None };
        let mut calling = Calling::new(invite, Targets::from(destination), CallOptions::default());
        calling.number = request.headers.cseq().ok()?.number;
        calling.provisionals = 1;
        calling.txn = Some(cx.txns.clients.resume(id.0, &request, hop)?);
        calling.sent = Some(request);
        Some(calling)
    }

    fn new(invite: Invite, targets: Targets, options: CallOptions) -> Calling {
        Calling {
            invite,
            options,
            redirected: Redirected::default(),
            number: 1,
            hop: Hop { destination: targets.current(), flow: None },
            targets,
            sent: None,
            oversize: false,
            has_rung: false,
            silent_until: None,
            txn: None,
            provisionals: 0,
            hangup: None,
            cancel_missed: false,
            deadline: None,
            unheard_until: None,
        }
    }

    /// The INVITE without Via and credentials.
    fn compose(&self, cx: &Context<'_>, session: &Session, transport: Transport) -> Request {
        let invite = &self.invite;
        let mut request = Request::new(Method::Invite, invite.request_uri.clone());
        let headers = &mut request.headers;
        headers.push(HeaderName::MaxForwards, 70);
        headers.push(HeaderName::From, invite.from.clone().with_tag(&invite.from_tag));
        headers.push(HeaderName::To, &invite.to);
        headers.push(HeaderName::CallId, invite.call_id.as_str());
        headers.push(HeaderName::CSeq, CSeq::new(self.number, Method::Invite));
        cx.identity.describe(headers, transport, invite.request_uri.scheme());
        session.offer(cx.timers, headers);
        headers.push(HeaderName::UserAgent, cx.identity.user_agent.as_str());
        add_custom(headers, &invite.headers);
        if let Some(body) = &invite.body {
            request.set_body(super::description::SDP, body.clone());
        }
        request
    }

    /// The dialog a response makes.
    pub(super) fn dialog(&self, response: &Response, flow: &Flow) -> Option<Dialog> {
        Dialog::of_caller(self.sent.as_ref()?, response, Hop { flow: Some(*flow), ..self.hop })
    }

    /// The early dialog of a response that an earlier run got.
    pub(super) fn lost_dialog(&self, response: &Response) -> Option<Dialog> {
        Some(Dialog::of_caller(self.sent.as_ref()?, response, self.hop)?.skip_unrecorded())
    }

    /// What comes back is lost with its connection.
    pub(super) fn goes_by_stream(&self) -> bool {
        self.hop.destination.transport.is_reliable()
    }

    /// The next INVITE is a new request.
    pub(super) fn renumber(&mut self) {
        self.number += 1;
        self.deadline = None;
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }
}
