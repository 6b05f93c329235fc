//! Names: SRV, addresses, and the next target when one refuses. The name server is a script.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, NAPTR, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record};
use sip::{Inbound, LegEvent, Transport};
use sip_io::{CallOptions, LostCall, PlaceError, ResolveError, Stack, StackConfig, Target};
use tokio::net::UdpSocket;

use crate::common::*;
use crate::trouble::nobody;

fn srv(priority: u16, at: SocketAddr, host: &str) -> RData {
    RData::SRV(SRV::new(priority, 1, at.port(), Name::from_ascii(host).unwrap()))
}

fn here() -> RData {
    RData::A(A(Ipv4Addr::LOCALHOST))
}

/// Answers from a table; what is not in it does not exist. Says nothing at all if there is no table.
async fn name_server(zone: Option<Vec<(&'static str, RData)>>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let mut table: HashMap<String, Vec<RData>> = HashMap::new();
    let silent = zone.is_none();
    for (name, data) in zone.into_iter().flatten() {
        table.entry(name.to_owned()).or_default().push(data);
    }
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let question = Message::from_vec(&buffer[..length]).unwrap();
            let query = question.queries[0].clone();
            let mut answer = question.into_response();
            let found = table.get(&query.name().to_ascii());
            if found.is_none() {
                answer.metadata.response_code = ResponseCode::NXDomain;
            }
            for data in found.into_iter().flatten().filter(|data| data.record_type() == query.query_type()) {
                answer.add_answer(Record::from_rdata(query.name().clone(), 60, data.clone()));
            }
            if !silent {
                socket.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
            }
        }
    });
    address
}

async fn asking(server: SocketAddr) -> StackConfig {
    let mut config = config(Inbound::Ignore);
    config.name_servers = vec![server];
    config.resolve_timeout = Duration::from_millis(1000);
    config
}

fn trunk(port: Option<u16>, transport: Transport) -> Target {
    Target { host: "trunk.test".parse().unwrap(), port, transport }
}

#[tokio::test]
async fn srv_records_lead_to_the_next_target_when_the_first_refuses() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let (phone, mut incoming) = callee().await;
        let service =
            if transport == Transport::Udp { "_sip._udp.trunk.test." } else { "_sip._tcp.trunk.test." };
        let zone = vec![
            (service, srv(20, phone.local_addr(), "two.trunk.test.")),
            (service, srv(10, nobody().await, "one.trunk.test.")),
            ("one.trunk.test.", here()),
            ("two.trunk.test.", here()),
        ];
        let stack = Stack::bind(asking(name_server(Some(zone)).await).await).await.unwrap().0;
        let mut ladder = stack.trace();
        let started = Instant::now();
        let placed = stack.call(invite(phone.local_addr(), transport), &trunk(None, transport)).await;
        let _call = placed.unwrap();
        taken(&mut incoming).await;
        assert!(started.elapsed() < Duration::from_secs(1), "{transport}: {:?}", started.elapsed());
        assert_ne!(ladder.try_recv().unwrap().remote, phone.local_addr(), "{transport}");
    }
}

#[tokio::test]
async fn a_port_that_is_named_asks_for_addresses_only() {
    let (phone, mut incoming) = callee().await;
    let zone =
        vec![("trunk.test.", here()), ("_sip._udp.trunk.test.", srv(1, nobody().await, "trunk.test."))];
    let stack = Stack::bind(asking(name_server(Some(zone)).await).await).await.unwrap().0;
    let target = trunk(Some(phone.local_addr().port()), Transport::Udp);
    let _call = stack.call(invite(phone.local_addr(), Transport::Udp), &target).await.unwrap();
    taken(&mut incoming).await;
}

#[tokio::test]
async fn an_unknown_name_and_a_silent_name_server_are_told_apart() {
    let to = nobody().await;
    let stack = Stack::bind(asking(name_server(Some(Vec::new())).await).await).await.unwrap().0;
    let refused = stack.call(invite(to, Transport::Udp), &trunk(None, Transport::Udp)).await.err().unwrap();
    assert_eq!(refused, PlaceError::Resolve(ResolveError::NoAddress { host: "trunk.test".into() }));
    let stack = Stack::bind(asking(name_server(None).await).await).await.unwrap().0;
    let refused = stack.call(invite(to, Transport::Udp), &trunk(None, Transport::Udp)).await.err().unwrap();
    assert_eq!(refused, PlaceError::Resolve(ResolveError::Timeout { host: "trunk.test".into() }));
}

fn naptr(order: u16, service: &str, replacement: &str) -> RData {
    let name = Name::from_ascii(replacement).unwrap();
    let (flags, service) = (b"s"[..].into(), service.as_bytes().into());
    RData::NAPTR(NAPTR::new(order, 1, flags, service, Box::default(), name))
}

#[tokio::test]
async fn where_the_transport_is_open_the_domains_naptr_records_decide() {
    let (phone, mut incoming) = callee().await;
    let nobody = nobody().await;
    let zone = vec![
        ("trunk.test.", naptr(20, "SIP+D2U", "udp.trunk.test.")),
        ("trunk.test.", naptr(10, "SIP+D2T", "tcp.trunk.test.")),
        ("udp.trunk.test.", srv(1, nobody, "one.trunk.test.")),
        ("tcp.trunk.test.", srv(1, phone.local_addr(), "one.trunk.test.")),
        ("one.trunk.test.", here()),
    ];
    let stack = Stack::bind(asking(name_server(Some(zone)).await).await).await.unwrap().0;
    let mut ladder = stack.trace();
    let options = CallOptions::default().with_discovered_transport();
    let placed = invite(phone.local_addr(), Transport::Udp);
    let _call = stack.call_with(placed, &trunk(None, Transport::Udp), &options).await.unwrap();
    taken(&mut incoming).await;
    let first = ladder.try_recv().unwrap();
    assert_eq!((first.transport, first.remote), (Transport::Tcp, phone.local_addr()));
}

