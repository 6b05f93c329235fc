//! The worker's WebRTC connections over TCP (RFC 6544, passive candidates; framing of RFC 4571), for clients whose networks
//! let no UDP through.
//!
//! A connection says whose it is with its first frame, a STUN request that names our ICE user fragment, and proves it; one that
//! does not do so soon is closed, as is one whose peer is gone. Every connection's memory is bounded: a client that does not read loses
//! packets, as it would over UDP.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

use super::config::{RtcAddress, WorkersConfig};
use super::demux::Peer;
use super::error::StartError;
use super::framing::{Frames, HEADER, MAX_FRAME};

/// The first listener's token; above those of the UDP sockets, below those of phones.
pub(super) const LISTENERS: usize = 512;
/// The first connection's token; above those of all phones there will ever be.
pub(super) const CONNECTIONS: usize = usize::MAX / 2;
/// Connections of one worker.
const MAX_CONNECTIONS: usize = 1024;
/// How long a connection may keep to itself whose it is.
const INTRODUCTION: Duration = Duration::from_secs(10);
/// What a client that reads slowly is owed at most; what would come on top is lost.
const MAX_OWED: usize = 256 * 1024;

/// Who listens, and who is connected.
#[derive(Debug, Default)]
pub(super) struct IceTcp {
    /// The worker's event loop; there from [`IceTcp::register`] on.
    registry: Option<Registry>,
    listeners: Vec<Listener>,
    connections: HashMap<Token, Connection>,
    /// By our address, as clients know it, and theirs.
    by_ends: HashMap<Ends, Token>,
    next: usize,
}

#[derive(Debug)]
struct Listener {
    socket: TcpListener,
    /// What clients are told, and what the room knows as the destination.
    announced: SocketAddr,
}

/// Our address and theirs.
type Ends = (SocketAddr, SocketAddr);

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    remote: SocketAddr,
    local: SocketAddr,
    peer: Option<Peer>,
    since: Instant,
    inbox: Frames,
    /// What is still to be written.
    outbox: Vec<u8>,
    /// The event loop tells when it can be written to.
    waits_to_write: bool,
}

/// A frame that came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) length: usize,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    /// Whose the connection is, once it has said and proven it.
    pub(super) peer: Option<Peer>,
}

impl IceTcp {
    /// Listens on the first port of the configured range that is free on every address; with several workers each gets
    /// its own. Without a range there is nothing to do.
    pub(super) fn bind(config: &WorkersConfig, taken: &mut Vec<u16>) -> Result<Self, StartError> {
        let Some(ports) = config.rtc_tcp_ports.clone() else { return Ok(Self::default()) };
        let mut refused = None;
        for port in ports {
            if taken.contains(&port) {
                continue;
            }
            let listeners = config.rtc_addresses.iter().map(|address| Listener::bind(address, port));
            match listeners.collect::<Result<Vec<_>, _>>() {
                Ok(listeners) => {
                    taken.push(port);
                    return Ok(Self { listeners, ..Self::default() });
                }
                Err(error) => {
                    refused.get_or_insert(error);
                }
            }
        }
        Err(refused.unwrap_or(StartError::TcpPorts))
    }

    pub(super) fn register(&mut self, registry: &Registry) -> io::Result<()> {
        self.registry = Some(registry.try_clone()?);
        for (index, listener) in self.listeners.iter_mut().enumerate() {
            registry.register(&mut listener.socket, Token(LISTENERS + index), Interest::READABLE)?;
        }
        Ok(())
    }

