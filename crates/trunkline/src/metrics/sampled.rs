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

/// What this process has at this moment, where the system tells it (proc_pid_status(5), proc_pid_fd(5)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Process {
    /// Bytes that are resident.
    pub(super) memory: Option<u64>,
    pub(super) threads: Option<u64>,
    pub(super) open_files: Option<u64>,
    /// Tasks of the runtime that asks.
    pub(super) tasks: usize,
}

impl Process {
    /// Looks at the process; to be called within a runtime.
    pub(super) fn look() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let figure = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_ascii_whitespace().next()?.parse().ok()
        };
        // The one that the listing itself takes is not counted.
        let files = std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64);
        Self {
            memory: figure("VmRSS:").and_then(|kilobytes| kilobytes.checked_mul(1024)),
            threads: figure("Threads:"),
            open_files: files.map(|count| count.saturating_sub(1)),
            tasks: tokio::runtime::Handle::current().metrics().num_alive_tasks(),
        }
    }
}

pub(super) struct Sampled {
    messages: IntCounterVec,
    discarded: IntCounterVec,
    connections: IntGauge,
    legs: IntGauge,
    rooms: IntGauge,
    participants: IntGauge,
    memory: IntGauge,
    tasks: IntGauge,
    threads: IntGauge,
    open_files: IntGauge,
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
            tasks: make.gauge("trunkline_tasks", "Tasks of the control plane")?,
            threads: make.gauge("process_threads", "Threads of the process")?,
            open_files: make.gauge("process_open_fds", "Open files and sockets of the process")?,
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

    pub(super) fn process(&self, process: &Process) {
        set(&self.tasks, process.tasks);
        let pairs = [
            (&self.memory, process.memory),
            (&self.threads, process.threads),
            (&self.open_files, process.open_files),
        ];
        for (gauge, figure) in pairs {
            if let Some(figure) = figure {
                set(gauge, figure);
            }
        }
    }
}

fn set(gauge: &IntGauge, value: impl TryInto<i64>) {
    gauge.set(value.try_into().unwrap_or(i64::MAX));
}
