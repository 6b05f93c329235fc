//! Getting in: the WebSocket request with the join request and the first offer inside, and the
//! server's join response.

use std::io::Write as _;
use std::time::Duration;

use base64::Engine as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use livekit_protocol as proto;
use prost::Message as _;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Request};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, error::UrlError};

use super::config::ParticipantConfig;
use super::error::ConnectError;
use super::signal::Signal;
use crate::endpoint::Endpoint;

/// Longest time for each of connecting, upgrading and the join response, as the SDKs have it.
const LIMIT: Duration = Duration::from_secs(5);
/// Longest signalling message taken.
const MAX_MESSAGE: usize = 2 << 20;
/// What is read at once. It is zeroed whenever the socket is looked at, with each packet of audio that is.
const READ_BUFFER: usize = 2 << 10;
/// The signalling protocol spoken.
const PROTOCOL: i32 = 17;

/// Connects a TCP socket to the server.
pub(super) async fn dial(endpoint: &Endpoint) -> Result<TcpStream, ConnectError> {
    let target = (endpoint.host.as_str(), endpoint.port);
    let dialled = tokio::time::timeout(LIMIT, TcpStream::connect(target)).await;
    let stream = dialled.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    let unreachable = |source| ConnectError::Unreachable { server: endpoint.to_string(), source };
    let stream = stream.map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    Ok(stream)
}

/// Upgrades the socket with the join request in the URL and waits for the join response.
pub(super) async fn join(
    stream: TcpStream,
    endpoint: &Endpoint,
    token: &str,
    config: &ParticipantConfig,
    offer: String,
) -> Result<(Signal, proto::JoinResponse), ConnectError> {
    let request = upgrade(endpoint, token, &join_request(config, offer))?;
    let limits = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let upgraded = tokio_tungstenite::client_async_with_config(request, stream, Some(limits));
    let upgraded = tokio::time::timeout(LIMIT, upgraded).await;
    let (socket, _) = upgraded.map_err(|_| ConnectError::Timeout(LIMIT))?.map_err(refusal)?;
    let mut signal = Signal::new(socket);
    let first = tokio::time::timeout(LIMIT, signal.receive()).await;
    match first.map_err(|_| ConnectError::Timeout(LIMIT))? {
        Ok(proto::signal_response::Message::Join(join)) => Ok((signal, join)),
        Ok(proto::signal_response::Message::Leave(leave)) => {
            Err(ConnectError::NotJoined(format!("leave, {:?}", leave.reason())))
        }
        Ok(_) => Err(ConnectError::NotJoined("another message came first".to_owned())),
        Err(closed) => Err(ConnectError::NotJoined(closed.to_string())),
    }
}

fn join_request(config: &ParticipantConfig, offer: String) -> proto::JoinRequest {
    proto::JoinRequest {
        client_info: Some(proto::ClientInfo {
            sdk: proto::client_info::Sdk::Rust as i32,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: PROTOCOL,
            os: std::env::consts::OS.to_owned(),
            ..Default::default()
        }),
        connection_settings: Some(proto::ConnectionSettings {
            auto_subscribe: config.auto_subscribe,
            ..Default::default()
        }),
        metadata: config.metadata.clone(),
        participant_attributes: config.attributes.clone().into_iter().collect(),
        publisher_offer: Some(proto::SessionDescription {
            r#type: "offer".to_owned(),
            sdp: offer,
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// The `join_request` parameter: a wrapped, compressed message in URL-safe base64.
fn parameter(join: &proto::JoinRequest) -> std::io::Result<String> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&join.encode_to_vec())?;
    let wrapped = proto::WrappedJoinRequest {
        compression: proto::wrapped_join_request::Compression::Gzip as i32,
        join_request: gzip.finish()?,
    };
    let text = base64::engine::general_purpose::URL_SAFE.encode(wrapped.encode_to_vec());
    Ok(text.replace('=', "%3D"))
}

fn upgrade(endpoint: &Endpoint, token: &str, join: &proto::JoinRequest) -> Result<Request<()>, ConnectError> {
    let signal = |error: String| ConnectError::Signal(error);
    let parameter = parameter(join).map_err(|error| signal(error.to_string()))?;
    let url = format!("ws://{}{}/rtc/v1?join_request={parameter}", endpoint.authority(), endpoint.prefix);
    let mut request = url.into_client_request().map_err(|error| signal(error.to_string()))?;
    let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
    let bearer = bearer.map_err(|_| signal("the token is no header value".to_owned()))?;
    request.headers_mut().insert("authorization", bearer);
    Ok(request)
}

fn refusal(error: WsError) -> ConnectError {
    match error {
        WsError::Http(response) => {
            let (status, body) = (response.status().as_u16(), response.into_body());
            let body = String::from_utf8_lossy(&body.unwrap_or_default()).into_owned();
            ConnectError::Refused { status, body }
        }
        WsError::Url(UrlError::UnableToConnect(text)) => ConnectError::Signal(text),
        other => ConnectError::Signal(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn the_join_request_survives_its_wrapping() {
        let config = ParticipantConfig { metadata: "m".into(), ..Default::default() };
        let join = join_request(&config, "v=0\r\n".repeat(500));
        let text = parameter(&join).unwrap().replace("%3D", "=");
        let bytes = base64::engine::general_purpose::URL_SAFE.decode(text).unwrap();
        let wrapped = proto::WrappedJoinRequest::decode(bytes.as_slice()).unwrap();
        let mut inner = Vec::new();
        flate2::read::GzDecoder::new(wrapped.join_request.as_slice()).read_to_end(&mut inner).unwrap();
        assert_eq!(proto::JoinRequest::decode(inner.as_slice()).unwrap(), join);
    }
}
