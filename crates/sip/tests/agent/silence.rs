//! Next hops that say nothing, while there is another to try; and those that speak up late.

use std::time::Duration;

use sip::msg::{HeaderName, Message, Method, Request, Transport};
use sip::{Destination, LegId, Output, Targets};

use crate::support::wire::Wire;
use crate::support::{addr, invite};

const FIRST: &str = "192.0.2.66:5060";

/// A call with two targets; the first one's INVITE.
fn two_targets(wire: &mut Wire) -> (LegId, Request) {
    let first = Destination::new(wire.transport, addr(FIRST));
    let targets = Targets::new([first, wire.peer()]).expect("two targets");
    let leg = wire.agent.call(wire.now, invite("call"), targets).expect("placed");
    let (to, request) = wire.request_to(Method::Invite);
    assert_eq!(to, first);
    (leg, request)
}

/// The INVITE that the second target gets, after at most this time.
fn second_target(wire: &mut Wire, limit: Duration) -> Request {
    wire.pass(limit);
    let last = wire.take_sent().pop();
    match last {
        Some(Message::Request(request)) if request.method == Method::Invite => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_silent_target_is_followed_by_the_next_within_a_second() {
    for (transport, limit) in [(Transport::Udp, 1), (Transport::Tcp, 1)] {
        let mut wire = Wire::new();
        wire.transport = transport;
        let (_, first) = two_targets(&mut wire);
        let second = second_target(&mut wire, Duration::from_secs(limit));
        assert_ne!(second.headers.branch(), first.headers.branch());
        wire.reply(&second, 200, "b");
        wire.request(Method::Ack);
        wire.told(&["Answered 200"]);
    }
}

#[test]
fn a_target_that_rings_late_is_cancelled_and_one_that_answers_late_is_ended() {
    let mut wire = Wire::new();
    let (leg, first) = two_targets(&mut wire);
    let second = second_target(&mut wire, Duration::from_secs(1));
    wire.reply(&first, 180, "late");
    let cancel = wire.request(Method::Cancel);
    assert_eq!(cancel.headers.branch(), first.headers.branch());
    wire.reply(&first, 180, "late");
    wire.silent();
    wire.reply(&first, 200, "late");
    assert_eq!(wire.request(Method::Ack).headers.to_tag().as_deref(), Some("late"));
    let bye = wire.request(Method::Bye);
    assert_eq!(bye.headers.to_tag().as_deref(), Some("late"));
    wire.reply(&first, 200, "late");
    wire.request(Method::Ack);
    wire.silent();
    wire.reply(&bye, 200, "late");
    wire.reply(&cancel, 200, "late");
    wire.told(&[]);
    wire.reply(&second, 200, "b");
    wire.request(Method::Ack);
    wire.told(&["Answered 200"]);
    wire.agent.hangup(wire.now, leg, &[]);
    let bye = wire.request(Method::Bye);
    assert_eq!(bye.headers.to_tag().as_deref(), Some("b"));
    wire.reply(&bye, 200, "b");
    wire.told(&["Ended"]);
    wire.all_gone();
}

#[test]
fn a_late_answer_after_the_call_has_ended_is_still_acknowledged_and_ended() {
    let mut wire = Wire::new();
    let (_, first) = two_targets(&mut wire);
    let second = second_target(&mut wire, Duration::from_secs(1));
    wire.reply(&second, 486, "b");
    wire.request(Method::Ack);
    wire.told(&["Failed 486", "Ended"]);
    wire.reply(&first, 180, "late");
    wire.request(Method::Cancel);
    wire.reply(&first, 200, "late");
    wire.request(Method::Ack);
    wire.request(Method::Bye);
    wire.all_gone();
    wire.told(&[]);
}

#[test]
fn a_target_that_has_said_anything_is_not_given_up() {
    let mut wire = Wire::new();
    let (_, first) = two_targets(&mut wire);
    wire.reply(&first, 100, "");
    wire.told(&["Trying"]);
    wire.pass(Duration::from_secs(60));
    wire.silent();
}

#[test]
fn a_503_after_100_leads_to_the_next_target_but_not_after_ringing() {
    for (before, goes_on) in [(100, true), (183, false)] {
        let mut wire = Wire::new();
        let (_, first) = two_targets(&mut wire);
        wire.reply(&first, before, "a");
        wire.reply(&first, 503, "a");
        wire.request(Method::Ack);
        if goes_on {
            let (to, second) = wire.request_to(Method::Invite);
            assert_eq!(to, wire.peer());
            wire.reply(&second, 200, "b");
            wire.request(Method::Ack);
            wire.told(&["Trying", "Answered 200"]);
        } else {
            wire.told(&["Provisional 183", "Failed 503", "Ended"]);
        }
    }
}

#[test]
fn hung_up_in_the_silence_no_other_target_is_called() {
    let mut wire = Wire::new();
    let (leg, first) = two_targets(&mut wire);
    wire.agent.hangup(wire.now, leg, &[]);
    wire.pass(Duration::from_secs(20));
    let sent = wire.take_sent();
    assert!(sent.iter().all(|m| m.headers().branch() == first.headers.branch()), "{sent:#?}");
    wire.reply(&first, 180, "a");
    wire.request(Method::Cancel);
}

#[test]
fn what_did_not_take_an_invite_is_named_with_the_time_it_asked_for() {
    let mut wire = Wire::new();
    let (_, first) = two_targets(&mut wire);
    let mut busy = sip::msg::Response::to(&first, sip::msg::StatusCode::SERVICE_UNAVAILABLE);
    busy.headers.set_to_tag("a");
    busy.headers.push(HeaderName::RetryAfter, "120 (overload)");
    wire.agent.handle_message(wire.now, wire.flow(), &sip::msg::Message::from(busy).encode());
    let mut failed = Vec::new();
    while let Some(output) = wire.agent.poll_output() {
        if let Output::TargetFailed { destination, retry_after } = output {
            failed.push((destination.addr, retry_after));
        }
    }
    assert_eq!(failed, [(addr(FIRST), Some(Duration::from_secs(120)))]);
}

#[test]
fn the_only_target_may_be_given_less_time_than_the_transaction_has() {
    let mut config = crate::support::config(addr(crate::support::wire::OURS));
    config.timers.last_silence_limit = Some(Duration::from_secs(6));
    let mut wire = Wire::with(config);
    let (_, invite) = wire.call();
    wire.pass_ms(5999);
    wire.told(&[]);
    wire.pass_ms(1);
    wire.told(&["TransactionTimeout", "Ended"]);
    let _ = wire.take_sent();
    wire.reply(&invite, 200, "late");
    wire.request(Method::Ack);
    wire.request(Method::Bye);
    wire.all_gone();
}
