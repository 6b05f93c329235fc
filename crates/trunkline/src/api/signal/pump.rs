//! Frames between a WebSocket (RFC 6455) and a session: nothing is queued here but one frame each way.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use bytes::Bytes;
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use livekit_protocol::{self as proto, ClientInfo, SignalRequest, SignalResponse, client_info};
use prost::Message as _;
use room::grants::Claims;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::super::{State, auth, unix_now};
use crate::worker::{SignalOut, SignalSender, SignalSession};

/// How often the connection is probed.
const PING_EVERY: Duration = Duration::from_secs(10);
/// How long it may be silent, our pings' answers included.
const SILENCE: Duration = Duration::from_secs(35);
/// How long one frame may take to be written.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the client may take to answer a close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a refreshed token is good, in seconds: for a client that was away.
const TOKEN_LIFETIME: i64 = 6 * 3600;

/// How long a browser is left alone with its join response before it gets the answer to its offer.
///
/// livekit-client asks for a further negotiation 20 ms after the join response. If that falls into the milliseconds in
/// which it takes over its first offer, the two offers overtake each other, and the peer connection is broken for good
/// (`Transceiver not found based on m-line index`). Later it is still waiting for the answer then, and negotiates in order.
const BROWSER_SETTLES: Duration = Duration::from_millis(50);

/// How long a client is left alone with its join response.
pub(super) fn pause_after_join(client: &ClientInfo) -> Duration {
    if client.sdk() == client_info::Sdk::Js { BROWSER_SETTLES } else { Duration::ZERO }
}

/// Carries frames both ways until one side ends the session; after the first frame out, none follows for `pause`.
pub(super) async fn run(
    socket: WebSocket,
    session: SignalSession,
    state: State,
    key: String,
    pause: Duration,
) {
    let _counted = state.metrics.signal_session();
    let SignalSession { mut outgoing, incoming, .. } = session;
    let (sink, stream) = socket.split();
    let mut writer = Writer { sink, json: false, state: state.clone(), key };
    let mut reader = Reader { stream, state };
    let mut probe = interval(PING_EVERY);
    probe.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    let mut first = Some(pause);
    let mut quiet_until = heard;
    loop {
        let goes_on = tokio::select! {
            out = next_out(&mut outgoing, quiet_until) => {
                let goes_on = writer.send(out).await;
                if let Some(pause) = first.take() {
                    quiet_until = Instant::now() + pause;
                }
                goes_on
            }
            frame = reader.next() => {
                heard = Instant::now();
                handle(frame, &mut writer, &incoming).await
            }
            _ = probe.tick() => heard.elapsed() < SILENCE && writer.ping().await,
        };
        if !goes_on {
            break;
        }
    }
    // The room hears of the end before the close handshake, which the client may never finish.
    drop(incoming);
    drop(outgoing);
    writer.finish(&mut reader).await;
}

async fn next_out(outgoing: &mut mpsc::Receiver<SignalOut>, quiet_until: Instant) -> Option<SignalOut> {
    if Instant::now() < quiet_until {
        sleep_until(quiet_until).await;
    }
    outgoing.recv().await
}

/// Tells a client that its earlier session is gone and that it shall join anew. It closes the connection then: where we do so
/// at once, livekit-client in Firefox sees only that, and waits for good.
pub(super) async fn refuse_resume(mut socket: WebSocket) {
    let refusal = Message::Binary(room::signal::resume_refused());
    if let Ok(Ok(())) = timeout(WRITE_TIMEOUT, socket.send(refusal)).await {
        drop(timeout(CLOSE_TIMEOUT, closed(&mut socket)).await);
        drop(timeout(CLOSE_TIMEOUT, socket.send(close())).await);
    }
}

/// Until the client has closed the connection; whatever else it says is of no account.
async fn closed(socket: &mut WebSocket) {
    while let Some(Ok(frame)) = socket.next().await {
        if matches!(frame, Message::Close(_)) {
            return;
        }
    }
}

fn close() -> Message {
    Message::Close(Some(CloseFrame { code: close_code::NORMAL, reason: "".into() }))
}

