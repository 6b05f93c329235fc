//! Early dialogs: told apart, and acknowledged where they ask for it (RFC 3262).

use std::time::Duration;

use sip::msg::{HeaderName, Method, NameAddr, Request, Response};
use sip::{LegEvent, LegId};

use crate::support::uri;
use crate::support::wire::Wire;

fn reliable(wire: &mut Wire, invite: &Request, code: u16, tag: &str, rseq: u32) {
    wire.reply_with(invite, code, tag, |response| require(response, rseq));
}

fn require(response: &mut Response, rseq: u32) {
    response.headers.push(HeaderName::Require, "100rel");
    response.headers.push(HeaderName::RSeq, rseq);
    response.set_body("application/sdp", format!("early {rseq}"));
}

fn rack(request: &Request) -> Option<&str> {
    request.headers.get(&HeaderName::RAck)
}

#[test]
fn a_description_beside_isup_is_told_as_if_it_were_alone() {
    let mut wire = Wire::new();
    let (_, invite) = wire.call();
    let isup = "--x\r\nContent-Type: application/ISUP;version=ansi\r\n\r\n\u{1}\u{2}\r\n";
    let sdp = |text: &str| format!("{isup}--x\r\nContent-Type: application/sdp\r\n\r\n{text}\r\n--x--\r\n");
    for (code, body, told) in [
        (183, format!("{isup}--x--\r\n"), None),
        (183, sdp("early"), Some("early")),
        (200, sdp("answer"), Some("answer")),
    ] {
        wire.reply_with(&invite, code, "b", |response| response.set_body("multipart/mixed;boundary=x", body));
        let description = match &wire.events()[..] {
            [LegEvent::Provisional { response, .. } | LegEvent::Answered { response, .. }] => {
                response.body.clone()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(description.as_deref(), told, "{code}");
    }
    wire.request(Method::Ack);
    let mut offer = wire.inside(&invite, Method::Invite, 1, "b");
    offer.set_body("multipart/mixed;boundary=x", sdp("held"));
    wire.send(&offer);
    assert!(matches!(&wire.events()[..], [LegEvent::ReInvite { offer: Some(offer) }] if offer == "held"));
}

#[test]
fn a_reliable_183_is_told_at_once_and_acknowledged_to_its_contact_by_its_route() {
    let mut wire = Wire::new();
    let (_, invite) = wire.call();
    assert!(invite.headers.supports("100rel"));
    wire.reply_with(&invite, 183, "b", |response| {
        require(response, 776);
        let contact = NameAddr::new(uri("sip:bob@192.0.2.9:5080"));
        response.headers.set(HeaderName::Contact, contact);
        response.headers.push(HeaderName::RecordRoute, "<sip:192.0.2.3;lr>");
        response.headers.push(HeaderName::RecordRoute, "<sip:192.0.2.2:5070;lr>");
    });
    let (to, prack) = wire.request_to(Method::Prack);
    assert_eq!(rack(&prack), Some("776 1 INVITE"));
    assert_eq!(prack.uri.to_string(), "sip:bob@192.0.2.9:5080");
    assert_eq!(to.addr, crate::support::addr("192.0.2.2:5070"));
    let routes: Vec<_> = prack.headers.get_all(&HeaderName::Route).collect();
    assert_eq!(routes, ["<sip:192.0.2.2:5070;lr>", "<sip:192.0.2.3;lr>"]);
    assert_eq!(prack.headers.cseq().expect("CSeq").number, 2);
    assert_eq!(prack.headers.to_tag().as_deref(), Some("b"));
    wire.told(&["Provisional 183"]);
}

#[test]
fn a_prack_that_is_never_answered_delays_neither_the_183_nor_the_200() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call();
    reliable(&mut wire, &invite, 183, "b", 1);
    wire.told(&["Provisional 183"]);
    wire.request(Method::Prack);
    reliable(&mut wire, &invite, 180, "b", 2);
    wire.told(&["Provisional 180"]);
    wire.request(Method::Prack);
    wire.reply(&invite, 200, "b");
    wire.request(Method::Ack);
    wire.told(&["Answered 200"]);
    wire.pass(Duration::from_secs(40));
    wire.told(&[]);
    wire.take_sent();
    wire.agent.hangup(wire.now, leg, &[]);
    let bye = wire.request(Method::Bye);
    assert_eq!(bye.headers.cseq().expect("CSeq").number, 4, "the PRACKs' numbers are used up");
}

#[test]
fn a_copy_is_not_told_again_and_one_before_its_turn_waits_to_be_repeated() {
    let mut wire = Wire::new();
    let (_, invite) = wire.call();
    reliable(&mut wire, &invite, 183, "b", 10);
    wire.request(Method::Prack);
    reliable(&mut wire, &invite, 183, "b", 10);
    reliable(&mut wire, &invite, 180, "b", 12);
    wire.silent();
    wire.told(&["Provisional 183"]);
    reliable(&mut wire, &invite, 181, "b", 11);
    assert_eq!(rack(&wire.request(Method::Prack)), Some("11 1 INVITE"));
    reliable(&mut wire, &invite, 180, "b", 12);
    assert_eq!(rack(&wire.request(Method::Prack)), Some("12 1 INVITE"));
    wire.told(&["Provisional 181", "Provisional 180"]);
}

#[test]
fn two_early_dialogs_with_the_same_rseq_are_acknowledged_each_for_itself() {
    let mut wire = Wire::new();
    let (_, invite) = wire.call();
    for tag in ["a", "b"] {
        reliable(&mut wire, &invite, 183, tag, 5);
        let prack = wire.request(Method::Prack);
        assert_eq!(prack.headers.to_tag().as_deref(), Some(tag));
        assert_eq!(rack(&prack), Some("5 1 INVITE"));
        wire.reply(&prack, 200, tag);
    }
    let tags: Vec<_> = wire
        .events()
        .into_iter()
        .map(|event| match event {
            LegEvent::Provisional { to_tag, response } => (to_tag, response.body),
            other => panic!("{other:?}"),
        })
        .collect();
    let body = Some("early 5".to_owned());
    assert_eq!(tags, [("a".to_owned(), body.clone()), ("b".to_owned(), body)]);
    wire.reply(&invite, 200, "b");
    wire.request(Method::Ack);
    match &wire.events()[..] {
        [LegEvent::Answered { remote_tag, .. }] => assert_eq!(remote_tag, "b"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_challenged_prack_is_sent_again_with_credentials() {
    let mut wire = Wire::new();
    let mut invite = crate::support::invite("call");
    invite.credentials = Some(sip::auth::Credentials::new("alice", "wonder"));
    let (_, invite) = wire.call_with(invite);
    reliable(&mut wire, &invite, 183, "b", 1);
    let prack = wire.request(Method::Prack);
    wire.reply_with(&prack, 407, "b", |response| {
        response.headers.push(HeaderName::ProxyAuthenticate, "Digest realm=\"r\", nonce=\"n\"");
    });
    let again = wire.request(Method::Prack);
    assert_eq!(rack(&again), Some("1 1 INVITE"));
    assert!(again.headers.contains(&HeaderName::ProxyAuthorization));
}

#[test]
fn the_end_of_one_early_dialog_is_told_with_its_tag() {
    let mut wire = Wire::new();
    let (_, invite) = wire.call();
    wire.reply(&invite, 183, "a");
    wire.reply(&invite, 199, "a");
    wire.told(&["Provisional 183", "Provisional 199"]);
}

#[test]
fn an_update_before_the_answer_is_answered_where_the_offer_has_its_answer() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call();
    wire.reply(&invite, 180, "a");
    reliable(&mut wire, &invite, 183, "b", 1);
    let prack = wire.request(Method::Prack);
    wire.reply(&prack, 200, "b");
    wire.told(&["Provisional 180", "Provisional 183"]);
    let mut updates = Vec::new();
    for (tag, number) in [("a", 1), ("b", 1), ("b", 2)] {
        let mut update = wire.inside(&invite, Method::Update, number, tag);
        update.set_body("application/sdp", "their new offer");
        updates.push(update);
    }
    wire.send(&updates[0]);
    wire.response(491);
    wire.send(&updates[1]);
    wire.silent();
    match &wire.events()[..] {
        [LegEvent::EarlyOffer { offer, to_tag }] => {
            assert_eq!((offer.as_str(), to_tag.as_str()), ("their new offer", "b"));
        }
        other => panic!("{other:?}"),
    }
    wire.send(&updates[2]);
    wire.response(500);
    wire.agent.answer_reinvite(wire.now, leg, Ok("our new answer".into())).expect("an offer waits");
    assert_eq!(&wire.response(200).body[..], b"our new answer");

    wire.reply_with(&invite, 200, "b", |response| {
        response.headers.push(HeaderName::SessionExpires, "90;refresher=uac");
    });
    wire.request(Method::Ack);
    wire.told(&["Answered 200"]);
    wire.pass(Duration::from_secs(46));
    assert_eq!(&wire.request(Method::Invite).body[..], b"our new answer", "the refresh says it again");
}

#[test]
fn an_early_offer_that_nobody_answers_does_not_outlive_the_call() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call();
    reliable(&mut wire, &invite, 183, "b", 1);
    let prack = wire.request(Method::Prack);
    wire.reply(&prack, 200, "b");
    let mut update = wire.inside(&invite, Method::Update, 1, "b");
    update.set_body("application/sdp", "their new offer");
    wire.send(&update);
    wire.told(&["Provisional 183", "EarlyOffer"]);
    wire.agent.hangup(wire.now, leg, &[]);
    let cancel = wire.request(Method::Cancel);
    wire.reply(&cancel, 200, "b");
    wire.reply(&invite, 487, "b");
    let mut codes = Vec::new();
    for message in wire.take_sent() {
        match message {
            sip::msg::Message::Response(response) => codes.push(response.status.code()),
            sip::msg::Message::Request(request) => assert_eq!(request.method, Method::Ack),
        }
    }
    assert_eq!(codes, [487]);
    wire.told(&["Failed 487", "Ended"]);
    wire.all_gone();
}

/// A call that comes in from a caller that can, or must have, reliable provisional responses.
fn incoming(wire: &mut Wire, name: HeaderName) -> (LegId, Request) {
    let mut request = wire.peer_invite();
    request.headers.push(name, "100rel");
    wire.send(&request);
    let leg = wire.leg_told();
    wire.told(&["Incoming"]);
    (leg, request)
}

fn prack(wire: &mut Wire, response: &Response, number: u32) -> Request {
    let from = NameAddr::new(uri("sip:300@192.0.2.1")).with_tag("p");
    let to = response.headers.to().expect("To");
    let mut request = wire.compose(Method::Prack, number, &from, &to, "incoming");
    let rseq = response.headers.rseq().expect("RSeq");
    request.headers.push(HeaderName::RAck, format!("{rseq} 1 INVITE"));
    request
}

#[test]
fn our_183_with_a_description_is_repeated_until_its_prack() {
    let mut wire = Wire::new();
    let (leg, _) = incoming(&mut wire, HeaderName::Supported);
    wire.agent.provisional(wire.now, leg, sip::msg::StatusCode::RINGING, None).expect("ringing");
    assert!(wire.response(180).headers.rseq().is_none(), "without a description it need not be");
    let early = Some("early".to_owned());
    wire.agent.provisional(wire.now, leg, sip::msg::StatusCode::SESSION_PROGRESS, early).expect("ringing");
    let first = wire.response(183);
    assert!(first.headers.requires("100rel"));
    wire.pass_ms(1600);
    assert_eq!(wire.take_sent(), [first.clone().into(), first.clone().into()] as [sip::msg::Message; 2]);
    let ack = prack(&mut wire, &first, 2);
    wire.send(&ack);
    wire.response(200);
    wire.pass(Duration::from_secs(40));
    wire.silent();
    wire.agent.answer(wire.now, leg, Some("answer".into())).expect("still ringing");
    wire.response(200);
}

#[test]
fn a_caller_that_insists_gets_one_after_the_other_and_a_wrong_prack_481() {
    use sip::msg::StatusCode;
    let mut wire = Wire::new();
    let (leg, _) = incoming(&mut wire, HeaderName::Require);
    for code in [StatusCode::RINGING, StatusCode::QUEUED] {
        wire.agent.provisional(wire.now, leg, code, None).expect("ringing");
    }
    let first = wire.response(180);
    wire.silent();
    let mut wrong = prack(&mut wire, &first, 2);
    wrong.headers.set(HeaderName::RAck, "1 99 INVITE");
    wire.send(&wrong);
    wire.response(481);
    let right = prack(&mut wire, &first, 3);
    wire.send(&right);
    wire.response(200);
    let second = wire.response(182);
    assert_eq!(second.headers.rseq(), first.headers.rseq().map(|rseq| rseq + 1));
    wire.agent.answer(wire.now, leg, Some("answer".into())).expect("still ringing");
    wire.response(200);
    let late = prack(&mut wire, &second, 4);
    wire.send(&late);
    wire.response(200);
}

#[test]
fn a_caller_that_insists_and_never_sends_prack_is_refused() {
    let mut wire = Wire::new();
    let (leg, _) = incoming(&mut wire, HeaderName::Require);
    wire.agent.provisional(wire.now, leg, sip::msg::StatusCode::RINGING, None).expect("ringing");
    wire.pass(Duration::from_secs(33));
    let last = wire.take_sent().into_iter().map(|message| match message {
        sip::msg::Message::Response(response) => response.status.code(),
        sip::msg::Message::Request(request) => panic!("{request:?}"),
    });
    let codes: Vec<_> = last.collect();
    assert_eq!(codes[..7], [180; 7], "{codes:?}");
    assert_eq!(codes[7], 504, "{codes:?}");
    wire.told(&["Ended"]);
}
