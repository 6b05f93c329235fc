use super::*;

#[test]
fn our_offer_reads_as_every_phone_expects() {
    let expected = "v=0\r\no=- 7 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n\
        m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=rtcp-mux\r\na=sendrecv\r\n";
    assert_eq!(offer(&ours()).to_string(), expected);
}

#[test]
fn both_sides_of_a_call_come_to_the_same_terms() {
    let offered = offer(&ours());
    let callee =
        LocalAudio { rtp: "198.51.100.5:5000".parse().unwrap(), codecs: vec![AudioCodec::Pcma], ..ours() };
    let (answered, theirs) = answer(&offered, &callee).unwrap();
    let ours_now = accept_answer(&offered, &answered).unwrap();
    assert_eq!((ours_now.codec, theirs.codec), (AudioCodec::Pcma, AudioCodec::Pcma));
    assert_eq!((ours_now.payload_type, theirs.payload_type), (8, 8));
    assert_eq!((ours_now.dtmf_payload_type, theirs.dtmf_payload_type), (Some(101), Some(101)));
    assert_eq!((ours_now.remote_rtp, theirs.remote_rtp), (callee.rtp, ours().rtp));
    assert!(ours_now.rtcp_mux && theirs.rtcp_mux);
    assert_eq!(ours_now.remote_rtcp, callee.rtp);
    assert_eq!(ours_now.receive.get(0), None, "a codec that was not taken up is not expected");
}

#[test]
fn an_answer_of_bare_static_payload_types_is_enough() {
    let terms = accept_answer(&offer(&ours()), &phone("m=audio 9000 RTP/AVP 8\r\n")).unwrap();
    assert_eq!((terms.codec, terms.payload_type, terms.dtmf_payload_type), (AudioCodec::Pcma, 8, None));
    assert_eq!(terms.remote_rtp, "198.51.100.5:9000".parse().unwrap());
    assert_eq!(terms.remote_rtcp, "198.51.100.5:9001".parse().unwrap());
    assert_eq!((terms.rtcp_mux, terms.ptime_ms, terms.direction), (false, 20, Direction::SendRecv));
}

#[test]
fn the_order_of_the_m_line_decides_and_not_that_of_the_rtpmaps() {
    let section = "m=audio 9000 RTP/AVP 8 0\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 pcma/8000/1\r\n";
    assert_eq!(accept_answer(&offer(&ours()), &phone(section)).unwrap().codec, AudioCodec::Pcma);
}

#[test]
fn payload_types_of_the_answer_are_sent_and_those_of_both_sides_heard() {
    let section =
        "m=audio 9000 RTP/AVP 97 96\r\na=rtpmap:97 PCMU/8000\r\na=rtpmap:96 telephone-event/8000\r\n";
    let terms = accept_answer(&offer(&ours()), &phone(section)).unwrap();
    assert_eq!((terms.payload_type, terms.dtmf_payload_type), (97, Some(96)));
    for pt in [0, 97] {
        assert_eq!(terms.receive.get(pt), Some(PayloadKind::Audio(AudioCodec::Pcmu)));
    }
    for pt in [96, 101] {
        assert_eq!(terms.receive.get(pt), Some(PayloadKind::TelephoneEvent { clock: 8000 }));
    }
    assert_eq!((terms.receive.get(8), terms.receive.get(13)), (None, None));
}

#[test]
fn telephone_events_of_another_clock_are_left_alone() {
    let section = "m=audio 9000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/16000\r\n";
    assert_eq!(accept_answer(&offer(&ours()), &phone(section)).unwrap().dtmf_payload_type, None);
}

#[test]
fn rtcp_goes_where_the_answer_says() {
    let terms = |lines: &str| {
        let section = format!("m=audio 9000 RTP/AVP 0\r\n{lines}");
        accept_answer(&offer(&ours()), &phone(&section)).unwrap().remote_rtcp.to_string()
    };
    assert_eq!(terms("a=rtcp:9100\r\n"), "198.51.100.5:9100");
    assert_eq!(terms("a=rtcp:9100 IN IP4 198.51.100.6\r\n"), "198.51.100.6:9100");
    assert_eq!(terms("a=rtcp:0\r\n"), "198.51.100.5:9001");
    assert_eq!(terms("a=rtcp:9100\r\na=rtcp-mux\r\n"), "198.51.100.5:9000");
}

