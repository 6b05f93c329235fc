//! The table of connections.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip::{Destination, Transport, TransportError};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::ConnectionId;
use super::connection::{self, Setup};
use crate::driver::NetEvent;

/// Messages that wait for a connection to be opened or for a slow peer to read.
const QUEUE: usize = 64;

#[derive(Debug)]
pub(crate) struct Pool {
    connections: HashMap<SocketAddr, Entry>,
    events: mpsc::Sender<NetEvent>,
    limit: usize,
    connect_timeout: Duration,
    next_id: u64,
    /// Connections closed to make room.
    pub(crate) shed: u64,
}

#[derive(Debug)]
struct Entry {
    id: ConnectionId,
    queue: mpsc::Sender<Bytes>,
    last_used: Instant,
    /// We dialled it, or a message came over it.
    proven: bool,
}

impl Pool {
    pub(crate) fn new(limit: usize, connect_timeout: Duration, events: mpsc::Sender<NetEvent>) -> Self {
        Self { connections: HashMap::new(), events, limit, connect_timeout, next_id: 0, shed: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    /// Queues a message on the connection to `remote`, opening one if there is none.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        bytes: Bytes,
    ) -> Result<(), TransportError> {
        let bytes = match self.connections.get_mut(&remote) {
            Some(entry) => {
                entry.last_used = now;
                match entry.queue.try_send(bytes) {
                    Ok(()) => return Ok(()),
                    // It has just ended and its report is on the way: a new one takes its place.
                    Err(mpsc::error::TrySendError::Closed(bytes)) => bytes,
                    Err(mpsc::error::TrySendError::Full(_)) => {
                        self.connections.remove(&remote);
                        return Err(TransportError::ConnectionLost { destination: tcp(remote) });
                    }
                }
            }
            None => bytes,
        };
        let queue = self.open(now, remote, Setup::Dial { limit: self.connect_timeout });
        // The queue is new and empty.
        let _ = queue.try_send(bytes);
        Ok(())
    }

    /// Takes an accepted connection in.
    pub(crate) fn accept(&mut self, now: Instant, remote: SocketAddr, stream: TcpStream) {
        self.open(now, remote, Setup::Accepted(stream));
    }

    /// A message came over it.
    pub(crate) fn used(&mut self, now: Instant, remote: SocketAddr) {
        if let Some(entry) = self.connections.get_mut(&remote) {
            entry.last_used = now;
            entry.proven = true;
        }
    }

    /// A connection has ended. `false` if another has taken its place or it was given up here.
    pub(crate) fn ended(&mut self, id: ConnectionId, remote: SocketAddr) -> bool {
        let current = self.connections.get(&remote).is_some_and(|entry| entry.id == id);
        if current {
            self.connections.remove(&remote);
        }
        current
    }

    fn open(&mut self, now: Instant, remote: SocketAddr, setup: Setup) -> mpsc::Sender<Bytes> {
        if self.connections.len() >= self.limit {
            self.make_room();
        }
        let id = ConnectionId(self.next_id);
        self.next_id += 1;
        let proven = matches!(setup, Setup::Dial { .. });
        let (queue, queued) = mpsc::channel(QUEUE);
        tokio::spawn(connection::run(id, remote, setup, queued, self.events.clone()));
        self.connections.insert(remote, Entry { id, queue: queue.clone(), last_used: now, proven });
        queue
    }

    /// Those that never brought a message go first, so that nobody who only connects can push a trunk out. Closing a
    /// queue ends its connection.
    fn make_room(&mut self) {
        let oldest = self
            .connections
            .iter()
            .min_by_key(|(_, entry)| (entry.proven, entry.last_used))
            .map(|(remote, _)| *remote);
        if let Some(remote) = oldest {
            self.connections.remove(&remote);
            self.shed += 1;
        }
    }
}

pub(super) fn tcp(addr: SocketAddr) -> Destination {
    Destination::new(Transport::Tcp, addr)
}
