//! Health, validation and the WebSocket over real connections.

use std::io::Write as _;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE},
};
use flate2::{Compression, write::GzEncoder};
use futures_util::{SinkExt, StreamExt};
use livekit_protocol::{
    JoinRequest, LeaveRequest, SignalRequest, SignalResponse, WrappedJoinRequest, signal_request,
    signal_response, wrapped_join_request,
};
use prost::Message as _;
use tokio_tungstenite::tungstenite::{self, Message, client::IntoClientRequest};

use super::*;

fn joins() -> Claims {
    let video = VideoGrant { room_join: true, room: "a-room".to_owned(), ..VideoGrant::default() };
    Claims { sub: "alice".to_owned(), video: Some(video), ..claims() }
}

fn packed(request: &JoinRequest) -> String {
    let mut zip = GzEncoder::new(Vec::new(), Compression::default());
    zip.write_all(&request.encode_to_vec()).unwrap();
    let compression = wrapped_join_request::Compression::Gzip.into();
    let wrapped = WrappedJoinRequest { compression, join_request: zip.finish().unwrap() };
    URL_SAFE.encode(wrapped.encode_to_vec()).replace('=', "%3D")
}

/// Status and text as captured from livekit-server 1.13.3; both validate routes, and both upgrade routes alike.
#[tokio::test]
async fn who_may_not_join_is_told_why() {
    let bench = Bench::new().await;
    let with = |change: fn(&mut Claims)| {
        let mut claims = joins();
        change(&mut claims);
        token(&claims)
    };
    let cases = [
        (with(|_| {}), 200, "success"),
        (String::new(), 401, "no permissions to access the room"),
        (with(|c| c.video = None), 401, "no permissions to access the room"),
        (with(|c| c.video = Some(VideoGrant::default())), 401, "permissions denied"),
        (with(|c| c.video.as_mut().unwrap().room.clear()), 400, "no room name"),
        (with(|c| c.sub.clear()), 400, "identity cannot be empty"),
        (
            with(|c| c.sub = "x".repeat(300)),
            400,
            "participant identity length exceeds limits: max length 256",
        ),
        (
            with(|c| c.video.as_mut().unwrap().room = "x".repeat(300)),
            400,
            "room name length exceeds limits: max length 256",
        ),
        (with(|c| c.exp = Some(1)), 401, "invalid token, error: token has invalid claims: token is expired"),
        (with(|c| c.iss = "otherkey".to_owned()), 401, "invalid API key: otherkey"),
        ("nothing".to_owned(), 401, "invalid authorization token"),
    ];
    let join = packed(&JoinRequest::default());
    for (token, status, text) in cases {
        for route in ["/rtc/validate", "/rtc/v1/validate", "//rtc/validate", "/base/rtc/v1/validate"] {
            let answer = bench.get(&format!("{route}?access_token={token}&&join_request={join}")).await;
            assert_eq!((answer.status.as_u16(), answer.text()), (status, text), "{route}");
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{route}");
        }
        if status == 200 {
            continue;
        }
        for route in ["/rtc", "/rtc/v1", "/base/rtc/v1"] {
            let answer =
                bench.send(upgrade(&format!("{route}?access_token={token}&join_request={join}"))).await;
            assert_eq!((answer.status.as_u16(), answer.text()), (status, text), "{route}");
            assert_eq!(answer.header("access-control-allow-origin"), None, "{route}");
        }
    }
}

