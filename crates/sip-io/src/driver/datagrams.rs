//! Sending over UDP without waiting.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use sip::TransportError;
use tokio::net::UdpSocket;

use super::output::udp;
use crate::stats::Fill;

/// Datagrams that wait for room in the kernel's buffer. Beyond it sending fails.
const WAITING: usize = 1024;

#[derive(Debug)]
pub(super) struct Datagrams {
    socket: Arc<UdpSocket>,
    waiting: VecDeque<(SocketAddr, Bytes)>,
    /// Those that found no place.
    refused: u64,
}

impl Datagrams {
    pub(super) fn new(socket: Arc<UdpSocket>) -> Self {
        Self { socket, waiting: VecDeque::new(), refused: 0 }
    }

    /// Whether [`Datagrams::flush`] has something to do once the socket is writable.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn fill(&self) -> Fill {
        Fill { what: "sip_datagrams", held: self.waiting.len(), most: WAITING, refused: self.refused }
    }

    /// Sends, or keeps in order what cannot be sent yet.
    pub(super) fn send(&mut self, addr: SocketAddr, bytes: Bytes) -> Result<(), TransportError> {
        if self.waiting.is_empty() {
            match self.socket.try_send_to(&bytes, addr) {
                // A socket whose readiness is not known yet says so, too.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return outcome.map(|_| ()).map_err(|error| failure(addr, &error)),
            }
        }
        if self.waiting.len() >= WAITING {
            self.refused += 1;
            let detail = "send buffer full".to_owned();
            return Err(TransportError::Io { destination: udp(addr), detail });
        }
        self.waiting.push_back((addr, bytes));
        Ok(())
    }

    /// Sends what waits; returns what failed.
    pub(super) fn flush(&mut self) -> Vec<(SocketAddr, TransportError)> {
        let mut failed = Vec::new();
        while let Some((addr, bytes)) = self.waiting.front() {
            match self.socket.try_send_to(bytes, *addr) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => failed.push((*addr, failure(*addr, &error))),
                Ok(_) => {}
            }
            self.waiting.pop_front();
        }
        failed
    }
}

fn failure(addr: SocketAddr, error: &io::Error) -> TransportError {
    let destination = udp(addr);
    match error.kind() {
        io::ErrorKind::ConnectionRefused => TransportError::Refused { destination },
        _ => TransportError::Io { destination, detail: error.to_string() },
    }
}
