//! One connection: opened, read into messages, written from its queue, kept alive.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use sip::msg::stream::{Frame, Framer};
use sip::{Flow, Transport, TransportError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until, timeout};

use super::ConnectionId;
use super::pool::tcp;
use crate::driver::NetEvent;

/// A quiet connection that we dialled is pinged this often: NATs forget flows after a minute or more (RFC 5626 §4.4.1).
const PING_EVERY: Duration = Duration::from_secs(30);
/// A peer that does not take a message for so long has lost the connection.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// An accepted connection must bring a whole message within this time.
const FIRST_MESSAGE_LIMIT: Duration = Duration::from_secs(30);
const READ_BYTES: usize = 16 * 1024;

/// How a connection begins.
#[derive(Debug)]
pub(super) enum Setup {
    /// We open it.
    Dial { limit: Duration },
    /// The peer has opened it.
    Accepted(TcpStream),
}

/// Why it ended.
enum End {
    /// The pool let go of it, or the driver is gone.
    Released,
    Failed(TransportError),
    FramingLost,
}

pub(super) async fn run(
    id: ConnectionId,
    remote: SocketAddr,
    setup: Setup,
    queue: mpsc::Receiver<Bytes>,
    events: mpsc::Sender<NetEvent>,
) {
    let dialled = matches!(setup, Setup::Dial { .. });
    let end = match open(setup, remote).await {
        Ok(stream) => talk(stream, remote, dialled, queue, &events).await,
        Err(error) => End::Failed(error),
    };
    let (error, framing_lost) = match end {
        End::Released => return,
        End::Failed(error) => (error, false),
        End::FramingLost => (TransportError::ConnectionLost { destination: tcp(remote) }, true),
    };
    // The driver may have ended meanwhile.
    let _ = events.send(NetEvent::Ended { id, remote, error, framing_lost }).await;
}

async fn open(setup: Setup, remote: SocketAddr) -> Result<TcpStream, TransportError> {
    let destination = tcp(remote);
    let stream = match setup {
        Setup::Accepted(stream) => stream,
        Setup::Dial { limit } => match timeout(limit, TcpStream::connect(remote)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(failure(remote, &error)),
            Err(_) => return Err(TransportError::ConnectTimeout { destination }),
        },
    };
    // Messages are whole writes: waiting to join them only delays them. A socket that refuses is about to fail anyway.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

fn failure(remote: SocketAddr, error: &io::Error) -> TransportError {
    let destination = tcp(remote);
    match error.kind() {
        io::ErrorKind::ConnectionRefused => TransportError::Refused { destination },
        io::ErrorKind::TimedOut => TransportError::ConnectTimeout { destination },
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
            TransportError::ConnectionLost { destination }
        }
        _ => TransportError::Io { destination, detail: error.to_string() },
    }
}

/// Reads and writes at once: a peer that does not read must not keep us from reading.
async fn talk(
    stream: TcpStream,
    remote: SocketAddr,
    dialled: bool,
    queue: mpsc::Receiver<Bytes>,
    events: &mpsc::Sender<NetEvent>,
) -> End {
    let local = match stream.local_addr() {
        Ok(local) => local,
        Err(error) => return End::Failed(failure(remote, &error)),
    };
    let flow = Flow { transport: Transport::Tcp, local, remote };
    let (read, write) = stream.into_split();
    let pong = Notify::new();
    tokio::select! {
        end = reading(read, flow, dialled, &pong, events) => end,
        end = writing(write, remote, dialled, &pong, queue) => end,
    }
}

async fn reading(
    mut stream: OwnedReadHalf,
    flow: Flow,
    dialled: bool,
    pong: &Notify,
    events: &mpsc::Sender<NetEvent>,
) -> End {
    let mut framer = Framer::new();
    let mut buffer = vec![0; READ_BYTES];
    let mut proven = dialled;
    let first_message_due = Instant::now() + FIRST_MESSAGE_LIMIT;
    loop {
        let read = tokio::select! {
            read = stream.read(&mut buffer) => read,
            () = sleep_until(first_message_due), if !proven => return lost(flow.remote),
        };
        match read {
            Ok(0) => return lost(flow.remote),
            Ok(length) => framer.push(&buffer[..length]),
            Err(error) => return End::Failed(failure(flow.remote, &error)),
        }
        loop {
            match framer.next_frame() {
                Ok(Some(Frame::Message(bytes))) => {
                    proven = true;
                    if events.send(NetEvent::Message { flow, bytes }).await.is_err() {
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

async fn writing(
    mut stream: OwnedWriteHalf,
    remote: SocketAddr,
    dialled: bool,
    pong: &Notify,
    mut queue: mpsc::Receiver<Bytes>,
) -> End {
    loop {
        let quiet_until = Instant::now() + PING_EVERY;
        let bytes = tokio::select! {
            queued = queue.recv() => match queued {
                Some(bytes) => bytes,
                None => return End::Released,
            },
            () = pong.notified() => Bytes::from_static(b"\r\n"),
            () = sleep_until(quiet_until), if dialled => Bytes::from_static(b"\r\n\r\n"),
        };
        match timeout(WRITE_LIMIT, stream.write_all(&bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return End::Failed(failure(remote, &error)),
            Err(_) => return lost(remote),
        }
    }
}

fn lost(remote: SocketAddr) -> End {
    End::Failed(TransportError::ConnectionLost { destination: tcp(remote) })
}
