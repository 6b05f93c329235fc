//! Placing a call: provisional responses, the answer, refusals, silence.

use std::time::Duration;

use sip::msg::{HeaderName, Method, Transport};
use sip::{Invite, Targets};

use crate::support::wire::{OURS, Wire};
use crate::support::{addr, invite};

#[test]
fn a_call_rings_is_answered_and_hung_up_by_us() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call();
    wire.reply(&invite, 100, "");
    wire.reply(&invite, 180, "b");
    wire.reply_with(&invite, 200, "b", |response| response.set_body("application/sdp", "answer"));
    let ack = wire.request(Method::Ack);
    assert_ne!(ack.headers.branch(), invite.headers.branch(), "the ACK of a 2xx is a transaction of its own");
    assert_eq!(ack.headers.get(&HeaderName::CSeq), Some("1 ACK"));
    assert_eq!(ack.uri.to_string(), "sip:bob@192.0.2.1:5060");
    wire.told(&["Trying", "Provisional 180", "Answered 200"]);

    let reason = [("Reason".to_owned(), "Q.850;cause=16".to_owned())];
    wire.agent.hangup(wire.now, leg, &reason);
    let bye = wire.request(Method::Bye);
    assert_eq!(bye.headers.get(&HeaderName::CSeq), Some("2 BYE"));
    assert_eq!(bye.headers.get(&HeaderName::Reason), Some("Q.850;cause=16"));
    wire.reply(&bye, 200, "b");
    wire.told(&["Ended"]);
    wire.all_gone();
}

#[test]
fn the_invite_says_who_we_are_and_what_we_take() {
    let mut wire = Wire::new();
    let mut call = invite("call");
    call.headers = vec![("X-Account".into(), "7".into()), ("Via".into(), "forged".into())];
    let (_, invite) = wire.call_with(call);
    let via = invite.headers.via().expect("Via");
    assert_eq!(format!("{}:{:?}", via.host, via.port), "10.0.0.1:Some(5060)");
    assert!(via.has_rfc3261_branch() && via.params.contains("rport"));
    assert_eq!(invite.headers.vias().count(), 1);
    assert_eq!(invite.headers.get(&HeaderName::MaxForwards), Some("70"));
    assert_eq!(invite.headers.get(&HeaderName::Contact), Some("<sip:10.0.0.1:5060>"));
    assert_eq!(invite.headers.get(&HeaderName::UserAgent), Some("trunkline-test/1"));
    assert_eq!(invite.headers.get(&HeaderName::ContentType), Some("application/sdp"));
    assert_eq!(invite.headers.get_text("X-Account"), Some("7"));
    assert_eq!(invite.headers.allows(&Method::Info), Some(true));
    assert_eq!(invite.headers.allows(&Method::Subscribe), Some(false));
    assert_eq!(invite.headers.from_tag().as_deref(), Some("tag-call"));
    assert_eq!(invite.headers.to_tag(), None);
}

#[test]
fn a_busy_phone_ends_the_leg_and_its_refusal_is_acknowledged_as_often_as_it_comes() {
    let mut wire = Wire::new();
    let (_, invite) = wire.call();
    wire.reply(&invite, 486, "b");
    let ack = wire.request(Method::Ack);
    assert_eq!(ack.headers.branch(), invite.headers.branch());
    assert_eq!(ack.headers.to_tag().as_deref(), Some("b"));
    wire.told(&["Failed 486", "Ended"]);
    wire.reply(&invite, 486, "b");
    assert_eq!(wire.request(Method::Ack), ack);
    wire.told(&[]);
    wire.all_gone();
}

#[test]
fn an_invite_nobody_answers_is_resent_and_given_up_after_32_seconds() {
    let mut wire = Wire::new();
    let (_, first) = wire.call();
    wire.pass(Duration::from_secs(31));
    let copies = wire.take_sent();
    assert_eq!(copies.len(), 5);
    assert!(copies.iter().all(|copy| *copy == first.clone().into()));
    wire.told(&[]);
    wire.pass(Duration::from_secs(1));
    let events = wire.events();
    assert!(matches!(
        events[..],
        [
            sip::LegEvent::TransactionTimeout { after_provisional: false, provisionals: 0 },
            sip::LegEvent::Ended
        ]
    ));
    wire.all_gone();
}

