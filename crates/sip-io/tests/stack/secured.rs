//! SIP over TLS, with certificates made here.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use sip::{Inbound, LegEvent, Transport, TransportError};
use sip_io::{CallOptions, Incoming, LegHandle, PlaceError, Stack, Target, TlsError, TlsListen, TlsOptions};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::common::*;

/// An authority, and what it vouches for.
struct Authority(CertifiedIssuer<'static, KeyPair>);

struct Identity {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn identity(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// Options of a caller that trusts this authority alone.
    fn trusted(&self) -> TlsOptions {
        let mut options = TlsOptions::default();
        options.ca_pem = Some(self.pem());
        options
    }
}

/// A phone that takes calls over TLS as this host.
async fn secured_callee(identity: &Identity) -> (Stack, Incoming) {
    let mut config = config(Inbound::Offer);
    config.tls = Some(TlsListen {
        listen: "127.0.0.1:0".parse().unwrap(),
        announced_port: None,
        certificate_pem: identity.certificate.clone(),
        key_pem: identity.key.clone(),
        alpn: Vec::new(),
        policy: sip_io::TlsPolicy::default(),
    });
    Stack::bind(config).await.unwrap()
}

fn over_tls(phone: &Stack) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], phone.announced_over_tls().port))
}

fn localhost(at: SocketAddr) -> Target {
    Target { host: "localhost".parse().unwrap(), port: Some(at.port()), transport: Transport::Tls }
}

async fn call(stack: &Stack, at: SocketAddr, tls: TlsOptions) -> Result<LegHandle, PlaceError> {
    let options = CallOptions::default().with_tls(Arc::new(tls));
    let target = localhost(at);
    soon("placing a call", stack.call_with(invite(at, Transport::Tls), &target, &options)).await
}

fn failure(event: LegEvent) -> Option<TransportError> {
    match event {
        LegEvent::TransportFailed(error) => Some(error),
        _ => None,
    }
}

async fn answered(call: &mut LegHandle, incoming: &mut Incoming) -> LegHandle {
    let (leg, _) = taken(incoming).await;
    leg.control().answer(Some("v=0\r\n".into())).await;
    until(call, "200", |e| matches!(e, LegEvent::Answered { .. }).then_some(())).await;
    leg
}

