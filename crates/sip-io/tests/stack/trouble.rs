//! Peers that are not there, that send rubbish, or that stop in the middle.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::common::*;
use sip::{Inbound, LegEvent, Transport, TransportError};
use sip_io::{BindError, PlaceError, ResolveError, Stack, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// An address of ours on which nobody listens.
pub(crate) async fn nobody() -> SocketAddr {
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            break (udp, tcp);
        }
    };
    drop(tcp);
    udp.local_addr().unwrap()
}

fn transport_failure(event: LegEvent) -> Option<TransportError> {
    match event {
        LegEvent::TransportFailed(error) => Some(error),
        _ => None,
    }
}

#[tokio::test]
async fn a_port_on_which_nobody_listens_fails_the_call_at_once() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let stack = caller().await;
        let started = Instant::now();
        let mut call = place(&stack, nobody().await, transport).await;
        let error = until(&mut call, "the refusal", transport_failure).await;
        assert!(matches!(error, TransportError::Refused { .. }), "{transport}: {error}");
        assert!(started.elapsed() < Duration::from_secs(2), "{transport}: {:?}", started.elapsed());
        ended(&mut call).await;
    }
}

#[tokio::test]
async fn a_peer_that_takes_the_connection_and_closes_it_fails_the_call() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stack = caller().await;
    let mut call = place(&stack, listener.local_addr().unwrap(), Transport::Tcp).await;
    let (stream, _) = soon("a connection", listener.accept()).await.unwrap();
    drop(stream);
    let error = until(&mut call, "the loss", transport_failure).await;
    assert!(matches!(error, TransportError::ConnectionLost { .. }), "{error}");
}

#[tokio::test]
async fn a_peer_that_does_not_take_the_connection_fails_the_call_in_time() {
    // A full backlog: further connections are neither taken nor refused.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let fill = || tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address));
    let mut held = Vec::new();
    while let Ok(Ok(stream)) = fill().await {
        held.push(stream);
        assert!(held.len() < 64, "the backlog has no end");
    }
    let mut impatient = config(Inbound::Ignore);
    impatient.connect_timeout = Duration::from_millis(300);
    let stack = Stack::bind(impatient).await.unwrap().0;
    let mut call = place(&stack, address, Transport::Tcp).await;
    let error = until(&mut call, "the time limit", transport_failure).await;
    assert!(matches!(error, TransportError::ConnectTimeout { .. }), "{error}");
}

