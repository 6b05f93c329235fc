//! Strays, scanners and garbage: answered cheaply or dropped, never kept.

use std::time::Duration;

use sip::msg::{HeaderName, Method, NameAddr};
use sip::{AgentConfig, Limits};

use crate::support::wire::{OURS, Wire};
use crate::support::{addr, config, invite, uri};

fn outside(wire: &mut Wire, method: Method) -> sip::msg::Request {
    let from = NameAddr::new(uri("sip:300@192.0.2.1")).with_tag("p");
    let to = NameAddr::new(uri("sip:100@10.0.0.1"));
    wire.compose(method, 1, &from, &to, "stray")
}

#[test]
fn requests_outside_any_dialog_are_answered_without_state() {
    let mut wire = Wire::new();
    let expected = [
        (Method::Options, 200),
        (Method::Register, 405),
        (Method::Subscribe, 405),
        (Method::Bye, 481),
        (Method::Update, 481),
        ("DANCE".parse().expect("a method"), 501),
    ];
    for (method, code) in expected {
        let request = outside(&mut wire, method);
        wire.send(&request);
        let first = wire.response(code);
        wire.send(&request);
        assert_eq!(wire.response(code), first, "a copy gets the same answer, tag included");
    }
    let stats = wire.agent.stats();
    assert_eq!((stats.legs, stats.server_transactions, stats.stateless), (0, 0, 12));
}

#[test]
fn a_storm_of_scans_is_answered_up_to_the_budget_then_dropped_and_a_call_goes_on() {
    let limits = Limits { stateless_per_second: 100, ..Limits::default() };
    let mut wire =
        Wire::with(AgentConfig { limits, inbound: sip::Inbound::Refuse(403), ..config(addr(OURS)) });
    let (leg, invite) = wire.call_up();
    for number in 0..10_000 {
        let method = if number % 2 == 0 { Method::Register } else { Method::Invite };
        let request = outside(&mut wire, method);
        wire.send(&request);
    }
    assert_eq!(wire.take_sent().len(), 100);
    let stats = wire.agent.stats();
    assert_eq!((stats.legs, stats.server_transactions, stats.dropped), (1, 0, 9900));
    let info = wire.inside(&invite, Method::Info, 1, "b");
    wire.send(&info);
    wire.response(200);
    wire.told(&["Info"]);
    wire.agent.hangup(wire.now, leg, &[]);
    wire.request(Method::Bye);
}

#[test]
fn tables_that_are_full_refuse_new_calls_and_keep_the_old() {
    let limits = Limits { legs: 2, ..Limits::default() };
    let mut wire = Wire::with(AgentConfig { limits, ..config(addr(OURS)) });
    let peer = wire.peer();
    let (leg, _) = wire.call_up();
    wire.agent.call(wire.now, invite("second"), peer).expect("placed");
    assert_eq!(wire.agent.call(wire.now, invite("third"), peer), Err(sip::DialError::Full));
    wire.take_sent();
    let incoming = wire.peer_invite();
    wire.send(&incoming);
    wire.response(503);
    wire.agent.hangup(wire.now, leg, &[]);
    wire.request(Method::Bye);
}

#[test]
fn responses_and_acks_to_nothing_are_counted_and_ignored() {
    let mut wire = Wire::new();
    let (_, invite) = wire.call();
    let mut forged = invite.clone();
    forged.headers.set(HeaderName::Via, "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKforged");
    wire.reply(&forged, 200, "b");
    let mut elsewhere = invite.clone();
    let via = format!("SIP/2.0/UDP 10.9.9.9:5060;branch={}", invite.headers.branch().expect("a branch"));
    elsewhere.headers.set(HeaderName::Via, via);
    wire.reply(&elsewhere, 200, "b");
    let ack = outside(&mut wire, Method::Ack);
    wire.send(&ack);
    wire.silent();
    wire.told(&[]);
    assert_eq!(wire.agent.stats().stray, 3);
}

#[test]
fn an_answer_goes_to_who_asked_whatever_the_via_says() {
    let mut wire = Wire::new();
    let mut request = outside(&mut wire, Method::Options);
    request.headers.set(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;received=203.0.113.9");
    wire.agent.handle_message(wire.now, wire.flow(), &request.encode());
    let Some(sip::Output::Transmit(transmit)) = wire.agent.poll_output() else { panic!("an answer") };
    assert_eq!(transmit.destination, wire.peer());
}

#[test]
fn a_broken_request_is_told_so_and_other_garbage_is_dropped() {
    let mut wire = Wire::new();
    let broken = "OPTIONS sip:a@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nCSeq: 1 INVITE\r\n\
        From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\n\r\n";
    wire.deliver_bytes(broken.as_bytes());
    wire.response(400);
    wire.silent();
    for garbage in
        [&b""[..], b"\r\n\r\n", b"\0\0\0\0", b"GET / HTTP/1.1\r\n\r\n", b"SIP/2.0 200\r\n\r\n", &[0xff; 2000]]
    {
        wire.deliver_bytes(garbage);
    }
    wire.silent();
    assert_eq!(wire.agent.stats().malformed, 7);
}

#[test]
fn mutated_messages_do_not_disturb_a_call() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call_up();
    let mut seed = 0x9E37_79B9_u32;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        seed as usize
    };
    let mut patterns = Vec::new();
    for method in [Method::Info, Method::Options, Method::Update, Method::Message] {
        patterns.push(wire.inside(&invite, method, 9, "x").encode().to_vec());
    }
    for code in [183, 200, 401, 486] {
        let mut response = sip::msg::Response::to(&invite, sip::msg::StatusCode::new(code).expect("a code"));
        response.headers.set_to_tag("fork");
        patterns.push(response.encode().to_vec());
    }
    for _ in 0..20_000 {
        let mut bytes = patterns[random() % patterns.len()].clone();
        for _ in 0..=random() % 8 {
            let at = random() % bytes.len();
            match random() % 3 {
                0 => bytes[at] = (random() % 256) as u8,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"\r\n:;,<>@ \0"[random() % 10]),
            }
        }
        wire.agent.handle_message(wire.now, wire.flow(), &bytes);
        // A 400 repeats what it could not read, so what goes out here cannot always be read either.
        while let Some(output) = wire.agent.poll_output() {
            assert!(matches!(output, sip::Output::Transmit(_)), "{output:?}");
        }
        if random() % 100 == 0 {
            wire.pass(Duration::from_millis(500));
        }
    }
    wire.told(&[]);
    // Forks that mutation invented are being ended; that is not what we look at.
    wire.take_sent();
    wire.agent.hangup(wire.now, leg, &[]);
    let bye = wire.request(Method::Bye);
    wire.reply(&bye, 200, "b");
    wire.told(&["Ended"]);
    wire.all_gone();
}
