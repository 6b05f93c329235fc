use super::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Answers one connection with the given bytes and gives back what it was sent.
async fn server(answer: &'static [u8]) -> (TwirpClient, tokio::task::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            let read = socket.read(&mut chunk).await.unwrap();
            seen.extend_from_slice(&chunk[..read]);
            if read == 0 {
                return seen;
            }
            if !answer.is_empty() && seen.windows(4).any(|end| end == b"\r\n\r\n") {
                socket.write_all(answer).await.unwrap();
            }
        }
    });
    (TwirpClient::new(&url, "devkey", "secret").unwrap(), task)
}

#[tokio::test]
async fn a_refusal_carries_code_text_and_metadata() {
    let body = br#"{"code":"not_found","msg":"no such trunk","meta":{"sip_status_code":"404"}}"#;
    let head = format!(
        "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let answer = [head.as_bytes(), body].concat().leak();
    let (client, seen) = server(answer).await;
    let error = client.create_sip_participant(&Default::default()).await.unwrap_err();
    let failure = error.refused().expect("a refusal by the server");
    assert_eq!((failure.status, failure.code.as_str()), (404, "not_found"));
    assert_eq!(failure.meta["sip_status_code"], "404");
    let seen = String::from_utf8_lossy(&seen.await.unwrap()).to_lowercase();
    assert!(seen.starts_with("post /twirp/livekit.sip/createsipparticipant http/1.1"), "{seen}");
    assert!(seen.contains("authorization: bearer ey"), "{seen}");
}

#[tokio::test]
async fn dropping_a_call_closes_its_connection() {
    let (client, seen) = server(b"").await;
    let request = proto::CreateSipParticipantRequest::default();
    let call = client.create_sip_participant(&request);
    assert!(tokio::time::timeout(Duration::from_millis(100), call).await.is_err());
    let seen = tokio::time::timeout(Duration::from_secs(5), seen).await.expect("the socket closes");
    assert!(!seen.unwrap().is_empty());
}

#[tokio::test]
async fn nobody_at_the_port_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = TwirpClient::new(&url, "devkey", "secret").unwrap();
    let error = client.list_participants("room").await.unwrap_err();
    assert!(matches!(error, ApiError::Connect { .. }), "{error}");
}
