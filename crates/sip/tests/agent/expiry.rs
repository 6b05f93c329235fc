//! Session timers (RFC 4028).

use std::time::Duration;

use sip::msg::{HeaderName, Method, NameAddr, Request, Response};
use sip::{LegEvent, LegId, SessionTimers};

use crate::support::wire::{OURS, Wire};
use crate::support::{addr, config, uri};

/// A call that is up, its 200 saying this of the session.
fn up_with(expires: &str, allow: &str) -> (Wire, LegId, Request) {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call();
    wire.reply_with(&invite, 200, "b", |ok| session(ok, expires, allow));
    wire.request(Method::Ack);
    wire.told(&["Answered 200"]);
    (wire, leg, invite)
}

fn session(response: &mut Response, expires: &str, allow: &str) {
    if !expires.is_empty() {
        response.headers.push(HeaderName::SessionExpires, expires);
    }
    response.headers.push(HeaderName::Allow, allow);
}

const WITH_UPDATE: &str = "INVITE, ACK, BYE, UPDATE";
const WITHOUT_UPDATE: &str = "INVITE, ACK, BYE";

fn expires(request: &Request) -> Option<&str> {
    request.headers.get(&HeaderName::SessionExpires)
}

#[test]
fn our_invite_offers_a_session_timer_and_leaves_the_refresher_open() {
    let mut wire = Wire::new();
    let (_, invite) = wire.call();
    assert_eq!(expires(&invite), Some("1800"));
    assert!(invite.headers.supports("timer") && !invite.headers.contains(&HeaderName::MinSe));
    let mut quiet = config(addr(OURS));
    quiet.timers.session.interval = None;
    let mut wire = Wire::with(quiet);
    let (_, invite) = wire.call();
    assert_eq!(expires(&invite), None);
    assert!(invite.headers.supports("timer"));
}

#[test]
fn where_it_is_ours_to_refresh_update_goes_out_at_half_time_again_and_again() {
    let (mut wire, _, _) = up_with("600;refresher=uac", WITH_UPDATE);
    for round in 0..5 {
        wire.pass(Duration::from_secs(299));
        wire.silent();
        wire.pass(Duration::from_secs(1));
        let update = wire.request(Method::Update);
        assert!(update.body.is_empty(), "round {round}");
        assert_eq!(expires(&update), Some("600;refresher=uac"));
        wire.reply_with(&update, 200, "b", |ok| session(ok, "600;refresher=uac", WITH_UPDATE));
    }
    wire.told(&[]);
}

#[test]
fn a_peer_without_update_is_refreshed_by_reinvite_with_the_same_description() {
    let (mut wire, leg, _) = up_with("600;refresher=uac", WITHOUT_UPDATE);
    wire.pass(Duration::from_secs(300));
    let refresh = wire.request(Method::Invite);
    assert_eq!(&refresh.body[..], b"offer");
    assert_eq!(wire.agent.reinvite(wire.now, leg, None), Err(sip::LegError::State), "one at a time");
    wire.reply_with(&refresh, 200, "b", |ok| {
        session(ok, "600;refresher=uac", WITHOUT_UPDATE);
        ok.set_body("application/sdp", "moved");
    });
    wire.request(Method::Ack);
    assert!(matches!(&wire.events()[..], [LegEvent::Refreshed { answer }] if answer == "moved"));
    wire.pass(Duration::from_secs(300));
    wire.request(Method::Invite);
}

#[test]
fn a_peer_that_refuses_update_gets_a_reinvite_at_once() {
    let (mut wire, _, _) = up_with("600;refresher=uac", WITH_UPDATE);
    wire.pass(Duration::from_secs(300));
    let update = wire.request(Method::Update);
    wire.reply(&update, 405, "b");
    wire.pass_ms(1);
    wire.request(Method::Invite);
}

#[test]
fn a_refresh_that_is_too_short_is_sent_again_with_the_longer_interval() {
    let (mut wire, _, _) = up_with("600;refresher=uac", WITH_UPDATE);
    wire.pass(Duration::from_secs(300));
    let update = wire.request(Method::Update);
    wire.reply_with(&update, 422, "b", |no| no.headers.push(HeaderName::MinSe, 900));
    wire.pass_ms(1);
    let update = wire.request(Method::Update);
    assert_eq!(expires(&update), Some("900;refresher=uac"));
    assert_eq!(update.headers.min_se(), Some(900));
}

