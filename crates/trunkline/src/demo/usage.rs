//! What a process costs, as the kernel counts it (`/proc`, Linux).

use std::fs;
use std::time::Duration;

/// Ticks per second of `/proc/<pid>/stat`: fixed by the kernel's interface.
const TICKS: u64 = 100;

/// What a process has used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Time on a processor, user and system, all threads.
    pub(super) cpu: Duration,
    /// Memory it holds now, in bytes.
    pub(super) memory: u64,
}

impl Usage {
    /// Reads it; `None` where there is no `/proc`, or no such process.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let memory = memory(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)?;
        Some(Self { cpu: scheduled(pid).or_else(|| ticks(pid))?, memory })
    }
}

/// Nanoseconds on a processor, summed over the threads: exact, where the kernel keeps it.
fn scheduled(pid: u32) -> Option<Duration> {
    let mut total = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        total += text.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    (total > 0).then(|| Duration::from_nanos(total))
}

fn ticks(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; what follows is numbers.
    let mut fields = stat.rsplit_once(") ")?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 1000 / TICKS))
}

fn memory(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let usage = Usage::of(std::process::id()).expect("/proc");
        assert!(usage.memory > 1 << 20);
        assert_eq!(memory("Name: x\nVmRSS:\t  2048 kB\n"), Some(2 << 20));
        assert_eq!(Usage::of(u32::MAX), None);
    }
}
