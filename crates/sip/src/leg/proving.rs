//! Our own reliable provisional responses (RFC 3262 §3): repeated until their PRACK comes, one after the other.
//!
//! Reliable are all of them where the caller insists, and those with a description where it can.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::reliable::RELIABLE;
use super::{Context, Leg, Phase};
use crate::msg::{HeaderName, Method, Request, Response, StatusCode};
use crate::target::Transmit;
use crate::txn::{Hop, ServerId};

/// Responses that wait for the PRACK of an earlier one.
const MAX_WAITING: usize = 8;

/// The reliable provisional responses to one INVITE.
#[derive(Debug, Default)]
pub(super) struct Proving {
    last: u32,
    current: Option<Copies>,
    waiting: VecDeque<(u32, Response)>,
}

/// The one that awaits its PRACK.
#[derive(Debug)]
struct Copies {
    rseq: u32,
    transmit: Transmit,
    next: Instant,
    pause: Duration,
    until: Instant,
}

impl Proving {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.current.as_ref().map(|copies| copies.next.min(copies.until))
    }

    pub(super) fn wanted(request: &Request, body: Option<&String>) -> bool {
        let headers = &request.headers;
        headers.requires(RELIABLE) || (body.is_some() && headers.supports(RELIABLE))
    }

    /// Sends it, or keeps it until it is its turn; `false` when there are too many.
    pub(super) fn send(
        &mut self,
        cx: &mut Context<'_>,
        server: ServerId,
        hop: Hop,
        mut response: Response,
    ) -> bool {
        if self.waiting.len() >= MAX_WAITING {
            return false;
        }
        self.last = if self.last == 0 { cx.random_below(1 << 24) + 1 } else { self.last + 1 };
        response.headers.push(HeaderName::Require, RELIABLE);
        response.headers.push(HeaderName::RSeq, self.last);
        self.waiting.push_back((self.last, response));
        self.next(cx, server, hop);
        true
    }

    fn next(&mut self, cx: &mut Context<'_>, server: ServerId, hop: Hop) {
        if self.current.is_some() {
            return;
        }
        let Some((rseq, response)) = self.waiting.pop_front() else { return };
        let bytes: Bytes = response.encode();
        if cx.respond(server, &response) {
            let pause = cx.timers.t1;
            let transmit = hop.transmit(bytes);
            let until = cx.now + cx.timers.give_up();
            self.current = Some(Copies { rseq, transmit, next: cx.now + pause, pause, until });
        }
    }

    /// `false` when the PRACK is about nothing that awaits one.
    fn proved(&mut self, rseq: u32) -> bool {
        let known = self.current.as_ref().is_some_and(|copies| copies.rseq == rseq);
        if known {
            self.current = None;
        }
        known
    }
}

impl Leg {
    /// A PRACK of the caller. One that crossed our final response has nothing left to stop.
    pub(super) fn on_prack(&mut self, cx: &mut Context<'_>, server: ServerId, request: &Request) {
        let rack = request.headers.rack().filter(|rack| rack.method == Method::Invite);
        let known = match (&mut self.ringing, rack) {
            (Some(ringing), Some(rack)) => {
                ringing.number() == rack.number && ringing.proving.proved(rack.rseq)
            }
            (None, Some(_)) => self.phase == Phase::Up && self.calling.is_none(),
            (_, None) => return self.respond_plain(cx, server, request, StatusCode::BAD_REQUEST),
        };
        let status = if known { StatusCode::OK } else { StatusCode::CALL_DOES_NOT_EXIST };
        self.respond_plain(cx, server, request, status);
        if let Some(ringing) = &mut self.ringing
            && let Some(hop) = cx.txns.servers.hop(ringing.server)
        {
            ringing.proving.next(cx, ringing.server, hop);
        }
    }

    fn respond_plain(&self, cx: &mut Context<'_>, server: ServerId, request: &Request, status: StatusCode) {
        cx.respond(server, &Response::to(request, status));
    }

    /// Repeats what has no PRACK; a caller that never sends one is refused (RFC 3262 §3).
    pub(super) fn on_proving_timeout(&mut self, cx: &mut Context<'_>) {
        let Some(copies) = self.ringing.as_mut().and_then(|ringing| ringing.proving.current.as_mut()) else {
            return;
        };
        if copies.until <= cx.now {
            // The leg is ringing, so the refusal cannot fail.
            let _ = self.reject(cx, StatusCode::SERVER_TIMEOUT, None, &[]);
        } else if copies.next <= cx.now {
            cx.txns.out.push_back(copies.transmit.clone());
            copies.pause = copies.pause.saturating_mul(2);
            copies.next = cx.now + copies.pause;
        }
    }
}