#[test]
fn a_422_to_our_invite_is_tried_again_with_its_min_se_but_not_for_ever() {
    let mut wire = Wire::new();
    let (_, mut invite) = wire.call();
    for (round, min) in [3600, 7200, 7201].into_iter().enumerate() {
        wire.reply_with(&invite, 422, "b", |no| no.headers.push(HeaderName::MinSe, min));
        wire.request(Method::Ack);
        let again = wire.request(Method::Invite);
        assert_eq!(expires(&again), Some(min.to_string().as_str()));
        assert_eq!(again.headers.min_se(), Some(min));
        assert_eq!(again.headers.cseq().expect("CSeq").number, u32::try_from(round).expect("small") + 2);
        assert_eq!(again.headers.call_id(), invite.headers.call_id());
        invite = again;
    }
    wire.reply_with(&invite, 422, "b", |no| no.headers.push(HeaderName::MinSe, 9000));
    wire.request(Method::Ack);
    wire.told(&["Failed 422", "Ended"]);
    wire.all_gone();
}

#[test]
fn a_422_without_a_usable_min_se_fails_the_call() {
    for min in ["", "0", "4000000000", "x"] {
        let mut wire = Wire::new();
        let (_, invite) = wire.call();
        wire.reply_with(&invite, 422, "b", |no| no.headers.push(HeaderName::MinSe, min));
        wire.request(Method::Ack);
        wire.told(&["Failed 422", "Ended"]);
    }
}

#[test]
fn a_peer_that_misses_its_refresh_loses_the_call_with_the_reason() {
    let (mut wire, _, _) = up_with("600;refresher=uas", WITH_UPDATE);
    wire.pass(Duration::from_secs(600 - 33));
    wire.silent();
    wire.pass(Duration::from_secs(1));
    let bye = wire.request(Method::Bye);
    assert_eq!(bye.headers.get(&HeaderName::Reason), Some("SIP;cause=408;text=\"Session expired\""));
    wire.reply(&bye, 200, "b");
    wire.told(&["SessionExpired", "Ended"]);
    wire.all_gone();
}

#[test]
fn a_peer_that_refreshes_keeps_the_call_by_update_and_by_reinvite() {
    let (mut wire, leg, invite) = up_with("600;refresher=uas", WITH_UPDATE);
    for number in 2..8 {
        wire.pass(Duration::from_secs(500));
        let by_update = number % 2 == 0;
        let method = if by_update { Method::Update } else { Method::Invite };
        let mut refresh = wire.inside(&invite, method, number, "b");
        refresh.headers.push(HeaderName::Supported, "timer");
        refresh.headers.push(HeaderName::SessionExpires, "600;refresher=uac");
        if !by_update {
            refresh.set_body("application/sdp", "same");
        }
        wire.send(&refresh);
        if !by_update {
            wire.agent.answer_reinvite(wire.now, leg, Ok("same".into())).expect("an offer is open");
        }
        let ok = wire.response(200);
        assert_eq!(ok.headers.get(&HeaderName::SessionExpires), Some("600;refresher=uac"));
        assert!(ok.headers.requires("timer"));
        if !by_update {
            let ack = wire.inside(&invite, Method::Ack, number, "b");
            wire.send(&ack);
        }
    }
    assert!(
        wire.events().iter().all(|event| matches!(event, LegEvent::ReInvite { .. } | LegEvent::Acked { .. }))
    );
    wire.pass(Duration::from_secs(568));
    wire.told(&["SessionExpired"]);
}

#[test]
fn a_refresh_without_an_interval_makes_us_the_refresher() {
    let (mut wire, _, invite) = up_with("600;refresher=uas", WITH_UPDATE);
    let update = wire.inside(&invite, Method::Update, 2, "b");
    wire.send(&update);
    let ok = wire.response(200);
    assert_eq!(ok.headers.get(&HeaderName::SessionExpires), Some("600;refresher=uas"));
    wire.pass(Duration::from_secs(300));
    wire.request(Method::Update);
}

#[test]
fn without_session_expires_in_the_200_there_is_no_timer() {
    let (mut wire, leg, _) = up_with("", WITH_UPDATE);
    wire.pass(Duration::from_secs(100_000));
    wire.silent();
    wire.told(&[]);
    wire.agent.hangup(wire.now, leg, &[]);
    wire.request(Method::Bye);
}

