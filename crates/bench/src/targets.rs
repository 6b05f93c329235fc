//! What a call is to cost at most, and what was measured against it: one command, one table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::figures::{Figures, Outcome};
use crate::workload::{Named, Workload};

/// A run that rows take their figures from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Run {
    Opus,
    Narrowband,
    Pcmu,
    Eight,
    Pauses,
    Bursty,
    Storm,
    /// The other server at 8 calls, and at as many as its machine carries.
    OtherEight,
    OtherMore,
}

/// How the runs are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Calls of the runs with many.
    pub(crate) calls: usize,
    /// Calls of the other server's second run.
    pub(crate) other_calls: usize,
    pub(crate) steady: Duration,
}

impl Run {
    pub(crate) fn is_other(self) -> bool {
        matches!(self, Self::OtherEight | Self::OtherMore)
    }

    pub(crate) fn workload(self, plan: &Plan) -> Workload {
        let named = |name| Named::find(name).map_or_else(Workload::default, Named::workload);
        let many = |name| {
            let mut workload = named(name);
            workload.set_calls(plan.calls);
            Workload { rate: 100.0, steady: plan.steady, ..workload }
        };
        let few = |name, calls| {
            let mut workload = named(name);
            workload.set_calls(calls);
            Workload { steady: plan.steady, ..workload }
        };
        match self {
            Self::Opus => many("steady"),
            Self::Narrowband => many("narrowband"),
            Self::Pcmu => many("pcmu"),
            Self::Pauses => many("pauses"),
            Self::Eight | Self::OtherEight => few("steady", 8),
            Self::OtherMore => few("steady", plan.other_calls),
            Self::Bursty => few("bursty", 8),
            Self::Storm => named("storm"),
        }
    }
}

/// Whether less or more is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    Less,
    More,
}

/// One target.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    /// What `--only` calls it.
    pub(crate) key: &'static str,
    pub(crate) name: &'static str,
    pub(crate) measured: f64,
    pub(crate) target: f64,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    /// Why the figure may not say what it seems to.
    pub(crate) doubt: Option<String>,
}

type Figure = fn(&Results) -> Option<f64>;

/// A row before it is measured: key, name, target, unit, which way is better, the runs, and the figure.
struct Goal(&'static str, &'static str, f64, &'static str, Better, &'static [Run], Figure);

