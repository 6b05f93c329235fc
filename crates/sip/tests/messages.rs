//! Messages as a whole: nothing that comes in panics, what is printed reads back, nothing smuggles a line in.

#![allow(clippy::unwrap_used, reason = "a test")]

use proptest::collection::vec;
use proptest::prelude::*;
use sip::msg::stream::{Frame, Framer};
use sip::msg::{
    CSeq, HeaderName, HeaderValue, Headers, Host, Message, Method, NameAddr, Request, Response, StatusCode,
    Transport, Uri, Via,
};

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![Just("INVITE"), Just("ACK"), Just("BYE"), Just("OPTIONS"), Just("PUBLISH"), Just("x-1.~")]
        .prop_map(|name| name.parse().unwrap())
}

fn host() -> impl Strategy<Value = Host> {
    prop_oneof![
        any::<std::net::IpAddr>().prop_map(Host::from),
        "[a-z][a-z0-9-]{0,8}(\\.[a-z]{1,5}){0,2}".prop_map(|name| name.parse().unwrap()),
    ]
}

/// Any text at all where text may be given: users, display names, values.
fn uri() -> impl Strategy<Value = Uri> {
    (host(), proptest::option::of(any::<String>()), any::<Option<u16>>(), any::<bool>(), any::<String>())
        .prop_map(|(host, user, port, flag, value)| {
            let uri = Uri::sip(host).with_port(port).with_user(&user.unwrap_or_default());
            let uri = if flag { uri.with_flag("lr") } else { uri };
            uri.with_param("x-any", &value).with_transport(Transport::Tcp)
        })
}

fn name_addr() -> BoxedStrategy<NameAddr> {
    (uri(), proptest::option::of(any::<String>()), any::<String>())
        .prop_map(|(uri, name, tag)| {
            let addr = NameAddr::new(uri).with_tag(&tag);
            match name {
                Some(name) => addr.with_display_name(name),
                None => addr,
            }
        })
        .boxed()
}

fn via() -> impl Strategy<Value = Via> {
    (host(), any::<Option<u16>>(), any::<String>())
        .prop_map(|(host, port, branch)| Via::new(Transport::Udp, host, port, &branch))
}

fn headers(method: Method) -> BoxedStrategy<Headers> {
    let extra = vec(("[A-Za-z-]{1,12}", any::<String>()), 0..6);
    (vec(via(), 1..4), name_addr(), name_addr(), "[!-~]{1,30}", any::<u32>(), extra, vec(name_addr(), 0..3))
        .prop_map(move |(vias, from, to, call_id, number, extra, contacts)| {
            let mut headers = Headers::new();
            for via in vias {
                headers.push(HeaderName::Via, via);
            }
            headers.push(HeaderName::From, from);
            headers.push(HeaderName::To, to);
            headers.push(HeaderName::CallId, call_id);
            headers.push(HeaderName::CSeq, CSeq::new(number, method.clone()));
            for contact in contacts {
                headers.push(HeaderName::Contact, contact);
            }
            for (name, value) in extra {
                headers.push(format!("X-{name}").parse().unwrap(), value);
            }
            headers
        })
        .boxed()
}

fn request() -> BoxedStrategy<Request> {
    method()
        .prop_flat_map(|method| {
            (uri(), headers(method.clone()), vec(any::<u8>(), 0..64)).prop_map(move |(uri, headers, body)| {
                Request { method: method.clone(), uri, headers, body: body.into() }
            })
        })
        .boxed()
}

fn response() -> BoxedStrategy<Response> {
    (100u16..700, any::<String>(), headers(Method::Invite), vec(any::<u8>(), 0..64))
        .prop_map(|(code, reason, headers, body)| {
            let mut response = Response::new(StatusCode::new(code).unwrap());
            response.set_reason(&reason);
            response.headers = headers;
            response.body = body.into();
            response
        })
        .boxed()
}

fn message() -> BoxedStrategy<Message> {
    prop_oneof![request().prop_map(Message::from), response().prop_map(Message::from)].boxed()
}

