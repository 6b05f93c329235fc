//! 3xx: reported with its contacts, or followed within the host that was called.

use sip::msg::{HeaderName, Method, Request, Response};
use sip::{CallOptions, Invite, LegEvent, Redirects};

use crate::support::invite;
use crate::support::wire::Wire;

fn following(wire: &mut Wire, invite: Invite) -> Request {
    let options = CallOptions::default().with_redirects(Redirects::WithinHost);
    wire.agent.call_with(wire.now, invite, wire.peer(), options).expect("placed");
    wire.request(Method::Invite)
}

fn to_contacts(response: &mut Response, contacts: &[&str]) {
    response.headers.remove(&HeaderName::Contact);
    for contact in contacts {
        response.headers.push(HeaderName::Contact, *contact);
    }
}

#[test]
fn a_redirection_fails_the_call_and_tells_its_contacts_best_first() {
    let mut wire = Wire::new();
    let (_, invite) = wire.call();
    let contacts = ["<sip:a@192.0.2.1>;q=0.2", "<sip:b@192.0.2.1>;q=0.9", "<sip:c@192.0.2.1>"];
    wire.reply_with(&invite, 302, "b", |response| to_contacts(response, &contacts));
    wire.request(Method::Ack);
    match &wire.events()[..] {
        [LegEvent::Failed { response }, LegEvent::Ended] => {
            let order: Vec<_> = response.contacts().iter().map(|c| c.uri.to_string()).collect();
            assert_eq!(order, ["sip:c@192.0.2.1", "sip:b@192.0.2.1", "sip:a@192.0.2.1"]);
        }
        other => panic!("{other:?}"),
    }
    wire.silent();
}

#[test]
fn where_it_is_allowed_the_call_goes_to_the_contact_on_the_same_host() {
    let mut wire = Wire::new();
    let first = following(&mut wire, invite("call"));
    wire.reply_with(&first, 302, "b", |response| to_contacts(response, &["<sip:201@192.0.2.1:5080>"]));
    wire.request(Method::Ack);
    let (to, second) = wire.request_to(Method::Invite);
    assert_eq!(to.addr, crate::support::addr("192.0.2.1:5080"));
    assert_eq!(second.uri.to_string(), "sip:201@192.0.2.1:5080");
    assert_eq!(second.headers.get(&HeaderName::To), first.headers.get(&HeaderName::To));
    assert_eq!(second.headers.call_id(), first.headers.call_id());
    assert_eq!(second.headers.cseq().expect("CSeq").number, 2);
    wire.reply(&second, 200, "c");
    wire.request(Method::Ack);
    match &wire.events()[..] {
        [LegEvent::Redirected { response, target }, LegEvent::Answered { remote_tag, .. }] => {
            assert_eq!((response.code, remote_tag.as_str()), (302, "c"));
            assert_eq!(target.to_string(), "sip:201@192.0.2.1:5080");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_contact_elsewhere_over_an_unknown_transport_or_no_sip_is_not_followed() {
    for contact in [
        "<sip:201@198.51.100.7>",
        "<sip:201@192.0.2.1;transport=sctp>",
        "<tel:+15551000>",
        "<sips:201@192.0.2.1>",
    ] {
        let mut wire = Wire::new();
        let first = following(&mut wire, invite("call"));
        wire.reply_with(&first, 302, "b", |response| to_contacts(response, &[contact]));
        wire.request(Method::Ack);
        wire.told(&["Failed 302", "Ended"]);
        wire.silent();
    }
}

#[test]
fn contacts_are_tried_one_after_the_other_and_none_twice() {
    let mut wire = Wire::new();
    let mut request = following(&mut wire, invite("call"));
    let contacts = ["<sip:1@192.0.2.1>", "<sip:2@192.0.2.1>", "<sip:1@192.0.2.1>"];
    wire.reply_with(&request, 300, "b", |response| to_contacts(response, &contacts));
    wire.request(Method::Ack);
    for user in ["1", "2"] {
        request = wire.request(Method::Invite);
        assert_eq!(request.uri.user(), Some(user));
        wire.reply(&request, 404, "b");
        wire.request(Method::Ack);
    }
    wire.told(&["Redirected", "Redirected", "Failed 404", "Ended"]);
    wire.all_gone();
}

#[test]
fn a_redirection_in_a_circle_ends() {
    let mut wire = Wire::new();
    let mut request = following(&mut wire, invite("call"));
    for round in 0..20 {
        let contact = format!("<sip:{round}@192.0.2.1>");
        wire.reply_with(&request, 302, "b", |response| to_contacts(response, &[&contact]));
        wire.request(Method::Ack);
        match wire.take_sent().pop() {
            Some(sip::msg::Message::Request(next)) => request = next,
            _ => {
                assert_eq!(round, 5);
                break;
            }
        }
    }
    assert!(matches!(wire.events().last(), Some(LegEvent::Ended)));
}

#[test]
fn a_call_that_is_being_given_up_is_not_redirected() {
    let mut wire = Wire::new();
    let first = following(&mut wire, invite("call"));
    wire.reply(&first, 180, "b");
    let leg = wire.leg_told();
    wire.agent.hangup(wire.now, leg, &[]);
    wire.request(Method::Cancel);
    wire.reply_with(&first, 302, "b", |response| to_contacts(response, &["<sip:201@192.0.2.1>"]));
    wire.request(Method::Ack);
    wire.silent();
    wire.told(&["Provisional 180", "Failed 302", "Ended"]);
}
