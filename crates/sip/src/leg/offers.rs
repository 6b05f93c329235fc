//! New descriptions inside the call: re-INVITE both ways, the peer's UPDATE (RFC 3261 §14, RFC 3311). Each of them also
//! refreshes the session (RFC 4028).

use std::time::Instant;

use bytes::Bytes;

use super::description::{SDP, session_description};
use super::sent::{Draft, Purpose, Sent};
use super::unacked::Unacked;
use super::{Context, Custom, Leg, LegError, LegEvent, Phase, too_short};
use crate::msg::{HeaderName, Method, Request, Response, StatusCode};
use crate::target::Flow;
use crate::txn::ServerId;

/// An offer of the peer that awaits the application's answer.
#[derive(Debug)]
pub(super) struct PeerOffer {
    server: ServerId,
    request: Request,
    flow: Flow,
    /// Then it is refused with 500.
    pub(super) deadline: Instant,
}

/// A re-INVITE of ours that met the peer's own (491) and is tried again.
#[derive(Debug)]
pub(super) struct Retry {
    pub(super) at: Instant,
    purpose: Purpose,
    draft: Draft,
}

impl Leg {
    /// A re-INVITE or an UPDATE.
    pub(super) fn on_offer(
        &mut self,
        cx: &mut Context<'_>,
        server: ServerId,
        request: &Request,
        flow: &Flow,
    ) {
        if !request.body.is_empty() && session_description(&request.headers, &request.body).is_none() {
            let mut response = Response::to(request, StatusCode::UNSUPPORTED_MEDIA_TYPE);
            response.headers.push(HeaderName::Accept, SDP);
            cx.respond(server, &response);
        } else if let Some(response) = too_short(&cx.timers.session, request) {
            cx.respond(server, &response);
        } else if request.method == Method::Update && request.body.is_empty() {
            self.refresh(request, flow);
            self.accept_offer(cx, server, request, flow, None);
        } else if self.is_modifying() || self.awaits_answer(request) {
            cx.respond(server, &Response::to(request, StatusCode::REQUEST_PENDING));
        } else if !matches!(self.phase, Phase::Up | Phase::Proceeding)
            || self.peer_offer.is_some()
            || self.unacked.is_some()
        {
            self.refuse_for_now(cx, server, request);
        } else {
            let deadline = cx.now + cx.timers.offer_limit;
            self.peer_offer = Some(PeerOffer { server, request: request.clone(), flow: *flow, deadline });
            self.tell_offer(cx, request);
        }
    }

    /// Whether the offer of our INVITE has no answer yet in the dialog of this request. Where a reliable provisional
    /// response has answered it, UPDATE may change the session before the call is up (RFC 3311 §5.2).
    fn awaits_answer(&mut self, request: &Request) -> bool {
        match self.phase {
            Phase::Calling | Phase::Cancelling => true,
            Phase::Proceeding if request.method == Method::Update => {
                let dialog = self.branches.get(&request.headers.from_tag().unwrap_or_default());
                dialog.is_none_or(|dialog| dialog.description().is_none())
            }
            Phase::Proceeding => true,
            Phase::Ringing | Phase::Up | Phase::Ending | Phase::Closed => false,
        }
    }

    fn tell_offer(&self, cx: &mut Context<'_>, request: &Request) {
        let offer = session_description(&request.headers, &request.body);
        let event = match offer {
            Some(offer) if self.phase == Phase::Proceeding => {
                LegEvent::EarlyOffer { offer, to_tag: request.headers.from_tag().unwrap_or_default() }
            }
            offer => LegEvent::ReInvite { offer },
        };
        self.tell(cx, event);
    }

    /// An earlier offer has no answer yet: 500, to be tried again within 10 s (RFC 3261 §14.2).
    fn refuse_for_now(&mut self, cx: &mut Context<'_>, server: ServerId, request: &Request) {
        let mut response = Response::to(request, StatusCode::SERVER_INTERNAL_ERROR);
        let seconds = rand::Rng::random_range(cx.rng, 0..=10_u32);
        response.headers.push(HeaderName::RetryAfter, seconds);
        cx.respond(server, &response);
    }

    /// The application answers the peer's offer.
    pub(crate) fn answer_offer(
        &mut self,
        cx: &mut Context<'_>,
        answer: Result<String, StatusCode>,
    ) -> Result<(), LegError> {
        let Some(offer) = self.peer_offer.take() else { return Err(LegError::State) };
        match answer {
            Ok(body) => {
                self.refresh(&offer.request, &offer.flow);
                self.accept_offer(cx, offer.server, &offer.request, &offer.flow, Some(body));
            }
            Err(status) => {
                let status = if status.code() < 300 { StatusCode::NOT_ACCEPTABLE_HERE } else { status };
                cx.respond(offer.server, &Response::to(&offer.request, status));
            }
        }
        Ok(())
    }

    fn accept_offer(
        &mut self,
        cx: &mut Context<'_>,
        server: ServerId,
        request: &Request,
        flow: &Flow,
        body: Option<String>,
    ) {
        let mut response = Response::to(request, StatusCode::OK);
        cx.identity.describe(&mut response.headers, flow.transport, self.scheme);
        if matches!(self.phase, Phase::Up) {
            self.session.agree(cx.now, request, &mut response);
        }
        if let Some(body) = body {
            self.keep_description(request, &body);
            response.set_body(SDP, body);
        }
        let hop = cx.txns.servers.hop(server);
        if !cx.respond(server, &response) || request.method != Method::Invite {
            return;
        }
        if let (Some(hop), Ok(cseq)) = (hop, request.headers.cseq()) {
            self.unacked = Some(Unacked::start(cx, cseq.number, hop.transmit(response.encode()), false));
        }
    }