const GOALS: [Goal; 16] = [
    Goal(
        "cpu-opus",
        "CPU per call-second, full band, many calls",
        2.2,
        "ms",
        Better::Less,
        &[Run::Opus],
        |r| r.cpu(Run::Opus),
    ),
    Goal(
        "cpu-narrowband",
        "CPU per call-second, narrowband, many calls",
        1.6,
        "ms",
        Better::Less,
        &[Run::Narrowband],
        |r| r.cpu(Run::Narrowband),
    ),
    Goal("cpu-pcmu", "CPU per call-second, PCMU, many calls", 1.3, "ms", Better::Less, &[Run::Pcmu], |r| {
        r.cpu(Run::Pcmu)
    }),
    Goal("cpu-8", "CPU per call-second, 8 calls", 4.0, "ms", Better::Less, &[Run::Eight], |r| {
        r.cpu(Run::Eight)
    }),
    Goal(
        "ratio-8",
        "the other server's CPU, times ours, each at 8 calls",
        12.0,
        "",
        Better::More,
        &[Run::Eight, Run::OtherEight],
        |r| Some(r.cpu(Run::OtherEight)? / r.cpu(Run::Eight)?),
    ),
    Goal(
        "ratio-best",
        "the other's CPU at its best, times ours at many calls",
        20.0,
        "",
        Better::More,
        &[Run::Opus, Run::OtherEight, Run::OtherMore],
        |r| Some(r.cpu(Run::OtherEight)?.min(r.cpu(Run::OtherMore)?) / r.cpu(Run::Opus)?),
    ),
    Goal(
        "cpu-pauses",
        "CPU per call-second, 45 % speech, many calls",
        1.0,
        "ms",
        Better::Less,
        &[Run::Pauses],
        |r| r.cpu(Run::Pauses),
    ),
    Goal("to-room", "added delay phone to room, p99, 8 calls", 3.0, "ms", Better::Less, &[Run::Eight], |r| {
        r.calls(Run::Eight).map(|f| f.audio.phone_to_room_added.p99)
    }),
    Goal("to-room", "the same, many calls", 3.0, "ms", Better::Less, &[Run::Opus], |r| {
        r.calls(Run::Opus).map(|f| f.audio.phone_to_room_added.p99)
    }),
    Goal(
        "to-phone",
        "added delay room to phone, p99, 8 calls",
        30.0,
        "ms",
        Better::Less,
        &[Run::Eight],
        |r| r.calls(Run::Eight).map(|f| f.audio.room_to_phone_added.p99),
    ),
    Goal("to-phone", "the same, many calls", 30.0, "ms", Better::Less, &[Run::Opus], |r| {
        r.calls(Run::Opus).map(|f| f.audio.room_to_phone_added.p99)
    }),
    Goal("bursty", "inserted silence, bursty source", 0.0, "frames", Better::Less, &[Run::Bursty], |r| {
        r.calls(Run::Bursty).map(|f| f.phone.silent as f64)
    }),
    Goal(
        "invite",
        "CreateSIPParticipant to INVITE, p99, 100 per second",
        5.0,
        "ms",
        Better::Less,
        &[Run::Opus],
        |r| r.calls(Run::Opus).map(|f| f.delays.api_to_invite.p99),
    ),
    Goal("storm", "calls of the storm that failed", 0.0, "calls", Better::Less, &[Run::Storm], |r| {
        r.storm().map(|f| f.failed() as f64)
    }),
    Goal(
        "storm",
        "frames that established calls lost in it",
        0.0,
        "frames",
        Better::Less,
        &[Run::Storm],
        |r| r.storm().map(|f| f.established_missing() as f64),
    ),
    Goal(
        "memory",
        "memory per call, room and participant, many calls",
        250.0,
        "kB",
        Better::Less,
        &[Run::Opus],
        |r| Some(r.calls(Run::Opus)?.cost.as_ref()?.memory_kb_per_call),
    ),
];

/// What `--only` may name.
pub(crate) fn keys() -> Vec<&'static str> {
    let mut keys: Vec<&str> = GOALS.iter().map(|goal| goal.0).collect();
    keys.dedup();
    keys
}

/// The runs that the rows chosen need, in their order. Without another server there is nothing to compare with.
pub(crate) fn runs(only: &[String], other: bool) -> Vec<Run> {
    let goals = GOALS.iter().filter(|goal| chosen(goal, only));
    let mut runs: Vec<Run> = goals.flat_map(|goal| goal.5.iter().copied()).collect();
    runs.retain(|run| other || !run.is_other());
    runs.sort_unstable();
    runs.dedup();
    runs
}

fn chosen(goal: &Goal, only: &[String]) -> bool {
    only.is_empty() || only.iter().any(|key| key == goal.0)
}

/// What the runs have measured.
#[derive(Debug, Default)]
pub(crate) struct Results(pub(crate) BTreeMap<Run, Outcome>);

impl Results {
    fn calls(&self, run: Run) -> Option<&Figures> {
        match self.0.get(&run)? {
            Outcome::Calls(figures) => Some(figures),
            Outcome::Storm(_) | Outcome::Idle(_) => None,
        }
    }

    fn storm(&self) -> Option<&crate::figures::StormFigures> {
        match self.0.get(&Run::Storm)? {
            Outcome::Storm(figures) => Some(figures),
            Outcome::Calls(_) | Outcome::Idle(_) => None,
        }
    }

