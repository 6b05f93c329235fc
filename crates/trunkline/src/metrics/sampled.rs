//! What is not counted here but asked for when the page is read: the SIP stack's own counts, rooms, memory.

use std::sync::{Mutex, PoisonError};

use prometheus::{Error, IntCounterVec, IntGauge};
use sip_io::StackStats;

use super::families::Maker;

/// What the workers have at this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Population {
    pub(super) rooms: usize,
    pub(super) participants: u64,
}

pub(super) struct Sampled {
    messages: IntCounterVec,
    discarded: IntCounterVec,
    connections: IntGauge,
    legs: IntGauge,
    rooms: IntGauge,
    participants: IntGauge,
    memory: IntGauge,
    /// What the stack said last: its counts only grow.
    last: Mutex<StackStats>,
}

impl Sampled {
    pub(super) fn new(make: &Maker) -> Result<Self, Error> {
        Ok(Self {
            messages: make.counters("trunkline_sip_messages", "SIP messages", &["op"])?,
            discarded: make.counters(
                "trunkline_sip_discarded",
                "What the SIP stack gave up, by reason",
                &["reason"],
            )?,
            connections: make.gauge("trunkline_sip_connections", "SIP connections over TCP")?,
            legs: make
                .gauge("trunkline_sip_legs", "SIP legs, those that only wait for late copies included")?,
            rooms: make.gauge("trunkline_rooms", "Rooms that exist now")?,
            participants: make
                .gauge("trunkline_participants", "Participants of all rooms, phones included")?,
            memory: make.gauge("process_resident_memory_bytes", "Memory of the process in bytes")?,
            last: Mutex::default(),
        })
    }

    /// Counts what has been added since the last time.
    pub(super) fn stack(&self, stats: StackStats) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // A stack that is shut down says zero to everything.
        if stats.received < last.received || stats.sent < last.sent {
            return;
        }
        let before = std::mem::replace(&mut *last, stats);
        let pairs = |stats: StackStats| {
            [
                (&self.messages, "recv", stats.received),
                (&self.messages, "send", stats.sent),
                (&self.discarded, "malformed", stats.agent.malformed),
                (&self.discarded, "framing", stats.framing_lost),
                (&self.discarded, "stray", stats.agent.stray),
                (&self.discarded, "dropped", stats.agent.dropped),
                (&self.discarded, "send_failed", stats.send_failures),
                (&self.discarded, "connection_shed", stats.connections_shed),
                (&self.discarded, "leg_overrun", stats.legs_overrun),
            ]
        };
        for ((family, label, now), (_, _, before)) in pairs(stats).into_iter().zip(pairs(before)) {
            family.with_label_values(&[label]).inc_by(now.saturating_sub(before));
        }
        set(&self.connections, stats.connections);
        set(&self.legs, stats.agent.legs);
    }

    pub(super) fn population(&self, population: Population) {
        set(&self.rooms, population.rooms);
        set(&self.participants, population.participants);
    }

    pub(super) fn memory(&self, bytes: u64) {
        set(&self.memory, bytes);
    }
}

fn set(gauge: &IntGauge, value: impl TryInto<i64>) {
    gauge.set(value.try_into().unwrap_or(i64::MAX));
}

/// The resident memory of this process, where the system tells it (proc_pid_status(5)).
pub(super) fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}