    /// Our side of the exchange, to be said again when the session is refreshed.
    fn keep_description(&mut self, request: &Request, body: &str) {
        let tag = request.headers.from_tag().unwrap_or_default();
        if self.branches.is_main(&tag) {
            self.session.description = Some(body.to_owned());
        } else if let Some(dialog) = self.branches.get(&tag) {
            dialog.describe(body.to_owned());
        }
    }

    /// The peer's Contact is where our next requests go.
    fn refresh(&mut self, request: &Request, flow: &Flow) {
        if let Some(dialog) = self.branches.get(&request.headers.from_tag().unwrap_or_default()) {
            dialog.refresh_target(request.headers.contact().ok(), flow);
        }
    }

    pub(super) fn is_offer(&self, server: ServerId) -> bool {
        self.peer_offer.as_ref().is_some_and(|offer| offer.server == server)
    }

    pub(super) fn refuse_offer(&mut self, cx: &mut Context<'_>, status: StatusCode) {
        if let Some(offer) = self.peer_offer.take() {
            cx.respond(offer.server, &Response::to(&offer.request, status));
        }
    }

    pub(super) fn on_offer_timeout(&mut self, cx: &mut Context<'_>) {
        if self.peer_offer.as_ref().is_some_and(|offer| offer.deadline <= cx.now) {
            self.refuse_offer(cx, StatusCode::SERVER_INTERNAL_ERROR);
        }
    }

    /// Sends a re-INVITE.
    pub(crate) fn reinvite(&mut self, cx: &mut Context<'_>, body: Option<String>) -> Result<(), LegError> {
        let busy = self.peer_offer.is_some()
            || self.is_modifying()
            || self.unacked.is_some()
            || self.retry.is_some();
        if self.phase != Phase::Up || busy {
            return Err(LegError::State);
        }
        let body = body.map(|body| (SDP.to_owned(), Bytes::from(body)));
        let draft = Draft { method: Method::Invite, custom: Custom::new(), own: None, body };
        if self.send_reinvite(cx, Purpose::ReInvite, draft) { Ok(()) } else { Err(LegError::State) }
    }

    fn send_reinvite(&mut self, cx: &mut Context<'_>, purpose: Purpose, draft: Draft) -> bool {
        let Some(tag) = self.branches.main_tag().map(str::to_owned) else { return false };
        self.send_inside(cx, &tag, purpose, draft)
    }

    pub(super) fn retry_reinvite(&mut self, cx: &mut Context<'_>) {
        let Some(retry) = self.retry.take() else { return };
        if self.phase != Phase::Up {
            return;
        }
        if self.peer_offer.is_some() || self.unacked.is_some() {
            let at = cx.now + cx.timers.t1;
            self.retry = Some(Retry { at, ..retry });
        } else if !self.send_reinvite(cx, retry.purpose, retry.draft) {
            self.lose_dialog(cx);
        }
    }

    /// The peer has moved, and says how long the session lasts now.
    pub(super) fn refresh_from_response(
        &mut self,
        cx: &Context<'_>,
        tag: &str,
        response: &Response,
        flow: &Flow,
    ) {
        if let Some(dialog) = self.branches.get(tag) {
            dialog.refresh_target(response.headers.contact().ok(), flow);
        }
        if self.phase == Phase::Up {
            self.session.agreed(cx.now, &response.headers);
        }
    }

    /// The final response to our re-INVITE, refusals acknowledged already.
    pub(super) fn on_reinvite_response(
        &mut self,
        cx: &mut Context<'_>,
        sent: Sent,
        response: &Response,
        flow: &Flow,
    ) {
        let purpose = sent.purpose;
        let Some((txn, tag, request, draft)) = sent.into_acknowledged() else { return };
        match response.status.code() {
            200..300 => {
                self.refresh_from_response(cx, &tag, response, flow);
                let number = request.headers.cseq().map_or(0, |cseq| cseq.number);
                self.acknowledge(cx, txn, &tag, &request, number, false);
                if let Some((_, body)) = draft.body {
                    self.session.description = Some(String::from_utf8_lossy(&body).into_owned());
                }
            }
            491 if self.phase == Phase::Up => {
                // RFC 3261 §14.1: who made the Call-ID waits longer, so that one of the two comes first.
                let (from, to) = if self.calling.is_some() { (2100, 4000) } else { (0, 2000) };
                let at = cx.after_random_ms(from, to);
                self.retry = Some(Retry { at, purpose, draft });
                return;
            }
            422 if self.phase == Phase::Up && self.session.raise(response) => {
                self.retry = Some(Retry { at: cx.now, purpose, draft });
                return;
            }
            _ => {}
        }
        if self.phase == Phase::Up {
            self.tell_reinvite_answered(cx, purpose, response);
        }
    }

    fn tell_reinvite_answered(&mut self, cx: &mut Context<'_>, purpose: Purpose, response: &Response) {
        let refused = !response.status.is_success();
        if purpose != Purpose::Refresh {
            self.tell(cx, LegEvent::ReInviteAnswered { response: response.into() });
        } else if let Some(answer) =
            session_description(&response.headers, &response.body).filter(|_| !refused)
        {
            self.tell(cx, LegEvent::Refreshed { answer });
        }
        if matches!(response.status.code(), 481 | 408) {
            self.lose_dialog(cx);
        } else if refused && purpose == Purpose::Refresh {
            self.refresh_failed(cx);
        }
    }
}
