//! Finding out that nobody listens at a UDP address, without waiting 32 s for a timer.
//!
//! The socket that SIP is sent from is not connected, so the kernel does not tell it of ICMP "port unreachable". A
//! second socket, connected to the address, sends an empty keep-alive (CR LF CR LF, RFC 5626 §3.5.1's form, which
//! every SIP server passes over) and is told. It shares no port with the first, so nothing meant for that can stray.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use sip::{Destination, Transport, TransportError};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::driver::NetEvent;
use crate::stats::Fill;

/// How long ICMP is waited for.
const WAIT: Duration = Duration::from_secs(2);
/// A peer heard from within this time needs no probe, nor one probed just now.
const FRESH: Duration = Duration::from_secs(30);
/// Addresses remembered; when full, old ones are forgotten, else no probe is sent.
const MAX_REMEMBERED: usize = 1024;
/// Probes at once.
const MAX_RUNNING: usize = 64;

/// Decides when to probe.
#[derive(Debug)]
pub(crate) struct Probes {
    from: IpAddr,
    seen: HashMap<SocketAddr, Instant>,
    running: usize,
    /// Addresses that were not probed since too many were.
    refused: u64,
    events: mpsc::Sender<NetEvent>,
}

impl Probes {
    pub(crate) fn new(from: IpAddr, events: mpsc::Sender<NetEvent>) -> Self {
        Self { from, seen: HashMap::new(), running: 0, refused: 0, events }
    }

    /// Something arrived from there. Only addresses that were probed are of interest.
    pub(crate) fn heard(&mut self, now: Instant, address: SocketAddr) {
        if let Some(seen) = self.seen.get_mut(&address) {
            *seen = now;
        }
    }

    /// A request that opens something new goes there.
    pub(crate) fn sending(&mut self, now: Instant, address: SocketAddr) {
        let fresh = |seen: &Instant| now.saturating_duration_since(*seen) < FRESH;
        if self.seen.get(&address).is_some_and(fresh) {
            return;
        }
        if self.seen.len() >= MAX_REMEMBERED {
            self.seen.retain(|_, seen| fresh(seen));
        }
        if self.seen.len() >= MAX_REMEMBERED || self.running >= MAX_RUNNING {
            self.refused += 1;
            return;
        }
        self.seen.insert(address, now);
        self.running += 1;
        tokio::spawn(run(self.from, address, self.events.clone()));
    }

    pub(crate) fn fill(&self) -> Fill {
        Fill { what: "sip_probes", held: self.seen.len(), most: MAX_REMEMBERED, refused: self.refused }
    }

    /// A probe came back.
    pub(crate) fn finished(&mut self, address: SocketAddr, refused: bool) {
        self.running = self.running.saturating_sub(1);
        if refused {
            self.seen.remove(&address);
        }
    }
}

async fn run(from: IpAddr, address: SocketAddr, events: mpsc::Sender<NetEvent>) {
    let outcome = timeout(WAIT, knock(from, address)).await;
    let error = match outcome {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            let destination = Destination::new(Transport::Udp, address);
            Some(TransportError::Refused { destination })
        }
        _ => None,
    };
    // The driver may have ended meanwhile.
    let _ = events.send(NetEvent::Probed { address, error }).await;
}

async fn knock(from: IpAddr, address: SocketAddr) -> io::Result<()> {
    let socket = UdpSocket::bind((from, 0)).await?;
    socket.connect(address).await?;
    socket.send(b"\r\n\r\n").await?;
    socket.recv(&mut [0; 16]).await.map(|_| ())
}