    fn cpu(&self, run: Run) -> Option<f64> {
        Some(self.calls(run)?.cost.as_ref()?.cpu_ms_per_call_second)
    }

    fn doubt(&self, run: Run) -> Option<String> {
        let figures = match self.0.get(&run)? {
            Outcome::Calls(figures) if figures.failed > 0 => {
                return Some(format!("{} calls failed", figures.failed));
            }
            Outcome::Calls(figures) => figures.machine,
            Outcome::Storm(figures) => figures.storms.last()?.machine,
            Outcome::Idle(figures) => figures.machine,
        };
        figures.doubt()
    }

    /// The rows that were measured, of those chosen.
    pub(crate) fn rows(&self, only: &[String]) -> Vec<Row> {
        let measured = |goal: &Goal| {
            let Goal(key, name, target, unit, better, runs, figure) = *goal;
            let measured = figure(self)?;
            let doubt = runs.iter().find_map(|run| self.doubt(*run));
            Some(Row { key, name, measured, target, unit, better, doubt })
        };
        GOALS.iter().filter(|goal| chosen(goal, only)).filter_map(measured).collect()
    }
}

impl Row {
    pub(crate) fn met(&self) -> bool {
        match self.better {
            Better::Less => self.measured <= self.target,
            Better::More => self.measured >= self.target,
        }
    }

    /// How the figure compares with the target; below 1 is better.
    pub(crate) fn part_of_target(&self) -> f64 {
        match self.better {
            // Where nothing is allowed, one is as much too much as ten times the target elsewhere.
            Better::Less if self.target == 0.0 => {
                if self.measured > 0.0 {
                    10.0
                } else {
                    0.01
                }
            }
            Better::Less => self.measured / self.target,
            Better::More => self.target / self.measured,
        }
    }

    /// A name for narrow places.
    pub(crate) fn short(&self) -> &'static str {
        self.key
    }
}

/// The rows as lines of text.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = writeln!(out, "{:56}{:>12}{:>14}  met", "target", "measured", "asked for");
    for row in rows {
        let Row { name, measured, target, unit, .. } = row;
        let sign = if row.better == Better::Less { "<=" } else { ">=" };
        let met = if row.met() { "yes" } else { "NO" };
        let doubt = row.doubt.as_ref().map(|doubt| format!("  ({doubt})")).unwrap_or_default();
        let asked = format!("{sign} {target} {unit}");
        let _ = writeln!(out, "{name:56}{measured:>12.2}{asked:>14}  {met}{doubt}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::AgentCodec;

    #[test]
    fn only_the_runs_that_the_chosen_rows_need_are_made() {
        assert_eq!(runs(&["storm".to_owned()], true), [Run::Storm]);
        assert_eq!(runs(&["ratio-8".to_owned()], true), [Run::Eight, Run::OtherEight]);
        assert_eq!(runs(&["ratio-8".to_owned()], false), [Run::Eight]);
        assert_eq!(runs(&[], false).len(), 7);
        let plan = Plan { calls: 100, other_calls: 16, steady: Duration::from_secs(5) };
        let workload = Run::Narrowband.workload(&plan);
        assert_eq!((workload.calls(), workload.agent), (100, AgentCodec::Narrowband));
    }

    #[test]
    fn a_row_is_met_on_its_better_side() {
        let row = |measured, target, better| Row {
            key: "x",
            name: "x",
            measured,
            target,
            unit: "",
            better,
            doubt: None,
        };
        assert!(row(1.0, 1.0, Better::Less).met() && !row(1.1, 1.0, Better::Less).met());
        assert!(row(13.0, 12.0, Better::More).met() && !row(11.0, 12.0, Better::More).met());
        assert!(!row(f64::NAN, 12.0, Better::Less).met());
        assert!(row(0.0, 0.0, Better::Less).met() && !row(1.0, 0.0, Better::Less).met());
        assert!(table(&[row(f64::NAN, 1.0, Better::Less)]).contains("NO"));
    }
}
