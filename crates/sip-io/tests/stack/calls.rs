//! Calls between two stacks over the loopback interface.

use std::time::Duration;

use crate::common::*;
use sip::auth::{Algorithm, Credentials, Space, Verdict, Verifier};
use sip::msg::StatusCode;
use sip::{Inbound, LegEvent, Transport};
use sip_io::{Direction, Stack};

fn is_answer(event: LegEvent) -> Option<String> {
    match event {
        LegEvent::Answered { response, .. } => response.body,
        _ => None,
    }
}

async fn a_call_there_and_back(transport: Transport) {
    let (phone, mut incoming) = callee().await;
    let stack = caller().await;
    let mut ladder = stack.trace();
    let mut call = place(&stack, phone.local_addr(), transport).await;
    let (mut leg, request) = taken(&mut incoming).await;
    assert_eq!(request.headers.get_text("x-test"), Some("1"));
    assert_eq!(&request.body[..], b"v=0\r\n");
    leg.control().provisional(StatusCode::RINGING, None).await;
    until(&mut call, "180", |e| matches!(e, LegEvent::Provisional { .. }).then_some(())).await;
    leg.control().answer(Some("v=0\r\ns=answer\r\n".into())).await;
    assert_eq!(until(&mut call, "200", is_answer).await, "v=0\r\ns=answer\r\n");
    until(&mut leg, "ACK", |e| matches!(e, LegEvent::Acked { .. }).then_some(())).await;
    call.hangup(vec![("X-Why".into(), "done".into())]).await;
    let headers = until(&mut leg, "BYE", |e| match e {
        LegEvent::RemoteBye { headers } => Some(headers),
        _ => None,
    })
    .await;
    assert_eq!(headers.get_text("X-Why"), Some("done"));
    ended(&mut leg).await;
    ended(&mut call).await;
    let mut steps = Vec::new();
    while let Ok(traced) = ladder.try_recv() {
        assert_eq!((traced.transport, traced.remote), (transport, phone.local_addr()));
        let arrow = if traced.direction == Direction::Sent { ">" } else { "<" };
        steps.push(format!(
            "{arrow} {}",
            traced.start_line().replace(&phone.local_addr().to_string(), "phone")
        ));
    }
    steps.retain(|step| !step.contains("100 "));
    // On a busy machine a copy of the INVITE may go out.
    steps.dedup();
    let short: Vec<_> =
        steps.iter().map(|s| s.split_whitespace().take(3).collect::<Vec<_>>().join(" ")).collect();
    let uri = format!("sip:222@phone;transport={}", transport.as_uri_param());
    let start = [format!("> INVITE {uri}"), "< SIP/2.0 180".into(), "< SIP/2.0 200".into()];
    assert_eq!(short[..3], start);
    assert!(short[3].starts_with("> ACK sip:") && short[4].starts_with("> BYE sip:"), "{short:?}");
    assert_eq!(short[5..], ["< SIP/2.0 200"]);
}

#[tokio::test]
async fn a_call_over_udp_rings_answers_and_ends() {
    a_call_there_and_back(Transport::Udp).await;
}

#[tokio::test]
async fn a_call_over_tcp_rings_answers_and_ends() {
    a_call_there_and_back(Transport::Tcp).await;
}

#[tokio::test]
async fn calls_to_the_same_place_share_one_connection() {
    let (phone, mut incoming) = callee().await;
    let stack = caller().await;
    let mut calls = Vec::new();
    for _ in 0..5 {
        let call = place(&stack, phone.local_addr(), Transport::Tcp).await;
        calls.push((call, taken(&mut incoming).await));
    }
    assert_eq!((stack.stats().await.connections, phone.stats().await.connections), (1, 1));
}

#[tokio::test]
async fn a_challenge_is_answered_and_a_wrong_password_ends_the_call() {
    for (password, accepted) in [("wonder", true), ("other", false)] {
        let (phone, mut incoming) = callee().await;
        let stack = caller().await;
        let credentials = Credentials::new("alice", password);
        let mut verifier = Verifier::new(Space::Proxy, "pbx", credentials, &[Algorithm::SHA_256], 1);
        let mut call = place(&stack, phone.local_addr(), Transport::Udp).await;
        let expected = [Verdict::Missing, if accepted { Verdict::Accepted } else { Verdict::Refused }];
        for verdict in expected {
            let (leg, request) = taken(&mut incoming).await;
            assert_eq!(verifier.verify(&request), verdict);
            if verdict == Verdict::Accepted {
                leg.control().reject(StatusCode::BUSY_HERE, None, Vec::new()).await;
                continue;
            }
            let challenge = verifier.challenge(&request, false);
            let name = Space::Proxy.challenge_header();
            let headers = challenge.headers.get_all(&name);
            let headers = headers.map(|value| ("Proxy-Authenticate".to_owned(), value.to_owned())).collect();
            leg.control().reject(challenge.status, None, headers).await;
        }
        let failed = until(&mut call, "the verdict", |e| match e {
            LegEvent::Failed { response } => Some(response.code == 486),
            LegEvent::AuthFailed(_) => Some(false),
            _ => None,
        });
        assert_eq!(failed.await, accepted);
    }
}

