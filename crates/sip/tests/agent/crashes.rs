//! A program that is killed at any moment of its calls, and started again: every phone that heard of a call hears of its
//! end, over networks that lose, repeat, delay and reorder. One seed per schedule, printed when it fails.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use sip::LegEvent;
use sip::msg::{HeaderName, Method};

use crate::support::net::{Act, Behaviour, Link, Net};
use crate::support::wire::Wire;

const CALLER: &str = "10.0.0.1:5060";
const PHONE: &str = "192.0.2.1:5060";

/// A phone that may ring, mostly answers, and never hangs up by itself.
fn patient() -> Behaviour {
    Box::new(|rng, _, event| match event {
        LegEvent::Incoming { .. } => {
            let mut acts = Vec::new();
            if rng.random_bool(0.7) {
                acts.push((millis(rng, 500), Act::Provisional(180)));
            }
            if rng.random_bool(0.8) {
                acts.push((millis(rng, 3_000), Act::Answer));
            }
            acts
        }
        LegEvent::ReInvite { .. } => vec![(Duration::ZERO, Act::AnswerOffer(true))],
        _ => Vec::new(),
    })
}

/// A caller that may offer something new, and now and then hangs up.
fn busy() -> Behaviour {
    Box::new(|rng, _, event| match event {
        LegEvent::Answered { .. } if rng.random_bool(0.3) => {
            vec![(millis(rng, 2_000), Act::ReInvite), (millis(rng, 4_000), Act::Hangup)]
        }
        LegEvent::Answered { .. } => vec![(millis(rng, 2_000), Act::ReInvite)],
        _ => Vec::new(),
    })
}

fn millis(rng: &mut StdRng, up_to: u64) -> Duration {
    Duration::from_millis(rng.random_range(0..up_to))
}

fn run_schedule(seed: u64) {
    let mut net = Net::new(seed, Link::PERFECT);
    let choices = |rng: &mut StdRng| Link {
        loss: [0.0, 0.0, 0.1, 0.3][rng.random_range(0..4)],
        repeat: [0.0, 0.2][rng.random_range(0..2)],
        delay: Duration::from_millis([1, 30, 300][rng.random_range(0..3)]),
    };
    let link = choices(&mut net.rng);
    net = Net::new(seed, link);
    net.journaled = Some(Duration::from_millis([0, 1, 50][net.rng.random_range(0..3)]));
    let caller = net.add(CALLER, busy());
    let phone = net.add(PHONE, patient());
    let legs: Vec<_> =
        (0..net.rng.random_range(1..=3)).map(|n| net.call(caller, PHONE, &format!("call-{n}"))).collect();
    let at = millis(&mut net.rng, 5_000);
    net.act_later(caller, legs[0], at, Act::Crash);
    net.run(Duration::from_secs(300));
    net.assert_over();
    assert!(net.nodes[phone].told.len() <= legs.len(), "nothing is dialled twice");
}

#[test]
fn killed_at_any_moment_every_phone_hears_of_the_end_of_its_call() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    if let Some(seed) = number("SEED") {
        return run_schedule(seed);
    }
    let count = number("SCHEDULES").unwrap_or(3000);
    for seed in 0..count {
        if let Err(panic) = std::panic::catch_unwind(|| run_schedule(seed)) {
            println!("failed with SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
    println!("{count} schedules");
}

fn journaled(wire: &mut Wire) -> sip::LegId {
    let options = sip::CallOptions::default().journaled();
    let (now, peer) = (wire.now, wire.peer());
    wire.agent.call_with(now, crate::support::invite("call"), peer, options).expect("placed")
}

#[test]
fn neither_the_invite_nor_the_ack_leaves_before_the_call_is_written_down() {
    let mut wire = Wire::new();
    let leg = journaled(&mut wire);
    wire.silent();
    wire.told(&["Record"]);
    wire.agent.recorded(wire.now, leg);
    let invite = wire.request(Method::Invite);
    wire.reply(&invite, 200, "b");
    wire.reply(&invite, 200, "b");
    wire.silent();
    wire.told(&["Record", "Answered 200"]);
    wire.agent.recorded(wire.now, leg);
    wire.request(Method::Ack);
    wire.silent();
    wire.reply(&invite, 200, "b");
    wire.request(Method::Ack);

    let moved = wire.inside(&invite, Method::Update, 1, "b");
    let mut moved = moved;
    let contact: sip::msg::NameAddr = "<sip:bob@192.0.2.77>".parse().expect("an address");
    moved.headers.set(HeaderName::Contact, contact);
    wire.send(&moved);
    wire.response(200);
    wire.told(&["Record"]);
}

#[test]
fn a_challenged_invite_is_written_down_again() {
    let mut wire = Wire::new();
    let options = sip::CallOptions::default().journaled();
    let mut invite = crate::support::invite("call");
    invite.credentials = Some(sip::auth::Credentials::new("user", "password"));
    let (now, peer) = (wire.now, wire.peer());
    let leg = wire.agent.call_with(now, invite, peer, options).expect("placed");
    wire.told(&["Record"]);
    wire.agent.recorded(wire.now, leg);
    let invite = wire.request(Method::Invite);
    wire.reply_with(&invite, 407, "p", |response| {
        response.headers.push(HeaderName::ProxyAuthenticate, "Digest realm=\"r\", nonce=\"n\"");
    });
    wire.request(Method::Ack);
    wire.silent();
    wire.told(&["Record"]);
    wire.agent.recorded(wire.now, leg);
    assert_ne!(wire.request(Method::Invite).headers.branch(), invite.headers.branch());
}

#[test]
fn a_call_given_up_before_it_is_written_down_never_leaves() {
    let mut wire = Wire::new();
    let leg = journaled(&mut wire);
    wire.agent.hangup(wire.now, leg, &[]);
    wire.agent.recorded(wire.now, leg);
    wire.silent();
    wire.told(&["Record", "Ended"]);
    wire.all_gone();
}

#[test]
fn nobody_waits_for_ever_for_what_is_never_written_down() {
    let mut wire = Wire::new();
    journaled(&mut wire);
    wire.pass_ms(6_000);
    wire.silent();
    wire.told(&["Record", "TransactionTimeout", "Ended"]);

    let mut wire = Wire::new();
    let leg = journaled(&mut wire);
    wire.agent.recorded(wire.now, leg);
    let invite = wire.request(Method::Invite);
    wire.reply(&invite, 200, "b");
    wire.silent();
    wire.pass_ms(6_000);
    wire.request(Method::Ack);
}
