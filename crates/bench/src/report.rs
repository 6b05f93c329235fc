//! The figures as tables of text.

use std::fmt::{self, Write as _};

use crate::figures::{
    Cost, Delays, Figures, IdleFigures, LimitFigures, Outcome, Spread, StormFigures, StormStep,
};
use crate::machine::Machine;
use crate::workload::Workload;

/// All of it, as lines of text.
pub(crate) fn table(outcome: &Outcome) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = match outcome {
        Outcome::Calls(figures) => calls(&mut out, figures),
        Outcome::Storm(figures) => storm(&mut out, figures),
        Outcome::Idle(figures) => idle(&mut out, figures),
    };
    out
}

/// The steps towards the limit, and where it is.
pub(crate) fn limit_table(figures: &LimitFigures) -> String {
    let mut out = String::new();
    let _ = limit(&mut out, figures);
    out
}

fn title(out: &mut String, workload: &Workload) -> fmt::Result {
    let Workload { name, rooms, phones, listeners, .. } = workload;
    write!(out, "{name}: {rooms} rooms with {phones} phones")?;
    if *listeners > 0 {
        write!(out, " and {listeners} listeners")?;
    }
    let codecs: Vec<_> = workload.phone_codecs().iter().map(|codec| codec.codec().name()).collect();
    write!(out, " each, which take {}", codecs.join(" or "))?;
    writeln!(out, ", participants publish {:?}, {} s steady", workload.agent, workload.steady.as_secs())
}

fn calls(out: &mut String, figures: &Figures) -> fmt::Result {
    title(out, &figures.workload)?;
    if let Some(failure) = &figures.first_failure {
        writeln!(out, "  FAILED: {} calls; the first: {failure}", figures.failed)?;
    }
    if let Some(cost) = &figures.cost {
        self::cost(out, cost)?;
    }
    writeln!(out, "  {:34}{:.1}", "calls set up per second", figures.set_up_per_second)?;
    delays(out, &delay_rows(figures))?;
    let phone = &figures.phone;
    writeln!(
        out,
        "  {:34}{} frames of {}, {} lost, {} late, {} gaps (longest {:.0} ms), {} silent",
        "phones heard",
        phone.frames,
        figures.phone_expected,
        phone.lost,
        phone.late,
        phone.gaps,
        phone.longest_gap_ms,
        phone.silent
    )?;
    let (agent, codec) = (&figures.agent, figures.agent_codec.unwrap_or("nothing"));
    writeln!(
        out,
        "  {:34}{} packets of {codec}, {} lost, {} late, {} gaps (longest {:.0} ms)",
        "participants heard", agent.frames, agent.lost, agent.late, agent.gaps, agent.longest_gap_ms
    )?;
    let (to_room, to_phone) = figures.audio.marks_missed;
    writeln!(out, "  {:34}{to_room} towards the room, {to_phone} towards the phone", "marks never heard")?;
    for (minute, n) in figures.minutes.iter().zip(1..) {
        let (cpu, memory) = (minute.cpu_ms_per_call_second, minute.memory_mb);
        writeln!(out, "    minute {n:<25}{cpu:.2} ms per call-second, {memory:.1} MB")?;
    }
    machine(out, &figures.machine)
}

fn cost(out: &mut String, cost: &Cost) -> fmt::Result {
    let cpu = cost.cpu_ms_per_call_second;
    writeln!(out, "  {:34}{cpu:.2}", "CPU per call-second, ms")?;
    for thread in cost.threads.iter().filter(|thread| thread.cpu_ms >= 0.005) {
        let (name, runs) = (format!("of which {}", thread.name), thread.runs);
        writeln!(out, "    {name:32}{:.2} ({runs} times on a processor)", thread.cpu_ms)?;
    }
    let alone = cost.cpu_ms_per_room_second_alone;
    if alone.is_finite() {
        writeln!(out, "  {:34}{alone:.2}", "room and participants alone, ms")?;
    }
    let (per_call, before) = (cost.memory_kb_per_call, cost.memory_before_mb);
    writeln!(out, "  {:34}{per_call:.0} ({before:.1} MB before)", "memory per call, kB")
}

/// Everything that is a spread of milliseconds, with its name.
pub(crate) fn delay_rows(figures: &Figures) -> Vec<(&'static str, Spread)> {
    let audio = &figures.audio;
    let mut rows = set_up_rows(&figures.delays);
    rows.extend([
        ("mouth to ear, phone to room", audio.phone_to_room),
        ("  of which added", audio.phone_to_room_added),
        ("mouth to ear, room to phone", audio.room_to_phone),
        ("  of which added", audio.room_to_phone_added),
        ("between frames at the phone", figures.phone_spacing),
        ("jitter at the phone", figures.phone_jitter),
    ]);
    rows
}

fn set_up_rows(delays: &Delays) -> Vec<(&'static str, Spread)> {
    vec![
        ("API to INVITE", delays.api_to_invite),
        ("API to return, less ringing", delays.api_to_return_less_ringing),
        ("180 to attribute", delays.ringing_to_attribute),
        ("200 to attribute", delays.answer_to_attribute),
        ("200 to phone's sound in the room", delays.answer_to_agent_audio),
        ("200 to room's sound at the phone", delays.answer_to_phone_audio),
    ]
}