#[test]
fn a_refresh_that_is_refused_is_tried_again_until_the_session_is_over() {
    let (mut wire, _, _) = up_with("600;refresher=uac", WITH_UPDATE);
    let mut tries = 0;
    wire.pass(Duration::from_secs(300));
    loop {
        let sent = wire.take_sent();
        let Some(sip::msg::Message::Request(request)) = sent.into_iter().next() else {
            wire.pass(Duration::from_secs(1));
            continue;
        };
        if request.method == Method::Bye {
            break;
        }
        tries += 1;
        assert!(tries < 100, "no end");
        wire.reply(&request, 500, "b");
    }
    assert!(tries > 3, "{tries}");
    wire.told(&["SessionExpired"]);
}

#[test]
fn a_refresh_that_is_never_answered_or_meets_no_dialog_ends_the_call() {
    let (mut wire, _, _) = up_with("600;refresher=uac", WITH_UPDATE);
    wire.pass(Duration::from_secs(300 + 33));
    wire.told(&["DialogLost"]);
    let (mut wire, _, _) = up_with("600;refresher=uac", WITH_UPDATE);
    wire.pass(Duration::from_secs(300));
    let update = wire.request(Method::Update);
    wire.reply(&update, 481, "b");
    wire.told(&["DialogLost"]);
}

#[test]
fn a_refresh_that_crosses_the_peers_offer_waits_for_its_turn() {
    let (mut wire, leg, invite) = up_with("600;refresher=uac", WITHOUT_UPDATE);
    wire.pass(Duration::from_secs(300));
    let refresh = wire.request(Method::Invite);
    wire.reply(&refresh, 491, "b");
    wire.request(Method::Ack);
    let mut theirs = wire.inside(&invite, Method::Invite, 5, "b");
    theirs.set_body("application/sdp", "their offer");
    wire.send(&theirs);
    wire.agent.answer_reinvite(wire.now, leg, Ok("our answer".into())).expect("an offer is open");
    wire.response(200);
    let ack = wire.inside(&invite, Method::Ack, 5, "b");
    wire.send(&ack);
    wire.pass(Duration::from_secs(5));
    let again = wire.request(Method::Invite);
    assert_eq!(again.headers.get(&HeaderName::CSeq), Some("3 INVITE"));
}

#[test]
fn a_peer_cannot_make_us_refresh_without_pause() {
    for seconds in ["0;refresher=uac", "1;refresher=uac"] {
        let (mut wire, _, _) = up_with(seconds, WITH_UPDATE);
        wire.pass_ms(4900);
        wire.silent();
        wire.pass_ms(200);
        wire.request(Method::Update);
    }
}

fn incoming(wire: &mut Wire, session_expires: &str, supported: bool) -> Request {
    let from = NameAddr::new(uri("sip:300@192.0.2.1")).with_tag("p");
    let to = NameAddr::new(uri("sip:100@10.0.0.1"));
    let mut request = wire.compose(Method::Invite, 1, &from, &to, "incoming");
    request.set_body("application/sdp", "their offer");
    if supported {
        request.headers.push(HeaderName::Supported, "timer");
    }
    request.headers.push(HeaderName::SessionExpires, session_expires);
    wire.send(&request);
    request
}

#[test]
fn a_call_that_comes_in_with_too_short_a_session_gets_422_unless_a_proxy_asked() {
    let mut wire = Wire::new();
    incoming(&mut wire, "60", true);
    assert_eq!(wire.response(422).headers.min_se(), Some(90));
    wire.told(&[]);
    let mut wire = Wire::new();
    incoming(&mut wire, "60", false);
    wire.told(&["Incoming"]);
}

#[test]
fn the_caller_refreshes_if_it_can_else_the_callee_does() {
    for (supported, agreed) in [(true, "120;refresher=uac"), (false, "120;refresher=uas")] {
        let mut wire = Wire::new();
        incoming(&mut wire, "120", supported);
        let leg = wire.leg_told();
        wire.agent.answer(wire.now, leg, Some("our answer".into())).expect("ringing");
        let ok = wire.response(200);
        assert_eq!(ok.headers.get(&HeaderName::SessionExpires), Some(agreed));
        assert_eq!(ok.headers.requires("timer"), supported);
    }
}

#[test]
fn the_least_interval_can_be_set() {
    let mut strict = config(addr(OURS));
    strict.timers.session =
        SessionTimers { interval: Some(Duration::from_secs(600)), min: Duration::from_secs(300) };
    let mut wire = Wire::with(strict);
    incoming(&mut wire, "120", true);
    assert_eq!(wire.response(422).headers.min_se(), Some(300));
}
