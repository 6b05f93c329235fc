//! The signalling socket: one protobuf message per binary frame.

use futures_util::{SinkExt as _, StreamExt as _};
use livekit_protocol as proto;
use prost::Message as _;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// How long the server may leave a message unread before the session counts as lost.
const SEND_LIMIT: Duration = Duration::from_secs(5);

/// The signalling connection is of no more use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Closed {
    /// The server closed it.
    #[error("closed by the server with code {0}")]
    ByServer(u16),
    /// It ended without a close frame.
    #[error("the connection ended")]
    Ended,
    /// It broke.
    #[error("{0}")]
    Broken(String),
}

/// A connected signalling socket.
pub(super) struct Signal {
    socket: WebSocketStream<TcpStream>,
}

impl Signal {
    pub(super) fn new(socket: WebSocketStream<TcpStream>) -> Self {
        Self { socket }
    }

    /// The next message that can be read; frames of other kinds and unknown messages are passed over.
    /// Cancelling this future loses nothing.
    pub(super) async fn receive(&mut self) -> Result<proto::signal_response::Message, Closed> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Binary(bytes))) => match proto::SignalResponse::decode(bytes) {
                    Ok(proto::SignalResponse { message: Some(message) }) => return Ok(message),
                    Ok(_) => {}
                    Err(error) => tracing::debug!(%error, "a signalling message that does not decode"),
                },
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map_or(Closed::Ended, |frame| Closed::ByServer(frame.code.into())));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(Closed::Broken(error.to_string())),
                None => return Err(Closed::Ended),
            }
        }
    }

    /// Sends one message.
    pub(super) async fn send(&mut self, message: proto::signal_request::Message) -> Result<(), Closed> {
        let request = proto::SignalRequest { message: Some(message) };
        let frame = Message::Binary(request.encode_to_vec().into());
        match tokio::time::timeout(SEND_LIMIT, self.socket.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Closed::Broken(error.to_string())),
            Err(_) => Err(Closed::Broken("the server reads no more".to_owned())),
        }
    }

    /// Closes the socket with code 1000.
    pub(super) async fn close(&mut self) {
        let _ = tokio::time::timeout(SEND_LIMIT, self.socket.close(None)).await;
    }
}
