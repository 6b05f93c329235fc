//! Requests that are too large for a datagram (RFC 3261 §18.1.1).

use std::time::Duration;

use sip::msg::{Method, Transport};
use sip::{Destination, Invite, TransportError};

use crate::support::invite;
use crate::support::wire::Wire;

fn large(call_id: &str) -> Invite {
    Invite { body: Some("x".repeat(1400)), ..invite(call_id) }
}

fn place(wire: &mut Wire, invite: Invite) -> (Destination, sip::msg::Request) {
    wire.agent.call(wire.now, invite, wire.peer()).expect("placed");
    wire.request_to(Method::Invite)
}

#[test]
fn a_large_invite_goes_by_tcp_and_says_so_in_its_via_while_its_contact_stays() {
    let mut wire = Wire::new();
    let (to, request) = place(&mut wire, large("call"));
    assert_eq!(to, Destination::new(Transport::Tcp, wire.peer().addr));
    assert_eq!(request.headers.via().expect("Via").transport(), "TCP");
    assert_eq!(request.headers.contact().expect("Contact").uri.transport(), None);
    let (to, _) = place(&mut wire, invite("small"));
    assert_eq!(to.transport, Transport::Udp);
}

#[test]
fn a_peer_that_refuses_tcp_gets_a_datagram_and_is_not_asked_again() {
    let mut wire = Wire::new();
    let (to, request) = place(&mut wire, large("call"));
    wire.agent.transport_failed(wire.now, to, &TransportError::Refused { destination: to });
    let (again, second) = wire.request_to(Method::Invite);
    assert_eq!(again, wire.peer());
    assert_ne!(second.headers.branch(), request.headers.branch());
    wire.reply(&second, 200, "b");
    wire.request(Method::Ack);
    wire.told(&["Answered 200"]);
    let (to, _) = place(&mut wire, large("next"));
    assert_eq!(to, wire.peer());
    wire.pass(Duration::from_secs(700));
    let _ = wire.take_sent();
    let (to, _) = place(&mut wire, large("later"));
    assert_eq!(to.transport, Transport::Tcp);
}

#[test]
fn a_peer_whose_tcp_says_nothing_gets_a_datagram_after_a_second() {
    let mut wire = Wire::new();
    place(&mut wire, large("call"));
    wire.pass_ms(999);
    wire.silent();
    wire.pass_ms(1);
    let (to, second) = wire.request_to(Method::Invite);
    assert_eq!(to, wire.peer());
    wire.reply(&second, 486, "b");
    wire.request(Method::Ack);
    wire.told(&["Failed 486", "Ended"]);
    wire.all_gone();
}

#[test]
fn a_large_reinvite_goes_by_tcp_and_falls_back_too() {
    let mut wire = Wire::new();
    let (leg, _) = wire.call_up();
    wire.agent.reinvite(wire.now, leg, Some("x".repeat(1400))).expect("the call is up");
    let (to, _) = wire.request_to(Method::Invite);
    assert_eq!(to.transport, Transport::Tcp);
    wire.agent.transport_failed(wire.now, to, &TransportError::Refused { destination: to });
    let (to, again) = wire.request_to(Method::Invite);
    assert_eq!(to.transport, Transport::Udp);
    wire.reply(&again, 200, "b");
    wire.request(Method::Ack);
    wire.told(&["ReInviteAnswered 200"]);
}
