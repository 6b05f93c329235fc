//! The task that owns the agent: what arrives goes in, what comes out is done, and timers are kept.

mod command;
mod datagrams;
mod legs;
mod measures;
mod names;
mod output;

pub(crate) use command::{Command, LegCommand};

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip::msg::Request;
use sip::{Agent, Destination, Flow, LegId, NamedHop, Transport, TransportError};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;
use tokio_rustls::TlsAcceptor;
use tracing::debug;

use crate::config::StackConfig;
use crate::leg::LegHandle;
use crate::probe::Probes;
use crate::resolve::{Penalties, Resolver};
use crate::stats::Counters;
use crate::stream::{ConnectionId, Ended, Pool};
use crate::tls::Profiles;
use crate::trace::{Direction, Tap};
use datagrams::Datagrams;
use legs::Legs;
use names::Names;

/// Messages of connections, and their ends, on their way to the driver; connections wait when it is full.
const NET_EVENTS: usize = 1024;
/// Datagrams read in a row before anything else has its turn.
const BURST: usize = 64;
/// How often calls without an owner are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// What a driver is made of.
pub(crate) struct Parts {
    pub(crate) agent: Agent,
    pub(crate) udp: UdpSocket,
    pub(crate) tcp: TcpListener,
    pub(crate) tls: Option<(TcpListener, TlsAcceptor)>,
    pub(crate) profiles: Arc<Profiles>,
    pub(crate) penalties: Arc<Penalties>,
    pub(crate) resolver: Arc<Resolver>,
    pub(crate) local: SocketAddr,
    pub(crate) incoming: mpsc::Sender<(LegHandle, Box<Request>)>,
    pub(crate) tap: Tap,
    pub(crate) config: StackConfig,
}

/// What the tasks beside the driver tell it.
#[derive(Debug)]
pub(crate) enum NetEvent {
    /// A message came over a connection.
    Message { id: ConnectionId, to: Destination, flow: Flow, bytes: Bytes },
    /// A connection has ended, or could not be opened.
    Ended { id: ConnectionId, to: Destination, error: TransportError, framing_lost: bool },
    /// The name of a call's next hop was looked up.
    Resolved { leg: LegId, hop: NamedHop, found: Vec<Destination> },
    /// A UDP address was probed; with an error if nobody listens there.
    Probed { address: SocketAddr, error: Option<TransportError> },
}

struct Driver {
    agent: Agent,
    udp: Arc<UdpSocket>,
    datagrams: Datagrams,
    local: SocketAddr,
    pool: Pool,
    probes: Probes,
    penalties: Arc<Penalties>,
    names: Names,
    profiles: Arc<Profiles>,
    /// As its tasks have it; the driver only looks how full it is.
    events: mpsc::Sender<NetEvent>,
    legs: Legs,
    tap: Tap,
    counters: Counters,
    commands: mpsc::WeakSender<Command>,
    incoming: mpsc::Sender<(LegHandle, Box<Request>)>,
    shutdown: Option<Shutdown>,
    /// Off for a moment after the listener failed.
    accepting: bool,
}

struct Shutdown {
    done: Option<oneshot::Sender<()>>,
    at: Instant,
}

/// What woke the driver.
enum Wake {
    Readable,
    Writable,
    Net(NetEvent),
    Command(Option<Command>),
    Connection(TcpConnection, Option<TlsAcceptor>),
    Timer,
}

type TcpConnection = std::io::Result<(tokio::net::TcpStream, SocketAddr)>;

pub(crate) async fn run(
    parts: Parts,
    mut commands: mpsc::Receiver<Command>,
    sender: mpsc::WeakSender<Command>,
) {
    let Parts { agent, udp, tcp, tls, local, incoming, tap, config, profiles, penalties, resolver } = parts;
    let (events, mut net) = mpsc::channel(NET_EVENTS);
    let udp = Arc::new(udp);
    let mut driver = Driver {
        agent,
        datagrams: Datagrams::new(udp.clone()),
        udp: udp.clone(),
        local,
        pool: Pool::new(&config, profiles.clone(), events.clone()),
        names: Names::new(resolver, profiles.clone(), events.clone()),
        profiles,
        probes: Probes::new(local.ip(), events.clone()),
        events,
        penalties,
        legs: Legs::new(),
        tap,
        counters: Counters::default(),
        commands: sender,
        incoming,
        shutdown: None,
        accepting: true,
    };
    let mut buffer = vec![0; sip::msg::limits::MESSAGE_BYTES];
    let mut sweep_at = Instant::now() + SWEEP_EVERY;
    let mut open = true;
    while !driver.is_over() {
        let wake_at = driver.next_deadline().map_or(sweep_at, |at| at.min(sweep_at));
        let wake = tokio::select! {
            // A readiness error shows again, as itself, when the socket is read.
            _ = udp.readable() => Wake::Readable,
            _ = udp.writable(), if driver.datagrams.is_waiting() => Wake::Writable,
            Some(event) = net.recv() => Wake::Net(event),
            command = commands.recv(), if open => Wake::Command(command),
            connection = tcp.accept(), if driver.accepting => Wake::Connection(connection, None),
            (connection, acceptor) = accept_secured(tls.as_ref()), if driver.accepting => {
                Wake::Connection(connection, Some(acceptor))
            }
            () = sleep_until(wake_at.into()) => Wake::Timer,
        };
        let now = Instant::now();
        open &= !matches!(wake, Wake::Command(None));
        driver.on_wake(now, wake, &mut buffer);
        if now >= sweep_at {
            sweep_at = now + SWEEP_EVERY;
            driver.sweep(now);
        }
        driver.pump(now);
    }
}