#[tokio::test]
async fn a_call_over_tls_runs_both_ways_over_one_connection() {
    let authority = Authority::new();
    let (phone, mut incoming) = secured_callee(&authority.identity("localhost")).await;
    let stack = caller().await;
    let mut ladder = stack.trace();
    let mut call = call(&stack, over_tls(&phone), authority.trusted()).await.unwrap();
    let mut leg = answered(&mut call, &mut incoming).await;
    until(&mut leg, "ACK", |e| matches!(e, LegEvent::Acked { .. }).then_some(())).await;
    leg.hangup(Vec::new()).await;
    until(&mut call, "BYE", |e| matches!(e, LegEvent::RemoteBye { .. }).then_some(())).await;
    ended(&mut call).await;
    ended(&mut leg).await;
    assert_eq!((stack.stats().await.connections, phone.stats().await.connections), (1, 1));
    let first = ladder.try_recv().unwrap();
    let text = String::from_utf8_lossy(&first.bytes).into_owned();
    assert!(text.contains("Via: SIP/2.0/TLS ") && text.contains(";transport=tls>"), "{text}");
    while let Ok(message) = ladder.try_recv() {
        assert_eq!(message.transport, Transport::Tls);
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_or_of_an_unknown_authority_is_refused() {
    let authority = Authority::new();
    let (phone, _incoming) = secured_callee(&authority.identity("other.test")).await;
    let stack = caller().await;
    let mut wrong_name = call(&stack, over_tls(&phone), authority.trusted()).await.unwrap();
    let error = until(&mut wrong_name, "the refusal", failure).await;
    assert!(matches!(error, TransportError::Tls { .. }), "{error}");
    assert!(error.to_string().contains("other.test") || error.to_string().contains("name"), "{error}");

    let mut named = authority.trusted();
    named.server_name = Some("other.test".into());
    let mut right_name = call(&stack, over_tls(&phone), named).await.unwrap();
    until(&mut right_name, "100", |e| matches!(e, LegEvent::Trying).then_some(())).await;

    let mut stranger = call(&stack, over_tls(&phone), Authority::new().trusted()).await.unwrap();
    let error = until(&mut stranger, "the refusal", failure).await;
    assert!(matches!(error, TransportError::Tls { .. }), "{error}");
}

#[tokio::test]
async fn the_systems_roots_do_not_vouch_for_our_authority() {
    let authority = Authority::new();
    let (phone, _incoming) = secured_callee(&authority.identity("localhost")).await;
    let stack = caller().await;
    match call(&stack, over_tls(&phone), TlsOptions::default()).await {
        Ok(mut call) => {
            let error = until(&mut call, "the refusal", failure).await;
            assert!(matches!(error, TransportError::Tls { .. }), "{error}");
        }
        // A machine without any root certificates.
        Err(error) => assert!(matches!(error, PlaceError::Tls(TlsError::Roots(_))), "{error}"),
    }
}

#[tokio::test]
async fn a_connection_serves_only_calls_that_ask_for_the_same_proof() {
    let authority = Authority::new();
    let (phone, mut incoming) = secured_callee(&authority.identity("localhost")).await;
    let stack = caller().await;
    let mut calls = Vec::new();
    for (alpn, connections) in [("", 1), ("", 1), ("sip", 2), ("sip", 2)] {
        let mut options = authority.trusted();
        options.alpn = Some(alpn.to_owned()).filter(|alpn| !alpn.is_empty()).into_iter().collect();
        let mut call = call(&stack, over_tls(&phone), options).await.unwrap();
        let leg = answered(&mut call, &mut incoming).await;
        assert_eq!(stack.stats().await.connections, connections);
        calls.push((call, leg));
    }
}

#[tokio::test]
async fn our_certificate_and_alpn_are_shown_to_a_peer_that_asks() {
    let authority = Authority::new();
    let identity = authority.identity("localhost");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"sip".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));

    let stack = caller().await;
    let ours = authority.identity("trunkline.test");
    let mut options = authority.trusted();
    options.certificate_pem = Some(ours.certificate);
    options.key_pem = Some(ours.key);
    options.alpn = vec!["sip".into()];
    let _call = call(&stack, listener.local_addr().unwrap(), options).await.unwrap();
    let (stream, _) = soon("a connection", listener.accept()).await.unwrap();
    let mut stream = soon("the handshake", acceptor.accept(stream)).await.unwrap();
    assert!(stream.get_ref().1.peer_certificates().is_some_and(|chain| chain.len() == 1));
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"sip"[..]));
    let mut start = [0; 7];
    soon("the INVITE", stream.read_exact(&mut start)).await.unwrap();
    assert_eq!(&start, b"INVITE ");
}

/// Waits for so many INVITEs on a connection.
async fn invites(stream: &mut (impl AsyncReadExt + Unpin), wanted: usize) {
    let mut text = String::new();
    soon("the INVITEs", async {
        while text.matches("CSeq: 1 INVITE\r\n").count() < wanted {
            let mut buffer = [0; 4 * 1024];
            let length = stream.read(&mut buffer).await.unwrap();
            assert!(length > 0, "closed after {} of them", text.matches("CSeq: 1 INVITE\r\n").count());
            text.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    })
    .await;
}

#[tokio::test]
async fn a_hundred_calls_placed_during_one_handshake_all_arrive() {
    let authority = Authority::new();
    let identity = authority.identity("localhost");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let stack = caller().await;
    let mut calls = Vec::new();
    for _ in 0..100 {
        calls.push(call(&stack, at, authority.trusted()).await.unwrap());
    }
    let stats = stack.stats().await;
    assert_eq!((stats.connections, stats.sent, stats.send_failures), (1, 100, 0), "nobody has said anything");

    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap(),
        )
        .unwrap();
    let (stream, _) = soon("a connection", listener.accept()).await.unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let mut stream = soon("the handshake", acceptor.accept(stream)).await.unwrap();
    invites(&mut stream, 100).await;
    for call in &mut calls {
        assert!(call.events.try_recv().is_err(), "a call has failed");
    }
}