/// What came from the client.
enum Frame {
    Request(Box<SignalRequest>, Encoding),
    /// A ping, a pong, or nothing.
    Nothing,
    /// Neither protobuf nor JSON of a request.
    Bad,
    Closed,
}

/// How a request was written; the answers follow it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Protobuf,
    Json,
}

/// Whether the session goes on.
async fn handle(frame: Frame, writer: &mut Writer, incoming: &SignalSender) -> bool {
    match frame {
        Frame::Request(request, encoding) => {
            writer.json = encoding == Encoding::Json;
            incoming.send(*request).await.is_ok()
        }
        Frame::Nothing => true,
        Frame::Bad => {
            writer.state.metrics.bad_input("websocket");
            false
        }
        Frame::Closed => false,
    }
}

struct Reader {
    stream: SplitStream<WebSocket>,
    state: State,
}

impl Reader {
    async fn next(&mut self) -> Frame {
        match self.stream.next().await {
            Some(Ok(Message::Binary(bytes))) if bytes.is_empty() => Frame::Nothing,
            Some(Ok(Message::Binary(bytes))) => match SignalRequest::decode(bytes) {
                Ok(request) => Frame::Request(Box::new(request), Encoding::Protobuf),
                Err(_) => Frame::Bad,
            },
            Some(Ok(Message::Text(text))) if text.is_empty() => Frame::Nothing,
            Some(Ok(Message::Text(text))) => match serde_json::from_str(text.as_str()) {
                Ok(request) => Frame::Request(Box::new(request), Encoding::Json),
                Err(_) => Frame::Bad,
            },
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Frame::Nothing,
            Some(Ok(Message::Close(_))) | None => Frame::Closed,
            Some(Err(error)) => {
                tracing::debug!(%error, "signalling connection failed");
                self.state.metrics.bad_input("websocket");
                Frame::Closed
            }
        }
    }
}

struct Writer {
    sink: SplitSink<WebSocket, Message>,
    /// The client writes text frames, so it gets them.
    json: bool,
    state: State,
    key: String,
}

impl Writer {
    /// Whether the session goes on.
    async fn send(&mut self, out: Option<SignalOut>) -> bool {
        match out {
            Some(SignalOut::Message(bytes)) => self.frame(bytes).await,
            Some(SignalOut::RefreshToken(claims)) => match self.sign(*claims) {
                Some(token) => self.frame(room::signal::refresh_token(token)).await,
                None => true,
            },
            Some(SignalOut::Moved(moved, claims)) => {
                let token = self.sign(*claims).unwrap_or_default();
                self.frame(room::signal::room_moved(proto::RoomMovedResponse { token, ..*moved })).await
            }
            Some(SignalOut::Close) | None => false,
        }
    }

    async fn frame(&mut self, bytes: Bytes) -> bool {
        let message = if self.json { text(&bytes) } else { Some(Message::Binary(bytes)) };
        match message {
            Some(message) => self.write(message).await,
            None => true,
        }
    }

    async fn ping(&mut self) -> bool {
        self.write(Message::Ping(Bytes::new())).await
    }

    async fn write(&mut self, message: Message) -> bool {
        matches!(timeout(WRITE_TIMEOUT, self.sink.send(message)).await, Ok(Ok(())))
    }

    /// The next token, signed with the key of the one that the client came with.
    fn sign(&self, mut claims: Claims) -> Option<String> {
        let secret = self.state.config.keys.secret(&self.key)?;
        let now = unix_now();
        claims.iss.clone_from(&self.key);
        claims.nbf = Some(now);
        claims.exp = Some(now + TOKEN_LIFETIME);
        Some(auth::sign(&claims, secret))
    }

    /// Says goodbye and waits a moment for the client's.
    async fn finish(&mut self, reader: &mut Reader) {
        if !self.write(close()).await {
            return;
        }
        let closed = async { while !matches!(reader.next().await, Frame::Closed) {} };
        drop(timeout(CLOSE_TIMEOUT, closed).await);
    }
}

/// A response as JSON; `None` when it is none, which the room never sends.
fn text(bytes: &Bytes) -> Option<Message> {
    let response = SignalResponse::decode(bytes.clone()).ok()?;
    serde_json::to_string(&response).ok().map(|json| Message::Text(json.into()))
}
