//! Which leg a message belongs to (RFC 3261 §8.2, §12.2.2, §17.2.3).

use std::time::Instant;

use rand::RngCore;

use super::stateless::{outside, unacceptable};
use super::{Agent, Inbound, LegId};
use crate::leg::{Handled, Leg, SDP, session_description, too_short};
use crate::msg::{HeaderName, Message, Method, ParseError, Request, Response, StatusCode};
use crate::target::Flow;
use crate::txn::{Matched, Received};

impl Agent {
    /// Takes one message: a datagram or one frame of a stream.
    pub fn handle_message(&mut self, now: Instant, flow: Flow, bytes: &[u8]) {
        match Message::parse(bytes) {
            Ok(Message::Response(response)) => self.on_response(now, &response, &flow),
            Ok(Message::Request(mut request)) => {
                request.headers.note_source(flow.remote);
                self.on_request(now, &request, &flow);
            }
            Err(error) => {
                self.malformed += 1;
                if let ParseError::BadRequest(bad) = error {
                    self.stateless.send_bad(now, *bad, &flow, &mut self.txns.out);
                }
            }
        }
    }

    fn on_response(&mut self, now: Instant, response: &Response, flow: &Flow) {
        match self.txns.clients.on_response(now, response, &mut self.txns.out) {
            Matched::Deliver(owner, txn) => {
                self.with_leg(now, LegId(owner), |leg, cx| leg.on_response(cx, txn, response, flow));
            }
            Matched::Absorbed => {}
            Matched::Stray => self.stray += 1,
        }
    }

    fn on_request(&mut self, now: Instant, request: &Request, flow: &Flow) {
        match self.txns.servers.on_request(now, request, &mut self.txns.out) {
            Received::Absorbed => {}
            Received::Merged => self.decline(now, request, flow, StatusCode::LOOP_DETECTED),
            Received::New if request.is_ack() => self.on_ack(now, request),
            Received::New => self.on_new_request(now, request, flow),
        }
    }

    fn on_new_request(&mut self, now: Instant, request: &Request, flow: &Flow) {
        if let Some(refusal) = unacceptable(request) {
            self.stateless.send(now, request, flow, refusal, &mut self.txns.out);
        } else if request.method == Method::Cancel {
            self.on_cancel(now, request, flow);
        } else if self.leg_of(request).is_some() {
            self.on_inside(now, request, flow);
        } else if request.method == Method::Invite && request.headers.to_tag().is_none() {
            self.on_invite(now, request, flow);
        } else {
            self.stateless.send(now, request, flow, outside(request), &mut self.txns.out);
        }
    }

    fn on_inside(&mut self, now: Instant, request: &Request, flow: &Flow) {
        // A BYE is taken even when the tables are full: it makes room.
        if request.method != Method::Bye && self.txns.len() >= self.config.limits.transactions {
            self.refused += 1;
            return self.decline(now, request, flow, StatusCode::SERVICE_UNAVAILABLE);
        }
        let Some(id) = self.leg_of(request) else { return };
        if self.with_leg(now, id, |leg, cx| leg.on_request(cx, request, flow)) != Some(Handled::Yes) {
            self.decline(now, request, flow, StatusCode::CALL_DOES_NOT_EXIST);
        }
    }

    fn on_invite(&mut self, now: Instant, request: &Request, flow: &Flow) {
        if self.is_our_own(request) {
            return self.decline(now, request, flow, StatusCode::LOOP_DETECTED);
        }
        match self.config.inbound {
            Inbound::Offer if self.is_full() => {
                self.refused += 1;
                self.decline(now, request, flow, StatusCode::SERVICE_UNAVAILABLE)
            }
            Inbound::Offer => self.on_call(now, request, flow),
            Inbound::Refuse(code) => {
                let status = StatusCode::new(code).filter(|status| status.code() >= 300);
                self.decline(now, request, flow, status.unwrap_or(StatusCode::FORBIDDEN));
            }
            Inbound::Ignore => self.stateless.dropped += 1,
        }
    }

    fn on_call(&mut self, now: Instant, request: &Request, flow: &Flow) {
        if !request.body.is_empty() && session_description(&request.headers, &request.body).is_none() {
            let mut response = Response::to(request, StatusCode::UNSUPPORTED_MEDIA_TYPE);
            response.headers.push(HeaderName::Accept, SDP);
            return self.stateless.send(now, request, flow, response, &mut self.txns.out);
        }
        if !request.headers.accepts(SDP) {
            return self.decline(now, request, flow, StatusCode::NOT_ACCEPTABLE);
        }
        if let Some(response) = too_short(&self.config.timers.session, request) {
            return self.stateless.send(now, request, flow, response, &mut self.txns.out);
        }
        let (id, seed) = (self.next_leg_id(), self.rng.next_u64());
        let leg = Leg::incoming(&mut self.context(now), id, request, flow, seed);
        if let Some(leg) = leg {
            self.insert(now, id, leg);
        }
    }

    /// CANCEL is answered at once, whatever becomes of its INVITE (RFC 3261 §9.2).
    fn on_cancel(&mut self, now: Instant, request: &Request, flow: &Flow) {
        let Some((invite, owner, is_open)) = self.txns.servers.cancelled(request) else {
            return self.decline(now, request, flow, StatusCode::CALL_DOES_NOT_EXIST);
        };
        let mut response = Response::to(request, StatusCode::OK);
        if let Some(leg) = owner.and_then(|owner| self.legs.get(&LegId(owner))) {
            response.headers.set_to_tag(&leg.key().1);
        }
        if let Some(txn) = self.txns.servers.open(now, request, flow, owner) {
            self.txns.servers.respond(now, txn, &response, &mut self.txns.out);
        }
        if let Some(owner) = owner.filter(|_| is_open) {
            self.with_leg(now, LegId(owner), |leg, cx| leg.on_cancel(cx, invite));
        }
    }

    fn on_ack(&mut self, now: Instant, ack: &Request) {
        match self.leg_of(ack) {
            Some(id) => {
                self.with_leg(now, id, |leg, cx| leg.on_ack(cx, ack));
            }
            None => self.stray += 1,
        }
    }

    /// The leg with the request's Call-ID and To tag; the From tag is the leg's to check.
    fn leg_of(&self, request: &Request) -> Option<LegId> {
        let key = (request.headers.call_id().ok()?.to_owned(), request.headers.to_tag()?);
        self.dialogs.get(&key).copied()
    }

    /// An INVITE of ours that proxies have sent round in a circle: no other has our tag in From.
    fn is_our_own(&self, request: &Request) -> bool {
        let (Ok(call_id), Some(tag)) = (request.headers.call_id(), request.headers.from_tag()) else {
            return false;
        };
        self.dialogs.contains_key(&(call_id.to_owned(), tag))
    }

    fn decline(&mut self, now: Instant, request: &Request, flow: &Flow, status: StatusCode) {
        self.stateless.send(now, request, flow, Response::to(request, status), &mut self.txns.out);
    }
}