#[tokio::test]
async fn names_that_lead_nowhere_are_said_and_localhost_needs_no_name_server() {
    let (phone, mut incoming) = callee().await;
    let stack = caller().await;
    let mut target = Target {
        host: "localhost".parse().unwrap(),
        port: Some(phone.local_addr().port()),
        transport: Transport::Udp,
    };
    let _call =
        soon("localhost", stack.call(invite(phone.local_addr(), Transport::Udp), &target)).await.unwrap();
    taken(&mut incoming).await;

    target.host = "::1".parse().unwrap();
    let wrong_family = stack.call(invite(phone.local_addr(), Transport::Udp), &target).await;
    assert!(
        matches!(wrong_family, Err(PlaceError::Resolve(ResolveError::NoAddress { .. }))),
        "{wrong_family:?}"
    );
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_in_one_sentence() {
    let (phone, _incoming) = callee().await;
    let mut same = config(Inbound::Ignore);
    same.listen = phone.local_addr();
    let error = Stack::bind(same).await.err().unwrap();
    assert!(matches!(error, BindError::InUse { transport: Transport::Udp, .. }), "{error}");
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut half = config(Inbound::Ignore);
    half.listen = tcp.local_addr().unwrap();
    let error = Stack::bind(half).await.err().unwrap();
    assert!(error.to_string().contains("(TCP) is in use: stop the program that holds it"), "{error}");
    let mut unnamed = config(Inbound::Ignore);
    unnamed.listen = "0.0.0.0:0".parse().unwrap();
    assert!(matches!(Stack::bind(unnamed).await, Err(BindError::NothingToAnnounce { .. })));
}

fn options(call_id: &str) -> String {
    format!(
        "OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK{call_id}\r\n\
         From: <sip:b@c>;tag=1\r\nTo: <sip:a@127.0.0.1>\r\nCall-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

async fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut text = String::new();
    soon(wanted, async {
        while !text.contains(wanted) {
            let mut buffer = [0; 4096];
            let length = stream.read(&mut buffer).await.unwrap();
            assert!(length > 0, "closed after: {text}");
            text.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    })
    .await;
    text
}

#[tokio::test]
async fn a_broken_message_does_not_end_a_connection_and_a_ping_is_answered() {
    let (phone, _incoming) = callee().await;
    let mut stream = TcpStream::connect(phone.local_addr()).await.unwrap();
    let broken =
        "OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nno colon here\r\nVia: rubbish\r\nContent-Length: 4\r\n\r\nbody";
    stream.write_all(format!("{broken}{}", options("one")).as_bytes()).await.unwrap();
    read_until(&mut stream, "Call-ID: one\r\n").await;
    stream.write_all(b"\r\n\r\n").await.unwrap();
    stream.write_all(options("two").as_bytes()).await.unwrap();
    let text = read_until(&mut stream, "Call-ID: two\r\n").await;
    assert!(text.starts_with("\r\n") || text.contains("\r\n\r\n\r\n"), "no pong in {text:?}");
}

#[tokio::test]
async fn a_stream_that_is_no_sip_is_closed_and_counted() {
    let (phone, _incoming) = callee().await;
    let mut stream = TcpStream::connect(phone.local_addr()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let closed = soon("the end", stream.read(&mut [0; 16])).await;
    assert!(matches!(closed, Ok(0) | Err(_)));
    soon("the count", async {
        while phone.stats().await.framing_lost != 1 || phone.stats().await.connections != 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn more_connections_than_allowed_push_the_quietest_out() {
    let mut small = config(Inbound::Offer);
    small.max_connections = 3;
    let (phone, _incoming) = Stack::bind(small).await.unwrap();
    let mut streams = Vec::new();
    for n in 0..6 {
        let mut stream = TcpStream::connect(phone.local_addr()).await.unwrap();
        stream.write_all(options(&format!("c{n}")).as_bytes()).await.unwrap();
        read_until(&mut stream, &format!("Call-ID: c{n}\r\n")).await;
        streams.push(stream);
    }
    let stats = phone.stats().await;
    assert_eq!((stats.connections, stats.connections_shed), (3, 3));
    let mut rest = Vec::new();
    assert_eq!(soon("the first is closed", streams[0].read_to_end(&mut rest)).await.unwrap(), 0);
}

#[tokio::test]
async fn rubbish_on_both_ports_disturbs_no_call() {
    let (phone, mut incoming) = callee().await;
    let stack = caller().await;
    let mut call = place(&stack, phone.local_addr(), Transport::Udp).await;
    let (mut leg, _) = taken(&mut incoming).await;
    leg.control().answer(Some("v=0\r\n".into())).await;
    until(&mut call, "200", |e| matches!(e, LegEvent::Answered { .. }).then_some(())).await;
    let noise = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let seed = 11_u64;
    let mut rng = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(seed);
    for round in 0..2000 {
        let mut bytes = options(&round.to_string()).into_bytes();
        for _ in 0..rand::Rng::random_range(&mut rng, 1..20) {
            let at = rand::Rng::random_range(&mut rng, 0..bytes.len());
            bytes[at] = rand::Rng::random(&mut rng);
        }
        for victim in [&phone, &stack] {
            noise.send_to(&bytes, victim.local_addr()).await.unwrap();
        }
        if round % 100 == 0 {
            let mut stream = TcpStream::connect(phone.local_addr()).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
        }
    }
    call.hangup(Vec::new()).await;
    until(&mut leg, "BYE", |e| matches!(e, LegEvent::RemoteBye { .. }).then_some(())).await;
    assert!(phone.stats().await.agent.malformed > 0, "seed {seed}");
}

#[tokio::test]
async fn who_only_connects_cannot_push_a_peer_out() {
    let mut small = config(Inbound::Offer);
    small.max_connections = 3;
    let (phone, _incoming) = Stack::bind(small).await.unwrap();
    let mut peer = TcpStream::connect(phone.local_addr()).await.unwrap();
    peer.write_all(options("before").as_bytes()).await.unwrap();
    read_until(&mut peer, "Call-ID: before\r\n").await;
    let mut idle = Vec::new();
    for _ in 0..10 {
        idle.push(TcpStream::connect(phone.local_addr()).await.unwrap());
    }
    soon("the crowd", async {
        while phone.stats().await.connections_shed < 8 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    peer.write_all(options("after").as_bytes()).await.unwrap();
    read_until(&mut peer, "Call-ID: after\r\n").await;
}
