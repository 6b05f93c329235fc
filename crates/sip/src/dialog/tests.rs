use std::net::SocketAddr;

use super::Dialog;
use crate::msg::{HeaderName, Message, Method, Request, Response};
use crate::target::{Contacts, Destination, Flow, Transport};
use crate::txn::Hop;

const INVITE: &str = "INVITE sip:bob@example.net SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1;rport\r\n\
    From: <sip:alice@10.0.0.1>;tag=a\r\nTo: <sip:bob@example.net>\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\n\r\n";

fn invite() -> Request {
    match Message::parse(INVITE.as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn response(extra: &str) -> Response {
    let text = format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1\r\nFrom: <sip:alice@10.0.0.1>;tag=a\r\n\
         To: <sip:bob@example.net>;tag=b\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\n{extra}\r\n"
    );
    match Message::parse(text.as_bytes()) {
        Ok(Message::Response(response)) => response,
        other => panic!("{other:?}"),
    }
}

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn way() -> Hop {
    let destination = Destination::new(Transport::Udp, addr("192.0.2.1:5060"));
    let flow = Flow { transport: Transport::Udp, local: addr("10.0.0.1:5060"), remote: destination.addr };
    Hop { destination, flow: Some(flow) }
}

fn dialog(extra: &str) -> Dialog {
    Dialog::of_caller(&invite(), &response(extra), way()).expect("a dialog")
}

fn served() -> Contacts {
    Contacts::udp_and_tcp(addr("10.0.0.1:5060"))
}

#[test]
fn the_callers_route_set_is_record_route_reversed_and_the_contact_is_the_target() {
    let extra =
        "Record-Route: <sip:192.0.2.9;lr>, <sip:192.0.2.8:5070;lr>\r\nContact: <sip:bob@192.0.2.7:5080>\r\n";
    let mut dialog = dialog(extra);
    let bye = dialog.request(Method::Bye);
    assert_eq!(bye.uri.to_string(), "sip:bob@192.0.2.7:5080");
    let routes: Vec<_> = bye.headers.get_all(&HeaderName::Route).collect();
    assert_eq!(routes, ["<sip:192.0.2.8:5070;lr>", "<sip:192.0.2.9;lr>"]);
    assert_eq!(bye.headers.get(&HeaderName::CSeq), Some("8 BYE"));
    assert_eq!(bye.headers.to_tag().as_deref(), Some("b"));
    assert_eq!(dialog.next_hop(&served()).destination.addr, addr("192.0.2.8:5070"));
}

#[test]
fn a_strict_router_takes_the_request_uri_and_the_target_ends_the_route() {
    let mut dialog = dialog("Record-Route: <sip:192.0.2.9>\r\nContact: <sip:bob@192.0.2.7>\r\n");
    let bye = dialog.request(Method::Bye);
    assert_eq!(bye.uri.to_string(), "sip:192.0.2.9");
    assert_eq!(bye.headers.get(&HeaderName::Route), Some("<sip:bob@192.0.2.7>"));
}

#[test]
fn an_answer_without_contact_is_reached_the_way_the_invite_went() {
    let dialog = dialog("");
    assert_eq!(dialog.ack(7).uri.to_string(), "sip:bob@example.net");
    assert_eq!(dialog.next_hop(&served()), way());
}

#[test]
fn a_contact_that_asks_for_tcp_is_reached_over_tcp_where_that_is_served() {
    let dialog = dialog("Contact: <sip:bob@192.0.2.7;transport=tcp>\r\n");
    let hop = dialog.next_hop(&served());
    assert_eq!(hop.destination, Destination::new(Transport::Tcp, addr("192.0.2.7:5060")));
    assert_eq!(hop.flow, None);
    let udp_only = Contacts { tcp: None, ..served() };
    assert_eq!(dialog.next_hop(&udp_only).destination.transport, Transport::Udp);
}

#[test]
fn a_peer_behind_nat_is_reached_where_its_messages_come_from_unless_a_proxy_stands_between() {
    for named in ["192.168.1.20:5062", "127.0.0.1", "0.0.0.0", "100.64.0.9"] {
        let dialog = dialog(&format!("Contact: <sip:bob@{named}>\r\n"));
        assert_eq!(dialog.next_hop(&served()).destination.addr, way().destination.addr);
    }
    let public = dialog("Contact: <sip:bob@192.0.2.7:0>\r\n");
    assert_eq!(public.next_hop(&served()).destination.addr, addr("192.0.2.7:5060"));
    let routed = dialog("Record-Route: <sip:192.168.1.1;lr>\r\nContact: <sip:bob@192.168.1.20:5062>\r\n");
    assert_eq!(routed.next_hop(&served()).destination.addr, addr("192.168.1.1:5060"));
}

#[test]
fn an_older_number_of_the_peer_is_not_taken() {
    let mut dialog = dialog("");
    assert!(dialog.take_remote_number(5));
    assert!(dialog.take_remote_number(9));
    assert!(!dialog.take_remote_number(8));
}

#[test]
fn over_tls_the_peer_to_be_proven_stays_the_same_wherever_the_contact_is() {
    use crate::target::TlsPeer;
    let destination = Destination::new(Transport::Tls, addr("192.0.2.1:5061")).with_peer(TlsPeer(7));
    let response = response("Contact: <sip:bob@192.0.2.7;transport=tls>\r\n");
    let dialog = Dialog::of_caller(&invite(), &response, Hop { destination, flow: None }).expect("a dialog");
    let mut served = served();
    served.tls.clone_from(&served.tcp);
    let hop = dialog.next_hop(&served);
    let expected = Destination::new(Transport::Tls, addr("192.0.2.7:5061")).with_peer(TlsPeer(7));
    assert_eq!(hop.destination, expected);
    assert_eq!(Destination::new(Transport::Udp, expected.addr).with_peer(TlsPeer(7)).peer, TlsPeer(0));
}
