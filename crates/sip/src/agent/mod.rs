//! The whole user agent: which message belongs to which leg, and the answers to everything that belongs to none.

mod config;
mod output;

pub use config::{AgentConfig, Inbound, Limits};
pub use output::{DialError, LegError, LegId, Output};

use std::time::Instant;

use bytes::Bytes;

use crate::leg::Invite;
use crate::msg::StatusCode;
use crate::target::{Destination, Flow, Targets, TransportError};

/// How much an agent holds, and what it has turned away since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AgentStats {
    /// Legs, those that only wait for late copies included.
    pub legs: usize,
    /// Client transactions.
    pub client_transactions: usize,
    /// Server transactions.
    pub server_transactions: usize,
    /// Datagrams and frames that were no SIP message.
    pub malformed: u64,
    /// Responses and ACKs that belong to nothing here.
    pub stray: u64,
    /// Requests answered without state.
    pub stateless: u64,
    /// Requests dropped since [`Limits::stateless_per_second`] was reached.
    pub dropped: u64,
}

/// A SIP user agent without IO. Drain [`Agent::poll_output`] after every call that takes `&mut self`.
#[derive(Debug)]
pub struct Agent {
    config: AgentConfig,
}

impl Agent {
    /// An agent with nothing in it. `seed` must be unguessable in use: branches and tags follow from it.
    #[must_use]
    pub fn new(config: AgentConfig, seed: u64) -> Agent {
        let _ = seed;
        Agent { config }
    }

    /// What it was made with.
    #[must_use]
    pub fn config(&self) -> &AgentConfig {
        &self.config
    }

    /// Places a call: the INVITE goes to the first target.
    pub fn call(
        &mut self,
        _now: Instant,
        _invite: Invite,
        _targets: impl Into<Targets>,
    ) -> Result<LegId, DialError> {
        Err(DialError::Full)
    }

    /// Ends a leg in whatever state it is: CANCEL once a provisional response has come, BYE when the call is up,
    /// 480 to an INVITE that waits for our answer. `headers` go on that request. Ended legs are left alone.
    pub fn hangup(&mut self, _now: Instant, _leg: LegId, _headers: &[(String, String)]) {}

    /// Callee: 101 to 199, with a description when there is early media.
    pub fn provisional(
        &mut self,
        _now: Instant,
        _leg: LegId,
        _code: StatusCode,
        _body: Option<String>,
    ) -> Result<(), LegError> {
        Err(LegError::Gone)
    }

    /// Callee: 200. It is repeated until the ACK comes.
    pub fn answer(&mut self, _now: Instant, _leg: LegId, _body: Option<String>) -> Result<(), LegError> {
        Err(LegError::Gone)
    }

    /// Callee: a final response of 300 or more, with these header fields (a challenge, a Contact). The leg ends.
    pub fn reject(
        &mut self,
        _now: Instant,
        _leg: LegId,
        _code: StatusCode,
        _reason: Option<&str>,
        _headers: &[(String, String)],
    ) -> Result<(), LegError> {
        Err(LegError::Gone)
    }

    /// Offers a new description inside the call.
    pub fn reinvite(&mut self, _now: Instant, _leg: LegId, _body: Option<String>) -> Result<(), LegError> {
        Err(LegError::Gone)
    }

    /// Answers the peer's offer ([`LegEvent::ReInvite`](crate::LegEvent::ReInvite)): with our description, or with a
    /// refusal (488) that leaves everything as it was.
    pub fn answer_reinvite(
        &mut self,
        _now: Instant,
        _leg: LegId,
        _answer: Result<String, StatusCode>,
    ) -> Result<(), LegError> {
        Err(LegError::Gone)
    }

    /// Sends an INFO inside the call.
    pub fn info(
        &mut self,
        _now: Instant,
        _leg: LegId,
        _content_type: &str,
        _body: Bytes,
    ) -> Result<(), LegError> {
        Err(LegError::Gone)
    }

    /// Takes one message: a datagram or one frame of a stream.
    pub fn handle_message(&mut self, _now: Instant, _flow: Flow, _bytes: &[u8]) {}

    /// The shell could not deliver to `destination`.
    pub fn transport_failed(&mut self, _now: Instant, _destination: Destination, _error: &TransportError) {}

    /// Runs what is due.
    pub fn handle_timeout(&mut self, _now: Instant) {}

    /// When [`Agent::handle_timeout`] is to be called next.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        None
    }

    /// The next thing to do. Messages come before events, so an ACK is on its way before its call is told.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }

    /// Counts.
    #[must_use]
    pub fn stats(&self) -> AgentStats {
        AgentStats::default()
    }
}
