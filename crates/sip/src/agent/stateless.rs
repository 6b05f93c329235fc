//! Answers to what belongs to no leg, given without keeping anything (RFC 3261 §8.2.7): strays, scanners, OPTIONS.
//!
//! The same request gets the same answer, To tag included, so copies need no memory. At most so many per second:
//! beyond that nothing is answered, and a storm costs one parse per packet.

use std::collections::VecDeque;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::{Duration, Instant};

use crate::leg::{SUPPORTED, options, refuse_method};
use crate::msg::{BadRequest, HeaderName, Headers, Method, Request, Response, Scheme, StatusCode};
use crate::target::{Flow, Transmit};
use crate::txn::reply_hop;

/// The answers and their budget.
#[derive(Debug)]
pub(super) struct Stateless {
    seed: u64,
    server: String,
    per_second: u32,
    left: u32,
    refilled: Option<Instant>,
    pub(super) answered: u64,
    pub(super) dropped: u64,
}

impl Stateless {
    pub(super) fn new(seed: u64, server: String, per_second: u32) -> Stateless {
        Stateless { seed, server, per_second, left: per_second, refilled: None, answered: 0, dropped: 0 }
    }

    /// Sends a response, if the budget allows one more this second.
    pub(super) fn send(
        &mut self,
        now: Instant,
        request: &Request,
        flow: &Flow,
        response: Response,
        out: &mut VecDeque<Transmit>,
    ) {
        if !self.may_answer(now) {
            return;
        }
        let bytes = self.finish(response).encode();
        out.push_back(reply_hop(request, flow).transmit(bytes));
    }

    /// Tells the sender of a broken request what is wrong with it, back where it came from.
    pub(super) fn send_bad(
        &mut self,
        now: Instant,
        mut bad: BadRequest,
        flow: &Flow,
        out: &mut VecDeque<Transmit>,
    ) {
        bad.headers.note_source(flow.remote);
        let Some(response) = bad.response() else { return };
        if self.may_answer(now) {
            let bytes = self.finish(response).encode();
            out.push_back(Transmit { destination: flow.back(), flow: Some(*flow), bytes });
        }
    }

    /// A tag that a copy of the request gets again.
    fn finish(&self, mut response: Response) -> Response {
        let mut hasher = DefaultHasher::new();
        self.seed.hash(&mut hasher);
        response.headers.branch().hash(&mut hasher);
        response.headers.get(&HeaderName::CallId).hash(&mut hasher);
        response.headers.from_tag().hash(&mut hasher);
        response.headers.set_to_tag(&format!("{:016x}", hasher.finish()));
        response.headers.push(HeaderName::Server, self.server.as_str());
        response
    }

    fn may_answer(&mut self, now: Instant) -> bool {
        let second_over =
            self.refilled.is_none_or(|at| now.saturating_duration_since(at) >= Duration::from_secs(1));
        if second_over {
            self.refilled = Some(now);
            self.left = self.per_second;
        }
        if self.left == 0 {
            self.dropped += 1;
            return false;
        }
        self.left -= 1;
        self.answered += 1;
        true
    }
}

/// Why a request is refused whatever it is about: a URI that is no telephone's, an extension we do not know
/// (RFC 3261 §8.2.2). ACK and CANCEL are never refused so.
pub(super) fn unacceptable(request: &Request) -> Option<Response> {
    if matches!(request.method, Method::Ack | Method::Cancel) {
        return None;
    }
    if request.uri.scheme() == Scheme::Other {
        return Some(Response::to(request, StatusCode::UNSUPPORTED_URI_SCHEME));
    }
    let unknown = unknown_extensions(&request.headers);
    (!unknown.is_empty()).then(|| {
        let mut response = Response::to(request, StatusCode::BAD_EXTENSION);
        response.headers.push(HeaderName::Unsupported, unknown.join(", "));
        response
    })
}

fn unknown_extensions(headers: &Headers) -> Vec<String> {
    let known = |tag: &str| SUPPORTED.iter().any(|supported| supported.eq_ignore_ascii_case(tag));
    headers.require().filter(|tag| !known(tag)).map(str::to_owned).collect()
}

/// The answer to a request that belongs to no dialog of ours and opens none.
pub(super) fn outside(request: &Request) -> Response {
    let inside_only = matches!(
        request.method,
        Method::Bye | Method::Cancel | Method::Info | Method::Update | Method::Prack | Method::Invite
    );
    if inside_only || request.headers.to_tag().is_some() {
        Response::to(request, StatusCode::CALL_DOES_NOT_EXIST)
    } else if request.method == Method::Options {
        options(request)
    } else {
        refuse_method(request)
    }
}
