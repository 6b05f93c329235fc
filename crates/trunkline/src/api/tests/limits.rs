//! How much of the server one client may hold.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;

#[tokio::test]
async fn the_body_of_somebody_without_a_token_is_not_waited_for() {
    let bench = Bench::new().await;
    for service in ["SIP/CreateSIPParticipant", "RoomService/CreateRoom", "Egress/ListEgress"] {
        let endless = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let request = Request::post(format!("/twirp/livekit.{service}"))
            .header("content-type", "application/json")
            .body(endless);
        let answer = tokio::time::timeout(Duration::from_secs(5), bench.send(request.unwrap()));
        let answer = answer.await.expect("it waits for the body");
        let expected = serde_json::json!({"code": "unauthenticated", "msg": "permissions denied"});
        assert_eq!((answer.status.as_u16(), answer.json()), (401, expected));
    }
}

/// The status line that a request with this long a path gets.
async fn status_of(bench: &Bench, length: usize) -> String {
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    tokio::spawn(serve(
        listener,
        crate::api::Connections::new(),
        service(bench.state.clone()),
        std::future::pending(),
    ));
    let head =
        format!("GET /rtc/v1/validate?join_request={} HTTP/1.1\r\nhost: a\r\n\r\n", "x".repeat(length));
    // A server that has heard enough closes before all is written.
    drop(stream.write_all(head.as_bytes()).await);
    let mut answer = [0; 12];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut answer));
    drop(read.await.expect("no answer"));
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_browsers_offer_fits_into_the_url_and_a_flood_does_not() {
    let bench = Bench::new().await;
    assert_eq!(status_of(&bench, 60_000).await, "HTTP/1.1 401");
    let refused = status_of(&bench, 200_000).await;
    assert!(matches!(refused.as_str(), "HTTP/1.1 431" | "HTTP/1.1 414"), "{refused:?}");
}
