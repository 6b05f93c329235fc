//! What processes and the machine use during a part of a run.

use std::time::{Duration, Instant};

use peers::server::{ThreadShare, Usage};

use super::Bench;
use crate::figures::ms;
use crate::lateness::Lateness;
use crate::machine::{self, Machine, Reading};

/// What is read at the beginning of a part.
pub(super) struct Window {
    begin: Instant,
    usage: Usage,
    own: Usage,
    machine: Reading,
}

/// What a part used.
pub(super) struct Part {
    pub(super) begin: Instant,
    pub(super) time: Duration,
    /// Of the server's processes.
    pub(super) cpu: Duration,
    pub(super) threads: Vec<ThreadShare>,
    pub(super) usage: Usage,
    pub(super) machine: Machine,
}

impl Window {
    /// Begins a part; what the bench is late is counted from here on.
    pub(super) fn open(bench: &Bench) -> Self {
        bench.lateness.restart();
        Self::open_within(bench)
    }

    /// Begins a part of another one.
    pub(super) fn open_within(bench: &Bench) -> Self {
        let usage = Usage::of(&bench.target.pids).unwrap_or_default();
        let own = Usage::of(&[std::process::id()]).unwrap_or_default();
        Self { begin: Instant::now(), usage, own, machine: Reading::now() }
    }

    pub(super) fn close(self, bench: &Bench) -> Part {
        let usage = Usage::of(&bench.target.pids).unwrap_or_default();
        let own = Usage::of(&[std::process::id()]).unwrap_or_default();
        let time = self.begin.elapsed();
        let cpu = usage.cpu_since(&self.usage);
        let own = own.cpu_since(&self.own);
        let machine = judge(&bench.lateness, self.machine, time, (cpu, own));
        let threads = usage.shares_since(&self.usage);
        Part { begin: self.begin, time, cpu, threads, usage, machine }
    }
}

impl Part {
    /// CPU milliseconds of the server per second, by `count`.
    pub(super) fn cpu_ms_per_second(&self, count: usize) -> f64 {
        ms(self.cpu) / (self.time.as_secs_f64() * count.max(1) as f64)
    }

    /// Growth of the server's memory since `before`, in kB, by `count`.
    pub(super) fn memory_kb(&self, before: &Usage, count: usize) -> f64 {
        let grown = self.usage.memory.saturating_sub(before.memory);
        grown as f64 / 1e3 / count.max(1) as f64
    }
}

fn judge(lateness: &Lateness, before: Reading, time: Duration, used: (Duration, Duration)) -> Machine {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let percent = |cpu: Duration| cpu.as_secs_f64() * 100.0 / (time.as_secs_f64() * cores as f64);
    Machine {
        cores,
        busy_percent: Reading::now().busy_since(before),
        server_percent: percent(used.0),
        bench_percent: percent(used.1),
        bench_cpu_ms_per_second: ms(used.1) / time.as_secs_f64(),
        bench_late: lateness.late(),
        load: machine::load(),
    }
}
