//! New descriptions inside the call.

use std::time::Duration;

use sip::LegError;
use sip::msg::{HeaderName, Method, NameAddr, Request, StatusCode};

use crate::support::uri;
use crate::support::wire::Wire;

fn reinvite(wire: &mut Wire, invite: &Request, number: u32) -> Request {
    let mut request = wire.inside(invite, Method::Invite, number, "b");
    request.set_body("application/sdp", "their offer");
    request
}

fn ack(wire: &mut Wire, invite: &Request, number: u32) {
    let ack = wire.inside(invite, Method::Ack, number, "b");
    wire.send(&ack);
}

/// The ACK of a refusal belongs to the re-INVITE's own transaction.
fn ack_refusal(wire: &mut Wire, reinvite: &Request) {
    let mut ack = reinvite.clone();
    ack.method = Method::Ack;
    let number = reinvite.headers.cseq().expect("CSeq").number;
    ack.headers.set(HeaderName::CSeq, sip::msg::CSeq::new(number, Method::Ack));
    ack.body = bytes::Bytes::new();
    wire.send(&ack);
}

#[test]
fn a_reinvite_is_told_and_our_200_repeated_until_its_ack() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call_up();
    let offer = reinvite(&mut wire, &invite, 3);
    wire.send(&offer);
    wire.told(&["ReInvite their offer"]);
    wire.agent.answer_reinvite(wire.now, leg, Ok("our answer".into())).expect("an offer is open");
    let answer = wire.response(200);
    assert_eq!(&answer.body[..], b"our answer");
    assert!(answer.headers.contains(&HeaderName::Contact));
    wire.pass_ms(1500);
    assert_eq!(wire.take_sent(), [answer.clone().into(), answer.into()] as [sip::msg::Message; 2]);
    wire.send(&offer);
    wire.silent();
    ack(&mut wire, &invite, 3);
    wire.pass(Duration::from_secs(40));
    wire.silent();
    wire.told(&["Acked"]);
}

#[test]
fn our_200_that_is_never_acknowledged_ends_the_call() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call_up();
    let offer = reinvite(&mut wire, &invite, 3);
    wire.send(&offer);
    wire.agent.answer_reinvite(wire.now, leg, Ok("our answer".into())).expect("an offer is open");
    ack(&mut wire, &invite, 2);
    wire.pass(Duration::from_secs(33));
    wire.told(&["ReInvite their offer", "AckMissing"]);
    let bye = wire.take_sent().into_iter().rev().find_map(|message| match message {
        sip::msg::Message::Request(request) => Some(request),
        sip::msg::Message::Response(_) => None,
    });
    wire.reply(&bye.expect("BYE"), 200, "b");
    wire.told(&["Ended"]);
    wire.all_gone();
}

#[test]
fn an_offer_can_be_refused_and_one_left_open_is_refused_for_us() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call_up();
    let offer = reinvite(&mut wire, &invite, 3);
    wire.send(&offer);
    wire.agent
        .answer_reinvite(wire.now, leg, Err(StatusCode::NOT_ACCEPTABLE_HERE))
        .expect("an offer is open");
    wire.response(488);
    ack_refusal(&mut wire, &offer);
    let offer = reinvite(&mut wire, &invite, 4);
    wire.send(&offer);
    wire.pass(Duration::from_millis(300));
    wire.response(100);
    wire.pass(Duration::from_secs(10));
    wire.response(500);
    assert_eq!(wire.agent.answer_reinvite(wire.now, leg, Ok("late".into())), Err(LegError::State));
}

#[test]
fn a_second_offer_before_the_first_is_answered_gets_500_and_a_time_to_wait() {
    let mut wire = Wire::new();
    let (_, invite) = wire.call_up();
    for (number, code) in [(3, None), (4, Some(500))] {
        let offer = reinvite(&mut wire, &invite, number);
        wire.send(&offer);
        if let Some(code) = code {
            assert!(wire.response(code).headers.retry_after().is_some_and(|seconds| seconds <= 10));
        }
    }
    wire.told(&["ReInvite their offer"]);
}