fn delays(out: &mut String, rows: &[(&str, Spread)]) -> fmt::Result {
    writeln!(out, "  {:34}{:>9}{:>9}{:>9}{:>9}", "ms", "p50", "p95", "p99", "max")?;
    for (name, spread) in rows.iter().filter(|(_, spread)| spread.count > 0) {
        let Spread { p50, p95, p99, max, .. } = spread;
        writeln!(out, "    {name:32}{p50:>9.2}{p95:>9.2}{p99:>9.2}{max:>9.2}")?;
    }
    Ok(())
}

fn storm(out: &mut String, figures: &StormFigures) -> fmt::Result {
    title(out, &figures.workload)?;
    for step in &figures.storms {
        storm_step(out, step)?;
    }
    if figures.established_calls > 0 {
        let heard = &figures.established;
        writeln!(
            out,
            "  {:34}{} frames of {}, {} lost, {} late, {} gaps (longest {:.0} ms)",
            format!("{} calls that stayed heard", figures.established_calls),
            heard.frames,
            figures.established_expected,
            heard.lost,
            heard.late,
            heard.gaps,
            heard.longest_gap_ms
        )?;
    }
    Ok(())
}

fn storm_step(out: &mut String, step: &StormStep) -> fmt::Result {
    let StormStep { rate, calls, failed, set_up_per_second, .. } = step;
    let verdict = if step.fine() { "" } else { ": TOO MUCH" };
    writeln!(
        out,
        "  {rate:.0} calls per second: {calls} calls, {failed} failed, {set_up_per_second:.0} set up per second{verdict}"
    )?;
    if let Some(failure) = &step.first_failure {
        writeln!(out, "    the first failure: {failure}")?;
    }
    writeln!(out, "  {:34}{:.2}", "CPU per call, ms", step.cpu_ms_per_call)?;
    let mut rows = set_up_rows(&step.delays);
    rows.push(("join to active", step.join_to_active));
    delays(out, &rows)?;
    machine(out, &step.machine)
}

fn idle(out: &mut String, figures: &IdleFigures) -> fmt::Result {
    let IdleFigures { workload, cpu_ms_per_second, memory_kb_per_room, made, .. } = figures;
    writeln!(out, "{}: {} rooms, {} s", workload.name, workload.rooms, workload.steady.as_secs())?;
    writeln!(out, "  {:34}{cpu_ms_per_second:.2}", "CPU per second, all rooms, ms")?;
    writeln!(out, "  {:34}{memory_kb_per_room:.1}", "memory per room, kB")?;
    delays(out, &[("making one", *made)])?;
    machine(out, &figures.machine)
}

fn limit(out: &mut String, figures: &LimitFigures) -> fmt::Result {
    title(out, &figures.workload)?;
    writeln!(
        out,
        "  {:>6}{:>9}{:>10}{:>10}{:>10}{:>11}{:>11}{:>9}{:>8}",
        "calls",
        "CPU ms",
        "missing %",
        "lost %",
        "gap ms",
        "to room p99",
        " to phone p99",
        "server %",
        "bench %"
    )?;
    for (step, verdict) in figures.steps.iter().zip(&figures.verdicts) {
        let machine = &step.machine;
        writeln!(
            out,
            "  {:>6}{:>9.2}{:>10.3}{:>10.3}{:>10.0}{:>11.1}{:>13.1}{:>9.0}{:>8.0}  {}",
            step.calls,
            step.cost.as_ref().map_or(f64::NAN, |cost| cost.cpu_ms_per_call_second),
            step.missing_percent(),
            step.agent_lost_percent(),
            step.phone.longest_gap_ms,
            step.audio.phone_to_room_added.p99,
            step.audio.room_to_phone_added.p99,
            machine.server_percent,
            machine.bench_percent,
            verdict.as_deref().unwrap_or("fine")
        )?;
    }
    writeln!(out, "  {:34}{}", "most calls that were fine", figures.most)?;
    if let Some(step) = figures.steps.last() {
        machine(out, &step.machine)?;
    }
    Ok(())
}

fn machine(out: &mut String, machine: &Machine) -> fmt::Result {
    let others = machine.busy_percent - machine.server_percent - machine.bench_percent;
    writeln!(
        out,
        "  {:34}{:.0} % busy: server {:.0}, bench {:.0}, others {:.0}; load average {:.1}",
        format!("machine ({} cores)", machine.cores),
        machine.busy_percent,
        machine.server_percent,
        machine.bench_percent,
        others.max(0.0),
        machine.load
    )?;
    let late = &machine.bench_late;
    writeln!(
        out,
        "  {:34}{} frames, up to {} ms (p50), {} ms (p99), {} ms late",
        "the bench itself sent", late.frames, late.p50_ms, late.p99_ms, late.max_ms
    )?;
    match machine.doubt() {
        Some(doubt) => writeln!(out, "  DOUBT: {doubt}"),
        None => Ok(()),
    }
}
