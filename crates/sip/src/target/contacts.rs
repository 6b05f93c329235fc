//! Where peers reach us: the addresses printed in Via and Contact.

use std::net::SocketAddr;

use crate::msg::{Host, Transport};

/// The announced addresses. A transport without one is not used: requests over it fail as unavailable.
#[derive(Debug, Clone, Default)]
pub struct Contacts {
    /// Over UDP.
    pub udp: Option<Announced>,
    /// Over TCP.
    pub tcp: Option<Announced>,
    /// Over TLS.
    pub tls: Option<Announced>,
}

impl Contacts {
    /// The same address for UDP and TCP, as one listener on both has it.
    #[must_use]
    pub fn udp_and_tcp(addr: SocketAddr) -> Contacts {
        Contacts { udp: Some(addr.into()), tcp: Some(addr.into()), tls: None }
    }

    /// The address announced over `transport`.
    #[must_use]
    pub fn get(&self, transport: Transport) -> Option<&Announced> {
        match transport {
            Transport::Udp => self.udp.as_ref(),
            Transport::Tcp => self.tcp.as_ref(),
            Transport::Tls => self.tls.as_ref(),
        }
    }
}

/// A host and port as peers see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// A name or an address.
    pub host: Host,
    /// The port, always printed.
    pub port: u16,
}

impl From<SocketAddr> for Announced {
    fn from(addr: SocketAddr) -> Announced {
        Announced { host: addr.ip().into(), port: addr.port() }
    }
}