#[test]
fn offers_that_cross_get_491_on_our_side_and_ours_is_tried_again() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call_up();
    wire.agent.reinvite(wire.now, leg, Some("our offer".into())).expect("the call is up");
    let ours = wire.request(Method::Invite);
    let theirs = reinvite(&mut wire, &invite, 3);
    wire.send(&theirs);
    wire.response(491);
    ack_refusal(&mut wire, &theirs);
    wire.reply(&ours, 491, "b");
    wire.request(Method::Ack);
    wire.pass_ms(2000);
    wire.silent();
    wire.pass_ms(2100);
    let again = wire.request(Method::Invite);
    assert_eq!(&again.body[..], b"our offer");
    wire.reply(&again, 200, "b");
    wire.request(Method::Ack);
    wire.reply(&again, 200, "b");
    wire.request(Method::Ack);
    wire.told(&["ReInviteAnswered 200"]);
}

#[test]
fn a_refused_reinvite_leaves_the_call_up_and_a_lost_one_ends_it() {
    let mut wire = Wire::new();
    let (leg, _) = wire.call_up();
    wire.agent.reinvite(wire.now, leg, Some("our offer".into())).expect("the call is up");
    let ours = wire.request(Method::Invite);
    assert_eq!(wire.agent.reinvite(wire.now, leg, None), Err(LegError::State));
    wire.reply(&ours, 488, "b");
    wire.request(Method::Ack);
    wire.told(&["ReInviteAnswered 488"]);
    wire.agent.reinvite(wire.now, leg, Some("our offer".into())).expect("the call is up");
    wire.pass(Duration::from_secs(33));
    wire.told(&["DialogLost"]);
    wire.all_gone();
    wire.told(&["Ended"]);
}

#[test]
fn an_update_without_offer_is_answered_by_itself_and_moves_the_peer() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call_up();
    let mut update = wire.inside(&invite, Method::Update, 3, "b");
    update.headers.set(HeaderName::Contact, NameAddr::new(uri("sip:bob@192.0.2.77:5099")));
    wire.send(&update);
    wire.response(200);
    wire.told(&[]);
    wire.agent.hangup(wire.now, leg, &[]);
    let (to, bye) = wire.request_to(Method::Bye);
    assert_eq!(to.addr, crate::support::addr("192.0.2.77:5099"));
    assert_eq!(bye.uri.to_string(), "sip:bob@192.0.2.77:5099");
}

#[test]
fn an_update_with_an_offer_is_the_applications_to_answer() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call_up();
    let mut update = wire.inside(&invite, Method::Update, 3, "b");
    update.set_body("application/sdp", "hold");
    wire.send(&update);
    wire.told(&["ReInvite hold"]);
    wire.agent.answer_reinvite(wire.now, leg, Ok("held".into())).expect("an offer is open");
    assert_eq!(&wire.response(200).body[..], b"held");
    wire.pass(Duration::from_secs(5));
    wire.silent();
}

#[test]
fn an_offer_open_when_the_call_ends_is_closed_with_487() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call_up();
    let offer = reinvite(&mut wire, &invite, 3);
    wire.send(&offer);
    wire.agent.hangup(wire.now, leg, &[]);
    wire.response(487);
    wire.request(Method::Bye);
    wire.all_gone();
}

#[test]
fn a_body_that_is_no_description_gets_415() {
    let mut wire = Wire::new();
    let (_, invite) = wire.call_up();
    let mut offer = wire.inside(&invite, Method::Invite, 3, "b");
    offer.set_body("text/plain", "hello");
    wire.send(&offer);
    assert_eq!(wire.response(415).headers.get(&HeaderName::Accept), Some("application/sdp"));
}

#[test]
fn a_reinvite_without_offer_asks_for_ours_and_brings_its_answer_in_the_ack() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call_up();
    let empty = wire.inside(&invite, Method::Invite, 3, "b");
    wire.send(&empty);
    wire.told(&["ReInvite -"]);
    wire.agent.answer_reinvite(wire.now, leg, Ok("our offer".into())).expect("an offer is asked for");
    assert_eq!(&wire.response(200).body[..], b"our offer");
    let mut ack = wire.inside(&invite, Method::Ack, 3, "b");
    ack.set_body("application/sdp", "their answer");
    wire.send(&ack);
    match &wire.events()[..] {
        [sip::LegEvent::Acked { body }] => assert_eq!(body.as_deref(), Some("their answer")),
        other => panic!("{other:?}"),
    }
}
