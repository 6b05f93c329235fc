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
use crate::stream::Unsent;

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

    /// Sends, or keeps in order what cannot be sent yet. What finds no place is refused alone: nothing is wrong with where
    /// it goes.
    pub(super) fn send(&mut self, addr: SocketAddr, bytes: Bytes) -> Result<(), Unsent> {
        if self.waiting.is_empty() {
            match self.socket.try_send_to(&bytes, addr) {
                // A socket whose readiness is not known yet says so, too.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => {
                    return outcome.map(|_| ()).map_err(|error| Unsent::Unavailable(failure(addr, &error)));
                }
            }
        }
        if self.waiting.len() >= WAITING {
            self.refused += 1;
            let detail = "send buffer full".to_owned();
            return Err(Unsent::Refused(TransportError::Io { destination: udp(addr), detail }));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_finds_no_place_is_refused_alone_and_what_waits_goes_out_in_order() {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let there = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let to = there.local_addr().unwrap();
        let mut datagrams = Datagrams::new(socket.clone());
        // As if the kernel's buffer had been full for the first.
        datagrams.waiting.push_back((to, Bytes::from_static(b"0")));
        for number in 1..WAITING {
            datagrams.send(to, Bytes::from(number.to_string())).unwrap();
        }
        let refused = datagrams.send(to, Bytes::from_static(b"one too many"));
        assert!(matches!(refused, Err(Unsent::Refused(_))), "{refused:?}");
        let fill = datagrams.fill();
        assert_eq!((fill.held, fill.most, fill.refused), (WAITING, WAITING, 1));

        socket.writable().await.unwrap();
        assert!(datagrams.flush().is_empty());
        assert!(!datagrams.is_waiting());
        let mut buffer = [0; 8];
        // The receiver's own buffer need not hold all of them.
        for number in 0..100 {
            let length = there.recv(&mut buffer).await.unwrap();
            assert_eq!(buffer[..length], *number.to_string().as_bytes());
        }
    }
}
