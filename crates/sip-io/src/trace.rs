//! A tap on everything sent and received: for a ladder diagram, or a test.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use sip::Transport;
use tokio::sync::broadcast;

/// Messages a slow listener may lag behind before it loses the oldest.
const CAPACITY: usize = 1024;

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From us.
    Sent,
    /// To us.
    Received,
}

/// One message as it crossed the socket.
#[derive(Debug, Clone)]
pub struct Traced {
    /// When.
    pub at: Instant,
    /// Which way.
    pub direction: Direction,
    /// Over what.
    pub transport: Transport,
    /// The other end.
    pub remote: SocketAddr,
    /// The whole message. Holds credentials and numbers: not for logs.
    pub bytes: Bytes,
}

impl Traced {
    /// The first line: `INVITE sip:... SIP/2.0`, `SIP/2.0 200 OK`.
    #[must_use]
    pub fn start_line(&self) -> String {
        let line = self.bytes.split(|b| *b == b'\n').next().unwrap_or_default();
        String::from_utf8_lossy(line.trim_ascii_end()).into_owned()
    }
}

/// Where the driver reports. Costs nothing while nobody listens.
#[derive(Debug, Clone)]
pub(crate) struct Tap(broadcast::Sender<Traced>);

impl Tap {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Traced> {
        self.0.subscribe()
    }

    pub(crate) fn report(
        &self,
        direction: Direction,
        transport: Transport,
        remote: SocketAddr,
        bytes: &[u8],
    ) {
        if self.0.receiver_count() > 0 {
            let bytes = Bytes::copy_from_slice(bytes);
            // The last listener may have gone this moment.
            let _ = self.0.send(Traced { at: Instant::now(), direction, transport, remote, bytes });
        }
    }
}
