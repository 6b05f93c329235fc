//! The project's budgets, and what was measured against them.

use std::fmt::Write as _;

use crate::figures::{Cost, Figures, ms};
use crate::server::Start;

/// Calls and voice isolation of each round, in the order that [`judge`] expects.
pub(crate) const ROUNDS: [(usize, bool); 3] = [(1, false), (8, false), (8, true)];

/// One round on a server of its own.
pub(crate) struct Round {
    pub(crate) start: Start,
    pub(crate) figures: Figures,
}

/// One budget.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    name: &'static str,
    figure: f64,
    budget: f64,
    unit: &'static str,
}

/// The rows, from the rounds in the order of [`ROUNDS`]. Delays are the median of the 8 calls.
pub(crate) fn judge(rounds: &[Round]) -> Vec<Row> {
    let [single, eight, isolated] = rounds else { return Vec::new() };
    let cpu = |round: &Round| round.figures.cost.as_ref().map_or(f64::NAN, cpu_of);
    let memory = eight.figures.cost.as_ref().map_or(f64::NAN, |cost| cost.memory_kb_per_call);
    let starts = || rounds.iter().map(|round| round.start);
    let start_time = starts().map(|start| ms(start.time)).fold(f64::INFINITY, f64::min);
    let start_memory = starts().map(|start| start.memory as f64 / 1e6).fold(0.0, f64::max);
    let delays = &eight.figures.delays;
    let row = |name, figure, budget, unit| Row { name, figure, budget, unit };
    vec![
        row("CreateSIPParticipant to INVITE, p50", delays.api_to_invite.p50, 5.0, "ms"),
        row("200 to phone's sound in the room, p50", delays.answer_to_agent_audio.p50, 40.0, "ms"),
        row("200 to room's sound at the phone, p50", delays.answer_to_phone_audio.p50, 60.0, "ms"),
        row("server start, best of 3", start_time, 200.0, "ms"),
        row("memory at start", start_memory, 40.0, "MB"),
        row("CPU per call-second, 1 call", cpu(single), 15.0, "ms"),
        row("CPU per call-second, 8 calls", cpu(eight), 5.0, "ms"),
        row("the same with voice isolation", cpu(isolated), 9.0, "ms"),
        row("memory per call with its room", memory, 1000.0, "kB"),
    ]
}

fn cpu_of(cost: &Cost) -> f64 {
    cost.cpu_ms_per_call_second
}

/// The rows as lines of text.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{:40}{:>12}{:>12}  met", "figure", "measured", "budget");
    for row in rows {
        let Row { name, figure, budget, unit } = row;
        let met = if row.met() { "yes" } else { "NO" };
        let _ = writeln!(out, "{name:40}{figure:>9.2} {unit}{budget:>9.0} {unit}  {met}");
    }
    out
}

impl Row {
    fn met(&self) -> bool {
        self.figure < self.budget
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_is_missing_is_not_met() {
        let row = |figure| Row { name: "x", figure, budget: 5.0, unit: "ms" };
        assert!(row(4.9).met());
        assert!(!row(5.0).met());
        assert!(!row(f64::NAN).met());
        assert!(table(&[row(f64::NAN)]).contains("NO"));
    }
}