/// Waits for ever where TLS connections are not taken.
async fn accept_secured(tls: Option<&(TcpListener, TlsAcceptor)>) -> (TcpConnection, TlsAcceptor) {
    match tls {
        Some((listener, acceptor)) => (listener.accept().await, acceptor.clone()),
        None => std::future::pending().await,
    }
}

impl Driver {
    fn on_wake(&mut self, now: Instant, wake: Wake, buffer: &mut [u8]) {
        match wake {
            Wake::Readable => self.read_datagrams(now, buffer),
            Wake::Writable => self.flush_datagrams(now),
            Wake::Net(event) => self.on_net_event(now, event),
            Wake::Command(Some(command)) => self.on_command(now, command),
            Wake::Command(None) => self.begin_shutdown(now, None, Duration::from_secs(5)),
            Wake::Connection(Ok((stream, remote)), tls) => self.pool.accept(now, remote, stream, tls),
            Wake::Connection(Err(error), _) => {
                // Out of file descriptors, mostly: trying again at once would only spin.
                self.accepting = false;
                debug!(%error, "accepting a SIP connection failed");
            }
            Wake::Timer => self.agent.handle_timeout(now),
        }
    }

    fn read_datagrams(&mut self, now: Instant, buffer: &mut [u8]) {
        for _ in 0..BURST {
            match self.udp.try_recv_from(buffer) {
                Ok((length, remote)) => {
                    let flow = Flow { transport: Transport::Udp, local: self.local, remote };
                    self.probes.heard(now, remote);
                    self.on_message(now, flow, &buffer[..length]);
                    self.pump(now);
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(error) => debug!(%error, "reading a SIP datagram failed"),
            }
        }
    }

    fn on_net_event(&mut self, now: Instant, event: NetEvent) {
        match event {
            NetEvent::Message { id, to, flow, bytes } => {
                self.pool.used(now, id, to, flow);
                self.on_message(now, flow, &bytes);
            }
            NetEvent::Ended { id, to, error, framing_lost } => {
                if framing_lost {
                    Counters::add(&self.counters.framing_lost);
                }
                debug!(%error, "SIP connection ended");
                match self.pool.ended(id, to) {
                    Some(Ended::Served) => self.agent.connection_lost(now, to, &error),
                    Some(Ended::Unused) => self.agent.transport_failed(now, to, &error),
                    None => {}
                }
            }
            NetEvent::Resolved { leg, hop, found } => self.agent.resolved(now, leg, &hop, &found),
            NetEvent::Probed { address, error } => {
                self.probes.finished(address, error.is_some());
                if let Some(error) = error {
                    self.agent.transport_failed(now, output::udp(address), &error);
                }
            }
        }
    }

    fn on_message(&mut self, now: Instant, flow: Flow, bytes: &[u8]) {
        // Keep-alives of NATs and load balancers.
        if bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | 0)) {
            return;
        }
        Counters::add(&self.counters.received);
        self.tap.report(Direction::Received, flow.transport, flow.remote, bytes);
        self.agent.handle_message(now, flow, bytes);
    }

    fn next_deadline(&self) -> Option<Instant> {
        let shutdown = self.shutdown.as_ref().map(|shutdown| shutdown.at);
        self.agent.next_timeout().into_iter().chain(shutdown).min()
    }

    fn begin_shutdown(&mut self, now: Instant, done: Option<oneshot::Sender<()>>, grace: Duration) {
        for leg in self.legs.all() {
            self.agent.hangup(now, leg, &[]);
        }
        self.shutdown = Some(Shutdown { done, at: now + grace });
    }

    /// Once shut down: when no call is left, or the time is up.
    fn is_over(&mut self) -> bool {
        let Some(shutdown) = &mut self.shutdown else { return false };
        let over = self.legs.is_empty() || Instant::now() >= shutdown.at;
        if over && let Some(done) = shutdown.done.take() {
            // Whoever asked may have stopped waiting.
            let _ = done.send(());
        }
        over
    }
}
