use std::time::Duration;

use livekit_protocol as proto;
use proto::{CreateSipParticipantRequest, SipOutboundConfig, SipOutboundTrunkInfo};
use rand::{SeedableRng, rngs::StdRng};

use super::*;
use crate::ErrorCode;

mod media;

fn request() -> CreateSipParticipantRequest {
    CreateSipParticipantRequest {
        sip_trunk_id: "ST_test".to_owned(),
        sip_call_to: "+15105550123".to_owned(),
        room_name: "my-sip-room".to_owned(),
        participant_identity: "sip-test".to_owned(),
        ..Default::default()
    }
}

fn trunk() -> SipOutboundTrunkInfo {
    SipOutboundTrunkInfo {
        sip_trunk_id: "ST_test".to_owned(),
        address: "sip.test.com".to_owned(),
        numbers: vec!["+15105550100".to_owned()],
        ..Default::default()
    }
}

fn plan_with(request: &CreateSipParticipantRequest, trunk: &SipOutboundTrunkInfo) -> Result<Plan, PlanError> {
    let defaults = PlanDefaults {
        from_host: "sip.default.test".to_owned(),
        from_host_over_tls: Some("secured.default.test".to_owned()),
        from_host_over_ipv6: Some("2001:db8::7".to_owned()),
        ..PlanDefaults::default()
    };
    let stored = if request.sip_trunk_id.is_empty() { None } else { Some(trunk) };
    Plan::new(request, stored, &defaults, &mut StdRng::seed_from_u64(1))
}

fn plan(change: impl FnOnce(&mut CreateSipParticipantRequest, &mut SipOutboundTrunkInfo)) -> Plan {
    let (mut request, mut trunk) = (request(), trunk());
    change(&mut request, &mut trunk);
    plan_with(&request, &trunk).unwrap()
}

type Change = fn(&mut CreateSipParticipantRequest, &mut SipOutboundTrunkInfo);

/// Every change makes a good request bad, in the way that the text tells.
fn refused(cases: &[(Change, ErrorCode, &str)]) {
    for (change, code, text) in cases {
        let (mut request, mut trunk) = (request(), trunk());
        change(&mut request, &mut trunk);
        let error = plan_with(&request, &trunk).expect_err(text);
        assert_eq!((error.code(), error.to_string().as_str()), (*code, *text));
    }
}

#[test]
fn a_request_that_lacks_something_is_refused_with_the_text_that_clients_know() {
    refused(&[
        (|r, _| r.sip_trunk_id.clear(), ErrorCode::InvalidArgument, "missing sip trunk id"),
        (|r, _| r.sip_call_to.clear(), ErrorCode::InvalidArgument, "missing sip callee number"),
        (
            |r, _| r.sip_call_to = "a@b".into(),
            ErrorCode::InvalidArgument,
            "SipCallTo should be a phone number or SIP user, not a full SIP URI",
        ),
        (|r, _| r.room_name.clear(), ErrorCode::InvalidArgument, "missing room name"),
        (|_, t| t.numbers.clear(), ErrorCode::FailedPrecondition, "no numbers on outbound trunk"),
        (|_, t| t.numbers = vec!["*".into()], ErrorCode::FailedPrecondition, "no numbers on outbound trunk"),
        (
            |r, _| r.sip_call_to = "1\r\nX".into(),
            ErrorCode::InvalidArgument,
            "invalid request URI: its user holds control characters",
        ),
        (
            |r, _| r.participant_identity = "i".repeat(257),
            ErrorCode::InvalidArgument,
            "participant identity length exceeds limits: max length 256",
        ),
        (
            |r, _| r.room_name = "i".repeat(257),
            ErrorCode::InvalidArgument,
            "room name length exceeds limits: max length 256",
        ),
    ]);
}

#[test]
fn headers_that_would_break_the_request_are_refused() {
    refused(&[
        (
            |r, _| drop(r.headers.insert("Call-ID".into(), "x".into())),
            ErrorCode::InvalidArgument,
            "invalid header name: header name Call-ID not supported",
        ),
        (
            |r, _| drop(r.headers.insert("to".into(), "<sip:x@y>".into())),
            ErrorCode::InvalidArgument,
            "invalid header name: header name to not supported",
        ),
        (
            |r, _| drop(r.headers.insert("X-A".into(), "1\r\nFrom: <sip:evil@x>".into())),
            ErrorCode::InvalidArgument,
            "invalid header value: header X-A holds control characters",
        ),
        (
            |r, _| drop(r.headers.insert("X-A".into(), "a".repeat(1025))),
            ErrorCode::InvalidArgument,
            "invalid header value: header X-A is longer than 1024 bytes",
        ),
        (
            |r, _| r.sip_to_header = Some(proto::SipNamedDest::default()),
            ErrorCode::InvalidArgument,
            "invalid To header: cannot use both CallTo and SipToHeader",
        ),
    ]);
}

