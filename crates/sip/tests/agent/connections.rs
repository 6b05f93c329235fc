//! Connections that are lost: just when a request went out, and in the middle of a call.

use sip::msg::{Method, Request, Transport};
use sip::{LegEvent, TransportError};

use crate::support::wire::Wire;

fn over_tcp() -> Wire {
    let mut wire = Wire::new();
    wire.transport = Transport::Tcp;
    wire
}

fn lose(wire: &mut Wire) {
    let error = TransportError::ConnectionLost { destination: wire.peer() };
    wire.agent.connection_lost(wire.now, wire.peer(), &error);
}

fn again(wire: &mut Wire, first: &Request) -> Request {
    let second = wire.request(first.method.clone());
    assert_eq!(second.encode(), first.encode(), "by its branch it is a copy");
    second
}

#[test]
fn a_request_on_a_connection_that_just_closed_goes_once_more() {
    let mut wire = over_tcp();
    let (_, invite) = wire.call();
    lose(&mut wire);
    again(&mut wire, &invite);
    wire.reply(&invite, 200, "b");
    wire.request(Method::Ack);
    wire.told(&["Answered 200"]);
}

#[test]
fn one_that_is_lost_twice_fails_the_call() {
    let mut wire = over_tcp();
    let (_, invite) = wire.call();
    lose(&mut wire);
    again(&mut wire, &invite);
    lose(&mut wire);
    wire.silent();
    wire.told(&["TransportFailed", "Ended"]);
    wire.all_gone();
}

#[test]
fn a_phone_that_rings_goes_on_ringing() {
    let mut wire = over_tcp();
    let (_, invite) = wire.call();
    wire.reply(&invite, 180, "b");
    lose(&mut wire);
    wire.silent();
    wire.reply(&invite, 200, "b");
    wire.request(Method::Ack);
    wire.told(&["Provisional 180", "Answered 200"]);
}

#[test]
fn a_call_that_is_up_goes_on_and_its_bye_goes_once_more_too() {
    let mut wire = over_tcp();
    let (leg, _) = wire.call_up();
    lose(&mut wire);
    wire.silent();
    wire.told(&[]);
    wire.agent.hangup(wire.now, leg, &[]);
    let bye = wire.request(Method::Bye);
    lose(&mut wire);
    again(&mut wire, &bye);
    wire.reply(&bye, 200, "b");
    wire.told(&["Ended"]);
    wire.all_gone();
}

#[test]
fn a_message_that_finds_no_room_fails_its_own_call_and_no_other() {
    let mut wire = over_tcp();
    let error = TransportError::Io { destination: wire.peer(), detail: "full".to_owned() };
    let (_, first) = wire.call();
    let (refused, second) = wire.call_with(crate::support::invite("other"));
    wire.agent.message_refused(wire.now, &second.encode(), &error);
    let told = wire.take_events();
    assert!(told.iter().all(|(leg, _)| *leg == refused), "{told:?}");
    assert!(matches!(&told[..], [(_, LegEvent::TransportFailed(_)), (_, LegEvent::Ended)]), "{told:?}");

    wire.reply(&first, 200, "b");
    let ack = wire.request(Method::Ack);
    wire.told(&["Answered 200"]);
    wire.agent.message_refused(wire.now, &ack.encode(), &error);
    wire.agent.message_refused(wire.now, b"nonsense", &error);
    wire.told(&[]);
}
