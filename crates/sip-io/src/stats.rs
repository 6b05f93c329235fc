//! Counts of the shell.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use sip::AgentStats;

/// What went through a stack since it began, and what it holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct StackStats {
    /// The agent's own counts.
    pub agent: AgentStats,
    /// Messages received, over UDP and TCP.
    pub received: u64,
    /// Messages handed to the operating system or to a connection's queue.
    pub sent: u64,
    /// Messages that could not be sent.
    pub send_failures: u64,
    /// TCP connections lost since the stream could not be cut into messages.
    pub framing_lost: u64,
    /// TCP connections open or being opened.
    pub connections: u64,
    /// Connections closed to make room for others.
    pub connections_shed: u64,
    /// Calls ended since their owner did not drain their events.
    pub legs_overrun: u64,
}

impl std::ops::Add for StackStats {
    type Output = Self;

    /// What two stacks have together.
    fn add(self, other: Self) -> Self {
        Self {
            agent: self.agent + other.agent,
            received: self.received + other.received,
            sent: self.sent + other.sent,
            send_failures: self.send_failures + other.send_failures,
            framing_lost: self.framing_lost + other.framing_lost,
            connections: self.connections + other.connections,
            connections_shed: self.connections_shed + other.connections_shed,
            legs_overrun: self.legs_overrun + other.legs_overrun,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) received: AtomicU64,
    pub(crate) sent: AtomicU64,
    pub(crate) send_failures: AtomicU64,
    pub(crate) framing_lost: AtomicU64,
    pub(crate) legs_overrun: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn snapshot(&self, agent: AgentStats, connections: usize, shed: u64) -> StackStats {
        StackStats {
            agent,
            received: self.received.load(Relaxed),
            sent: self.sent.load(Relaxed),
            send_failures: self.send_failures.load(Relaxed),
            framing_lost: self.framing_lost.load(Relaxed),
            connections: connections as u64,
            connections_shed: shed,
            legs_overrun: self.legs_overrun.load(Relaxed),
        }
    }
}
