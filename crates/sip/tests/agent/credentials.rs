//! Challenges: answered with the same Call-ID and From tag, a new number and branch, for the whole dialog.

use sip::auth::{Algorithm, Credentials, Space, Verdict, Verifier};
use sip::msg::{HeaderName, Method, Request};
use sip::{Invite, LegEvent};

use crate::support::invite;
use crate::support::wire::Wire;

fn call_with_password() -> Invite {
    Invite { credentials: Some(Credentials::new("alice", "secret")), ..invite("call") }
}

fn verifier(space: Space, seed: u64) -> Verifier {
    let realm = format!("{space:?}");
    Verifier::new(space, realm, Credentials::new("alice", "secret"), &[Algorithm::MD5], seed)
}

/// The peer challenges a request.
fn challenge(wire: &mut Wire, verifier: &mut Verifier, request: &Request) {
    let challenge = verifier.challenge(request, false);
    let code = challenge.status.code();
    wire.reply_with(request, code, "b", |response| {
        for name in [HeaderName::WwwAuthenticate, HeaderName::ProxyAuthenticate] {
            response.headers.copy_from(&challenge.headers, &name);
        }
    });
}

#[test]
fn a_proxys_407_and_then_a_phones_401_are_answered_and_both_kept_for_ack_and_bye() {
    let mut wire = Wire::new();
    let (mut proxy, mut phone) = (verifier(Space::Proxy, 1), verifier(Space::EndToEnd, 2));
    let (leg, first) = wire.call_with(call_with_password());
    challenge(&mut wire, &mut proxy, &first);
    wire.request(Method::Ack);
    let second = wire.request(Method::Invite);
    assert_eq!(second.headers.get(&HeaderName::CSeq), Some("2 INVITE"));
    assert_ne!(second.headers.branch(), first.headers.branch());
    assert_eq!(second.headers.call_id(), first.headers.call_id());
    assert_eq!(second.headers.from_tag(), first.headers.from_tag());
    assert_eq!(second.headers.to_tag(), None);
    assert_eq!(proxy.verify(&second), Verdict::Accepted);
    challenge(&mut wire, &mut phone, &second);
    wire.request(Method::Ack);
    let third = wire.request(Method::Invite);
    assert_eq!((proxy.verify(&third), phone.verify(&third)), (Verdict::Accepted, Verdict::Accepted));
    wire.reply(&third, 200, "b");
    let ack = wire.request(Method::Ack);
    for name in [HeaderName::Authorization, HeaderName::ProxyAuthorization] {
        assert_eq!(ack.headers.get(&name), third.headers.get(&name));
    }
    wire.told(&["Answered 200"]);

    wire.agent.hangup(wire.now, leg, &[]);
    let bye = wire.request(Method::Bye);
    assert_eq!((proxy.verify(&bye), phone.verify(&bye)), (Verdict::Accepted, Verdict::Accepted));
    assert_eq!(bye.headers.get(&HeaderName::CSeq), Some("4 BYE"));
    wire.reply(&bye, 200, "b");
    wire.told(&["Ended"]);
    wire.all_gone();
}

/// A proxy challenges a request inside the dialog, then the phone does, and both take what comes then.
fn challenge_twice(wire: &mut Wire, first: &Request) -> Request {
    let method = first.method.clone();
    let is_invite = method == Method::Invite;
    let (mut proxy, mut phone) = (verifier(Space::Proxy, 1), verifier(Space::EndToEnd, 2));
    challenge(wire, &mut proxy, first);
    if is_invite {
        wire.request(Method::Ack);
    }
    let second = wire.request(method.clone());
    assert_eq!(proxy.verify(&second), Verdict::Accepted);
    challenge(wire, &mut phone, &second);
    if is_invite {
        wire.request(Method::Ack);
    }
    let third = wire.request(method);
    assert_eq!((proxy.verify(&third), phone.verify(&third)), (Verdict::Accepted, Verdict::Accepted));
    assert_eq!(third.body, first.body);
    let number = |request: &Request| request.headers.cseq().expect("CSeq").number;
    assert_eq!((number(&second), number(&third)), (number(first) + 1, number(first) + 2));
    third
}

#[test]
fn a_reinvite_that_the_proxy_and_then_the_phone_challenge_carries_both_answers_and_so_does_its_ack() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call_with(call_with_password());
    wire.reply(&invite, 200, "b");
    wire.request(Method::Ack);
    wire.agent.reinvite(wire.now, leg, Some("new offer".into())).expect("the call is up");
    let first = wire.request(Method::Invite);
    let third = challenge_twice(&mut wire, &first);
    wire.reply(&third, 200, "b");
    let ack = wire.request(Method::Ack);
    for name in [HeaderName::Authorization, HeaderName::ProxyAuthorization] {
        assert!(ack.headers.contains(&name));
        assert_eq!(ack.headers.get(&name), third.headers.get(&name));
    }
    wire.told(&["Answered 200", "ReInviteAnswered 200"]);
}

