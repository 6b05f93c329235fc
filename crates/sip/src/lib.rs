//! The phone's signalling: messages, transactions, dialogs, legs, digest. A core without IO.
//!
//! [`Agent`] is a whole SIP user agent as a state machine (RFC 3261, 6026): bytes and `now` go in, bytes to send,
//! events and the next deadline come out. Below it, lowest first:
//!
//! - [`msg`]: messages, read and printed; [`auth`]: digest, both sides
//! - [`target`]: next hops; [`timer`]: the RFCs' timers
//! - `txn`: transactions (RFC 3261 §17): a request and its responses, repeated and matched
//! - `dialog`: what two ends remember of each other (RFC 3261 §12)
//! - `leg`: one call, either side
//! - `agent`: which message belongs to which leg; everything that belongs to none
//!
//! It never opens a socket, asks a clock, resolves a name or reads a session description: bodies pass through.

pub mod agent;
pub mod auth;
mod dialog;
mod leg;
pub mod msg;
pub mod target;
pub mod timer;
mod txn;

pub use agent::{Agent, AgentConfig, AgentStats, DialError, Inbound, Limits, Output};
pub use dialog::{DialogState, NamedHop};
pub use leg::{
    AuthFailure, CallOptions, Invite, InviteState, LegError, LegEvent, LegId, LostState, Redirects,
    ResponseSummary,
};
pub use target::{
    Announced, Contacts, Destination, Flow, Targets, TlsPeer, Transmit, Transport, TransportError,
};
pub use timer::{SessionTimers, Timers};
