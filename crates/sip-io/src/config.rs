//! What a stack is told.

use std::net::SocketAddr;
use std::time::Duration;

use sip::AgentConfig;
use sip::msg::Host;

use crate::tls::TlsListen;

/// Where a stack listens, how it announces itself and what it holds at most.
#[derive(Debug, Clone)]
pub struct StackConfig {
    /// UDP and TCP alike. Port 0 takes any that is free for both.
    pub listen: SocketAddr,
    /// The host that peers reach us by: printed in Via and Contact with the port. Needed when `listen`
    /// names no address (0.0.0.0); else that address.
    pub announced: Option<Host>,
    /// The port that is announced, where a NAT makes another one of the one that is listened on.
    pub announced_port: Option<u16>,
    /// Another host for Via and Contact over TLS: a name, where certificates are for names.
    pub announced_over_tls: Option<Host>,
    /// The agent. Its `contacts` are replaced by `announced` and the port.
    pub agent: AgentConfig,
    /// Where TLS connections are taken, if they are. Calls go out over TLS either way.
    pub tls: Option<TlsListen>,
    /// TCP and TLS connections at once. Beyond it the longest quiet one makes room.
    pub max_connections: usize,
    /// How long an attempt to connect may take, the TLS handshake included.
    pub connect_timeout: Duration,
    /// A quiet connection that we dialled is pinged so often (RFC 5626 §4.4.1).
    pub ping_every: Duration,
    /// Name servers to ask, in place of the system's (`/etc/resolv.conf`) when there are any.
    pub name_servers: Vec<SocketAddr>,
    /// How long finding a name's addresses may take altogether.
    pub resolve_timeout: Duration,
}

impl StackConfig {
    /// With usual limits: 1024 connections, 4 s to connect, 4 s to resolve, a ping every 30 s.
    #[must_use]
    pub fn new(listen: SocketAddr, agent: AgentConfig) -> Self {
        Self {
            listen,
            announced: None,
            announced_port: None,
            announced_over_tls: None,
            agent,
            tls: None,
            max_connections: 1024,
            connect_timeout: Duration::from_secs(4),
            // NATs forget flows after a minute or more.
            ping_every: Duration::from_secs(30),
            name_servers: Vec::new(),
            resolve_timeout: Duration::from_secs(4),
        }
    }
}
