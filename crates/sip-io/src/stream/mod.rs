//! TCP and TLS connections: one per remote address and, over TLS, per peer that it was verified for; dialled or
//! accepted; each a task with a bounded queue.
//!
//! They stay open as long as the peer keeps them, since a call may be hours long and quiet; when room is needed the
//! longest quiet one goes. An accepted one that brings no message within half a minute is closed.

mod connection;
mod opening;
mod pool;
mod queue;

pub(crate) use pool::{Ended, Pool, Route, Unsent};

/// Tells one connection from a later one to the same address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionId(u64);
