//! The worker's WebRTC sockets: one per local address, all on the same port. Clients that were moved here from another
//! worker are still sent to from the sockets they know, which are that worker's.
//!
//! Sockets are never bound to a wildcard: a client checks that the answer comes from the address it asked.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};

use super::StartError;
use super::config::{RtcAddress, WorkersConfig};

/// A burst of a worker's peers must fit.
const BUFFER: usize = 4 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct RtcSocket {
    socket: UdpSocket,
    /// What clients are told, and what the room knows as the destination.
    pub(super) announced: SocketAddr,
}

/// All sockets of one worker, watched by its event loop.
type Own = Arc<[RtcSocket]>;

/// The sockets of one worker, and those of all of them to send from.
#[derive(Debug)]
pub(super) struct RtcSockets {
    own: Own,
    all: Arc<[Own]>,
}

impl RtcSockets {
    /// The sockets of each worker.
    pub(super) fn of_all(bound: Vec<Own>) -> Vec<Self> {
        let all: Arc<[Own]> = bound.into();
        all.iter().map(|own| Self { own: Arc::clone(own), all: Arc::clone(&all) }).collect()
    }

    /// Binds the first port of the configured range that is free on every address, and watches it; with several workers
    /// each gets its own.
    pub(super) fn bind(
        config: &WorkersConfig,
        taken: &mut Vec<u16>,
        registry: &Registry,
        first: Token,
    ) -> Result<Own, StartError> {
        let mut refused = None;
        for port in config.rtc_ports.clone() {
            if port != 0 && taken.contains(&port) {
                continue;
            }
            match Self::bind_port(&config.rtc_addresses, port) {
                Ok(mut sockets) => {
                    taken.push(port);
                    for (index, rtc) in sockets.iter_mut().enumerate() {
                        let token = Token(first.0 + index);
                        registry.register(&mut rtc.socket, token, Interest::READABLE)?;
                    }
                    return Ok(sockets.into());
                }
                Err(error) => {
                    refused.get_or_insert(error);
                }
            }
        }
        Err(refused.unwrap_or(StartError::RtcPorts))
    }

    fn bind_port(addresses: &[RtcAddress], port: u16) -> Result<Vec<RtcSocket>, StartError> {
        let mut port = port;
        let mut sockets = Vec::new();
        for address in addresses {
            let wanted = SocketAddr::new(address.bind, port);
            let socket = open(wanted).map_err(|source| StartError::RtcPort { address: wanted, source })?;
            // Port 0 takes a free one, the same on every address.
            port = socket.local_addr()?.port();
            sockets.push(RtcSocket { socket, announced: SocketAddr::new(address.announced, port) });
        }
        Ok(sockets)
    }

    /// The candidates' addresses.
    pub(super) fn candidates(&self) -> Vec<SocketAddr> {
        self.own.iter().map(|rtc| rtc.announced).collect()
    }

    /// Reads one datagram of a socket: its length, where it came from, and which address it was sent to.
    pub(super) fn receive(&self, index: usize, buffer: &mut [u8]) -> Option<(usize, SocketAddr, SocketAddr)> {
        let rtc = self.own.get(index)?;
        loop {
            match rtc.socket.recv_from(buffer) {
                Ok((length, from)) => return Some((length, from, rtc.announced)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                // An ICMP error for something sent before: there may still be packets.
                Err(error) if is_about_a_peer(&error) => {}
                Err(_) => return None,
            }
        }
    }

    /// Sends a datagram from the socket of this candidate. What the network does not take is lost, as UDP is.
    pub(super) fn send(&self, from: SocketAddr, to: SocketAddr, data: &[u8]) {
        let is_it = |rtc: &&RtcSocket| rtc.announced == from;
        let others = || self.all.iter().flat_map(|sockets| sockets.iter());
        let socket = self.own.iter().find(is_it).or_else(|| others().find(is_it)).or(self.own.first());
        if let Some(rtc) = socket {
            let _ = rtc.socket.send_to(data, to);
        }
    }
}

/// Errors that tell of one peer, not of the socket.
pub(super) fn is_about_a_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::Interrupted
    )
}

fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let domain =
        if matches!(address.ip(), IpAddr::V6(_)) { socket2::Domain::IPV6 } else { socket2::Domain::IPV4 };
    let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    // As much as the system allows; a smaller buffer is no reason not to start.
    let _ = socket.set_recv_buffer_size(BUFFER);
    let _ = socket.set_send_buffer_size(BUFFER);
    Ok(UdpSocket::from_std(socket.into()))
}