#[tokio::test]
async fn a_peer_that_speaks_no_tls_fails_the_call_with_the_reason() {
    let (phone, _incoming) = callee().await;
    let stack = caller().await;
    let mut call = call(&stack, phone.local_addr(), Authority::new().trusted()).await.unwrap();
    let error = until(&mut call, "the refusal", failure).await;
    assert!(matches!(error, TransportError::Tls { .. }), "{error}");
    ended(&mut call).await;
}

#[tokio::test]
async fn who_begins_no_handshake_holds_no_place_beyond_the_limit_and_calls_go_on() {
    let authority = Authority::new();
    let identity = authority.identity("localhost");
    let mut small = config(Inbound::Offer);
    small.max_connections = 4;
    small.tls = Some(TlsListen {
        listen: "127.0.0.1:0".parse().unwrap(),
        certificate_pem: identity.certificate.clone(),
        key_pem: identity.key.clone(),
        alpn: Vec::new(),
        policy: sip_io::TlsPolicy::default(),
        announced_port: None,
    });
    let (phone, mut incoming) = Stack::bind(small).await.unwrap();
    let mut idle = Vec::new();
    for _ in 0..40 {
        idle.push(tokio::net::TcpStream::connect(over_tls(&phone)).await.unwrap());
    }
    // The oldest are closed long before their handshake is given up.
    let closed = soon("the first is closed", idle[0].read(&mut [0; 16])).await;
    assert!(matches!(closed, Ok(0) | Err(_)));
    let stats = phone.stats().await;
    assert!(stats.connections <= 4 && stats.connections_shed >= 36, "{stats:?}");
    let stack = caller().await;
    let mut call = call(&stack, over_tls(&phone), authority.trusted()).await.unwrap();
    answered(&mut call, &mut incoming).await;
}

#[tokio::test]
async fn a_listener_without_a_usable_certificate_says_so() {
    let identity = Authority::new().identity("localhost");
    let mut config = config(Inbound::Offer);
    config.tls = Some(TlsListen {
        listen: "127.0.0.1:0".parse().unwrap(),
        announced_port: None,
        certificate_pem: "nothing".into(),
        key_pem: identity.key,
        alpn: Vec::new(),
        policy: sip_io::TlsPolicy::default(),
    });
    let error = Stack::bind(config).await.err().unwrap();
    assert!(error.to_string().contains("no certificate"), "{error}");
}

#[tokio::test]
async fn a_call_left_behind_is_ended_over_tls_by_the_next_run() {
    let authority = Authority::new();
    let (phone, mut incoming) = secured_callee(&authority.identity("localhost")).await;
    let before = caller().await;
    let mut call = call(&before, over_tls(&phone), authority.trusted()).await.unwrap();
    let mut leg = answered(&mut call, &mut incoming).await;
    let dialog = call.control().dialog().await.expect("the call is up");
    let after = caller().await;
    let mut lost = sip_io::LostCall::new(dialog);
    lost.tls = Some(("localhost".parse().unwrap(), Arc::new(authority.trusted())));
    let mut ending = soon("the BYE", after.end_lost_call(lost)).await.unwrap();
    until(&mut leg, "BYE", |e| matches!(e, LegEvent::RemoteBye { .. }).then_some(())).await;
    ended(&mut ending).await;
}
