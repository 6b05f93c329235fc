//! Calls that come in: what a phone does.

use std::time::Duration;

use sip::msg::{HeaderName, Message, Method, Request, StatusCode};
use sip::{Inbound, LegEvent, LegId};

use crate::support::wire::{OURS, Wire};
use crate::support::{addr, config};

fn incoming(wire: &mut Wire) -> (LegId, Request) {
    let invite = wire.peer_invite();
    wire.send(&invite);
    let leg = wire.leg_told();
    (leg, invite)
}

fn inside(wire: &mut Wire, invite: &Request, method: Method, number: u32, our_tag: &str) -> Request {
    let from = invite.headers.from().expect("From");
    let to = invite.headers.to().expect("To").with_tag(our_tag);
    wire.compose(method, number, &from, &to, "incoming")
}

#[test]
fn a_phone_rings_answers_and_is_hung_up_on() {
    let mut wire = Wire::new();
    let (leg, invite) = incoming(&mut wire);
    wire.told(&["Incoming"]);
    wire.agent.provisional(wire.now, leg, StatusCode::RINGING, None).expect("ringing");
    let ringing = wire.response(180);
    wire.agent.answer(wire.now, leg, Some("our answer".into())).expect("ringing");
    let ok = wire.response(200);
    let tag = ok.headers.to_tag().expect("a tag");
    assert_eq!(ringing.headers.to_tag().as_ref(), Some(&tag));
    assert_eq!(ok.headers.get(&HeaderName::Contact), Some("<sip:10.0.0.1:5060>"));
    wire.pass_ms(500);
    assert_eq!(wire.response(200), ok);
    let ack = inside(&mut wire, &invite, Method::Ack, 1, &tag);
    wire.send(&ack);
    wire.pass(Duration::from_secs(40));
    wire.silent();
    let bye = inside(&mut wire, &invite, Method::Bye, 2, &tag);
    wire.send(&bye);
    wire.response(200);
    wire.told(&["Acked", "RemoteBye", "Ended"]);
    wire.all_gone();
}

#[test]
fn a_caller_that_gives_up_gets_200_for_its_cancel_and_487_for_its_invite() {
    let mut wire = Wire::new();
    let (leg, invite) = incoming(&mut wire);
    wire.agent.provisional(wire.now, leg, StatusCode::RINGING, None).expect("ringing");
    let ringing = wire.response(180);
    let mut cancel = wire.compose(
        Method::Cancel,
        1,
        &invite.headers.from().expect("From"),
        &invite.headers.to().expect("To"),
        "incoming",
    );
    cancel.headers.set(HeaderName::Via, invite.headers.via().expect("Via"));
    wire.send(&cancel);
    assert_eq!(wire.response(200).headers.to_tag(), ringing.headers.to_tag());
    let refusal = wire.response(487);
    wire.told(&["Incoming", "Cancelled", "Ended"]);
    wire.pass_ms(500);
    assert_eq!(wire.response(487), refusal);
    let mut ack = cancel.clone();
    ack.method = Method::Ack;
    ack.headers.set(HeaderName::CSeq, "1 ACK");
    wire.send(&ack);
    wire.pass(Duration::from_secs(20));
    wire.silent();
    wire.all_gone();
}

#[test]
fn a_cancel_of_nothing_gets_481_and_one_after_the_answer_changes_nothing() {
    let mut wire = Wire::new();
    let invite = wire.peer_invite();
    let (from, to) = (invite.headers.from().expect("From"), invite.headers.to().expect("To"));
    let cancel = wire.compose(Method::Cancel, 1, &from, &to, "incoming");
    wire.send(&cancel);
    wire.response(481);
    wire.send(&invite);
    let leg = wire.leg_told();
    wire.agent.answer(wire.now, leg, None).expect("ringing");
    wire.response(200);
    let mut cancel = cancel;
    cancel.headers.set(HeaderName::Via, invite.headers.via().expect("Via"));
    wire.send(&cancel);
    wire.response(200);
    wire.silent();
    wire.told(&["Incoming"]);
}

#[test]
fn an_answer_that_is_never_acknowledged_ends_with_bye() {
    let mut wire = Wire::new();
    let (leg, _) = incoming(&mut wire);
    wire.agent.answer(wire.now, leg, None).expect("ringing");
    let start = wire.now;
    wire.pass(Duration::from_secs(32));
    let sent = wire.take_sent();
    let answers = sent.iter().filter(|message| matches!(message, Message::Response(_))).count();
    assert_eq!(answers, 11, "one and ten copies within {:?}", wire.now - start);
    assert!(matches!(sent.last(), Some(Message::Request(bye)) if bye.method == Method::Bye));
    wire.told(&["Incoming", "AckMissing"]);
    wire.all_gone();
    wire.told(&["Ended"]);
}