#[test]
fn what_cannot_be_sent_is_refused_by_the_name_of_its_field() {
    refused(&[
        (
            |r, _| r.dtmf = "12,3".into(),
            ErrorCode::InvalidArgument,
            "dtmf: ',' at position 2 is neither a DTMF digit (0-9 * # A-D) nor a pause (w)",
        ),
        (
            |r, _| r.display_name = Some("a\"b".into()),
            ErrorCode::InvalidArgument,
            "display_name holds a double quote without a backslash",
        ),
        (
            |r, _| r.display_name = Some("a".repeat(129)),
            ErrorCode::InvalidArgument,
            "display_name is longer than 128 bytes",
        ),
        (
            |r, _| r.to_user_override = "a b".into(),
            ErrorCode::InvalidArgument,
            "to_user_override holds characters that are not allowed",
        ),
        (
            |r, _| r.destination = Some(destination("Paris", "", "")),
            ErrorCode::InvalidArgument,
            "destination: city needs a country or a region",
        ),
        (
            |r, _| r.destination = Some(destination("", "UK", "")),
            ErrorCode::InvalidArgument,
            "destination: country must be an ISO 3166-1 alpha-2 code in capitals, for example US or GB",
        ),
    ]);
}

#[test]
fn media_that_cannot_be_had_is_refused_by_the_name_of_its_field() {
    refused(&[
        (|_, t| t.transport = 7, ErrorCode::InvalidArgument, "trunk transport: unknown transport 7"),
        (
            |r, _| r.media = Some(codecs(&["G729"], false)),
            ErrorCode::InvalidArgument,
            "media.codecs: codec \"G729\" is not supported yet",
        ),
        (
            |_, t| t.media = Some(codecs(&[], true)),
            ErrorCode::InvalidArgument,
            "media.codecs: no codecs specified",
        ),
        (
            |r, _| r.media = Some(media_timeout(601)),
            ErrorCode::InvalidArgument,
            "media_timeout must not exceed 10m0s",
        ),
        (
            |r, _| r.media = Some(media_timeout(-1)),
            ErrorCode::InvalidArgument,
            "media_timeout must not be negative",
        ),
    ]);
}

fn destination(city: &str, country: &str, region: &str) -> proto::Destination {
    proto::Destination { city: city.into(), country: country.into(), region: region.into() }
}

fn encryption(how: proto::SipMediaEncryption) -> proto::SipMediaConfig {
    proto::SipMediaConfig { encryption: Some(how.into()), ..Default::default() }
}

fn codecs(names: &[&str], only: bool) -> proto::SipMediaConfig {
    let codecs = names.iter().map(|name| proto::SipCodec { name: (*name).into(), rate: 0 }).collect();
    proto::SipMediaConfig { codecs, only_listed_codecs: only, ..Default::default() }
}

fn media_timeout(seconds: i64) -> proto::SipMediaConfig {
    let timeout = pbjson_types::Duration { seconds, nanos: 0 };
    proto::SipMediaConfig { media_timeout: Some(timeout), ..Default::default() }
}

#[test]
fn an_unknown_trunk_is_not_found() {
    let defaults = PlanDefaults::default();
    let error = Plan::new(&request(), None, &defaults, &mut StdRng::seed_from_u64(1)).unwrap_err();
    assert_eq!((error.code(), error.is_relayed()), (ErrorCode::NotFound, false));
    assert_eq!(error.to_string(), "requested sip trunk does not exist");
}

#[test]
fn the_plainest_request_gets_the_defaults() {
    let plan = plan(|r, _| r.participant_identity.clear());
    assert!(plan.call_id.starts_with("SCL_") && plan.call_id.len() == 16, "{}", plan.call_id);
    assert_eq!(plan.participant.identity, "sip_+15105550123");
    assert_eq!(plan.participant.name, "");
    assert_eq!(plan.dial.request_uri, "sip:+15105550123@sip.test.com");
    assert_eq!(plan.dial.to.to_string(), "<sip:+15105550123@sip.test.com>");
    assert_eq!(plan.dial.from.to_string(), "\"+15105550100\" <sip:+15105550100@sip.default.test>");
    let hop = NextHop { host: "sip.test.com".into(), port: None, transport: None };
    assert_eq!(plan.dial.next_hop, hop);
    assert_eq!(plan.dial.credentials, None);
    assert_eq!(plan.ringing_timeout, Duration::from_secs(180));
    assert_eq!(plan.max_duration, Duration::from_secs(24 * 3600));
    assert_eq!(plan.media.codecs, [Codec::Pcmu, Codec::Pcma]);
    assert_eq!(plan.dtmf, None);
}

