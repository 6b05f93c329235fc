use std::io::Write as _;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};
use flate2::write::GzEncoder;
use livekit_protocol::{JoinRequest, WrappedJoinRequest, client_info, wrapped_join_request::Compression};
use proptest::prelude::*;
use prost::Message as _;
use room::{
    JoinMode,
    grants::{Claims, VideoGrant},
};

use super::{admit::admit, *};

fn claims() -> Claims {
    let video = VideoGrant { room_join: true, room: "r".to_owned(), ..VideoGrant::default() };
    let attributes = [("a", "token"), ("b", "token")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    Claims { sub: "alice".to_owned(), video: Some(video), attributes, ..Claims::default() }
}

#[test]
fn the_parameters_of_the_go_client_are_read() {
    let query = "version=2.13.1&protocol=16&&auto_subscribe=1&sdk=go&os=linux&capabilities=CAP_PACKET_TRAILER,CAP_NEW";
    let join = admit(Route::V0, Some(claims()), query, None).unwrap().join;
    assert!(matches!(join.mode, JoinMode::Dual) && join.auto_subscribe);
    assert_eq!((join.client.sdk(), join.client.protocol), (client_info::Sdk::Go, 16));
    assert_eq!(join.client.capabilities, [i32::from(client_info::Capability::CapPacketTrailer)]);
}

#[test]
fn subscribing_is_the_default_of_the_older_way() {
    for (query, expected) in [("", true), ("auto_subscribe=true", true), ("auto_subscribe=0", false)] {
        let join = admit(Route::V0, Some(claims()), query, None).unwrap().join;
        assert_eq!(join.auto_subscribe, expected, "{query}");
    }
}

#[test]
fn an_empty_attribute_does_not_delete_what_the_token_has() {
    let mut claims = claims();
    if let Some(video) = &mut claims.video {
        video.can_update_own_metadata = Some(true);
    }
    // {"a": "", "b": "join", "c": "join"}
    let query = "attributes=eyJhIjogIiIsICJiIjogImpvaW4iLCAiYyI6ICJqb2luIn0%3D";
    let attributes = admit(Route::V0, Some(claims), query, None).unwrap().join.attributes;
    let value = |key: &str| attributes.get(key).map(String::as_str);
    assert_eq!((value("a"), value("b"), value("c")), (Some("token"), Some("join"), Some("join")));
}

#[test]
fn a_client_may_say_only_so_much_of_itself() {
    let mut claims = claims();
    if let Some(video) = &mut claims.video {
        video.can_update_own_metadata = Some(true);
    }
    for (metadata, value, expected) in [
        (512 << 10, 1, None),
        ((512 << 10) + 1, 1, Some("metadata exceeds 524288 bytes")),
        (1, 65 << 10, Some("attributes exceed 65536 bytes")),
    ] {
        let participant_attributes = [("a".to_owned(), "v".repeat(value))].into();
        let request =
            JoinRequest { metadata: "m".repeat(metadata), participant_attributes, ..JoinRequest::default() };
        let wrapped = WrappedJoinRequest {
            compression: Compression::None.into(),
            join_request: request.encode_to_vec(),
        };
        let query = format!("join_request={}", URL_SAFE.encode(wrapped.encode_to_vec()));
        let refused = admit(Route::V1, Some(claims.clone()), &query, None).err();
        assert_eq!(refused.map(|refused| refused.to_string()), expected.map(str::to_owned));
    }
}

#[test]
fn a_browser_that_does_not_name_itself_is_known_by_its_user_agent() {
    let agent = Some("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0");
    assert_eq!(admit(Route::V0, Some(claims()), "", agent).unwrap().join.client.browser, "firefox");
    assert_eq!(admit(Route::V0, Some(claims()), "browser=x", agent).unwrap().join.client.browser, "x");
}

proptest! {
    #[test]
    fn no_query_makes_the_reader_panic(query in "[ -~]{0,120}", packed in "[A-Za-z0-9_=%+/-]{0,80}") {
        for route in [Route::V0, Route::V1] {
            let _ = admit(route, Some(claims()), &query, None);
            let _ = admit(route, Some(claims()), &format!("join_request={packed}"), None);
            let _ = admit(route, Some(claims()), &format!("attributes={packed}&{query}"), None);
        }
    }

    #[test]
    fn a_join_request_is_read_however_it_is_packed(
        metadata in "\\PC{0,200}", name in "[a-z]{1,8}", value: String, zipped: bool, url_safe: bool, padded: bool,
    ) {
        let attributes = [(name, value)].into();
        let request = JoinRequest { metadata, participant_attributes: attributes, ..JoinRequest::default() };
        let plain = request.encode_to_vec();
        let (compression, join_request) = if zipped {
            let mut zip = GzEncoder::new(Vec::new(), flate2::Compression::default());
            zip.write_all(&plain).unwrap();
            (Compression::Gzip, zip.finish().unwrap())
        } else {
            (Compression::None, plain)
        };
        let wrapped = WrappedJoinRequest { compression: compression.into(), join_request }.encode_to_vec();
        let packed = match (url_safe, padded) {
            (true, true) => URL_SAFE.encode(wrapped),
            (true, false) => URL_SAFE_NO_PAD.encode(wrapped),
            (false, true) => STANDARD.encode(wrapped),
            (false, false) => STANDARD_NO_PAD.encode(wrapped),
        };
        prop_assert_eq!(join_request::unpack(&packed), Ok(request));
    }

    #[test]
    fn any_bytes_in_the_wrapping_are_read_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..120), compression in -1i32..4, wrapped: bool,
    ) {
        let bytes = if wrapped { WrappedJoinRequest { compression, join_request: bytes }.encode_to_vec() } else { bytes };
        let _ = join_request::unpack(&STANDARD.encode(bytes));
    }

    #[test]
    fn a_query_is_read_as_it_was_written(pairs in proptest::collection::vec(("[a-z]{1,6}", "\\PC{0,20}"), 0..20)) {
        let escape = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let written: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
        let query = query::Query::parse(&written.join("&"));
        for (name, _) in &pairs {
            let first = pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
            prop_assert_eq!(query.get(name), first);
        }
    }
}