#[test]
fn each_way_of_holding_a_call_is_understood() {
    let direction = |section: &str| accept_answer(&offer(&ours()), &phone(section)).unwrap().direction;
    assert_eq!(direction("m=audio 9000 RTP/AVP 0\r\na=sendonly\r\n"), Direction::RecvOnly);
    assert_eq!(direction("m=audio 9000 RTP/AVP 0\r\na=recvonly\r\n"), Direction::SendOnly);
    assert_eq!(direction("m=audio 9000 RTP/AVP 0\r\na=inactive\r\n"), Direction::Inactive);
    assert_eq!(direction("m=audio 9000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n"), Direction::RecvOnly);
    assert_eq!(
        direction("m=audio 9000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n"),
        Direction::Inactive
    );
    let held = phone("m=audio 9000 RTP/AVP 0\r\na=sendonly\r\n");
    let (answered, _) = answer(&held, &ours()).unwrap();
    assert_eq!(answered.direction_of(&answered.media[0]), Direction::RecvOnly);
}

#[test]
fn ptime_is_told_within_reason() {
    let ptime = |ms: &str| {
        let section = format!("m=audio 9000 RTP/AVP 0\r\na=ptime:{ms}\r\n");
        accept_answer(&offer(&ours()), &phone(&section)).unwrap().ptime_ms
    };
    assert_eq!(["10", "30", "0", "4000", "x", "25.5"].map(ptime), [10, 30, 20, 60, 20, 20]);
    let most = |ms: &str| ptime(&format!("40\r\na=maxptime:{ms}"));
    assert_eq!(["30", "10", "150", "5", "-3"].map(most), [30, 10, 40, 10, 40]);
}

#[test]
fn opus_is_offered_as_rfc_7587_wants_it_and_events_at_both_clocks() {
    let local = LocalAudio { codecs: vec![AudioCodec::Opus, AudioCodec::G722, AudioCodec::Pcma], ..ours() };
    let expected = "m=audio 40000 RTP/AVP 111 9 8 101 110\r\na=rtpmap:111 opus/48000/2\r\n\
        a=fmtp:111 useinbandfec=1;sprop-maxcapturerate=16000\r\na=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
        a=rtpmap:110 telephone-event/48000\r\na=fmtp:110 0-15\r\n";
    let text = offer(&local).to_string();
    assert!(text.contains(expected), "{text}");
}

#[test]
fn opus_is_agreed_on_with_unequal_numbers_and_what_the_phone_wants_of_it() {
    let local = LocalAudio { codecs: vec![AudioCodec::Opus, AudioCodec::Pcmu], ..ours() };
    let section = "m=audio 9000 RTP/AVP 96 0 98 97\r\na=rtpmap:96 OPUS/48000/2\r\na=rtpmap:97 telephone-event/48000\r\n\
        a=rtpmap:98 telephone-event/8000\r\na=fmtp:96 useinbandfec=1; maxaveragebitrate=16000\r\n";
    let terms = accept_answer(&offer(&local), &phone(section)).unwrap();
    assert_eq!((terms.codec, terms.payload_type), (AudioCodec::Opus, 96));
    assert_eq!((terms.dtmf_payload_type, terms.dtmf_clock), (Some(97), 48_000), "the clock of the audio");
    assert_eq!((terms.opus.fec, terms.opus.max_bitrate), (true, Some(16_000)));
    for pt in [96, 111] {
        assert_eq!(
            terms.receive.get(pt),
            Some(PayloadKind::Audio(AudioCodec::Opus)),
            "both numbers are heard"
        );
    }
    let narrow =
        "m=audio 9000 RTP/AVP 96 98\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:98 telephone-event/8000\r\n";
    let terms = accept_answer(&offer(&local), &phone(narrow)).unwrap();
    assert_eq!(
        (terms.dtmf_payload_type, terms.dtmf_clock),
        (Some(98), 8_000),
        "what the phone has, if it has no other"
    );
    let (answered, _) = answer(&phone(section), &local).unwrap();
    assert_eq!(answered.media[0].formats, ["96", "97"], "the offer's own numbers");
}

#[test]
fn an_answer_that_makes_no_call_says_why() {
    let error = |section: &str| accept_answer(&offer(&ours()), &phone(section)).unwrap_err();
    assert_eq!(error("m=audio 0 RTP/AVP 0\r\n"), NegotiationError::Refused);
    assert_eq!(error("m=video 9000 RTP/AVP 0\r\n"), NegotiationError::NoAudio);
    assert_eq!(error(""), NegotiationError::NoAudio);
    assert_eq!(
        error("m=audio 9000 RTP/AVP 9 18\r\na=rtpmap:9 G722/8000\r\n"),
        NegotiationError::NoCommonCodec { formats: "9 18".to_owned() }
    );
    let encrypted = error("m=audio 9000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n");
    assert_eq!(encrypted, NegotiationError::EncryptionOff);
    assert!(matches!(error("m=audio 9000 TCP/RTP/AVP 0\r\n"), NegotiationError::Protocol { .. }));
    assert!(matches!(
        error("m=audio 9000 RTP/AVP 0\r\nc=IN IP4 media.example.com\r\n"),
        NegotiationError::HostName { name } if name == "media.example.com"
    ));
    for ip in ["224.0.0.1", "255.255.255.255"] {
        let section = format!("m=audio 9000 RTP/AVP 0\r\nc=IN IP4 {ip}\r\n");
        assert!(matches!(error(&section), NegotiationError::NotUnicast { .. }), "{ip}");
    }
    let nowhere =
        SessionDescription::parse("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio 9000 RTP/AVP 0\r\n").unwrap();
    assert_eq!(accept_answer(&offer(&ours()), &nowhere), Err(NegotiationError::NoAddress));
}