#[test]
fn addresses_are_what_the_incumbent_sends() {
    let plan = plan(|r, t| {
        r.sip_call_to = "222".into();
        r.to_user_override = "333".into();
        t.numbers = vec!["111".into()];
        t.transport = proto::SipTransport::Tcp.into();
    });
    assert_eq!(plan.dial.request_uri, "sip:222@sip.test.com;transport=tcp");
    assert_eq!(plan.dial.from.to_string(), "\"111\" <sip:111@sip.default.test;transport=tcp>");
    assert_eq!(plan.dial.to.to_string(), "<sip:333@sip.test.com;transport=tcp>");
    assert_eq!(plan.dial.next_hop.transport, Some(Transport::Tcp));
    let plan = plan_secured("222");
    assert_eq!(plan.dial.request_uri, "sip:222@sip.test.com;transport=tls");
    assert_eq!(plan.dial.from.to_string(), "\"111\" <sip:111@secured.default.test;transport=tls>");
    assert_eq!(plan.dial.to.to_string(), "<sip:222@sip.test.com;transport=tls>");
    assert_eq!(plan.dial.next_hop.transport, Some(Transport::Tls));
}

fn plan_secured(to: &str) -> Plan {
    plan(|r, t| {
        r.sip_call_to = to.into();
        t.numbers = vec!["111".into()];
        t.transport = proto::SipTransport::Tls.into();
    })
}

#[test]
fn a_sips_uri_goes_over_tls_whatever_stream_it_names() {
    let hop = |raw: &str, transport: proto::SipTransport| {
        let planned = plan(|r, t| {
            t.transport = transport.into();
            r.sip_request_uri =
                Some(proto::SipRequestDest { uri: Some(proto::sip_request_dest::Uri::Raw(raw.into())) });
        });
        (planned.dial.request_uri, planned.dial.next_hop.transport)
    };
    for (raw, transport) in [
        ("sips:bob@other.test", proto::SipTransport::Auto),
        ("sips:bob@other.test", proto::SipTransport::Tls),
        ("sips:bob@other.test;transport=tcp", proto::SipTransport::Auto),
    ] {
        assert_eq!(hop(raw, transport), (raw.to_owned(), Some(Transport::Tls)), "{raw}");
    }
    let (uri, transport) = hop("sip:bob@other.test;transport=tls", proto::SipTransport::Auto);
    assert_eq!((uri.as_str(), transport), ("sip:bob@other.test;transport=tls", Some(Transport::Tls)));
    refused(&[(
        |r, t| {
            t.transport = proto::SipTransport::Udp.into();
            r.sip_request_uri = Some(proto::SipRequestDest {
                uri: Some(proto::sip_request_dest::Uri::Raw("sips:a@b".into())),
            });
        },
        ErrorCode::InvalidArgument,
        "invalid request URI: its transport should be tcp or tls: sips is TLS over TCP",
    )]);
}

