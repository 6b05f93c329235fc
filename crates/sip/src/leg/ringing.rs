//! The peer's INVITE: our responses, and its CANCEL (RFC 3261 §13.3, §9.2).

use std::time::Instant;

use super::identity::add_custom;
use super::proving::Proving;
use super::unacked::Unacked;
use super::{Context, Leg, LegError, LegEvent, LegId, Phase};
use crate::auth::Authenticator;
use crate::dialog::Dialog;
use crate::msg::{HeaderName, Request, Response, StatusCode};
use crate::target::{Flow, Transport};
use crate::txn::ServerId;

/// What the callee's side keeps of an unanswered INVITE.
#[derive(Debug)]
pub(super) struct Ringing {
    pub(super) server: ServerId,
    request: Request,
    transport: Transport,
    /// The caller is not kept waiting for ever.
    pub(super) deadline: Instant,
    pub(super) proving: Proving,
}

impl Leg {
    /// A call comes in.
    pub(crate) fn incoming(
        cx: &mut Context<'_>,
        id: LegId,
        request: &Request,
        flow: &Flow,
        seed: u64,
    ) -> Option<Leg> {
        let local_tag = cx.tag();
        let dialog = Dialog::of_callee(request, &local_tag, flow)?;
        let server = cx.open(id, request, flow)?;
        let call_id = request.headers.call_id().ok()?.to_owned();
        let mut leg = Leg::new(id, Phase::Ringing, call_id, local_tag, Authenticator::new(None, seed));
        leg.scheme = request.uri.scheme();
        leg.branches.choose(dialog.remote_tag());
        leg.branches.insert(dialog, false);
        let deadline = cx.now + cx.timers.ringing_limit;
        let (transport, proving) = (flow.transport, Proving::default());
        leg.ringing = Some(Ringing { server, request: request.clone(), transport, deadline, proving });
        cx.emit(id, LegEvent::Incoming { request: Box::new(request.clone()) });
        Some(leg)
    }

    /// 101 to 199.
    pub(crate) fn provisional(
        &mut self,
        cx: &mut Context<'_>,
        status: StatusCode,
        body: Option<String>,
    ) -> Result<(), LegError> {
        let Some(ringing) = &mut self.ringing else { return Err(LegError::State) };
        if !status.is_provisional() || status == StatusCode::TRYING {
            return Err(LegError::State);
        }
        let reliable = Proving::wanted(&ringing.request, body.as_ref());
        let response = ringing.reply(cx, &self.local_tag, status, body);
        if reliable && let Some(hop) = cx.txns.servers.hop(ringing.server) {
            let sent = ringing.proving.send(cx, ringing.server, hop, response);
            return if sent { Ok(()) } else { Err(LegError::State) };
        }
        if cx.respond(ringing.server, &response) { Ok(()) } else { Err(LegError::State) }
    }

    /// 200.
    pub(crate) fn answer(&mut self, cx: &mut Context<'_>, body: Option<String>) -> Result<(), LegError> {
        let Some(ringing) = self.ringing.take() else { return Err(LegError::State) };
        self.session.description.clone_from(&body);
        let mut response = ringing.reply(cx, &self.local_tag, StatusCode::OK, body);
        self.session.agree(cx.now, &ringing.request, &mut response);
        let hop = cx.txns.servers.hop(ringing.server);
        let number = ringing.request.headers.cseq().map(|cseq| cseq.number);
        let (Some(hop), Ok(number)) = (hop, number) else { return Err(LegError::State) };
        if !cx.respond(ringing.server, &response) {
            return Err(LegError::State);
        }
        self.phase = Phase::Up;
        self.unacked = Some(Unacked::start(cx, number, hop.transmit(response.encode()), true));
        Ok(())
    }

    /// 300 and above.
    pub(crate) fn reject(
        &mut self,
        cx: &mut Context<'_>,
        status: StatusCode,
        reason: Option<&str>,
        headers: &[(String, String)],
    ) -> Result<(), LegError> {
        if status.code() < 300 {
            return Err(LegError::State);
        }
        let Some(ringing) = self.ringing.take() else { return Err(LegError::State) };
        let mut response = ringing.reply(cx, &self.local_tag, status, None);
        add_custom(&mut response.headers, headers);
        if status.is_redirection() {
            add_contacts(&mut response, headers);
        }
        if let Some(reason) = reason {
            response.set_reason(reason);
        }
        cx.respond(ringing.server, &response);
        self.end(cx, None);
        Ok(())
    }

    /// The application hangs up on a call it has not answered.
    pub(super) fn give_up_ringing(&mut self, cx: &mut Context<'_>, headers: &[(String, String)]) {
        // The leg is ringing, so the refusal cannot fail.
        let _ = self.reject(cx, StatusCode::TEMPORARILY_UNAVAILABLE, None, headers);
    }

    pub(super) fn on_ringing_timeout(&mut self, cx: &mut Context<'_>) {
        if self.ringing.as_ref().is_some_and(|ringing| ringing.deadline <= cx.now) {
            self.give_up_ringing(cx, &[]);
        }
    }

    /// The peer cancels an INVITE that has no final response: the call, or a re-INVITE. Its CANCEL has been answered.
    pub(crate) fn on_cancel(&mut self, cx: &mut Context<'_>, server: ServerId) {
        if self.ringing.as_ref().is_some_and(|ringing| ringing.server == server) {
            self.terminate_ringing(cx, LegEvent::Cancelled);
        } else if self.is_offer(server) {
            self.refuse_offer(cx, StatusCode::REQUEST_TERMINATED);
        }
    }

    /// 487 to the INVITE, and the end.
    pub(super) fn terminate_ringing(&mut self, cx: &mut Context<'_>, cause: LegEvent) {
        if let Some(ringing) = self.ringing.take() {
            let response = ringing.reply(cx, &self.local_tag, StatusCode::REQUEST_TERMINATED, None);
            cx.respond(ringing.server, &response);
        }
        self.end(cx, Some(cause));
    }
}

impl Ringing {
    /// The INVITE's number.
    pub(super) fn number(&self) -> u32 {
        self.request.headers.cseq().map_or(0, |cseq| cseq.number)
    }

    fn reply(&self, cx: &Context<'_>, tag: &str, status: StatusCode, body: Option<String>) -> Response {
        let mut response = Response::to(&self.request, status);
        response.headers.set_to_tag(tag);
        if status.code() < 300 {
            response.headers.copy_from(&self.request.headers, &HeaderName::RecordRoute);
            cx.identity.describe(&mut response.headers, self.transport, self.request.uri.scheme());
        }
        response.headers.push(HeaderName::Server, cx.identity.user_agent.as_str());
        if let Some(body) = body {
            response.set_body(super::description::SDP, body);
        }
        response
    }
}

/// In a redirection Contact is the application's: where to call instead.
fn add_contacts(response: &mut Response, headers: &[(String, String)]) {
    for (name, value) in headers {
        if name.parse() == Ok(HeaderName::Contact) {
            response.headers.push(HeaderName::Contact, value.as_str());
        }
    }
}
