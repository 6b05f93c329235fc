use proptest::prelude::*;

use super::*;

#[test]
fn a_description_with_all_the_lines_of_the_standard_is_read() {
    let text = "v=0\no=jdoe 3724394400 3724394405 IN IP4 198.51.100.1\ns=Call to John Smith\ni=SDP Offer #1\n\
        u=http://www.jdoe.example.com/home.html\ne=Jane Doe <jane@jdoe.example.com>\np=+1 617 555-6011\n\
        c=IN IP4 198.51.100.1\nb=AS:64\nt=0 0\nr=604800 3600 0 90000\nz=0 0\nk=clear:x\na=recvonly\n\
        m=audio 49170/2 RTP/AVP 0\nc=IN IP6 2001:db8::1\nm=video 51372 RTP/AVP 99\na=rtpmap:99 h263-1998/90000\n";
    let read = SessionDescription::parse(text).unwrap();
    assert_eq!((read.origin.session_id.as_str(), read.name.as_str()), ("3724394400", "Call to John Smith"));
    let audio = &read.media[0];
    assert_eq!((audio.port, audio.protocol.as_str()), (49_170, "RTP/AVP"));
    assert_eq!(read.host_of(audio), Some(&Host::Ip("2001:db8::1".parse().unwrap())));
    assert_eq!(read.host_of(&read.media[1]), Some(&Host::Ip("198.51.100.1".parse().unwrap())));
    assert_eq!(read.direction_of(audio), Direction::RecvOnly, "the session's own direction holds");
}

#[test]
fn sloppy_writers_are_understood() {
    let text = "v=0\r\n\r\no=- 99999999999999999999999 -1 IN IP4 pbx.example.com\r\nc=in ip4 224.2.1.1/127\r\n\
        x=what is this\r\nm=audio 4000 RTP/AVP 0  \r\na=ptime: 30 \r\na=\r\n";
    let read = SessionDescription::parse(text).unwrap();
    assert_eq!(read.origin.host, Host::Name("pbx.example.com".to_owned()));
    assert_eq!(read.connection, Some(Host::Ip("224.2.1.1".parse().unwrap())));
    assert_eq!(read.media[0].ptime_ms(), 30);
    assert_eq!(read.media[0].formats, ["0"]);
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let problem = |text: &str| match SessionDescription::parse(text) {
        Err(SdpError::Line { number, what }) => (number, what),
        other => panic!("{other:?}"),
    };
    let head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n";
    assert_eq!(problem("v=1\r\n"), (1, Problem::Version));
    assert_eq!(problem("v=0\r\no=nobody\r\n"), (2, Problem::Origin));
    assert_eq!(problem(&format!("{head}c=IN IP4\r\n")), (3, Problem::Connection));
    assert_eq!(problem(&format!("{head}m=audio 70000 RTP/AVP 0\r\n")), (3, Problem::Media));
    assert_eq!(problem(&format!("{head}rubbish\r\n")), (3, Problem::NoEquals));
    assert_eq!(SessionDescription::parse(" \r\n"), Err(SdpError::Empty));
    assert_eq!(SessionDescription::parse("v=0\r\n"), Err(SdpError::NoOrigin));
}

#[test]
fn nothing_grows_beyond_its_bound() {
    let head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n";
    let of = |line: &str, times: usize| SessionDescription::parse(&format!("{head}{}", line.repeat(times)));
    assert!(of("m=audio 1 RTP/AVP 0\r\n", MAX_MEDIA).is_ok());
    assert!(matches!(of("m=audio 1 RTP/AVP 0\r\n", MAX_MEDIA + 1), Err(SdpError::Line { .. })));
    assert!(of("a=x\r\n", MAX_ATTRIBUTES).is_ok());
    assert!(matches!(of("a=x\r\n", MAX_ATTRIBUTES + 1), Err(SdpError::Line { .. })));
    let formats = format!("m=audio 1 RTP/AVP{}\r\n", " 0".repeat(MAX_FORMATS + 1));
    assert!(matches!(of(&formats, 1), Err(SdpError::Line { what: Problem::TooManyFormats, .. })));
    assert!(matches!(of("x", MAX_BYTES), Err(SdpError::TooLong { .. })));
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        "IN IP4 [0-9]{1,3}\\.[0-9]{1,2}\\.[0-9]{1,2}\\.1",
        "IN IP6 [0-9a-f]{1,4}::[1-9]",
        "IN IP4 [a-z.]{1,9}"
    ]
}

/// Lines that are nearly right, in any order.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "m=[a-z]{1,6} [0-9]{1,5} RTP/S?AVPF?( [0-9]{1,3}){0,5}",
        2 => host().prop_map(|h| format!("c={h}")),
        3 => "a=(rtpmap|fmtp|ptime|rtcp|crypto|sendonly|rtcp-mux|inactive)(:[ -~]{0,20})?",
        1 => "a=rtpmap:[0-9]{1,3} (PCMU|PCMA|telephone-event|G722)/(8000|16000)(/[12])?",
        1 => "[a-z]=[ -~]{0,30}",
        1 => ".{0,30}",
    ]
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,400}") {
        let _ = SessionDescription::parse(&text);
    }

    #[test]
    fn what_is_read_prints_and_reads_back_the_same_and_negotiates_or_not(
        origin in host(),
        lines in proptest::collection::vec(line(), 0..30),
    ) {
        let text = format!("v=0\r\no=- 1 1 {origin}\r\n{}\r\n", lines.join("\r\n"));
        let Ok(read) = SessionDescription::parse(&text) else { return Ok(()) };
        let printed = read.to_string();
        prop_assert_eq!(SessionDescription::parse(&printed), Ok(read.clone()), "{}", printed);
        let _ = accept_answer(&offer(&ours()), &read);
        if let Ok((answered, _)) = answer(&read, &ours()) {
            prop_assert_eq!(SessionDescription::parse(&answered.to_string()), Ok(answered.clone()));
            prop_assert_eq!(answered.media.len(), read.media.len());
        }
    }
}