#[test]
fn a_display_name_has_three_cases() {
    let name =
        |name: Option<&str>| plan(|r, _| r.display_name = name.map(str::to_owned)).dial.from.display_name;
    assert_eq!(name(None).as_deref(), Some("+15105550100"));
    assert_eq!(name(Some("")), None);
    assert_eq!(name(Some(r#"A \"quoted\" name"#)).as_deref(), Some(r#"A "quoted" name"#));
}

#[test]
fn a_hidden_number_shows_nowhere_in_the_room() {
    let plan = plan(|r, _| {
        r.participant_identity.clear();
        r.hide_phone_number = true;
    });
    assert!(plan.numbers.hidden);
    assert!(!plan.participant.identity.contains("5105550123"), "{}", plan.participant.identity);
}

#[test]
fn special_characters_of_a_number_are_escaped() {
    let plan = plan(|r, _| r.sip_call_to = "*21#5 5".into());
    assert_eq!(plan.dial.request_uri, "sip:*21%235%205@sip.test.com");
}

#[test]
fn headers_of_the_request_win_over_those_of_the_trunk_in_any_spelling() {
    let plan = plan(|r, t| {
        t.headers = [("X-One", "trunk"), ("X-Two", "trunk")].map(|(k, v)| (k.into(), v.into())).into();
        r.headers = [("x-one", "call"), ("Route", "<sip:proxy.test:5080;lr;transport=tcp>")]
            .map(|(k, v)| (k.into(), v.into()))
            .into();
    });
    let names: Vec<_> = plan.dial.headers.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(names, ["Route=<sip:proxy.test:5080;lr;transport=tcp>", "x-one=call", "X-Two=trunk"]);
    let hop = NextHop { host: "proxy.test".into(), port: Some(5080), transport: Some(Transport::Tcp) };
    assert_eq!(plan.dial.next_hop, hop);
}

#[test]
fn an_inline_trunk_needs_a_number_and_takes_credentials() {
    let inline = SipOutboundConfig {
        hostname: "127.0.0.1:5080".into(),
        auth_username: "u".into(),
        from_host: "from.test".into(),
        ..Default::default()
    };
    let mut request = CreateSipParticipantRequest { trunk: Some(inline), ..request() };
    request.sip_trunk_id.clear();
    let error = plan_with(&request, &trunk()).unwrap_err();
    assert_eq!((error.code(), error.is_relayed()), (ErrorCode::FailedPrecondition, true));
    request.sip_number = "100".into();
    let plan = plan_with(&request, &trunk()).unwrap();
    assert_eq!(plan.dial.request_uri, "sip:+15105550123@127.0.0.1:5080");
    assert_eq!(plan.dial.from.uri, "sip:100@from.test");
    let credentials = plan.dial.credentials.unwrap();
    assert_eq!((credentials.username.as_str(), credentials.password.as_str()), ("u", ""));
    assert_eq!(plan.numbers.hostname, "127.0.0.1:5080");
}

#[test]
fn user_or_password_may_be_empty_but_not_both() {
    let of = |user: &str, password: &str| {
        let plan = plan(|_, t| (t.auth_username, t.auth_password) = (user.into(), password.into()));
        plan.dial.credentials.map(|credentials| (credentials.username, credentials.password))
    };
    for (user, password) in [("u", "p"), ("u", ""), ("", "p")] {
        assert_eq!(of(user, password), Some((user.to_owned(), password.to_owned())));
    }
    assert_eq!(of("", ""), None);
}

#[test]
fn without_any_host_the_request_uri_cannot_be_made() {
    let mut request = request();
    request.sip_trunk_id.clear();
    request.sip_number = "100".into();
    let error = plan_with(&request, &trunk()).unwrap_err();
    assert_eq!(error.to_string(), "invalid request URI: address must be set");
}

#[test]
fn a_request_uri_of_ones_own_replaces_the_destination() {
    let uri = |raw: &str| proto::SipRequestDest { uri: Some(proto::sip_request_dest::Uri::Raw(raw.into())) };
    let plan =
        plan(|r, _| r.sip_request_uri = Some(uri("<sip:bob@other.test:5090;user=phone;transport=tcp>")));
    assert_eq!(plan.dial.request_uri, "sip:bob@other.test:5090;transport=tcp;user=phone");
    assert_eq!(plan.dial.next_hop.host, "other.test");
    for raw in
        ["", "bob", "tel:+1", "sips:a@b;transport=udp", "sip:a@b;transport=ws", "sip:a@b:0", "sip:a@b c"]
    {
        let (mut request, trunk) = (request(), trunk());
        request.sip_request_uri = Some(uri(raw));
        let error = plan_with(&request, &trunk).expect_err(raw);
        assert!(error.to_string().starts_with("invalid request URI: "), "{raw}: {error}");
    }
}

#[test]
fn twilio_gets_its_plus_also_behind_a_port() {
    let plan = plan(|r, t| {
        t.address = "x.pstn.twilio.com:5060".into();
        r.sip_number = "15105550100".into();
    });
    assert_eq!(plan.dial.from.uri, "sip:+15105550100@sip.default.test");
}

fn duration(seconds: i64, nanos: i32) -> Option<pbjson_types::Duration> {
    Some(pbjson_types::Duration { seconds, nanos })
}

#[test]
fn durations_that_are_not_positive_or_too_long_fall_back() {
    let day = Duration::from_secs(24 * 3600);
    let hour = Duration::from_secs(3600);
    for (asked, ringing, longest) in [
        (None, DEFAULT_RINGING_TIMEOUT, day),
        (duration(0, 0), DEFAULT_RINGING_TIMEOUT, day),
        (duration(-5, 0), DEFAULT_RINGING_TIMEOUT, day),
        (duration(0, -1), DEFAULT_RINGING_TIMEOUT, day),
        (duration(3600, 0), hour, hour),
        (duration(25 * 3600, 0), day, day),
        (duration(315_576_000_000, 999_999_999), day, day),
    ] {
        let plan = plan(|r, _| {
            r.ringing_timeout = asked;
            r.max_call_duration = asked;
        });
        assert_eq!((plan.ringing_timeout, plan.max_duration), (ringing, longest), "{asked:?}");
    }
}

#[test]
fn what_protobuf_does_not_call_a_duration_is_refused_by_the_name_of_its_field() {
    for wrong in [duration(i64::MAX, 0), duration(i64::MIN, 0), duration(1, i32::MAX), duration(1, -1)] {
        let timeout = proto::SipMediaConfig { media_timeout: wrong, ..Default::default() };
        let cases = [
            ("ringing_timeout: ", CreateSipParticipantRequest { ringing_timeout: wrong, ..request() }),
            ("max_call_duration: ", CreateSipParticipantRequest { max_call_duration: wrong, ..request() }),
            ("media_timeout", CreateSipParticipantRequest { media: Some(timeout), ..request() }),
        ];
        for (field, request) in cases {
            let error = plan_with(&request, &trunk()).expect_err(field);
            assert_eq!(error.code(), ErrorCode::InvalidArgument);
            assert!(error.to_string().starts_with(field), "{wrong:?}: {error}");
        }
    }
}

#[test]
fn each_number_of_a_trunk_is_used() {
    let numbers: Vec<String> = (0..4).map(|n| n.to_string()).collect();
    let trunk = SipOutboundTrunkInfo { numbers: numbers.clone(), ..trunk() };
    let mut rng = StdRng::seed_from_u64(7);
    let mut seen: Vec<String> = (0..200)
        .map(|_| {
            Plan::new(&request(), Some(&trunk), &PlanDefaults::default(), &mut rng).unwrap().numbers.caller
        })
        .collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen, numbers);
}

proptest::proptest! {
    /// Whatever a caller writes, the plan is refused or its addresses hold nothing that breaks a SIP message.
    #[test]
    fn no_text_reaches_the_wire_unescaped(to: String, number: String, raw: String, name: String) {
        let mut request = request();
        request.sip_call_to = to;
        request.sip_number = number;
        request.display_name = Some(name);
        if raw.len() % 2 == 0 {
            request.sip_request_uri =
                Some(proto::SipRequestDest { uri: Some(proto::sip_request_dest::Uri::Raw(raw)) });
        }
        if let Ok(plan) = plan_with(&request, &trunk()) {
            for text in [plan.dial.request_uri, plan.dial.to.uri, plan.dial.from.uri] {
                proptest::prop_assert!(!text.chars().any(|c| c.is_control() || matches!(c, ' ' | '<' | '>' | '"')), "{text:?}");
            }
            proptest::prop_assert!(!plan.dial.from.display_name.unwrap_or_default().chars().any(char::is_control));
        }
    }

    #[test]
    fn whatever_durations_are_asked_for_deadlines_can_be_reckoned(seconds: i64, nanos: i32, positive in 0i64..1_000_000_000_000) {
        for seconds in [seconds, positive] {
            let mut request = request();
            request.ringing_timeout = duration(seconds, nanos);
            request.max_call_duration = duration(seconds, nanos);
            request.media = Some(proto::SipMediaConfig { media_timeout: duration(seconds, nanos), ..Default::default() });
            if let Ok(plan) = plan_with(&request, &trunk()) {
                for duration in [plan.ringing_timeout, plan.max_duration, plan.media.timeout.unwrap_or(MAX_CALL_DURATION)] {
                    proptest::prop_assert!(!duration.is_zero() && duration <= MAX_CALL_DURATION);
                }
            }
        }
    }
}

#[test]
fn over_ipv6_the_caller_is_at_our_address_of_that_family_unless_the_trunk_says_where() {
    let uri = |plan: Plan| plan.dial.from_over_ipv6.map(|from| from.uri);
    assert_eq!(uri(plan(|_, _| ())).as_deref(), Some("sip:+15105550100@[2001:db8::7]"));
    assert_eq!(uri(plan(|_, trunk| trunk.from_host = "carrier.test".to_owned())), None);
}
