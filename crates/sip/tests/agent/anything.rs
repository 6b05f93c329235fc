//! A peer that says anything at any time, well-formed: wrong codes, wrong tags, answers to what was long over.
//! Whatever it says, every leg ends once and nothing is left.
//!
//! A failure prints its seed; `SEED=n cargo test -p sip --test agent anything` runs that one alone.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sip::auth::Credentials;
use sip::msg::{HeaderName, Message, Method, Request, StatusCode};
use sip::{LegEvent, LegId};

use crate::support::invite;
use crate::support::wire::Wire;

const CODES: [u16; 16] = [100, 180, 183, 199, 200, 202, 302, 401, 407, 408, 481, 486, 487, 491, 503, 603];
const TAGS: [&str; 4] = ["a", "b", "c", ""];

struct Chaos {
    wire: Wire,
    rng: StdRng,
    /// Requests of ours, each of which may be answered at any time, again and again.
    ours: Vec<Request>,
    /// Requests of the peer, each of which may come again, or be cancelled or acknowledged.
    theirs: Vec<Request>,
    legs: BTreeMap<LegId, u32>,
    number: u32,
}

impl Chaos {
    fn run(seed: u64) {
        let mut chaos = Chaos {
            wire: Wire::new(),
            rng: StdRng::seed_from_u64(seed),
            ours: Vec::new(),
            theirs: Vec::new(),
            legs: BTreeMap::new(),
            number: 0,
        };
        chaos.call("call");
        for _ in 0..60 {
            chaos.step();
            chaos.look();
        }
        let legs: Vec<LegId> = chaos.legs.keys().copied().collect();
        for leg in legs {
            chaos.wire.agent.hangup(chaos.wire.now, leg, &[]);
        }
        chaos.wire.all_gone();
        chaos.look();
        assert!(chaos.legs.values().all(|ends| *ends == 1), "{:?}", chaos.legs);
    }

    fn call(&mut self, call_id: &str) {
        let mut call = invite(call_id);
        call.credentials = Some(Credentials::new("alice", "secret"));
        let peer = self.wire.peer();
        let leg = self.wire.agent.call(self.wire.now, call, peer).expect("placed");
        self.legs.insert(leg, 0);
    }

    fn step(&mut self) {
        match self.rng.random_range(0..12) {
            0..4 => self.respond(),
            4..6 => self.request_inside(),
            6 => self.request_again(),
            7 => {
                let mut request = self.wire.peer_invite();
                let call = format!("incoming-{}", self.rng.random_range(0..5));
                request.headers.set(HeaderName::CallId, call);
                self.wire.send(&request);
                self.theirs.push(request);
            }
            8..10 => self.command(),
            10 => self.wire.pass_ms(self.rng.random_range(0..1000)),
            _ => self.wire.pass(Duration::from_secs(self.rng.random_range(0..20))),
        }
    }

    fn respond(&mut self) {
        if self.ours.is_empty() {
            return;
        }
        let at = self.rng.random_range(0..self.ours.len());
        let request = self.ours[at].clone();
        let code = CODES[self.rng.random_range(0..CODES.len())];
        let tag = TAGS[self.rng.random_range(0..TAGS.len())];
        let challenge = format!("Digest realm=\"r{}\", nonce=\"n\"", self.rng.random_range(0..3));
        self.wire.reply_with(&request, code, tag, |response| match code {
            401 => response.headers.push(HeaderName::WwwAuthenticate, challenge.as_str()),
            407 => response.headers.push(HeaderName::ProxyAuthenticate, challenge.as_str()),
            _ => {}
        });
    }

    fn request_inside(&mut self) {
        let Some(at) = self.ours.iter().position(|request| request.method == Method::Invite) else { return };
        let methods = [
            Method::Bye,
            Method::Invite,
            Method::Update,
            Method::Info,
            Method::Ack,
            Method::Options,
            Method::Refer,
        ];
        let method = methods[self.rng.random_range(0..methods.len())].clone();
        let tag = TAGS[self.rng.random_range(0..3)];
        self.number += 1;
        let number = self.number.saturating_sub(self.rng.random_range(0..3));
        let mut request = self.wire.inside(&self.ours[at].clone(), method, number, tag);
        if self.rng.random_bool(0.7) {
            request.set_body("application/sdp", "an offer");
        }
        self.wire.send(&request);
        self.theirs.push(request);
    }

    fn request_again(&mut self) {
        if self.theirs.is_empty() {
            return;
        }
        let at = self.rng.random_range(0..self.theirs.len());
        let mut request = self.theirs[at].clone();
        match self.rng.random_range(0..3) {
            0 => {}
            choice => {
                request.method = if choice == 1 { Method::Cancel } else { Method::Ack };
                let number = request.headers.cseq().expect("CSeq").number;
                request.headers.set(HeaderName::CSeq, sip::msg::CSeq::new(number, request.method.clone()));
            }
        }
        self.wire.send(&request);
    }

    fn command(&mut self) {
        let legs: Vec<LegId> = self.legs.keys().copied().collect();
        let (now, agent) = (self.wire.now, &mut self.wire.agent);
        let leg = legs[self.rng.random_range(0..legs.len())];
        // Commands that do not fit are refused; none may do harm.
        let _ = match self.rng.random_range(0..10) {
            0 => agent.provisional(now, leg, StatusCode::RINGING, None),
            1 | 2 => agent.answer(now, leg, Some("an answer".into())),
            3 => agent.reject(now, leg, StatusCode::BUSY_HERE, None, &[]),
            4 => agent.reinvite(now, leg, Some("an offer".into())),
            5 | 6 => agent.answer_reinvite(now, leg, Ok("an answer".into())),
            7 => agent.answer_reinvite(now, leg, Err(StatusCode::NOT_ACCEPTABLE_HERE)),
            8 => agent.info(now, leg, "application/dtmf", "5".into()),
            _ => {
                agent.hangup(now, leg, &[]);
                Ok(())
            }
        };
    }

    /// Takes in what was sent and told.
    fn look(&mut self) {
        for message in self.wire.take_sent() {
            if let Message::Request(request) = message
                && !request.is_ack()
                && self.ours.len() < 100
            {
                self.ours.push(request);
            }
        }
        for (leg, event) in self.wire.take_events() {
            let ends = self.legs.entry(leg).or_default();
            assert_eq!(*ends, 0, "{leg:?} told {event:?} after its end");
            *ends += u32::from(matches!(event, LegEvent::Ended));
        }
    }
}

#[test]
fn whatever_a_peer_says_every_leg_ends_once_and_nothing_is_left() {
    if let Ok(seed) = std::env::var("SEED") {
        return Chaos::run(seed.parse().expect("a number"));
    }
    let count = std::env::var("SCHEDULES").ok().and_then(|count| count.parse().ok()).unwrap_or(2000);
    for seed in 0..count {
        if let Err(panic) = std::panic::catch_unwind(|| Chaos::run(seed)) {
            println!("failed with SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}