#[test]
fn a_repeated_200_gets_the_same_ack_again_for_32_seconds_even_after_bye() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call();
    wire.reply(&invite, 200, "b");
    let ack = wire.request(Method::Ack);
    for _ in 0..3 {
        wire.pass_ms(4000);
        wire.reply(&invite, 200, "b");
        assert_eq!(wire.request(Method::Ack), ack);
    }
    wire.agent.hangup(wire.now, leg, &[]);
    let bye = wire.request(Method::Bye);
    wire.reply(&bye, 200, "b");
    wire.told(&["Answered 200", "Ended"]);
    wire.pass_ms(4000);
    wire.reply(&invite, 200, "b");
    assert_eq!(wire.request(Method::Ack), ack);
    wire.silent();
    wire.all_gone();
}

#[test]
fn any_2xx_is_an_answer_and_one_without_contact_is_acknowledged_too() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call();
    wire.reply_with(&invite, 202, "b", |response| response.headers.remove(&HeaderName::Contact));
    wire.request(Method::Ack);
    wire.told(&["Answered 202"]);
    wire.agent.hangup(wire.now, leg, &[]);
    let bye = wire.request(Method::Bye);
    wire.reply(&bye, 200, "b");
    wire.told(&["Ended"]);
    wire.all_gone();
}

#[test]
fn every_fork_that_answers_second_gets_ack_and_bye_and_the_call_stays() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call();
    wire.reply(&invite, 180, "a");
    wire.reply(&invite, 183, "b");
    wire.reply(&invite, 200, "b");
    wire.request(Method::Ack);
    for tag in ["a", "c"] {
        wire.reply(&invite, 200, tag);
        assert_eq!(wire.request(Method::Ack).headers.to_tag().as_deref(), Some(tag));
        let bye = wire.request(Method::Bye);
        assert_eq!(bye.headers.to_tag().as_deref(), Some(tag));
        wire.reply(&bye, 200, tag);
        wire.reply(&invite, 200, tag);
        assert_eq!(wire.request(Method::Ack).headers.to_tag().as_deref(), Some(tag));
        wire.silent();
    }
    wire.told(&["Provisional 180", "Provisional 183", "Answered 200"]);
    wire.agent.hangup(wire.now, leg, &[]);
    let bye = wire.request(Method::Bye);
    assert_eq!(bye.headers.to_tag().as_deref(), Some("b"));
    wire.reply(&bye, 200, "b");
    wire.told(&["Ended"]);
    wire.all_gone();
}

#[test]
fn a_refused_target_is_followed_by_the_next_at_once() {
    let mut wire = Wire::new();
    let first = sip::Destination::new(Transport::Udp, addr("192.0.2.66:5060"));
    let targets = Targets::new([first, wire.peer()]).expect("two targets");
    wire.agent.call(wire.now, invite("call"), targets).expect("placed");
    let (to, original) = wire.request_to(Method::Invite);
    assert_eq!(to, first);
    wire.agent.transport_failed(wire.now, first, &sip::TransportError::Refused { destination: first });
    let (to, second) = wire.request_to(Method::Invite);
    assert_eq!(to, wire.peer());
    assert_ne!(second.headers.branch(), original.headers.branch());
    assert_eq!(second.headers.call_id(), original.headers.call_id());
    wire.reply(&second, 503, "b");
    wire.request(Method::Ack);
    wire.told(&["Failed 503", "Ended"]);
    wire.all_gone();
}

#[test]
fn the_last_targets_failure_is_told_at_once_not_after_32_seconds() {
    let mut wire = Wire::new();
    wire.call();
    let peer = wire.peer();
    wire.agent.transport_failed(wire.now, peer, &sip::TransportError::Refused { destination: peer });
    wire.told(&["TransportFailed", "Ended"]);
    wire.all_gone();
}

