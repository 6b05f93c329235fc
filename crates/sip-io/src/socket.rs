//! Opening the two sockets.

use std::io;
use std::net::SocketAddr;

use sip::Transport;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, UdpSocket};

use crate::error::BindError;

/// Room for a burst of some thousand messages while the driver is busy. The kernel may grant less.
const UDP_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Connections the kernel holds for us until they are accepted.
const BACKLOG: i32 = 256;
/// How often a free UDP port that is not free for TCP is thrown back.
const PORT_ATTEMPTS: usize = 32;

/// UDP and TCP on one port.
pub(crate) fn open(listen: SocketAddr) -> Result<(UdpSocket, TcpListener), BindError> {
    let mut last = None;
    for _ in 0..PORT_ATTEMPTS {
        let (udp, address) = udp(listen).map_err(|e| BindError::new(listen, Transport::Udp, e))?;
        match tcp(address) {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if listen.port() == 0 && error.kind() == io::ErrorKind::AddrInUse => {
                last = Some(error)
            }
            Err(error) => return Err(BindError::new(address, Transport::Tcp, error)),
        }
    }
    let error = last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into());
    Err(BindError::new(listen, Transport::Tcp, error))
}

fn udp(address: SocketAddr) -> io::Result<(UdpSocket, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    // Best effort: what the kernel's limit leaves is what we get.
    let _ = socket.set_recv_buffer_size(UDP_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(UDP_BUFFER_BYTES);
    bind(&socket, address)?;
    let socket = UdpSocket::from_std(socket.into())?;
    let bound = socket.local_addr()?;
    Ok((socket, bound))
}

pub(crate) fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the last run's closed connections. Two listeners at once stay impossible.
    socket.set_reuse_address(true)?;
    bind(&socket, address)?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn bind(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())
}