#[tokio::test]
async fn without_naptr_an_open_transport_is_the_first_that_has_srv_records() {
    let (phone, mut incoming) = callee().await;
    let zone = vec![
        ("_sip._tcp.trunk.test.", srv(1, phone.local_addr(), "one.trunk.test.")),
        ("one.trunk.test.", here()),
    ];
    let stack = Stack::bind(asking(name_server(Some(zone)).await).await).await.unwrap().0;
    let mut ladder = stack.trace();
    let options = CallOptions::default().with_discovered_transport();
    let placed = invite(phone.local_addr(), Transport::Udp);
    let _call = stack.call_with(placed, &trunk(None, Transport::Udp), &options).await.unwrap();
    taken(&mut incoming).await;
    assert_eq!(ladder.try_recv().unwrap().transport, Transport::Tcp);
}

#[tokio::test]
async fn a_target_that_failed_comes_last_the_next_time() {
    let (phone, mut incoming) = callee().await;
    let zone = vec![
        ("_sip._tcp.trunk.test.", srv(20, phone.local_addr(), "two.trunk.test.")),
        ("_sip._tcp.trunk.test.", srv(10, nobody().await, "one.trunk.test.")),
        ("one.trunk.test.", here()),
        ("two.trunk.test.", here()),
    ];
    let stack = Stack::bind(asking(name_server(Some(zone)).await).await).await.unwrap().0;
    let mut ladder = stack.trace();
    let mut first_hops = Vec::new();
    for _ in 0..2 {
        let placed = invite(phone.local_addr(), Transport::Tcp);
        let _call = stack.call(placed, &trunk(None, Transport::Tcp)).await.unwrap();
        taken(&mut incoming).await;
        first_hops.push(soon("the INVITE", ladder.recv()).await.unwrap().remote);
        while ladder.try_recv().is_ok() {}
    }
    assert_ne!(first_hops[0], phone.local_addr());
    assert_eq!(first_hops[1], phone.local_addr());
}

#[tokio::test]
async fn a_target_that_says_nothing_is_followed_by_the_next() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let (phone, mut incoming) = callee().await;
        let silent_udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let silent_tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (service, silent) = match transport {
            Transport::Udp => ("_sip._udp.trunk.test.", silent_udp.local_addr().unwrap()),
            _ => ("_sip._tcp.trunk.test.", silent_tcp.local_addr().unwrap()),
        };
        let zone = vec![
            (service, srv(10, silent, "one.trunk.test.")),
            (service, srv(20, phone.local_addr(), "two.trunk.test.")),
            ("one.trunk.test.", here()),
            ("two.trunk.test.", here()),
        ];
        let config = asking(name_server(Some(zone)).await).await;
        let stack = Stack::bind(config).await.unwrap().0;
        let started = Instant::now();
        let placed = invite(phone.local_addr(), transport);
        let _call = stack.call(placed, &trunk(None, transport)).await.unwrap();
        taken(&mut incoming).await;
        assert!(started.elapsed() < Duration::from_secs(3), "{transport}: {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_stack_on_ipv6_asks_for_and_calls_ipv6_addresses() {
    let mut v6 = config(Inbound::Offer);
    v6.listen = "[::1]:0".parse().unwrap();
    let (phone, mut incoming) = Stack::bind(v6).await.unwrap();
    let zone = vec![("trunk.test.", here()), ("trunk.test.", RData::AAAA(AAAA(Ipv6Addr::LOCALHOST)))];
    let mut asking = asking(name_server(Some(zone)).await).await;
    asking.listen = "[::1]:0".parse().unwrap();
    let stack = Stack::bind(asking).await.unwrap().0;
    let target = trunk(Some(phone.local_addr().port()), Transport::Udp);
    let _call = stack.call(invite(phone.local_addr(), Transport::Udp), &target).await.unwrap();
    taken(&mut incoming).await;
}

/// The next request of this method that comes to a socket.
async fn request(socket: &UdpSocket, method: &str) -> String {
    let mut buffer = [0; 4096];
    soon(method, async {
        loop {
            let length = socket.recv(&mut buffer).await.unwrap();
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.starts_with(&format!("{method} ")) {
                return text;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_phone_that_names_another_machine_gets_ack_and_bye_there_also_from_the_next_run() {
    let edge = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut named = config(Inbound::Offer);
    named.announced = Some("edge.test".parse().unwrap());
    named.announced_port = Some(edge.local_addr().unwrap().port());
    let (phone, mut incoming) = Stack::bind(named).await.unwrap();
    let server = name_server(Some(vec![("edge.test.", here())])).await;
    let stack = Stack::bind(asking(server).await).await.unwrap().0;
    let mut call = place(&stack, phone.local_addr(), Transport::Udp).await;
    let (leg, _) = taken(&mut incoming).await;
    leg.control().answer(Some("v=0\r\n".into())).await;
    until(&mut call, "200", |event| matches!(event, LegEvent::Answered { .. }).then_some(())).await;
    assert!(request(&edge, "ACK").await.contains("sip:edge.test:"));
    let mut dialog = call.control().dialog().await.expect("the call is up");
    call.hangup(Vec::new()).await;
    assert!(request(&edge, "BYE").await.starts_with("BYE sip:edge.test:"));

    dialog.destination = sip::Destination::new(Transport::Udp, phone.local_addr());
    let next = Stack::bind(asking(server).await).await.unwrap().0;
    let _ending = soon("the BYE", next.end_lost_call(LostCall::new(dialog))).await.unwrap();
    assert!(request(&edge, "BYE").await.starts_with("BYE sip:edge.test:"));
}