#[test]
fn a_key_line_on_a_plain_section_changes_nothing() {
    let section = "m=audio 9000 RTP/AVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n";
    let (answered, _) = answer(&phone(section), &ours()).unwrap();
    assert!(answered.media[0].attribute("crypto").is_none());
    assert_eq!(answered.media[0].protocol, "RTP/AVP");
}

#[test]
fn the_plain_section_is_answered_and_every_other_one_refused() {
    let sections = "m=audio 9000 RTP/SAVP 0\r\nm=video 9002 RTP/AVP 99\r\nm=audio 9004 RTP/AVP 8 0 97\r\n\
        a=rtpmap:97 telephone-event/8000\r\nm=application 9006 UDP/BFCP *\r\n";
    let (answered, terms) = answer(&phone(sections), &ours()).unwrap();
    let ports: Vec<u16> = answered.media.iter().map(|m| m.port).collect();
    assert_eq!(ports, [0, 0, 40_000, 0]);
    assert_eq!(answered.media[2].formats, ["8", "97"], "one codec, in the offer's order, and its numbers");
    assert_eq!((terms.codec, terms.dtmf_payload_type), (AudioCodec::Pcma, Some(97)));
    assert!(answered.media[2].attribute("rtcp-mux").is_none(), "not offered, so not answered");
}

#[test]
fn an_offer_that_cannot_be_answered_says_why() {
    let error = |section: &str| answer(&phone(section), &ours()).unwrap_err();
    assert_eq!(error("m=audio 0 RTP/AVP 0\r\n"), NegotiationError::Refused);
    assert_eq!(error("m=audio 9000 RTP/SAVPF 0\r\n"), NegotiationError::EncryptionOff);
    assert!(matches!(error("m=audio 9000 UDP/TLS/RTP/SAVPF 0\r\n"), NegotiationError::Protocol { .. }));
    assert!(matches!(error("m=audio 9000 RTP/AVP 18\r\n"), NegotiationError::NoCommonCodec { .. }));
    let no_dtmf = LocalAudio { dtmf: false, ..ours() };
    let (answered, terms) = answer(&offer(&ours()), &no_dtmf).unwrap();
    assert_eq!((answered.media[0].formats.len(), terms.dtmf_payload_type), (1, None));
}

#[test]
fn comfort_noise_is_agreed_on_where_both_want_it_and_speak_g711() {
    let local =
        LocalAudio { comfort_noise: true, codecs: vec![AudioCodec::G722, AudioCodec::Pcmu], ..ours() };
    let offered = offer(&local);
    assert!(offered.to_string().contains("RTP/AVP 9 0 13 101\r\n"), "{offered}");
    assert!(offered.to_string().contains("a=rtpmap:13 CN/8000\r\n"), "{offered}");
    let noise = |section: &str| accept_answer(&offered, &phone(section)).unwrap().noise_payload_type;
    assert_eq!(noise("m=audio 9000 RTP/AVP 0 13 101\r\na=rtpmap:101 telephone-event/8000\r\n"), Some(13));
    assert_eq!(noise("m=audio 9000 RTP/AVP 0 98\r\na=rtpmap:98 CN/8000\r\n"), Some(98));
    assert_eq!(noise("m=audio 9000 RTP/AVP 0 98\r\na=rtpmap:98 CN/16000\r\n"), None);
    assert_eq!(noise("m=audio 9000 RTP/AVP 0\r\n"), None);
    assert_eq!(noise("m=audio 9000 RTP/AVP 9 13\r\n"), None, "G.722 is wideband, its noise would not be");

    let theirs = phone("m=audio 9000 RTP/AVP 0 13\r\n");
    let (answered, terms) = answer(&theirs, &local).unwrap();
    assert_eq!(
        (answered.media[0].formats.join(" "), terms.noise_payload_type),
        ("0 13".to_owned(), Some(13))
    );
    assert_eq!(terms.receive.get(13), Some(PayloadKind::ComfortNoise));
    let (answered, terms) = answer(&theirs, &ours()).unwrap();
    assert_eq!((answered.media[0].formats.join(" "), terms.noise_payload_type), ("0".to_owned(), None));
    let unasked = accept_answer(&offer(&ours()), &theirs).unwrap();
    assert_eq!(unasked.noise_payload_type, None, "it was not offered");
}