#[tokio::test]
async fn dropping_a_call_cancels_it_while_it_rings_and_ends_it_when_it_is_up() {
    let (phone, mut incoming) = callee().await;
    let stack = caller().await;
    let mut call = place(&stack, phone.local_addr(), Transport::Udp).await;
    let (mut leg, _) = taken(&mut incoming).await;
    leg.control().provisional(StatusCode::RINGING, None).await;
    until(&mut call, "180", |e| matches!(e, LegEvent::Provisional { .. }).then_some(())).await;
    drop(call);
    until(&mut leg, "CANCEL", |e| matches!(e, LegEvent::Cancelled).then_some(())).await;

    let mut call = place(&stack, phone.local_addr(), Transport::Udp).await;
    let (mut leg, _) = taken(&mut incoming).await;
    leg.control().answer(Some("v=0\r\n".into())).await;
    until(&mut call, "200", is_answer).await;
    drop(call);
    until(&mut leg, "BYE", |e| matches!(e, LegEvent::RemoteBye { .. }).then_some(())).await;
}

#[tokio::test]
async fn shutting_down_hangs_up_and_refuses_what_comes_after() {
    let (phone, mut incoming) = callee().await;
    let stack = caller().await;
    let mut call = place(&stack, phone.local_addr(), Transport::Tcp).await;
    let (mut leg, _) = taken(&mut incoming).await;
    leg.control().answer(Some("v=0\r\n".into())).await;
    until(&mut call, "200", is_answer).await;
    soon("the shutdown", stack.shutdown(Duration::from_secs(3))).await;
    until(&mut leg, "BYE", |e| matches!(e, LegEvent::RemoteBye { .. }).then_some(())).await;
    ended(&mut call).await;
    let later = invite(phone.local_addr(), Transport::Udp);
    let target = sip_io::Target::of_invite(&later).unwrap();
    assert_eq!(stack.call(later, &target).await.err(), Some(sip_io::PlaceError::Closed));
}

#[tokio::test]
async fn calls_that_nobody_takes_are_refused() {
    let (phone, incoming) = callee().await;
    drop(incoming);
    let stack = caller().await;
    let mut call = place(&stack, phone.local_addr(), Transport::Udp).await;
    let code = until(&mut call, "a refusal", |e| match e {
        LegEvent::Failed { response } => Some(response.code),
        _ => None,
    });
    assert_eq!(code.await, 503);
}

#[tokio::test]
async fn the_host_announced_stands_in_via_and_contact() {
    let (phone, mut incoming) = callee().await;
    let mut announcing = config(Inbound::Ignore);
    announcing.listen = "0.0.0.0:0".parse().unwrap();
    announcing.announced = Some("sip.example".parse().unwrap());
    let stack = Stack::bind(announcing).await.unwrap().0;
    let _call = place(&stack, phone.local_addr(), Transport::Udp).await;
    let (_leg, request) = taken(&mut incoming).await;
    let (via, contact) = (request.headers.via().unwrap(), request.headers.contact().unwrap());
    let port = stack.local_addr().port();
    assert_eq!((via.host.to_string().as_str(), via.port), ("sip.example", Some(port)));
    assert_eq!(
        (contact.uri.host().unwrap().to_string().as_str(), contact.uri.port()),
        ("sip.example", Some(port))
    );
}

#[tokio::test]
async fn a_call_over_ipv6_prints_its_addresses_in_brackets() {
    let mut there = config(Inbound::Offer);
    there.listen = "[::1]:0".parse().unwrap();
    let (phone, mut incoming) = match Stack::bind(there).await {
        Ok(bound) => bound,
        Err(error) => return eprintln!("SKIPPED: this machine has no IPv6 loopback ({error})"),
    };
    let mut here = config(Inbound::Ignore);
    here.listen = "[::1]:0".parse().unwrap();
    let stack = Stack::bind(here).await.unwrap().0;
    let mut call = place(&stack, phone.local_addr(), Transport::Udp).await;
    let (leg, request) = taken(&mut incoming).await;
    let port = stack.local_addr().port();
    assert!(request.headers.via().unwrap().to_string().contains(&format!("UDP [::1]:{port};")));
    leg.control().answer(Some("v=0\r\n".into())).await;
    until(&mut call, "200", is_answer).await;
}

#[tokio::test]
async fn the_invite_leaves_at_once() {
    let (phone, mut incoming) = callee().await;
    let stack = caller().await;
    let mut ladder = stack.trace();
    let mut delays = Vec::new();
    for _ in 0..50 {
        let asked = std::time::Instant::now();
        let _call = place(&stack, phone.local_addr(), Transport::Udp).await;
        let sent = loop {
            let traced = soon("the INVITE", ladder.recv()).await.unwrap();
            if traced.start_line().starts_with("INVITE") {
                break traced.at;
            }
        };
        delays.push(sent.saturating_duration_since(asked));
        taken(&mut incoming).await;
    }
    delays.sort();
    println!("call() to INVITE: median {:?}, slowest {:?}", delays[25], delays[49]);
    assert!(delays[25] < Duration::from_millis(400), "INVITEs left as repeated copies only: {delays:?}");
}