#[test]
fn over_tcp_nothing_is_repeated_and_the_connection_is_used_again() {
    let mut wire = Wire::new();
    wire.transport = Transport::Tcp;
    let (leg, invite) = wire.call();
    assert_eq!(invite.headers.get(&HeaderName::Contact), Some("<sip:10.0.0.1:5060;transport=tcp>"));
    wire.pass(Duration::from_secs(20));
    wire.silent();
    wire.reply(&invite, 200, "b");
    wire.request(Method::Ack);
    wire.agent.hangup(wire.now, leg, &[]);
    let transmit = match wire.agent.poll_output() {
        Some(sip::Output::Transmit(transmit)) => transmit,
        other => panic!("{other:?}"),
    };
    let flow = transmit.flow.expect("the connection");
    assert_eq!((flow.local, flow.remote), (addr(OURS), wire.peer().addr));
    wire.pass(Duration::from_secs(40));
    wire.told(&["Answered 200", "Ended"]);
    wire.all_gone();
}

#[test]
fn a_second_call_with_the_same_identity_is_refused() {
    let mut wire = Wire::new();
    wire.call();
    let peer = wire.peer();
    assert_eq!(wire.agent.call(wire.now, invite("call"), peer), Err(sip::DialError::Duplicate));
    let mut broken = invite("other");
    broken.headers = vec![("X-A".into(), "1\r\nVia: x".into())];
    assert_eq!(wire.agent.call(wire.now, broken, peer), Err(sip::DialError::Header));
}

#[test]
fn a_peer_that_does_not_accept_the_offer_is_made_the_other_one_once() {
    let mut wire = Wire::new();
    let call = Invite { other_body: Some("other offer".into()), ..invite("call") };
    let (_, first) = wire.call_with(call);
    assert_eq!(first.body, "offer");
    wire.reply(&first, 488, "b");
    wire.request(Method::Ack);
    let second = wire.request(Method::Invite);
    assert_eq!(second.body, "other offer");
    assert_eq!(second.headers.get(&HeaderName::CSeq), Some("2 INVITE"));
    assert_ne!(second.headers.branch(), first.headers.branch());
    assert_eq!(second.headers.call_id(), first.headers.call_id());
    assert_eq!(second.headers.from_tag(), first.headers.from_tag());
    wire.reply(&second, 488, "b");
    wire.request(Method::Ack);
    wire.told(&["Failed 488", "Ended"]);
    wire.all_gone();
}

#[test]
fn nothing_else_is_offered_after_hanging_up() {
    let mut wire = Wire::new();
    let call = Invite { other_body: Some("other offer".into()), ..invite("call") };
    let (leg, first) = wire.call_with(call);
    wire.agent.hangup(wire.now, leg, &[]);
    wire.reply(&first, 488, "b");
    wire.request(Method::Ack);
    wire.silent();
    wire.told(&["Failed 488", "Ended"]);
}

/// A proxy whose routing leads back to us: the caller should hear of the loop, not of a stranger's refusal.
#[test]
fn our_own_invite_that_comes_back_is_a_loop() {
    let mut config = crate::support::config(crate::support::addr(crate::support::wire::OURS));
    config.inbound = sip::Inbound::Refuse(403);
    let mut wire = Wire::with(config);
    let (_, invite) = wire.call();
    let mut back = invite.clone();
    let via =
        sip::msg::Via::new(sip::Transport::Udp, wire.peer().addr.ip().into(), Some(5060), "z9hG4bKproxy");
    back.headers.push_front(HeaderName::Via, via);
    wire.send(&back);
    wire.response(482);
    back.headers.remove(&HeaderName::From);
    back.headers.push(HeaderName::From, "<sip:somebody@192.0.2.1>;tag=else");
    wire.send(&back);
    wire.response(403);
    wire.reply(&invite, 482, "b");
    wire.request(Method::Ack);
    wire.told(&["Failed 482", "Ended"]);
}
