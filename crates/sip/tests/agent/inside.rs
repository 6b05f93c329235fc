//! The peer's requests inside the dialog: the right one is answered at once, the wrong one changes nothing.

use std::time::Duration;

use sip::LegEvent;
use sip::msg::{HeaderName, Message, Method, NameAddr};

use crate::support::uri;
use crate::support::wire::Wire;

#[test]
fn the_peer_hangs_up_and_its_repeated_bye_is_answered_again() {
    let mut wire = Wire::new();
    let (_, invite) = wire.call_up();
    let mut bye = wire.inside(&invite, Method::Bye, 1, "b");
    bye.headers.push(HeaderName::Reason, "Q.850;cause=16");
    wire.send(&bye);
    let answer = wire.response(200);
    let events = wire.events();
    let [LegEvent::RemoteBye { headers }, LegEvent::Ended] = &events[..] else { panic!("{events:?}") };
    assert_eq!(headers.get(&HeaderName::Reason), Some("Q.850;cause=16"));
    wire.pass_ms(500);
    wire.send(&bye);
    assert_eq!(wire.response(200), answer);
    wire.all_gone();
}

#[test]
fn a_bye_with_any_part_of_the_dialog_wrong_gets_481_and_the_call_stays() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call_up();
    let right = |wire: &mut Wire| wire.inside(&invite, Method::Bye, 5, "b");
    let mut wrong_call = right(&mut wire);
    wrong_call.headers.set(HeaderName::CallId, "other");
    let mut wrong_our_tag = right(&mut wire);
    wrong_our_tag.headers.set(HeaderName::To, NameAddr::new(uri("sip:100@10.0.0.1")).with_tag("x"));
    let wrong_peer_tag = wire.inside(&invite, Method::Bye, 5, "x");
    let mut no_tag = right(&mut wire);
    no_tag.headers.set(HeaderName::To, NameAddr::new(uri("sip:100@10.0.0.1")));
    for request in [wrong_call, wrong_our_tag, wrong_peer_tag, no_tag] {
        wire.send(&request);
        wire.response(481);
    }
    wire.told(&[]);
    wire.agent.hangup(wire.now, leg, &[]);
    wire.request(Method::Bye);
    wire.all_gone();
}

#[test]
fn an_older_request_gets_500_and_changes_nothing() {
    let mut wire = Wire::new();
    let (_, invite) = wire.call_up();
    let info = wire.inside(&invite, Method::Info, 7, "b");
    wire.send(&info);
    wire.response(200);
    let late = wire.inside(&invite, Method::Bye, 6, "b");
    wire.send(&late);
    wire.response(500);
    wire.told(&["Info"]);
}

#[test]
fn every_method_gets_an_answer_and_the_call_stays() {
    let mut wire = Wire::new();
    let (_, invite) = wire.call_up();
    let expected = [
        (Method::Options, 200),
        (Method::Message, 405),
        (Method::Subscribe, 405),
        (Method::Notify, 405),
        (Method::Refer, 405),
        (Method::Publish, 405),
        (Method::Register, 405),
        ("DANCE".parse().expect("a method"), 501),
    ];
    for (number, (method, code)) in (1..).zip(expected) {
        let request = wire.inside(&invite, method, number, "b");
        wire.send(&request);
        let response = wire.response(code);
        assert_eq!(response.headers.allows(&Method::Bye), Some(true));
    }
    wire.told(&[]);
}

#[test]
fn allow_names_the_methods_that_are_served_and_no_other() {
    let names =
        "INVITE CANCEL BYE OPTIONS INFO UPDATE PRACK MESSAGE SUBSCRIBE NOTIFY REFER PUBLISH REGISTER DANCE";
    for name in names.split(' ') {
        // A call of its own for each: some of them end it, or wait for the application.
        let mut wire = Wire::new();
        let (leg, invite) = wire.call_up();
        let options = wire.inside(&invite, Method::Options, 1, "b");
        wire.send(&options);
        let told = wire.response(200);
        let method: Method = name.parse().expect("a method");
        let mut request = wire.inside(&invite, method.clone(), 2, "b");
        if method == Method::Prack {
            request.headers.push(HeaderName::RAck, "1 1 INVITE");
        }
        wire.send(&request);
        if wire.events().iter().any(|event| matches!(event, LegEvent::ReInvite { .. })) {
            wire.agent.answer_reinvite(wire.now, leg, Ok("answer".into())).expect("it waits");
            wire.drain();
        }
        let answered = |message: &Message| match message {
            Message::Response(response) => Some(response.status.code()).filter(|code| *code >= 200),
            Message::Request(_) => None,
        };
        let code = wire.take_sent().iter().find_map(answered).expect(name);
        assert_eq!(told.headers.allows(&method), Some(!matches!(code, 405 | 501)), "{name}: {code}");
    }
}

