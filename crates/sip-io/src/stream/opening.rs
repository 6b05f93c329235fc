//! How a connection begins: dialled or accepted, in the clear or over TLS.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sip::{Destination, TransportError};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::tls::{Profile, is_tls, reason};

/// How long what was written may stay unacknowledged, the pings of a quiet connection included.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED_LIMIT: Duration = Duration::from_secs(5);
/// A handshake that a peer begins takes no longer.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// What is to be done to have a connection.
pub(super) enum Setup {
    /// We open it, over TLS to a peer that must be this one, and keep it alive.
    Dial { limit: Duration, ping_every: Duration, peer: Option<Arc<Profile>> },
    /// The peer has opened it.
    Accepted { stream: TcpStream, tls: Option<TlsAcceptor> },
}

impl Setup {
    pub(super) fn is_dialled(&self) -> bool {
        self.ping_every().is_some()
    }

    /// `None`: who has opened it keeps it alive.
    pub(super) fn ping_every(&self) -> Option<Duration> {
        match self {
            Setup::Dial { ping_every, .. } => Some(*ping_every),
            Setup::Accepted { .. } => None,
        }
    }
}

/// An open connection.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Opens, or finishes opening, within the limit.
pub(super) async fn open(setup: Setup, to: Destination) -> Result<Stream, TransportError> {
    let limit = match &setup {
        Setup::Dial { limit, .. } => *limit,
        Setup::Accepted { .. } => HANDSHAKE_LIMIT,
    };
    match timeout(limit, establish(setup, to)).await {
        Ok(opened) => opened,
        Err(_) => Err(TransportError::ConnectTimeout { destination: to }),
    }
}

async fn establish(setup: Setup, to: Destination) -> Result<Stream, TransportError> {
    let secured = |error: io::Error| TransportError::Tls { destination: to, detail: reason(&error) };
    match setup {
        Setup::Accepted { stream, tls: None } => Ok(Stream::Plain(prepared(stream))),
        Setup::Accepted { stream, tls: Some(acceptor) } => {
            let stream = acceptor.accept(prepared(stream)).await.map_err(secured)?;
            Ok(Stream::Tls(Box::new(stream.into())))
        }
        Setup::Dial { peer, .. } => {
            let stream = TcpStream::connect(to.addr).await.map_err(|error| failure(to, &error))?;
            let stream = prepared(stream);
            let Some(peer) = peer else { return Ok(Stream::Plain(stream)) };
            let connector = TlsConnector::from(peer.config.clone());
            let stream = connector.connect(peer.name.clone(), stream).await.map_err(secured)?;
            Ok(Stream::Tls(Box::new(stream.into())))
        }
    }
}

fn prepared(stream: TcpStream) -> TcpStream {
    // Messages are whole writes: waiting to join them only delays them. A socket that refuses is about to fail anyway.
    let _ = stream.set_nodelay(true);
    // What the peer's machine does not even acknowledge is lost; without this the kernel hopes on for a quarter of an hour.
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED_LIMIT));
    stream
}

/// What ended a connection that was open.
pub(super) fn broken(destination: Destination, error: &io::Error) -> TransportError {
    match error.kind() {
        io::ErrorKind::TimedOut => TransportError::ConnectionLost { destination },
        _ => failure(destination, error),
    }
}

pub(super) fn failure(destination: Destination, error: &io::Error) -> TransportError {
    match error.kind() {
        // A peer that asks for a certificate says so only once it has seen none (TLS 1.3).
        _ if is_tls(error) => TransportError::Tls { destination, detail: reason(error) },
        io::ErrorKind::ConnectionRefused => TransportError::Refused { destination },
        io::ErrorKind::TimedOut => TransportError::ConnectTimeout { destination },
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
            TransportError::ConnectionLost { destination }
        }
        _ => TransportError::Io { destination, detail: error.to_string() },
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use sip::Transport;

    use super::*;

    #[tokio::test]
    async fn what_a_peers_machine_does_not_acknowledge_is_given_up_soon_on_connections_of_both_kinds() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let to = Destination::new(Transport::Tcp, listener.local_addr().expect("bound"));
        let limit = Duration::from_secs(5);
        let dial = Setup::Dial { limit, ping_every: limit, peer: None };
        let (dialled, accepted) = tokio::join!(open(dial, to), async {
            let (stream, _) = listener.accept().await.expect("a connection");
            open(Setup::Accepted { stream, tls: None }, to).await
        });
        for stream in [dialled, accepted] {
            let Ok(Stream::Plain(stream)) = stream else { panic!("not opened") };
            let set = socket2::SockRef::from(&stream).tcp_user_timeout().expect("it can be asked");
            assert_eq!(set, Some(UNACKNOWLEDGED_LIMIT));
        }
    }
}
