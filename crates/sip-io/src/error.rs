//! What can go wrong before a call is under way.

use std::io;
use std::net::SocketAddr;

use sip::{DialError, Transport};

use crate::tls::TlsError;

/// Why the sockets could not be opened, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program listens there.
    #[error(
        "SIP port {address} ({transport}) is in use: stop the program that holds it, or choose another sip_port"
    )]
    InUse {
        /// Where.
        address: SocketAddr,
        /// Which of the two sockets.
        transport: Transport,
    },
    /// Ports below 1024 need a privilege.
    #[error("no permission to open SIP port {address} ({transport}): choose a port above 1023")]
    Denied {
        /// Where.
        address: SocketAddr,
        /// Which of the two sockets.
        transport: Transport,
    },
    /// The machine does not have that address.
    #[error("this machine has no address {address}: correct listen_ip")]
    NoAddress {
        /// Where.
        address: SocketAddr,
    },
    /// Listening everywhere, but told no address to announce.
    #[error(
        "SIP listens on every address ({address}) and needs one to announce: set nat_1_to_1_ip or listen_ip"
    )]
    NothingToAnnounce {
        /// Where.
        address: SocketAddr,
    },
    /// The certificate to listen with is not usable.
    #[error("SIP over TLS on {address}: {source}")]
    Certificate {
        /// Where.
        address: SocketAddr,
        /// What is wrong with it.
        source: TlsError,
    },
    /// Anything else the operating system says.
    #[error("SIP port {address} ({transport}): {source}")]
    Io {
        /// Where.
        address: SocketAddr,
        /// Which of the two sockets.
        transport: Transport,
        /// Its words.
        source: io::Error,
    },
}

impl BindError {
    pub(crate) fn new(address: SocketAddr, transport: Transport, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { address, transport },
            io::ErrorKind::PermissionDenied => Self::Denied { address, transport },
            io::ErrorKind::AddrNotAvailable => Self::NoAddress { address },
            _ => Self::Io { address, transport, source },
        }
    }
}

/// Why a host has no address to call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The name does not exist, or has no address of a family that we listen on.
    #[error("no address for host {host}")]
    NoAddress {
        /// The name.
        host: String,
    },
    /// The name servers did not answer in time.
    #[error("looking up host {host} took too long")]
    Timeout {
        /// The name.
        host: String,
    },
    /// The name servers could not be asked.
    #[error("looking up host {host} failed: {detail}")]
    Failed {
        /// The name.
        host: String,
        /// What the resolver says.
        detail: String,
    },
}

/// Why a call was not placed. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// The host has no address.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The agent does not take the call.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The URI asks for a transport that is not served.
    #[error("transport {transport} is not supported")]
    Transport {
        /// As it stands in the URI.
        transport: String,
    },
    /// Certificates or names for TLS are not usable.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The URI is not `sip:` or `sips:`.
    #[error("the next hop is not a SIP URI")]
    NotSip,
    /// The stack has been shut down.
    #[error("the SIP stack is shut down")]
    Closed,
}