#[test]
fn supported_names_the_extensions_that_may_be_required_and_no_other() {
    let mut wire = Wire::new();
    let (_, invite) = wire.call_up();
    let tags =
        "timer 100rel replaces norefersub path outbound gruu precondition histinfo join siprec tdialog";
    for (number, tag) in (1..).zip(tags.split(' ')) {
        let mut request = wire.inside(&invite, Method::Options, number, "b");
        request.headers.push(HeaderName::Require, tag);
        wire.send(&request);
        let answer = wire.take_sent().pop();
        let Some(Message::Response(response)) = answer else { panic!("{tag}: {answer:?}") };
        let code = if invite.headers.supports(tag) { 200 } else { 420 };
        assert_eq!(response.status.code(), code, "{tag}");
        assert_eq!(response.headers.get(&HeaderName::Unsupported).is_some(), code == 420, "{tag}");
    }
}

#[test]
fn an_extension_we_do_not_know_is_refused_by_name() {
    let mut wire = Wire::new();
    let (_, invite) = wire.call_up();
    let mut request = wire.inside(&invite, Method::Options, 1, "b");
    request.headers.push(HeaderName::Require, "teleport, juggling");
    wire.send(&request);
    assert_eq!(wire.response(420).headers.get(&HeaderName::Unsupported), Some("teleport, juggling"));
}

#[test]
fn info_is_told_with_its_type_and_body() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call_up();
    let mut info = wire.inside(&invite, Method::Info, 1, "b");
    info.set_body("Application/DTMF-Relay; x=1", "Signal=5\r\nDuration=160\r\n");
    wire.send(&info);
    wire.response(200);
    let events = wire.events();
    let [LegEvent::Info { content_type, body }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(content_type, "application/dtmf-relay");
    assert!(body.starts_with(b"Signal=5"));

    wire.agent.info(wire.now, leg, "application/dtmf", "7".into()).expect("the call is up");
    let ours = wire.request(Method::Info);
    wire.reply(&ours, 200, "b");
    wire.told(&["RequestAnswered INFO 200"]);
}

#[test]
fn a_bye_right_behind_the_200_ends_the_call_in_either_order() {
    let mut wire = Wire::new();
    let (_, invite) = wire.call();
    wire.reply(&invite, 200, "b");
    let bye = wire.inside(&invite, Method::Bye, 1, "b");
    wire.send(&bye);
    wire.request(Method::Ack);
    wire.response(200);
    wire.told(&["Answered 200", "RemoteBye", "Ended"]);
    wire.all_gone();

    for ringing_first in [true, false] {
        let mut wire = Wire::new();
        let (_, invite) = wire.call();
        if ringing_first {
            wire.reply(&invite, 180, "b");
            wire.told(&["Provisional 180"]);
        }
        let bye = wire.inside(&invite, Method::Bye, 1, "b");
        wire.send(&bye);
        wire.response(if ringing_first { 200 } else { 481 });
        wire.told(&[]);
        wire.reply(&invite, 200, "b");
        wire.request(Method::Ack);
        wire.told(&["Answered 200", "RemoteBye", "Ended"]);
        wire.silent();
        wire.all_gone();
    }
}

#[test]
fn byes_that_cross_end_the_call_on_both_sides() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call_up();
    wire.agent.hangup(wire.now, leg, &[]);
    let ours = wire.request(Method::Bye);
    let theirs = wire.inside(&invite, Method::Bye, 1, "b");
    wire.send(&theirs);
    wire.response(200);
    wire.told(&["Ended"]);
    wire.reply(&ours, 481, "b");
    wire.told(&[]);
    wire.all_gone();
}

#[test]
fn a_bye_nobody_answers_ends_the_leg_after_32_seconds() {
    let mut wire = Wire::new();
    let (leg, _) = wire.call_up();
    wire.agent.hangup(wire.now, leg, &[]);
    wire.pass(Duration::from_secs(33));
    assert_eq!(wire.take_sent().len(), 11);
    wire.told(&["Ended"]);
    wire.all_gone();
}

#[test]
fn a_peer_that_lost_the_dialog_ends_the_call_with_its_reason() {
    let mut wire = Wire::new();
    let (leg, _) = wire.call_up();
    wire.agent.info(wire.now, leg, "application/dtmf", "7".into()).expect("the call is up");
    let info = wire.request(Method::Info);
    wire.reply(&info, 481, "b");
    wire.told(&["RequestAnswered INFO 481", "DialogLost"]);
    let bye = wire.request(Method::Bye);
    wire.reply(&bye, 481, "b");
    wire.told(&["Ended"]);
    wire.all_gone();
}

#[test]
fn early_dialogs_are_told_apart_by_tag() {
    let mut wire = Wire::new();
    let (_, invite) = wire.call();
    wire.reply(&invite, 180, "a");
    wire.reply(&invite, 183, "b");
    for (tag, number) in [("a", 50), ("b", 3)] {
        let options = wire.inside(&invite, Method::Options, number, tag);
        wire.send(&options);
        wire.response(200);
    }
    let unknown = wire.inside(&invite, Method::Options, 1, "c");
    wire.send(&unknown);
    wire.response(481);
    let mut update = wire.inside(&invite, Method::Update, 4, "b");
    update.set_body("application/sdp", "too early");
    wire.send(&update);
    wire.response(491);
    wire.reply(&invite, 200, "b");
    wire.request(Method::Ack);
    let late = wire.inside(&invite, Method::Info, 3, "b");
    wire.send(&late);
    wire.response(500);
}
