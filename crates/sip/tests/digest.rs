//! Digest authentication: the RFCs' examples, and a client and a server of ours telling each other the truth.

#![allow(clippy::unwrap_used, reason = "a test")]

use sip::auth::{Algorithm, Authenticator, ChallengeError, Credentials, Space, Verdict, Verifier};
use sip::msg::{CSeq, HeaderName, Message, Method, Request, Response, StatusCode};

fn invite() -> Request {
    let mut request = Request::new(Method::Invite, "sip:222@pbx.example;transport=udp".parse().unwrap());
    request.headers.push(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1");
    request.headers.push(HeaderName::From, "<sip:111@pbx.example>;tag=1");
    request.headers.push(HeaderName::To, "<sip:999@elsewhere.example>");
    request.headers.push(HeaderName::CallId, "call");
    request.headers.push(HeaderName::CSeq, CSeq::new(1, Method::Invite));
    request
}

fn refusal(space: Space, challenges: &[&str]) -> Response {
    let mut response = Response::to(&invite(), space.status());
    for challenge in challenges {
        response.headers.push(space.challenge_header(), *challenge);
    }
    response
}

fn alice() -> Authenticator {
    Authenticator::new(Some(Credentials::new("alice", "wonder")), 7)
}

fn credentials_of(request: &Request, space: Space) -> Vec<String> {
    request.headers.get_all(&space.credentials_header()).map(Into::into).collect()
}

fn field(credentials: &str, name: &str) -> Option<String> {
    let at = credentials.find(&format!("{name}="))? + name.len() + 1;
    Some(credentials[at..].split(',').next()?.trim_matches('"').to_owned())
}

#[test]
fn a_challenge_without_qop_is_answered_by_the_old_digest() {
    let mut auth = alice();
    auth.challenged(&refusal(Space::EndToEnd, &["Digest realm=\"r\", nonce=\"n\", opaque=\"o\""])).unwrap();
    let mut request = invite();
    auth.authorize(&mut request);
    // MD5(MD5(alice:r:wonder):n:MD5(INVITE:sip:222@pbx.example;transport=udp)), computed elsewhere.
    let expected = "Digest username=\"alice\", realm=\"r\", nonce=\"n\", uri=\"sip:222@pbx.example;transport=udp\", \
                    response=\"a70d4e8ce61a52d3c1cb03d67a48f0c4\", opaque=\"o\"";
    assert_eq!(credentials_of(&request, Space::EndToEnd), [expected]);
}

#[test]
fn every_algorithm_convinces_a_server_and_the_count_grows() {
    for algorithm in [Algorithm::MD5, Algorithm::SHA_256, Algorithm::SHA_512_256] {
        for space in [Space::EndToEnd, Space::Proxy] {
            let mut server = Verifier::new(space, "r", Credentials::new("alice", "wonder"), &[algorithm], 1);
            let mut client = alice();
            let mut request = invite();
            assert_eq!(server.verify(&request), Verdict::Missing);
            client.challenged(&server.challenge(&request, false)).unwrap();
            for count in 1..4 {
                client.authorize(&mut request);
                let sent = &credentials_of(&request, space)[0];
                assert_eq!(field(sent, "nc"), Some(format!("{count:08x}")), "{algorithm}");
                assert_eq!(server.verify(&request), Verdict::Accepted, "{algorithm}");
                assert_eq!(server.verify(&request), Verdict::Stale, "the same count again is a replay");
            }
        }
    }
}

#[test]
fn the_digest_uri_is_the_request_uri_and_qop_is_unquoted() {
    let mut auth = alice();
    let challenge = "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256, qop=\"auth-int,auth\"";
    auth.challenged(&refusal(Space::Proxy, &[challenge])).unwrap();
    let mut request = invite();
    auth.authorize(&mut request);
    let sent = &credentials_of(&request, Space::Proxy)[0];
    assert_eq!(field(sent, "uri").as_deref(), Some("sip:222@pbx.example;transport=udp"));
    assert!(
        sent.contains(", qop=auth, nc=00000001, cnonce=\"") && sent.contains(", algorithm=SHA-256,"),
        "{sent}"
    );
}

#[test]
fn a_proxy_and_the_other_end_are_both_answered_from_then_on() {
    let mut auth = alice();
    auth.challenged(&refusal(Space::Proxy, &["Digest realm=\"proxy\", nonce=\"p\", qop=\"auth\""])).unwrap();
    auth.authorize(&mut invite());
    auth.challenged(&refusal(Space::EndToEnd, &["Digest realm=\"pbx\", nonce=\"e\", qop=\"auth\""])).unwrap();
    let mut request = invite();
    auth.authorize(&mut request);
    assert_eq!(field(&credentials_of(&request, Space::Proxy)[0], "nc").as_deref(), Some("00000002"));
    assert_eq!(field(&credentials_of(&request, Space::EndToEnd)[0], "nc").as_deref(), Some("00000001"));
    let mut ack = Request::new(Method::Ack, request.uri.clone());
    sip::auth::copy_credentials(&request, &mut ack);
    assert_eq!(credentials_of(&ack, Space::Proxy), credentials_of(&request, Space::Proxy));
    let mut bye = Request::new(Method::Bye, request.uri.clone());
    auth.authorize(&mut bye);
    assert_eq!(credentials_of(&bye, Space::Proxy).len() + credentials_of(&bye, Space::EndToEnd).len(), 2);
}

#[test]
fn the_strongest_known_challenge_is_taken_and_unknown_ones_are_passed_over() {
    let listed = [
        "Basic realm=\"r\"",
        "Digest realm=\"r\", nonce=\"x\", algorithm=SHA-1024, qop=\"auth\"",
        "Digest realm=\"r\", nonce=\"m\", algorithm=MD5, qop=\"auth\"",
        "Digest realm=\"r\", nonce=\"s\", algorithm=SHA-512-256, qop=\"auth\", Digest realm=\"r\", nonce=\"t\", algorithm=SHA-256",
    ];
    let mut auth = alice();
    auth.challenged(&refusal(Space::EndToEnd, &listed)).unwrap();
    let mut request = invite();
    auth.authorize(&mut request);
    let sent = credentials_of(&request, Space::EndToEnd);
    assert_eq!((sent.len(), field(&sent[0], "nonce").as_deref()), (1, Some("s")));
}

#[test]
fn nothing_known_is_said_with_what_was_offered() {
    let listed = ["Basic realm=\"r\"", "Digest realm=\"r\", nonce=\"x\", algorithm=SHA-1024"];
    let refused = alice().challenged(&refusal(Space::EndToEnd, &listed)).unwrap_err();
    assert_eq!(refused.to_string(), "no supported authentication scheme among: Basic, Digest SHA-1024");
    let none: &[&str] = &[];
    assert_eq!(alice().challenged(&refusal(Space::EndToEnd, none)), Err(ChallengeError::NoChallenge));
    let mut nobody = Authenticator::new(None, 1);
    assert_eq!(nobody.challenged(&refusal(Space::EndToEnd, &listed)), Err(ChallengeError::NoCredentials));
}

#[test]
fn a_wrong_password_ends_after_one_retry() {
    let mut server =
        Verifier::new(Space::EndToEnd, "r", Credentials::new("alice", "other"), &[Algorithm::MD5], 1);
    let (mut client, mut request) = (alice(), invite());
    client.challenged(&server.challenge(&request, false)).unwrap();
    client.authorize(&mut request);
    assert_eq!(server.verify(&request), Verdict::Refused);
    let refused = client.challenged(&server.challenge(&request, false)).unwrap_err();
    assert_eq!(refused, ChallengeError::Refused { realm: "r".into() });
}

#[test]
fn a_stale_nonce_is_renewed_but_not_for_ever() {
    let mut server =
        Verifier::new(Space::EndToEnd, "r", Credentials::new("alice", "wonder"), &[Algorithm::MD5], 1);
    let (mut client, mut request) = (alice(), invite());
    client.challenged(&server.challenge(&request, false)).unwrap();
    server.forget_nonces();
    client.authorize(&mut request);
    assert_eq!(server.verify(&request), Verdict::Stale);
    client.challenged(&server.challenge(&request, true)).unwrap();
    client.authorize(&mut request);
    assert_eq!(server.verify(&request), Verdict::Accepted);
    client.accepted();
    let endless = (0..10).take_while(|_| {
        client.authorize(&mut request);
        client.challenged(&server.challenge(&request, true)).is_ok()
    });
    assert_eq!(endless.count(), 2);
}

#[test]
fn a_nonce_for_one_use_only_is_renewed_at_the_next_request() {
    let mut server =
        Verifier::new(Space::EndToEnd, "r", Credentials::new("alice", "wonder"), &[Algorithm::MD5], 1);
    let (mut client, mut request) = (alice(), invite());
    client.challenged(&server.challenge(&request, false)).unwrap();
    client.authorize(&mut request);
    assert_eq!(server.verify(&request), Verdict::Accepted);
    client.accepted();
    server.forget_nonces();
    let mut bye = Request::new(Method::Bye, request.uri.clone());
    client.authorize(&mut bye);
    assert_eq!(server.verify(&bye), Verdict::Stale);
    client.challenged(&server.challenge(&bye, false)).unwrap();
    client.authorize(&mut bye);
    assert_eq!(server.verify(&bye), Verdict::Accepted);
}

#[test]
fn empty_user_and_password_are_credentials_too() {
    for (user, password) in [("", ""), ("alice", ""), ("", "wonder"), ("q\"uo\\te", "ü")] {
        let credentials = Credentials::new(user, password);
        let mut server = Verifier::new(Space::EndToEnd, "r", credentials.clone(), &[Algorithm::SHA_256], 1);
        let (mut client, mut request) = (Authenticator::new(Some(credentials), 1), invite());
        client.challenged(&server.challenge(&request, false)).unwrap();
        client.authorize(&mut request);
        let Ok(Message::Request(arrived)) = Message::parse(&request.encode()) else {
            panic!("does not read back")
        };
        assert_eq!(server.verify(&arrived), Verdict::Accepted, "{user:?} {password:?}");
    }
}

#[test]
fn credentials_made_for_another_request_are_refused() {
    let mut server =
        Verifier::new(Space::EndToEnd, "r", Credentials::new("alice", "wonder"), &[Algorithm::MD5], 1);
    let (mut client, mut request) = (alice(), invite());
    client.challenged(&server.challenge(&request, false)).unwrap();
    client.authorize(&mut request);
    request.uri = "sip:666@pbx.example".parse().unwrap();
    assert_eq!(server.verify(&request), Verdict::Refused);
}

#[test]
fn nothing_secret_is_printed() {
    let shown = format!("{:?} {:?}", Credentials::new("u-alice", "p-wonder"), alice());
    assert!(!shown.contains("alice") && !shown.contains("wonder"), "{shown}");
}

#[test]
fn other_answers_are_no_challenge() {
    let response = Response::to(&invite(), StatusCode::FORBIDDEN);
    assert_eq!(alice().challenged(&response), Err(ChallengeError::NoChallenge));
}
