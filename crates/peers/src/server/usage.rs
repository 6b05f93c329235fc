//! What processes use, as the kernel counts it (`/proc`, Linux).

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use serde::Serialize;

/// Ticks per second of `/proc/<pid>/stat`: fixed by the kernel's interface.
const TICKS: u64 = 100;

/// What some processes have used so far, together.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    /// Time on a processor, user and system, of all threads, those that have ended too.
    pub cpu: Duration,
    /// Memory held now (resident), in bytes.
    pub memory: u64,
    /// Time of each living thread.
    threads: BTreeMap<(u32, u32), Thread>,
}

#[derive(Debug, Clone)]
struct Thread {
    name: String,
    cpu: Duration,
    switches: u64,
}

/// What the threads of one name did between two readings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThreadShare {
    /// The threads' name.
    pub name: String,
    /// Milliseconds on a processor.
    pub cpu_ms: f64,
    /// How often they were put on a processor: about their wake-ups.
    pub runs: u64,
}

impl Usage {
    /// Reads it; `None` where there is no `/proc`, or one of the processes is gone.
    #[must_use]
    pub fn of(pids: &[u32]) -> Option<Self> {
        let mut sum = Self::default();
        for &pid in pids {
            sum.memory += memory(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)?;
            sum.cpu += ticks(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
            sum.threads.extend(threads(pid));
        }
        Some(sum)
    }

    /// CPU time since `before`: by the scheduler's nanoseconds where threads lived through it all, else by ticks.
    #[must_use]
    pub fn cpu_since(&self, before: &Self) -> Duration {
        let by_ticks = self.cpu.saturating_sub(before.cpu);
        let by_threads = self.shares_since(before).iter().map(|share| share.cpu_ms).sum::<f64>();
        let by_threads = Duration::from_secs_f64(by_threads / 1000.0);
        // A thread that ended in between is in the ticks only; ticks are rounded down to 10 ms each for user and system.
        let slack = Duration::from_millis(2 * 1000 / TICKS);
        if by_threads + slack >= by_ticks { by_threads } else { by_ticks }
    }

    /// What each name of thread did since `before`.
    #[must_use]
    pub fn shares_since(&self, before: &Self) -> Vec<ThreadShare> {
        let mut shares: BTreeMap<&str, ThreadShare> = BTreeMap::new();
        for (id, thread) in &self.threads {
            let (cpu, switches) = before.threads.get(id).map_or((Duration::ZERO, 0), |t| (t.cpu, t.switches));
            let name = thread.name.as_str();
            let share = shares.entry(name).or_insert_with(|| ThreadShare {
                name: name.to_owned(),
                cpu_ms: 0.0,
                runs: 0,
            });
            share.cpu_ms += thread.cpu.saturating_sub(cpu).as_secs_f64() * 1000.0;
            share.runs += thread.switches.saturating_sub(switches);
        }
        shares.into_values().filter(|share| share.runs > 0).collect()
    }
}

fn threads(pid: u32) -> BTreeMap<(u32, u32), Thread> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return BTreeMap::new() };
    let read = |task: fs::DirEntry| {
        let id = task.file_name().to_str()?.parse().ok()?;
        let name = fs::read_to_string(task.path().join("comm")).ok()?.trim().to_owned();
        let scheduled = fs::read_to_string(task.path().join("schedstat")).ok()?;
        let mut fields = scheduled.split_whitespace().map(str::parse);
        let cpu = Duration::from_nanos(fields.next()?.ok()?);
        let switches = fields.nth(1)?.ok()?;
        Some(((pid, id), Thread { name, cpu, switches }))
    };
    tasks.flatten().filter_map(read).collect()
}

fn ticks(stat: &str) -> Option<Duration> {
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
    fn work_of_this_process_is_seen_to_the_millisecond() {
        let pids = [std::process::id()];
        let before = Usage::of(&pids).expect("/proc");
        assert!(before.memory > 1 << 20);
        let begin = std::time::Instant::now();
        let mut sum = 0_u64;
        while begin.elapsed() < Duration::from_millis(80) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let used = Usage::of(&pids).expect("/proc").cpu_since(&before);
        // Other tests share the processor and the process; idling would be near zero.
        assert!(used > Duration::from_millis(5), "{used:?}");
    }

    #[test]
    fn a_process_that_is_not_there_has_no_usage() {
        assert!(Usage::of(&[u32::MAX]).is_none());
        assert_eq!(memory("Name: x\nVmRSS:\t  2048 kB\n"), Some(2 << 20));
        assert_eq!(ticks("1 (a) b) S 0 0 0 0 0 0 0 0 0 0 7 5 0"), Some(Duration::from_millis(120)));
    }
}