#[test]
fn an_update_that_refreshes_the_session_answers_both_challenges_too() {
    let mut wire = Wire::new();
    let (_, invite) = wire.call_with(call_with_password());
    wire.reply_with(&invite, 200, "b", |response| {
        response.headers.push(HeaderName::SessionExpires, "90;refresher=uac");
        response.headers.push(HeaderName::Allow, "INVITE, ACK, BYE, CANCEL, UPDATE");
    });
    wire.request(Method::Ack);
    wire.pass(std::time::Duration::from_millis(45_100));
    let first = wire.request(Method::Update);
    let third = challenge_twice(&mut wire, &first);
    wire.reply(&third, 200, "b");
    wire.silent();
    wire.told(&["Answered 200"]);
}

#[test]
fn a_wrong_password_ends_after_one_retry_with_the_response() {
    let mut wire = Wire::new();
    let mut phone = verifier(Space::EndToEnd, 1);
    let call = Invite { credentials: Some(Credentials::new("alice", "wrong")), ..invite("call") };
    let (_, first) = wire.call_with(call);
    challenge(&mut wire, &mut phone, &first);
    wire.request(Method::Ack);
    let second = wire.request(Method::Invite);
    assert_eq!(phone.verify(&second), Verdict::Refused);
    challenge(&mut wire, &mut phone, &second);
    wire.request(Method::Ack);
    wire.silent();
    let events = wire.events();
    let [LegEvent::AuthFailed(failure), LegEvent::Ended] = &events[..] else { panic!("{events:?}") };
    assert_eq!(failure.response.code, 401);
    wire.all_gone();
}

#[test]
fn a_challenge_without_credentials_ends_the_call_at_once() {
    let mut wire = Wire::new();
    let (_, first) = wire.call();
    challenge(&mut wire, &mut verifier(Space::Proxy, 1), &first);
    wire.request(Method::Ack);
    wire.silent();
    wire.told(&["AuthFailed", "Ended"]);
    wire.all_gone();
}

#[test]
fn a_challenged_bye_is_sent_again_with_credentials() {
    let mut wire = Wire::new();
    let mut phone = verifier(Space::EndToEnd, 1);
    let (leg, invite) = wire.call_with(call_with_password());
    wire.reply(&invite, 200, "b");
    wire.request(Method::Ack);
    wire.agent.hangup(wire.now, leg, &[]);
    let bye = wire.request(Method::Bye);
    challenge(&mut wire, &mut phone, &bye);
    let again = wire.request(Method::Bye);
    assert_eq!(phone.verify(&again), Verdict::Accepted);
    assert_eq!(again.headers.get(&HeaderName::CSeq), Some("3 BYE"));
    wire.reply(&again, 200, "b");
    wire.told(&["Answered 200", "Ended"]);
    wire.all_gone();
}

#[test]
fn a_challenge_that_crosses_hanging_up_is_not_answered() {
    let mut wire = Wire::new();
    let (leg, first) = wire.call_with(call_with_password());
    wire.agent.hangup(wire.now, leg, &[]);
    challenge(&mut wire, &mut verifier(Space::EndToEnd, 1), &first);
    wire.request(Method::Ack);
    wire.silent();
    wire.told(&["Failed 401", "Ended"]);
    wire.all_gone();
}

#[test]
fn cancel_after_a_challenge_names_the_second_invite() {
    let mut wire = Wire::new();
    let (leg, first) = wire.call_with(call_with_password());
    wire.reply(&first, 100, "");
    challenge(&mut wire, &mut verifier(Space::EndToEnd, 1), &first);
    wire.request(Method::Ack);
    let second = wire.request(Method::Invite);
    wire.agent.hangup(wire.now, leg, &[]);
    wire.silent();
    wire.reply(&second, 180, "b");
    let cancel = wire.request(Method::Cancel);
    assert_eq!(cancel.headers.branch(), second.headers.branch());
    assert_eq!(cancel.headers.get(&HeaderName::CSeq), Some("2 CANCEL"));
    wire.reply(&second, 487, "b");
    wire.request(Method::Ack);
    wire.told(&["Trying", "Failed 487", "Ended"]);
    wire.all_gone();
}
