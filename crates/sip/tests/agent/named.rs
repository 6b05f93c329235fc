//! Next hops inside a call that are named: asked for once, followed when they are known, and missed by nobody meanwhile.

use sip::msg::{HeaderName, Method, NameAddr, Request, Response, Transport};
use sip::{Destination, LegId, NamedHop};

use crate::support::wire::{PEER, Wire};
use crate::support::{addr, uri};

const EDGE: &str = "192.0.2.50:5070";

fn contact(response: &mut Response, text: &str) {
    response.headers.set(HeaderName::Contact, NameAddr::new(uri(text)));
}

fn at(text: &str) -> Destination {
    Destination::new(Transport::Udp, addr(text))
}

/// A call whose phone names a machine of its own in the 200, the ACK on its way, and the question.
fn answered_by(named: &str) -> (Wire, LegId, Request, NamedHop) {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call();
    wire.reply_with(&invite, 200, "b", |response| contact(response, named));
    assert_eq!(wire.request_to(Method::Ack).0.addr, addr(PEER), "the way that is known");
    let names = wire.names();
    assert_eq!(names.len(), 1, "{names:?}");
    (wire, leg, invite, names[0].clone())
}

#[test]
fn a_contact_that_is_a_name_is_followed_once_it_is_resolved() {
    let (mut wire, leg, invite, hop) = answered_by("sip:bob@edge.test:5070");
    assert_eq!((hop.host.to_string().as_str(), hop.port), ("edge.test", Some(5070)));
    assert_eq!(hop.transport, Transport::Udp);
    wire.agent.resolved(wire.now, leg, &hop, &[at(EDGE)]);
    let (to, ack) = wire.request_to(Method::Ack);
    assert_eq!((to.addr, ack.uri.to_string().as_str()), (addr(EDGE), "sip:bob@edge.test:5070"));
    wire.silent();
    wire.reply_with(&invite, 200, "b", |response| contact(response, "sip:bob@edge.test:5070"));
    assert_eq!(wire.request_to(Method::Ack), (to, ack), "a copy of the 200 has the same ACK");
    wire.silent();

    wire.agent.hangup(wire.now, leg, &[]);
    let (to, bye) = wire.request_to(Method::Bye);
    assert_eq!(to.addr, addr(EDGE));
    wire.reply(&bye, 200, "b");
    assert!(wire.names().is_empty(), "one question");
    wire.told(&["Answered 200", "Ended"]);
    wire.all_gone();
}

#[test]
fn a_route_by_name_that_is_learnt_with_the_ringing_serves_prack_and_the_first_ack() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call();
    let routed = |response: &mut Response| {
        contact(response, "sip:bob@192.168.1.20");
        response.headers.push(HeaderName::RecordRoute, "<sip:edge.test;lr>");
    };
    wire.reply_with(&invite, 180, "b", routed);
    let names = wire.names();
    assert_eq!((names.len(), names[0].port), (1, None), "SRV records decide");
    wire.agent.resolved(wire.now, leg, &names[0], &[at(EDGE)]);
    wire.silent();
    wire.reply_with(&invite, 200, "b", routed);
    let (to, ack) = wire.request_to(Method::Ack);
    assert_eq!(to.addr, addr(EDGE));
    assert_eq!(ack.headers.get(&HeaderName::Route), Some("<sip:edge.test;lr>"));
    wire.silent();
    assert!(wire.names().is_empty());
}

#[test]
fn a_name_that_leads_nowhere_changes_nothing() {
    let (mut wire, leg, _, hop) = answered_by("sip:bob@pbx.invalid");
    wire.agent.resolved(wire.now, leg, &hop, &[]);
    wire.silent();
    wire.agent.hangup(wire.now, leg, &[]);
    assert_eq!(wire.request_to(Method::Bye).0.addr, addr(PEER));
}

#[test]
fn of_several_addresses_the_one_the_call_began_at_is_kept_and_one_of_no_meaning_here_is_not_taken() {
    for (found, expected) in [
        (&[EDGE, PEER][..], PEER),
        (&[EDGE, "192.0.2.1:5070"], "192.0.2.1:5070"),
        (&["192.168.1.20:5060", EDGE], EDGE),
        (&["127.0.0.1:5060", "0.0.0.0:5060"], PEER),
    ] {
        let (mut wire, leg, _, hop) = answered_by("sip:bob@edge.test");
        let found: Vec<_> = found.iter().map(|text| at(text)).collect();
        wire.agent.resolved(wire.now, leg, &hop, &found);
        wire.take_sent();
        wire.agent.hangup(wire.now, leg, &[]);
        assert_eq!(wire.request_to(Method::Bye).0.addr, addr(expected), "{found:?}");
    }
}

#[test]
fn a_phone_that_moves_to_another_name_is_asked_for_again_and_a_late_answer_is_not_taken() {
    let (mut wire, leg, invite, first) = answered_by("sip:bob@edge.test:5070");
    let mut update = wire.inside(&invite, Method::Update, 1, "b");
    update.headers.set(HeaderName::Contact, NameAddr::new(uri("sip:bob@other.test:5070")));
    wire.send(&update);
    wire.response(200);
    let second = wire.names();
    assert_eq!((second.len(), second[0].host.to_string().as_str()), (1, "other.test"));
    wire.agent.resolved(wire.now, leg, &first, &[at("192.0.2.60:5070")]);
    wire.silent();
    wire.agent.resolved(wire.now, leg, &second[0], &[at(EDGE)]);
    assert_eq!(wire.request_to(Method::Ack).0.addr, addr(EDGE));
    let mut update = wire.inside(&invite, Method::Update, 2, "b");
    update.headers.set(HeaderName::Contact, NameAddr::new(uri("sip:bob@192.0.2.70:5080")));
    wire.send(&update);
    wire.response(200);
    assert!(wire.names().is_empty());
    wire.agent.hangup(wire.now, leg, &[]);
    assert_eq!(wire.request_to(Method::Bye).0.addr, addr("192.0.2.70:5080"));
}

#[test]
fn a_call_that_was_left_behind_is_ended_where_its_name_led() {
    let (mut before, leg, _, hop) = answered_by("sip:bob@edge.test:5070");
    before.agent.resolved(before.now, leg, &hop, &[at(EDGE)]);
    let dialog = before.agent.dialog(leg).expect("the call is up");
    assert_eq!(dialog.named_hop(), Some(hop), "to be resolved again");
    let mut after = Wire::new();
    after.agent.end_lost_call(after.now, &dialog, None, &[]).expect("a whole dialog");
    assert_eq!(after.request_to(Method::Bye).0.addr, addr(EDGE), "where it led before");
}