fn upgrade(uri: &str) -> Request<Body> {
    Request::get(uri)
        .header("connection", "keep-alive, Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .body(Body::empty())
        .unwrap()
}

#[tokio::test]
async fn a_join_request_that_cannot_be_read_is_refused() {
    let bench = Bench::new().await;
    let token = token(&joins());
    let rubbish = URL_SAFE.encode([0xff, 0xff]).replace('=', "%3D");
    let bomb = {
        let mut zip = GzEncoder::new(Vec::new(), Compression::best());
        zip.write_all(&vec![0; 3 << 20]).unwrap();
        let wrapped = WrappedJoinRequest { compression: 1, join_request: zip.finish().unwrap() };
        URL_SAFE.encode(wrapped.encode_to_vec()).replace('=', "%3D")
    };
    for (request, text) in [
        (String::new(), "join_request is required"),
        ("!!!".to_owned(), "cannot base64 decode wrapped join request"),
        (rubbish, "cannot unmarshal wrapped join request"),
        (bomb, "join request is larger than 1048576 bytes"),
    ] {
        let answer =
            bench.get(&format!("/rtc/v1/validate?access_token={token}&join_request={request}")).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (400, text));
    }
    let unpadded = STANDARD_NO_PAD.encode(
        WrappedJoinRequest { compression: 0, join_request: JoinRequest::default().encode_to_vec() }
            .encode_to_vec(),
    );
    let answer = bench.get(&format!("/rtc/v1/validate?access_token={token}&join_request={unpadded}")).await;
    assert_eq!(answer.status, 400, "an empty wrapper is an empty text");
}

#[tokio::test]
async fn changing_oneself_needs_its_grant() {
    let bench = Bench::new().await;
    let attributes = URL_SAFE.encode(r#"{"a": "b"}"#).replace('=', "%3D");
    let mut claims = joins();
    let ask = async |claims: &Claims, attributes: &str| {
        let answer =
            bench.get(&format!("/rtc/validate?access_token={}&attributes={attributes}", token(claims))).await;
        (answer.status.as_u16(), answer.text().to_owned())
    };
    assert_eq!(ask(&claims, "!").await, (400, "cannot decode attributes".to_owned()));
    assert_eq!(ask(&claims, &attributes).await, (401, "no permissions to access the room".to_owned()));
    claims.video.as_mut().unwrap().can_update_own_metadata = Some(true);
    assert_eq!(ask(&claims, &attributes).await, (200, "success".to_owned()));
}

#[tokio::test]
async fn without_auto_create_a_room_must_be_there() {
    let bench = Bench::with(|config| config.room.auto_create = false).await;
    let path = format!("/rtc/validate?access_token={}", token(&joins()));
    let answer = bench.get(&path).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (404, "requested room does not exist"));
    bench.call("livekit.RoomService/CreateRoom", &serde_json::json!({"name": "a-room"})).await;
    assert_eq!(bench.get(&path).await.status, 200);
}

#[tokio::test]
async fn a_plain_request_to_the_socket_is_not_found() {
    let bench = Bench::new().await;
    for route in ["/rtc", "/rtc/v1"] {
        let answer = bench.get(&format!("{route}?access_token={}", token(&joins()))).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (404, ""), "{route}");
    }
}

pub(super) type Socket = tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>;

/// Serves the bench on a port of its own and connects with the path.
async fn connect(bench: &Bench, path: &str) -> Result<Socket, tungstenite::Error> {
    connect_with(bench, path, &token(&joins())).await
}

/// Joins with a token of one's own.
pub(super) async fn join(bench: &Bench, token: &str) -> Result<Socket, tungstenite::Error> {
    let path = format!("/rtc/v1?join_request={}", packed(&with_client(JoinRequest::default())));
    connect_with(bench, &path, token).await
}

async fn connect_with(bench: &Bench, path: &str, token: &str) -> Result<Socket, tungstenite::Error> {
    let listener = tokio::net::TcpListener::bind(loopback()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(
        listener,
        crate::api::Connections::new(),
        service(bench.state.clone()),
        std::future::pending(),
    ));
    let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
    let bearer = format!("Bearer {token}");
    request.headers_mut().insert("authorization", bearer.parse().unwrap());
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    tokio_tungstenite::client_async(request, stream).await.map(|(socket, _)| socket)
}

