//! What the driver holds, for whoever asks.

use sip::AgentStats;
use tokio::sync::mpsc;

use super::Driver;
use crate::stats::{Counters, Fill, StackStats};

impl Driver {
    pub(super) fn stats(&self) -> StackStats {
        let agent = self.agent.stats();
        StackStats {
            connections: self.pool.len() as u64,
            connections_shed: self.pool.shed,
            fills: self.fills(&agent),
            ..self.counters.snapshot(agent)
        }
    }

    fn fills(&self, agent: &AgentStats) -> [Fill; Fill::KINDS] {
        let commands = self.commands.upgrade();
        let incoming_refused = Counters::total(&self.counters.incoming_refused);
        [
            commands.as_ref().map(|commands| queue("sip_commands", commands, 0)).unwrap_or_default(),
            queue("sip_events", &self.events, 0),
            queue("sip_incoming", &self.incoming, incoming_refused),
            self.datagrams.fill(),
            self.pool.fill(),
            self.penalties.fill(),
            self.probes.fill(),
            self.names.fill(),
            self.profiles.fill(),
            Fill {
                what: "sip_datagram_peers",
                held: agent.datagram_peers,
                most: AgentStats::MOST_DATAGRAM_PEERS,
                refused: agent.datagram_peers_forgotten,
            },
        ]
    }
}

fn queue<T>(what: &'static str, sender: &mpsc::Sender<T>, refused: u64) -> Fill {
    let most = sender.max_capacity();
    Fill { what, held: most - sender.capacity(), most, refused }
}