    /// The candidates' addresses.
    pub(super) fn candidates(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|listener| listener.announced).collect()
    }

    /// Takes in everybody who knocks at a listener. Their tokens are to be read at once.
    pub(super) fn accept(&mut self, now: Instant, listener: Token) -> Vec<Token> {
        let Some(Listener { socket, announced }) = self.listeners.get(listener.0 - LISTENERS) else {
            return Vec::new();
        };
        let local = *announced;
        let accepted: Vec<_> = std::iter::from_fn(|| socket.accept().ok()).take(MAX_CONNECTIONS).collect();
        accepted.into_iter().filter_map(|(stream, remote)| self.admit(now, stream, remote, local)).collect()
    }

    fn admit(
        &mut self,
        now: Instant,
        stream: TcpStream,
        remote: SocketAddr,
        local: SocketAddr,
    ) -> Option<Token> {
        if self.is_full() {
            return None;
        }
        // Media does not wait to fill a segment.
        let _ = stream.set_nodelay(true);
        let (inbox, outbox) = (Frames::default(), Vec::new());
        let connection = Connection {
            stream,
            remote,
            local,
            peer: None,
            since: now,
            inbox,
            outbox,
            waits_to_write: false,
        };
        self.give(connection)
    }

    /// Takes over a connection, whosever it is. Its token is to be read at once.
    pub(super) fn give(&mut self, mut connection: Connection) -> Option<Token> {
        let token = Token(CONNECTIONS + self.next);
        self.next += 1;
        let interest = interest(connection.waits_to_write);
        self.registry.as_ref()?.register(&mut connection.stream, token, interest).ok()?;
        self.by_ends.insert(connection.ends(), token);
        self.connections.insert(token, connection);
        Some(token)
    }

    /// The connections of a peer that is moved.
    pub(super) fn take(&mut self, peer: Peer) -> Vec<Connection> {
        let of = |(_, connection): &(&Token, &Connection)| connection.peer == Some(peer);
        let tokens: Vec<_> = self.connections.iter().filter(of).map(|(token, _)| *token).collect();
        tokens.into_iter().filter_map(|token| self.remove(token)).collect()
    }

    /// A connection of somebody who is with another worker, with the frame that it began with.
    pub(super) fn take_new(&mut self, token: Token, frame: &[u8]) -> Option<Connection> {
        let mut connection = self.remove(token)?;
        connection.inbox.put_back(frame)?;
        Some(connection)
    }

    fn remove(&mut self, token: Token) -> Option<Connection> {
        let mut connection = self.connections.remove(&token)?;
        if self.by_ends.get(&connection.ends()) == Some(&token) {
            self.by_ends.remove(&connection.ends());
        }
        // A stream that is not watched any more is not, whatever this says.
        let _ = self.registry.as_ref().map(|registry| registry.deregister(&mut connection.stream));
        Some(connection)
    }

    /// The next frame of a connection that can be read or written to; `None`: no more for now. A connection that ended, or
    /// says nothing that makes sense, is gone after it.
    pub(super) fn receive(&mut self, token: Token, buffer: &mut [u8; MAX_FRAME]) -> Option<Frame> {
        let registry = self.registry.as_ref()?;
        let connection = self.connections.get_mut(&token)?;
        match connection.advance(token, registry, buffer) {
            Ok(frame) => frame,
            Err(_) => {
                self.close(token);
                None
            }
        }
    }

    /// Sends a packet on the connection between these addresses.
    pub(super) fn send(&mut self, from: SocketAddr, to: SocketAddr, packet: &[u8]) {
        let (Some(token), Some(registry)) = (self.by_ends.get(&(from, to)).copied(), &self.registry) else {
            return;
        };
        let sent =
            self.connections.get_mut(&token).map(|connection| connection.send(packet, token, registry));
        if sent.is_some_and(|sent| sent.is_err()) {
            self.close(token);
        }
    }

    /// Closes the connections of peers that are gone, and those that never said whose they are.
    pub(super) fn sweep(&mut self, now: Instant, is_there: impl Fn(&Peer) -> bool) {
        let over = |connection: &Connection| match &connection.peer {
            Some(peer) => !is_there(peer),
            None => now >= connection.since + INTRODUCTION,
        };
        let over: Vec<_> = self
            .connections
            .iter()
            .filter(|(_, connection)| over(connection))
            .map(|(token, _)| *token)
            .collect();
        over.into_iter().for_each(|token| self.close(token));
    }

    /// The connection is this peer's.
    pub(super) fn belongs(&mut self, token: Token, peer: Peer) {
        if let Some(connection) = self.connections.get_mut(&token) {
            connection.peer = Some(peer);
        }
    }

    /// Whether there is no room for another connection.
    pub(super) fn is_full(&self) -> bool {
        self.connections.len() >= MAX_CONNECTIONS
    }

    pub(super) fn close(&mut self, token: Token) {
        self.remove(token);
    }
}

impl Listener {
    fn bind(address: &RtcAddress, port: u16) -> Result<Self, StartError> {
        let wanted = SocketAddr::new(address.bind, port);
        let socket =
            TcpListener::bind(wanted).map_err(|source| StartError::TcpPort { address: wanted, source })?;
        Ok(Self { socket, announced: SocketAddr::new(address.announced, port) })
    }
}

fn interest(waits_to_write: bool) -> Interest {
    if waits_to_write { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE }
}

impl Connection {
    fn ends(&self) -> Ends {
        (self.local, self.remote)
    }

    /// It belongs to this peer, since it was moved.
    pub(super) fn of(self, peer: Peer) -> Self {
        Self { peer: Some(peer), ..self }
    }

    fn advance(
        &mut self,
        token: Token,
        registry: &Registry,
        buffer: &mut [u8; MAX_FRAME],
    ) -> io::Result<Option<Frame>> {
        self.flush(token, registry)?;
        loop {
            let frame = self.inbox.take(buffer).map_err(|_| io::ErrorKind::InvalidData)?;
            if let Some(length) = frame {
                return Ok(Some(Frame { length, from: self.remote, to: self.local, peer: self.peer }));
            }
            if !self.read()? {
                return Ok(None);
            }
        }
    }