/// The next message that is no ping.
async fn next(socket: &mut Socket) -> Option<Message> {
    loop {
        let wait = tokio::time::timeout(std::time::Duration::from_secs(10), socket.next());
        match wait.await.expect("nothing came") {
            Some(Ok(Message::Ping(_))) => {}
            Some(Ok(message)) => return Some(message),
            Some(Err(_)) | None => return None,
        }
    }
}

fn response(message: &Message) -> signal_response::Message {
    SignalResponse::decode(message.clone().into_data()).unwrap().message.unwrap()
}

fn leave() -> SignalRequest {
    SignalRequest { message: Some(signal_request::Message::Leave(LeaveRequest::default())) }
}

#[tokio::test]
async fn a_client_joins_and_leaves_over_the_socket() {
    let bench = Bench::new().await;
    let request = JoinRequest { metadata: String::new(), ..JoinRequest::default() };
    // Browsers put their whole offer into the URL; long parameters must pass.
    let padding = "x".repeat(40_000);
    let path = format!("/rtc/v1?join_request={}&padding={padding}", packed(&with_client(request)));
    let mut socket = connect(&bench, &path).await.unwrap();
    let signal_response::Message::Join(join) = response(&next(&mut socket).await.unwrap()) else {
        panic!("no join")
    };
    assert_eq!(join.participant.unwrap().identity, "alice");
    assert_eq!(join.room.unwrap().name, "a-room");
    socket.send(Message::Binary(leave().encode_to_vec().into())).await.unwrap();
    let mut closed = false;
    while let Some(message) = next(&mut socket).await {
        if let Message::Close(frame) = &message {
            assert_eq!(u16::from(frame.as_ref().unwrap().code), 1000);
            closed = true;
        }
    }
    assert!(closed, "the connection is closed in order");
}

/// A join request is never wholly empty: real clients say who they are.
fn with_client(mut request: JoinRequest) -> JoinRequest {
    request.client_info = Some(livekit_protocol::ClientInfo { protocol: 17, ..Default::default() });
    request
}

#[tokio::test]
async fn text_frames_are_answered_in_text() {
    let bench = Bench::new().await;
    let path = format!("/base/rtc/v1?join_request={}", packed(&with_client(JoinRequest::default())));
    let mut socket = connect(&bench, &path).await.unwrap();
    assert!(next(&mut socket).await.unwrap().is_binary(), "until the client writes text");
    let ping = r#"{"pingReq": {"timestamp": "5", "rtt": "1"}}"#;
    socket.send(Message::Text(ping.into())).await.unwrap();
    loop {
        let Some(Message::Text(text)) = next(&mut socket).await else { continue };
        let json: Value = serde_json::from_str(&text).unwrap();
        if let Some(pong) = json.get("pongResp") {
            assert_eq!(pong["lastPingTimestamp"], "5");
            break;
        }
    }
}

#[tokio::test]
async fn a_frame_that_is_no_message_closes_the_socket_and_disturbs_nobody() {
    let bench = Bench::new().await;
    let path = format!("/rtc/v1?join_request={}", packed(&with_client(JoinRequest::default())));
    let mut socket = connect(&bench, &path).await.unwrap();
    next(&mut socket).await.unwrap();
    socket.send(Message::Binary(vec![0xff, 0xff, 0xff].into())).await.unwrap();
    while next(&mut socket).await.is_some() {}
    assert!(connect(&bench, &path).await.is_ok());
}

#[tokio::test]
async fn a_session_that_is_not_known_is_told_to_join_anew() {
    let bench = Bench::new().await;
    let request =
        JoinRequest { reconnect: true, participant_sid: "PA_gone".to_owned(), ..JoinRequest::default() };
    let path = format!("/rtc/v1?join_request={}", packed(&with_client(request)));
    let mut socket = connect(&bench, &path).await.unwrap();
    let signal_response::Message::Leave(leave) = response(&next(&mut socket).await.unwrap()) else {
        panic!("no leave")
    };
    assert_eq!(leave.action(), livekit_protocol::leave_request::Action::Reconnect);
    while next(&mut socket).await.is_some() {}
}
