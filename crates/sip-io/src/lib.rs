//! Sockets, name resolution and timers under the [`sip`] core (RFC 3261 §18, RFC 3263).
//!
//! [`Stack::bind`] opens one UDP socket and one TCP listener on the same port, a TLS listener if there is a
//! certificate, and starts the one task that owns the
//! [`sip::Agent`]: it feeds what arrives, sends what comes out, and wakes it when a timer is due. Calls are placed
//! with [`Stack::call`]; each is a [`LegHandle`]. Calls that come in are handed out by [`Incoming`].
//!
//! It never looks into a call's meaning, never logs a body or credentials, and waits for nobody: every queue has a
//! limit, and who does not drain theirs loses their call, not their neighbour's.

mod config;
mod driver;
mod error;
mod leg;
mod options;
mod probe;
mod resolve;
mod socket;
mod stack;
mod stats;
mod stream;
mod target;
mod tls;
mod trace;

pub use config::StackConfig;
pub use error::{BindError, PlaceError, ResolveError};
pub use leg::{Incoming, LegControl, LegHandle};
pub use options::{CallOptions, LostCall, LostState};
pub use stack::Stack;
pub use stats::{Fill, StackStats};
pub use target::Target;
pub use tls::{TlsError, TlsListen, TlsOptions, TlsPolicy, TlsVersion};
pub use trace::{Direction, Traced};
