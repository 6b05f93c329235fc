//! How a connection begins: dialled or accepted, in the clear or over TLS.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sip::{Destination, TransportError};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::tls::Profile;

/// A handshake that a peer begins takes no longer.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// What is to be done to have a connection.
pub(super) enum Setup {
    /// We open it, over TLS to a peer that must be this one.
    Dial { limit: Duration, peer: Option<Arc<Profile>> },
    /// The peer has opened it.
    Accepted { stream: TcpStream, tls: Option<TlsAcceptor> },
}

impl Setup {
    pub(super) fn is_dialled(&self) -> bool {
        matches!(self, Setup::Dial { .. })
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
    let secured = |error: io::Error| TransportError::Tls { destination: to, detail: error.to_string() };
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
    stream
}

pub(super) fn failure(destination: Destination, error: &io::Error) -> TransportError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => TransportError::Refused { destination },
        io::ErrorKind::TimedOut => TransportError::ConnectTimeout { destination },
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
            TransportError::ConnectionLost { destination }
        }
        _ => TransportError::Io { destination, detail: error.to_string() },
    }
}
