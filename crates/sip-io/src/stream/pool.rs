//! The table of connections.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip::{Destination, Flow, Transport, TransportError};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::ConnectionId;
use super::connection;
use super::opening::Setup;
use super::queue::{Sender, Unqueued, queue};
use crate::config::StackConfig;
use crate::driver::NetEvent;
use crate::stats::Fill;
use crate::tls::{Profile, Profiles};

/// Which connection a message takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    /// The one that is open, if it still is.
    pub(crate) flow: Option<Flow>,
    /// Else one to there.
    pub(crate) destination: Destination,
}

/// Why a message is not on its way.
#[derive(Debug)]
pub(crate) enum Unsent {
    /// Nothing can be sent there.
    Unavailable(TransportError),
    /// Not this one: too much waits there already, or the connection has just ended. What became of the others is told
    /// when its end is reported.
    Refused(TransportError),
}

/// What a connection was good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Messages came over it.
    Served,
    /// None ever did, or it was never open.
    Unused,
}

/// Dialled connections are known by where they lead and whom they were verified for, accepted ones by where they come
/// from; and all by their two ends.
#[derive(Debug)]
pub(crate) struct Pool {
    connections: HashMap<Destination, Entry>,
    by_flow: HashMap<Flow, Destination>,
    events: mpsc::Sender<NetEvent>,
    profiles: Arc<Profiles>,
    limit: usize,
    connect_timeout: Duration,
    ping_every: Duration,
    next_id: u64,
    /// Those that served and had ended when another took their place: their reports are on the way.
    replaced: HashSet<ConnectionId>,
    /// Connections closed to make room.
    pub(crate) shed: u64,
    /// Messages that found no place in their connection's queue.
    refused: u64,
}

#[derive(Debug)]
struct Entry {
    id: ConnectionId,
    queue: Sender,
    last_used: Instant,
    /// We dialled it, or a message came over it.
    proven: bool,
    /// Its two ends, once a message came over it.
    flow: Option<Flow>,
}

impl Entry {
    /// We dialled it, and nothing has come over it.
    fn is_untried(&self) -> bool {
        self.proven && self.flow.is_none()
    }
}

impl Pool {
    pub(crate) fn new(config: &StackConfig, profiles: Arc<Profiles>, events: mpsc::Sender<NetEvent>) -> Self {
        Self {
            connections: HashMap::new(),
            by_flow: HashMap::new(),
            events,
            profiles,
            limit: config.max_connections,
            connect_timeout: config.connect_timeout,
            ping_every: config.ping_every,
            next_id: 0,
            replaced: HashSet::new(),
            shed: 0,
            refused: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    /// Of the connection that has most to send.
    pub(crate) fn fill(&self) -> Fill {
        let fullest = self.connections.values().map(|entry| entry.queue.fill()).max();
        let (held, most) = fullest.unwrap_or_default();
        Fill { what: "sip_connection_queue", held, most, refused: self.refused }
    }

    /// Where a message that takes this route ends up now.
    pub(crate) fn destination(&self, route: Route) -> Destination {
        route.flow.and_then(|flow| self.by_flow.get(&flow).copied()).unwrap_or(route.destination)
    }

    /// Queues a message on a connection, opening one if there is none.
    pub(crate) fn send(&mut self, now: Instant, to: Destination, bytes: Bytes) -> Result<(), Unsent> {
        let bytes = match self.connections.get_mut(&to) {
            Some(entry) => {
                entry.last_used = now;
                match entry.queue.push(bytes) {
                    Ok(()) => return Ok(()),
                    // It was never open, and the report that says why is on the way.
                    Err(Unqueued::Closed(_)) if entry.is_untried() => {
                        return Err(Unsent::Refused(TransportError::ConnectionLost { destination: to }));
                    }
                    // It has just ended and its report is on the way: a new one takes its place.
                    Err(Unqueued::Closed(bytes)) => {
                        if entry.flow.is_some() {
                            self.replaced.insert(entry.id);
                        }
                        bytes
                    }
                    Err(Unqueued::Full) => {
                        self.refused += 1;
                        let detail = "too many messages wait for the connection".to_owned();
                        return Err(Unsent::Refused(TransportError::Io { destination: to, detail }));
                    }
                }
            }
            None => bytes,
        };
        let peer = self.peer(to)?;
        let (limit, ping_every) = (self.connect_timeout, self.ping_every);
        let queue = self.open(now, to, Setup::Dial { limit, ping_every, peer });
        // The queue is new and empty.
        let _ = queue.push(bytes);
        Ok(())
    }

    /// Whom a connection to there must be verified for.
    fn peer(&self, to: Destination) -> Result<Option<Arc<Profile>>, Unsent> {
        match to.transport {
            Transport::Tls => match self.profiles.get(to.peer) {
                Some(peer) => Ok(Some(peer)),
                None => Err(Unsent::Unavailable(TransportError::Unavailable { destination: to })),
            },
            Transport::Tcp | Transport::Udp => Ok(None),
        }
    }

    /// Takes an accepted connection in.
    pub(crate) fn accept(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        stream: TcpStream,
        tls: Option<TlsAcceptor>,
    ) {
        let transport = if tls.is_some() { Transport::Tls } else { Transport::Tcp };
        self.open(now, Destination::new(transport, remote), Setup::Accepted { stream, tls });
    }

    /// A message came over it.
    pub(crate) fn used(&mut self, now: Instant, id: ConnectionId, to: Destination, flow: Flow) {
        let Some(entry) = self.connections.get_mut(&to).filter(|entry| entry.id == id) else { return };
        entry.last_used = now;
        entry.proven = true;
        if entry.flow != Some(flow) {
            entry.flow = Some(flow);
            self.by_flow.insert(flow, to);
        }
    }

    /// A connection has ended. `None` if it was given up here.
    pub(crate) fn ended(&mut self, id: ConnectionId, to: Destination) -> Option<Ended> {
        if self.replaced.remove(&id) {
            return Some(Ended::Served);
        }
        let entry = self.connections.get(&to).filter(|entry| entry.id == id)?;
        let ended = if entry.flow.is_some() { Ended::Served } else { Ended::Unused };
        self.remove(to);
        Some(ended)
    }

    fn remove(&mut self, to: Destination) {
        let flow = self.connections.remove(&to).and_then(|entry| entry.flow);
        if let Some(flow) = flow {
            self.by_flow.remove(&flow);
        }
    }

    fn open(&mut self, now: Instant, to: Destination, setup: Setup) -> Sender {
        self.remove(to);
        if self.connections.len() >= self.limit {
            self.make_room();
        }
        let id = ConnectionId(self.next_id);
        self.next_id += 1;
        let proven = setup.is_dialled();
        let (queue, queued) = queue();
        tokio::spawn(connection::run(id, to, setup, queued, self.events.clone()));
        self.connections.insert(to, Entry { id, queue: queue.clone(), last_used: now, proven, flow: None });
        queue
    }

    /// Those that never brought a message go first, so that nobody who only connects can push a trunk out. Closing a
    /// queue ends its connection.
    fn make_room(&mut self) {
        let oldest = self
            .connections
            .iter()
            .min_by_key(|(_, entry)| (entry.proven, entry.last_used))
            .map(|(to, _)| *to);
        if let Some(to) = oldest {
            self.remove(to);
            self.shed += 1;
        }
    }
}
