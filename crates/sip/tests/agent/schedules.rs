//! Calls over networks that lose, repeat, delay and reorder: thousands of schedules, each from one seed.
//!
//! A failure prints its seed; `SEED=n cargo test -p sip --test agent schedules` runs that one alone, and
//! `SCHEDULES=n` more of them.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use sip::LegEvent;

use crate::support::net::{Act, Behaviour, Link, Net};

const CALLER: &str = "10.0.0.1:5060";
const PHONE: &str = "192.0.2.1:5060";
const SECOND_PHONE: &str = "192.0.2.2:5060";
const HUNT_GROUP: &str = "192.0.2.100:5060";

fn seconds(rng: &mut StdRng, up_to: f64) -> Duration {
    Duration::from_secs_f64(rng.random_range(0.0..up_to))
}

/// A phone that rings for a second, answers, and never hangs up by itself.
fn friendly() -> Behaviour {
    Box::new(|_, _, event| match event {
        LegEvent::Incoming { .. } => {
            vec![(Duration::from_millis(50), Act::Provisional(180)), (Duration::from_secs(1), Act::Answer)]
        }
        _ => Vec::new(),
    })
}

/// A caller that hangs up this long after the answer.
fn talks_for(time: Duration) -> Behaviour {
    Box::new(move |_, _, event| match event {
        LegEvent::Answered { .. } => vec![(time, Act::Hangup)],
        _ => Vec::new(),
    })
}

/// Either side of a call, doing anything at any time.
fn moody(may_refuse: bool) -> Behaviour {
    Box::new(move |rng, _, event| match event {
        LegEvent::Incoming { .. } => {
            let mut acts = Vec::new();
            for _ in 0..rng.random_range(0..3) {
                acts.push((seconds(rng, 4.0), Act::Provisional(*pick(rng, &[180, 181, 183]))));
            }
            match rng.random_range(0..10) {
                0 if may_refuse => {
                    acts.push((seconds(rng, 5.0), Act::Reject(*pick(rng, &[302, 404, 486, 503, 603]))))
                }
                1 => acts.push((seconds(rng, 5.0), Act::Hangup)),
                2 => {}
                _ => acts.push((seconds(rng, 5.0), Act::Answer)),
            }
            // Everybody gives up in the end.
            acts.push((Duration::from_secs(100) + seconds(rng, 20.0), Act::Hangup));
            acts.extend(mischief(rng));
            acts
        }
        LegEvent::Answered { .. } => mischief(rng),
        LegEvent::ReInvite { .. } if rng.random_bool(0.9) => {
            vec![(seconds(rng, 1.0), Act::AnswerOffer(rng.random_bool(0.8)))]
        }
        _ => Vec::new(),
    })
}

fn mischief(rng: &mut StdRng) -> Vec<(Duration, Act)> {
    let mut acts = Vec::new();
    for _ in 0..rng.random_range(0..4) {
        let act = pick(rng, &[Act::Hangup, Act::ReInvite, Act::ReInvite, Act::Info]).clone();
        acts.push((seconds(rng, 10.0), act));
    }
    acts
}

fn pick<'a, T>(rng: &mut StdRng, choices: &'a [T]) -> &'a T {
    &choices[rng.random_range(0..choices.len())]
}

/// One schedule: a random network, one to three calls, each side doing anything at any time.
fn run_schedule(seed: u64) {
    let mut net = Net::new(seed, Link::PERFECT);
    let link = Link {
        loss: *pick(&mut net.rng, &[0.0, 0.05, 0.3, 0.6]),
        repeat: *pick(&mut net.rng, &[0.0, 0.1, 0.5]),
        delay: Duration::from_millis(*pick(&mut net.rng, &[1, 50, 700, 3000])),
    };
    net = Net::new(seed, link);
    if net.rng.random_bool(0.15) {
        net.use_tcp();
    }
    net.session = Some(Duration::from_secs(60));
    let forks = net.rng.random_bool(0.3);
    let caller = net.add(CALLER, moody(true));
    let phones = [net.add(PHONE, moody(!forks)), net.add(SECOND_PHONE, moody(!forks))];
    net.group(HUNT_GROUP, &phones);
    let target = if forks { HUNT_GROUP } else { PHONE };
    for number in 0..net.rng.random_range(1..=3) {
        let leg = net.call(caller, target, &format!("call-{number}"));
        if net.rng.random_bool(0.4) {
            let after = seconds(&mut net.rng, 8.0);
            net.act_later(caller, leg, after, Act::Hangup);
        }
        net.act_later(caller, leg, Duration::from_secs(90), Act::Hangup);
    }
    // The last to hang up does so after 120 s; then no more than the ACK's, the BYE's and the copies' 32 s each.
    net.run(Duration::from_secs(220));
    net.assert_over();
}

#[test]
fn every_schedule_ends_every_leg_on_every_side_and_leaves_nothing() {
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

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn twenty_calls_through_30_percent_loss_are_all_answered_and_all_ended_on_both_sides() {
    // One call in 5000 loses all seven copies of its INVITE (0.3^7), as RFC 3261 has it; not with these seeds.
    for seed in 0..10 {
        let link = Link { loss: 0.3, repeat: 0.05, delay: Duration::from_millis(200) };
        let mut net = Net::new(seed, link);
        let caller = net.add(CALLER, talks_for(Duration::from_secs(40)));
        let phone = net.add(PHONE, friendly());
        for number in 0..20 {
            net.call(caller, PHONE, &format!("call-{number}"));
        }
        net.run(Duration::from_secs(600));
        net.assert_over();
        for told in net.nodes[caller].told.values() {
            assert!(told.iter().any(|event| event == "Answered 200"), "SEED={seed} caller: {told:?}");
        }
        assert_eq!(net.nodes[phone].told.len(), 20, "SEED={seed}");
        for told in net.nodes[phone].told.values() {
            let whole = ["Acked", "RemoteBye"].iter().all(|event| told.iter().any(|t| t == event));
            assert!(whole, "SEED={seed} phone: {told:?}");
        }
    }
}

#[test]
fn on_a_perfect_network_nothing_is_sent_twice_over_udp_or_tcp() {
    for tcp in [false, true] {
        let mut net = Net::new(1, Link::PERFECT);
        if tcp {
            net.use_tcp();
        }
        let caller = net.add(CALLER, talks_for(Duration::from_secs(3)));
        let phone = net.add(PHONE, friendly());
        net.call(caller, PHONE, "call");
        net.run(Duration::from_secs(120));
        net.assert_over();
        let told = |node: usize| net.nodes[node].told.values().next().cloned().unwrap_or_default();
        assert_eq!(told(caller), ["Provisional 180", "Answered 200", "Ended"]);
        assert_eq!(told(phone), ["Incoming", "Acked", "RemoteBye", "Ended"]);
        // INVITE, 180, 200, ACK, BYE, 200.
        assert_eq!(net.packets, 6);
    }
}