    /// Reads what is there; false when there is nothing more for now.
    fn read(&mut self) -> io::Result<bool> {
        let mut bytes = [0; MAX_FRAME];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => {
                    self.inbox.push(&bytes[..length]);
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn send(&mut self, packet: &[u8], token: Token, registry: &Registry) -> io::Result<()> {
        let Ok(length) = u16::try_from(packet.len()) else { return Ok(()) };
        if self.outbox.len() + HEADER + packet.len() > MAX_OWED {
            return Ok(());
        }
        self.outbox.extend_from_slice(&length.to_be_bytes());
        self.outbox.extend_from_slice(packet);
        if self.waits_to_write { Ok(()) } else { self.flush(token, registry) }
    }

    /// Writes what is owed, and has the event loop tell when more can be written.
    fn flush(&mut self, token: Token, registry: &Registry) -> io::Result<()> {
        let mut written = 0;
        while written < self.outbox.len() {
            match self.stream.write(&self.outbox[written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => written += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.outbox.drain(..written);
        let waits = !self.outbox.is_empty();
        if waits != self.waits_to_write {
            self.waits_to_write = waits;
            registry.reregister(&mut self.stream, token, interest(waits))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Events, Poll};

    /// A connection and its other end.
    fn pair() -> (Poll, Connection, std::net::TcpStream) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let theirs = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, remote) = listener.accept().unwrap();
        ours.set_nonblocking(true).unwrap();
        let poll = Poll::new().unwrap();
        let mut stream = TcpStream::from_std(ours);
        poll.registry().register(&mut stream, Token(1), Interest::READABLE).unwrap();
        let local = listener.local_addr().unwrap();
        let (inbox, outbox, since) = (Frames::default(), Vec::new(), Instant::now());
        let connection =
            Connection { stream, remote, local, peer: None, since, inbox, outbox, waits_to_write: false };
        (poll, connection, theirs)
    }

    #[test]
    fn a_client_that_does_not_read_is_owed_no_more_than_its_share_and_gets_whole_frames() {
        let (mut poll, mut connection, mut theirs) = pair();
        let packet = [7; 1200];
        for _ in 0..10_000 {
            connection.send(&packet, Token(1), poll.registry()).unwrap();
        }
        assert!(connection.waits_to_write && connection.outbox.len() <= MAX_OWED);
        theirs.set_nonblocking(true).unwrap();
        let (mut read, mut events) = (Vec::new(), Events::with_capacity(4));
        let deadline = Instant::now() + Duration::from_secs(20);
        while connection.waits_to_write {
            assert!(Instant::now() < deadline, "what is owed is written as soon as it is read");
            let _ = theirs.read_to_end(&mut read);
            poll.poll(&mut events, Some(Duration::from_millis(10))).unwrap();
            connection.flush(Token(1), poll.registry()).unwrap();
        }
        drop(connection);
        theirs.set_nonblocking(false).unwrap();
        theirs.read_to_end(&mut read).unwrap();
        assert_eq!(read.len() % (HEADER + packet.len()), 0);
        assert!(read.chunks(HEADER + packet.len()).all(|frame| frame[..HEADER] == [0x04, 0xb0]));
    }

    #[test]
    fn a_connection_that_another_worker_takes_over_loses_nothing_either_way() {
        let (first, mut connection, mut theirs) = pair();
        let second = Poll::new().unwrap();
        let tcp = |poll: &Poll| IceTcp {
            registry: Some(poll.registry().try_clone().unwrap()),
            ..IceTcp::default()
        };
        let (mut here, mut there) = (tcp(&first), tcp(&second));
        connection.inbox.push(&[0, 2, 8]);
        let ends = connection.ends();
        first.registry().deregister(&mut connection.stream).unwrap();
        let token = here.give(connection).unwrap();
        let moved = here.take_new(token, &[1, 2, 3]).unwrap();
        assert!(here.connections.is_empty() && here.by_ends.is_empty());
        let token = there.give(moved).unwrap();
        theirs.write_all(&[9]).unwrap();
        let mut buffer = [0; MAX_FRAME];
        let mut frames = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(20);
        while frames.len() < 2 {
            assert!(Instant::now() < deadline, "so far {frames:?}");
            frames.extend(there.receive(token, &mut buffer).map(|frame| buffer[..frame.length].to_vec()));
        }
        assert_eq!(frames, [vec![1, 2, 3], vec![8, 9]], "what it began with, and what was cut in two");
        there.send(ends.0, ends.1, &[7]);
        let mut read = [0; 3];
        theirs.read_exact(&mut read).unwrap();
        assert_eq!(read, [0, 1, 7]);
    }

    #[test]
    fn connections_end_when_they_keep_silent_or_their_peer_is_gone() {
        let (poll, mut connection, _theirs) = pair();
        let since = connection.since;
        poll.registry().deregister(&mut connection.stream).unwrap();
        let mut tcp = IceTcp { registry: Some(poll.registry().try_clone().unwrap()), ..IceTcp::default() };
        tcp.give(connection).unwrap();
        tcp.sweep(since + INTRODUCTION - Duration::from_millis(1), |_| false);
        assert_eq!(tcp.connections.len(), 1);
        tcp.sweep(since + INTRODUCTION, |_| true);
        assert!(tcp.connections.is_empty() && tcp.by_ends.is_empty());
    }
}
