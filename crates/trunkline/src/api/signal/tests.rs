use livekit_protocol::client_info;
use proptest::prelude::*;
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
}