/// Calls every typed reader, as the layers above would.
fn read_everything(message: &Message) {
    let headers = message.headers();
    let _ =
        (headers.via(), headers.from(), headers.to(), headers.cseq(), headers.call_id(), headers.contact());
    let _ = (headers.routes(), headers.record_routes(), headers.max_forwards(), headers.expires());
    let _ =
        (headers.retry_after(), headers.media_type(), headers.require().count(), headers.supports("timer"));
    let _ = headers.via().map(|via| (via.response_address(), via.has_rfc3261_branch()));
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_the_same(sent in message()) {
        let bytes = sent.encode();
        prop_assert_eq!(Message::parse(&bytes), Ok(sent));
    }

    #[test]
    fn text_from_anywhere_adds_no_line(sent in message()) {
        let bytes = sent.encode();
        let head = &bytes[..bytes.len() - sent.body().len()];
        let lines = head.split(|b| *b == b'\n').count();
        // Start line, fields, Content-Length, the empty line, and the nothing behind it.
        prop_assert_eq!(lines, sent.headers().len() + 4);
        prop_assert_eq!(head.iter().filter(|b| **b == b'\r').count(), lines - 1);
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..512)) {
        if let Ok(read) = Message::parse(&bytes) {
            read_everything(&read);
        }
    }

    #[test]
    fn a_damaged_message_never_panics_and_still_prints_what_was_read(
        sent in message(), at in any::<prop::sample::Index>(), damage in vec(any::<u8>(), 0..8),
    ) {
        let mut bytes = sent.encode().to_vec();
        let at = at.index(bytes.len());
        bytes.splice(at..(at + damage.len() / 2).min(bytes.len()), damage);
        match Message::parse(&bytes) {
            Ok(read) => {
                read_everything(&read);
                prop_assert_eq!(Message::parse(&read.encode()), Ok(read));
            }
            Err(sip::msg::ParseError::BadRequest(bad)) => {
                let told = bad.response().map(|response| response.encode());
                prop_assert!(told.is_some() || bad.method == Some(Method::Ack));
            }
            Err(sip::msg::ParseError::Malformed(_)) => {}
        }
    }

    #[test]
    fn a_stream_comes_apart_as_it_was_put_together(
        sent in vec(message(), 1..4), cuts in vec(1usize..200, 1..40),
    ) {
        let mut stream: Vec<u8> = Vec::new();
        for message in &sent {
            stream.extend_from_slice(&message.encode());
        }
        let (mut framer, mut found, mut rest, mut cuts) = (Framer::new(), Vec::new(), &stream[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (read, later) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            rest = later;
            framer.push(read);
            while let Some(Frame::Message(bytes)) = framer.next_frame().unwrap() {
                found.push(Message::parse(&bytes).unwrap());
            }
        }
        prop_assert_eq!(found, sent);
    }

    #[test]
    fn no_stream_panics_the_framer(reads in vec(vec(any::<u8>(), 0..64), 0..16)) {
        let mut framer = Framer::new();
        for read in reads {
            framer.push(&read);
            while let Ok(Some(_)) = framer.next_frame() {}
        }
    }

    #[test]
    fn no_text_panics_a_reader(text in any::<String>()) {
        let _ = (text.parse::<Uri>(), text.parse::<NameAddr>(), text.parse::<Via>(), text.parse::<CSeq>());
        let _ = (text.parse::<HeaderName>(), text.parse::<HeaderValue>(), sip::auth::Challenge::read_all(&text));
    }
}

#[test]
fn user_text_with_a_line_break_is_refused_and_program_text_is_cleaned() {
    let mut headers = Headers::new();
    assert!(headers.push_text("X-Note", "a\r\nEvil: 1").is_err());
    assert!(headers.push_text("X Note", "a").is_err());
    assert!(headers.push_text("X-Note", "plain").is_ok());
    headers.push(HeaderName::Subject, "a\r\nEvil: 1");
    assert_eq!(headers.get(&HeaderName::Subject), Some("a  Evil: 1"));
}

#[test]
fn a_malformed_message_on_a_stream_is_cut_out_and_the_next_one_comes_through() {
    let mut framer = Framer::new();
    framer.push(b"INVITE garbage SIP/2.0\r\nbroken line\r\nContent-Length: 3\r\n\r\nabc\r\n\r\n\r\nBYE sip:a@b SIP/2.0\r\nl: 0\r\n\r\n");
    let mut frames = Vec::new();
    while let Some(frame) = framer.next_frame().unwrap() {
        frames.push(frame);
    }
    assert!(matches!(&frames[0], Frame::Message(bytes) if bytes.ends_with(b"abc")));
    assert_eq!(frames[1..3], [Frame::Ping, Frame::Pong]);
    assert!(matches!(&frames[3], Frame::Message(bytes) if bytes.starts_with(b"BYE")));
}

#[test]
fn a_stream_that_is_not_sip_is_given_up() {
    for (bytes, lost) in [
        ("GET / HTTP/1.1\r\n".to_owned(), "not SIP"),
        ("BYE sip:a SIP/2.0\r\nContent-Length: 1\r\nl: 2\r\n\r\n".to_owned(), "bad Content-Length"),
        ("BYE sip:a SIP/2.0\r\nContent-Length: 99999999\r\n\r\n".to_owned(), "message too long"),
        ("x".repeat(40_000), "header section too long"),
    ] {
        let mut framer = Framer::new();
        framer.push(bytes.as_bytes());
        assert_eq!(framer.next_frame().unwrap_err().to_string(), lost);
    }
}

#[test]
fn the_source_of_a_request_is_noted_in_its_via() {
    let mut headers = Headers::new();
    headers.push(HeaderName::Via, "SIP/2.0/UDP 10.0.0.1:5062;rport;branch=z9hG4bK1");
    headers.note_source("192.0.2.7:6000".parse().unwrap());
    let via = headers.via().unwrap();
    assert_eq!(via.to_string(), "SIP/2.0/UDP 10.0.0.1:5062;rport=6000;branch=z9hG4bK1;received=192.0.2.7");
    assert_eq!(via.response_address(), Some("192.0.2.7:6000".parse().unwrap()));
}

#[test]
fn uris_compare_by_what_they_name() {
    let same = |a: &str, b: &str| a.parse::<Uri>().unwrap().equivalent(&b.parse().unwrap());
    assert!(same("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"));
    assert!(same("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"));
    assert!(!same("sip:alice@atlanta.com", "sip:ALICE@atlanta.com"));
    assert!(!same("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"));
    assert!(!same("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"));
    assert!(!same("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;newparam=6"));
}

#[test]
fn a_display_name_and_a_number_print_as_a_trunk_expects() {
    let uri: Uri = "sip:111@sip.default.test;transport=tls".parse().unwrap();
    let from = NameAddr::new(uri).with_display_name("111").with_tag("abc");
    assert_eq!(from.to_string(), "\"111\" <sip:111@sip.default.test;transport=tls>;tag=abc");
    let dialled = Uri::sip("pbx".parse().unwrap()).with_user("*12#");
    assert_eq!(
        (dialled.to_string().as_str(), dialled.user_decoded().as_deref()),
        ("sip:*12%23@pbx", Some("*12#"))
    );
}