#[test]
fn hanging_up_before_the_ack_waits_for_it() {
    let mut wire = Wire::new();
    let (leg, invite) = incoming(&mut wire);
    wire.agent.answer(wire.now, leg, None).expect("ringing");
    let tag = wire.response(200).headers.to_tag().expect("a tag");
    wire.agent.hangup(wire.now, leg, &[("X-Why".into(), "tired".into())]);
    wire.silent();
    let ack = inside(&mut wire, &invite, Method::Ack, 1, &tag);
    wire.send(&ack);
    let bye = wire.request(Method::Bye);
    assert_eq!(bye.headers.get_text("X-Why"), Some("tired"));
    wire.reply(&bye, 200, "p");
    wire.told(&["Incoming", "Acked", "Ended"]);
    wire.all_gone();
}

#[test]
fn a_refusal_carries_its_reason_and_header_fields_and_is_repeated_until_acknowledged() {
    let mut wire = Wire::new();
    let (leg, _) = incoming(&mut wire);
    let headers = [("Contact".to_owned(), "<sip:elsewhere@192.0.2.5>".to_owned())];
    let moved = StatusCode::MOVED_TEMPORARILY;
    assert!(wire.agent.reject(wire.now, leg, StatusCode::RINGING, None, &[]).is_err());
    wire.agent.reject(wire.now, leg, moved, Some("Gone fishing"), &headers).expect("ringing");
    let refusal = wire.response(302);
    assert_eq!(refusal.reason(), "Gone fishing");
    assert_eq!(refusal.headers.get(&HeaderName::Contact), Some("<sip:elsewhere@192.0.2.5>"));
    wire.told(&["Incoming", "Ended"]);
    wire.pass(Duration::from_secs(33));
    assert_eq!(wire.take_sent().len(), 10);
    wire.all_gone();
}

#[test]
fn the_same_call_by_two_ways_rings_once() {
    let mut wire = Wire::new();
    let (_, invite) = incoming(&mut wire);
    let mut other_way = invite.clone();
    let via = wire.compose(
        Method::Invite,
        1,
        &invite.headers.from().expect("From"),
        &invite.headers.to().expect("To"),
        "x",
    );
    other_way.headers.set(HeaderName::Via, via.headers.via().expect("Via"));
    wire.send(&other_way);
    wire.response(482);
    wire.send(&invite);
    wire.silent();
    wire.told(&["Incoming"]);
}

#[test]
fn a_peer_of_rfc_2543_without_magic_cookie_is_served() {
    let mut wire = Wire::new();
    let mut invite = wire.peer_invite();
    invite.headers.set(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1:5060;branch=1");
    wire.send(&invite);
    let leg = wire.leg_told();
    wire.agent.provisional(wire.now, leg, StatusCode::RINGING, None).expect("ringing");
    let ringing = wire.response(180);
    wire.send(&invite);
    assert_eq!(wire.response(180), ringing);
    wire.agent.reject(wire.now, leg, StatusCode::BUSY_HERE, None, &[]).expect("ringing");
    let tag = wire.response(486).headers.to_tag().expect("a tag");
    let mut ack = inside(&mut wire, &invite, Method::Ack, 1, &tag);
    ack.uri = invite.uri.clone();
    ack.headers.set(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1:5060;branch=1");
    wire.send(&ack);
    wire.pass(Duration::from_secs(10));
    wire.silent();
    wire.told(&["Incoming", "Ended"]);
    wire.all_gone();
}

#[test]
fn a_caller_that_vanishes_while_the_phone_rings_is_not_waited_for_for_ever() {
    let mut wire = Wire::new();
    incoming(&mut wire);
    wire.pass(Duration::from_secs(601));
    wire.told(&["Incoming", "Ended"]);
    wire.all_gone();
}

#[test]
fn a_call_where_none_are_taken_is_refused_or_ignored_without_state() {
    for (inbound, answer) in [(Inbound::Refuse(404), Some(404)), (Inbound::Ignore, None)] {
        let mut wire = Wire::with(sip::AgentConfig { inbound, ..config(addr(OURS)) });
        let invite = wire.peer_invite();
        wire.send(&invite);
        if let Some(code) = answer {
            wire.response(code);
        }
        wire.silent();
        let stats = wire.agent.stats();
        assert_eq!((stats.legs, stats.server_transactions), (0, 0));
        wire.told(&[]);
    }
}

#[test]
fn an_answer_in_the_ack_reaches_the_application() {
    let mut wire = Wire::new();
    let (leg, invite) = incoming(&mut wire);
    wire.agent.answer(wire.now, leg, Some("our offer".into())).expect("ringing");
    let tag = wire.response(200).headers.to_tag().expect("a tag");
    let mut ack = inside(&mut wire, &invite, Method::Ack, 1, &tag);
    ack.set_body("application/sdp", "their answer");
    wire.send(&ack);
    let events = wire.events();
    assert!(
        matches!(&events[..], [LegEvent::Incoming { .. }, LegEvent::Acked { body: Some(body) }] if body == "their answer")
    );
}
