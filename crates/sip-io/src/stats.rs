//! Counts of the shell, and how full its tables and queues are.

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
    /// The tables and queues that have a limit, besides the agent's own and the connections.
    pub fills: [Fill; Fill::KINDS],
}

/// How full a table or queue is. By name:
///
/// | name | what it holds | beyond the limit |
/// |---|---|---|
/// | `sip_commands` | what handles ask of the driver | who asks waits |
/// | `sip_events` | what connections, lookups and probes tell the driver | who tells waits |
/// | `sip_incoming` | calls that wait to be taken | 503 |
/// | `sip_datagrams` | datagrams that wait for the kernel | their sending fails |
/// | `sip_connection_queue` | messages that wait in the fullest connection | their sending fails |
/// | `sip_penalties` | next hops that failed lately | not remembered |
/// | `sip_probes` | addresses that were probed | not probed |
/// | `sip_lookups` | names looked up inside calls | the call goes on the way it began |
/// | `sip_datagram_peers` | peers that refused TCP | asked again each time |
/// | `sip_tls_peers` | names and options of TLS | the longest unused makes room |
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fill {
    /// Its name.
    pub what: &'static str,
    /// What it holds now.
    pub held: usize,
    /// What it may hold.
    pub most: usize,
    /// What found no place, since the beginning.
    pub refused: u64,
}

impl Fill {
    /// How many there are.
    pub const KINDS: usize = 10;
}

impl std::ops::Add for Fill {
    type Output = Self;

    /// The same thing of two stacks; one that is closed has no name for it.
    fn add(self, other: Self) -> Self {
        Self {
            what: if self.what.is_empty() { other.what } else { self.what },
            held: self.held + other.held,
            most: self.most + other.most,
            refused: self.refused + other.refused,
        }
    }
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
            fills: std::array::from_fn(|kind| self.fills[kind] + other.fills[kind]),
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
    pub(crate) incoming_refused: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn total(counter: &AtomicU64) -> u64 {
        counter.load(Relaxed)
    }

    /// The counts; what the driver's parts hold is theirs to add.
    pub(crate) fn snapshot(&self, agent: AgentStats) -> StackStats {
        StackStats {
            agent,
            received: Self::total(&self.received),
            sent: Self::total(&self.sent),
            send_failures: Self::total(&self.send_failures),
            framing_lost: Self::total(&self.framing_lost),
            legs_overrun: Self::total(&self.legs_overrun),
            ..StackStats::default()
        }
    }
}
