//! One connection: opened, read into messages, written from its queue, kept alive.

use std::time::Duration;

use bytes::Bytes;
use sip::msg::stream::{Frame, Framer};
use sip::{Destination, Flow, TransportError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until, timeout};

use super::ConnectionId;
use super::opening::{Setup, Stream, broken, open};
use super::queue::Receiver;
use crate::driver::NetEvent;

/// A peer that does not take a message for so long has lost the connection.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// An accepted connection must bring a whole message within this time.
const FIRST_MESSAGE_LIMIT: Duration = Duration::from_secs(30);
const READ_BYTES: usize = 16 * 1024;

/// Why it ended.
enum End {
    /// The pool let go of it, or the driver is gone.
    Released,
    Failed(TransportError),
    FramingLost,
}

pub(super) async fn run(
    id: ConnectionId,
    to: Destination,
    setup: Setup,
    mut queue: Receiver,
    events: mpsc::Sender<NetEvent>,
) {
    let connection = Connection { id, to, ping_every: setup.ping_every() };
    let dialled = setup.is_dialled();
    let opened = tokio::select! {
        opened = open(setup, to) => opened,
        // Nothing is said on an accepted connection before the peer has: the pool has let go of it.
        _ = queue.next(), if !dialled => return,
    };
    let end = match opened {
        Ok(stream) => connection.talk(stream, queue, &events).await,
        Err(error) => End::Failed(error),
    };
    let (error, framing_lost) = match end {
        End::Released => return,
        End::Failed(error) => (error, false),
        End::FramingLost => (TransportError::ConnectionLost { destination: to }, true),
    };
    // The driver may have ended meanwhile.
    let _ = events.send(NetEvent::Ended { id, to, error, framing_lost }).await;
}

#[derive(Debug, Clone, Copy)]
struct Connection {
    id: ConnectionId,
    to: Destination,
    /// `None` for one that we did not dial.
    ping_every: Option<Duration>,
}

impl Connection {
    async fn talk(self, stream: Stream, queue: Receiver, events: &mpsc::Sender<NetEvent>) -> End {
        let local = match &stream {
            Stream::Plain(stream) => stream.local_addr(),
            Stream::Tls(stream) => stream.get_ref().0.local_addr(),
        };
        let local = match local {
            Ok(local) => local,
            Err(error) => return End::Failed(broken(self.to, &error)),
        };
        let flow = Flow { transport: self.to.transport, local, remote: self.to.addr };
        match stream {
            Stream::Plain(stream) => {
                let (read, write) = stream.into_split();
                self.exchange(read, write, flow, queue, events).await
            }
            Stream::Tls(stream) => {
                let (read, write) = tokio::io::split(*stream);
                self.exchange(read, write, flow, queue, events).await
            }
        }
    }

    /// Reads and writes at once: a peer that does not read must not keep us from reading.
    async fn exchange(
        self,
        read: impl AsyncRead + Unpin,
        write: impl AsyncWrite + Unpin,
        flow: Flow,
        queue: Receiver,
        events: &mpsc::Sender<NetEvent>,
    ) -> End {
        let pong = Notify::new();
        tokio::select! {
            end = self.reading(read, flow, &pong, events) => end,
            end = self.writing(write, &pong, queue) => end,
        }
    }

    async fn reading(
        self,
        mut stream: impl AsyncRead + Unpin,
        flow: Flow,
        pong: &Notify,
        events: &mpsc::Sender<NetEvent>,
    ) -> End {
        let mut framer = Framer::new();
        let mut buffer = vec![0; READ_BYTES];
        let mut proven = self.ping_every.is_some();
        let first_message_due = Instant::now() + FIRST_MESSAGE_LIMIT;
        loop {
            let read = tokio::select! {
                read = stream.read(&mut buffer) => read,
                () = sleep_until(first_message_due), if !proven => return self.lost(),
            };
            match read {
                Ok(0) => return self.lost(),
                Ok(length) => framer.push(&buffer[..length]),
                Err(error) => return End::Failed(broken(self.to, &error)),
            }
            loop {
                match framer.next_frame() {
                    Ok(Some(Frame::Message(bytes))) => {
                        proven = true;
                        let message = NetEvent::Message { id: self.id, to: self.to, flow, bytes };
                        if events.send(message).await.is_err() {
                            return End::Released;
                        }
                    }
                    Ok(Some(Frame::Ping)) => pong.notify_one(),
                    Ok(Some(Frame::Pong)) => {}
                    Ok(None) => break,
                    Err(_) => return End::FramingLost,
                }
            }
        }
    }

    async fn writing(self, mut stream: impl AsyncWrite + Unpin, pong: &Notify, mut queue: Receiver) -> End {
        loop {
            let ping_at = self.ping_every.map(|quiet| Instant::now() + quiet);
            let bytes = tokio::select! {
                queued = queue.next() => match queued {
                    Some(bytes) => bytes,
                    None => return End::Released,
                },
                () = pong.notified() => Bytes::from_static(b"\r\n"),
                () = quiet(ping_at) => Bytes::from_static(b"\r\n\r\n"),
            };
            let written = async {
                stream.write_all(&bytes).await?;
                stream.flush().await
            };
            match timeout(WRITE_LIMIT, written).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return End::Failed(broken(self.to, &error)),
                Err(_) => return self.lost(),
            }
        }
    }

    fn lost(self) -> End {
        End::Failed(TransportError::ConnectionLost { destination: self.to })
    }
}

async fn quiet(until: Option<Instant>) {
    match until {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
