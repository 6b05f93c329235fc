//! What else the machine does meanwhile: figures taken beside other work are worth less, and should say so.

use std::fs;

use serde::Serialize;

use crate::lateness::Late;

/// One reading of the machine's own counters.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reading {
    busy: u64,
    total: u64,
}

/// How busy the machine was.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    /// Share of all processors in use, in percent, by anybody.
    pub(crate) busy_percent: f64,
    /// What the measured processes had of it.
    pub(crate) server_percent: f64,
    /// What the bench had of it.
    pub(crate) bench_percent: f64,
    /// The same in CPU milliseconds per second.
    pub(crate) bench_cpu_ms_per_second: f64,
    /// How late the bench itself sent its frames.
    pub(crate) bench_late: Late,
    /// The load average of the last minute, at the end.
    pub(crate) load: f64,
}

/// So busy a machine gives nobody a processor in time.
const CROWDED_PERCENT: f64 = 90.0;
/// From this on what the bench sends is no steady source any more, in milliseconds.
const TOO_LATE: u64 = 10;

impl Machine {
    /// Why the figures may say more of the bench or of the machine than of the server.
    pub(crate) fn doubt(&self) -> Option<String> {
        let others = self.busy_percent - self.server_percent - self.bench_percent;
        if others > 15.0 {
            return Some(format!("other work took {others:.0} % of the machine"));
        }
        if self.busy_percent > CROWDED_PERCENT {
            return Some(format!(
                "the machine was full, {:.0} % of it by the bench itself: the limit is theirs together",
                self.bench_percent
            ));
        }
        let late = self.bench_late.p99_ms;
        (late > TOO_LATE).then(|| format!("the bench sent one frame in a hundred {late} ms late or more"))
    }
}

impl Reading {
    pub(crate) fn now() -> Self {
        fs::read_to_string("/proc/stat").ok().and_then(|text| parse(&text)).unwrap_or_default()
    }

    /// Share of all processors in use since `before`, in percent.
    pub(crate) fn busy_since(self, before: Self) -> f64 {
        let total = self.total.saturating_sub(before.total);
        let busy = self.busy.saturating_sub(before.busy);
        if total == 0 { 0.0 } else { busy as f64 * 100.0 / total as f64 }
    }
}

/// The load average of the last minute.
pub(crate) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or_default()
}

fn parse(stat: &str) -> Option<Reading> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<u64> = line.split_whitespace().map_while(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guest time is in user already.
    let total = fields.iter().take(8).sum();
    let idle = fields.get(3)? + fields.get(4)?;
    Some(Reading { busy: total - idle, total })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busy_share_leaves_idle_and_waiting_out() {
        let before = parse("cpu  100 0 100 700 100 0 0 0 0 0\n").unwrap();
        let after = parse("cpu  200 0 100 900 100 0 0 100 50 0\n").unwrap();
        assert!((after.busy_since(before) - 50.0).abs() < 1e-9);
        assert!(before.busy_since(before).abs() < 1e-9);
    }
}
