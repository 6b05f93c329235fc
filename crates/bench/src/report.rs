//! The figures as a table.

use std::fmt::Write as _;

use crate::figures::{Cost, Figures, Spread};

/// All of it, as lines of text.
pub(crate) fn table(figures: &Figures) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = write(&mut out, figures);
    out
}

fn write(out: &mut String, figures: &Figures) -> std::fmt::Result {
    let workload = &figures.workload;
    let krisp = if workload.krisp { ", voice isolation" } else { "" };
    let (calls, seconds) = (workload.calls, workload.steady.as_secs());
    writeln!(out, "{calls} calls, participants publish {:?}{krisp}, {seconds} s steady", workload.agent)?;
    if let Some(failure) = &figures.first_failure {
        writeln!(out, "  FAILED: {} calls; the first: {failure}", figures.failed)?;
    }
    if let Some(cost) = &figures.cost {
        self::cost(out, cost)?;
    }
    writeln!(out, "  {:34}{:.1}", "calls set up per second", figures.set_up_per_second)?;
    delays(out, figures)?;
    let phone = &figures.phone;
    writeln!(
        out,
        "  {:34}{} frames, {} lost, {} late, {} gaps (longest {:.0} ms), {} silent",
        "phones heard", phone.frames, phone.lost, phone.late, phone.gaps, phone.longest_gap_ms, phone.silent
    )?;
    let agent = &figures.agent;
    let codec = agent.codec.unwrap_or("nothing");
    let (packets, lost) = (agent.packets, agent.lost);
    writeln!(out, "  {:34}{packets} packets of {codec}, {lost} lost", "participants heard")?;
    machine(out, figures)
}

fn cost(out: &mut String, cost: &Cost) -> std::fmt::Result {
    let cpu = cost.cpu_ms_per_call_second;
    writeln!(out, "  {:34}{cpu:.2}", "CPU per call-second, ms")?;
    for thread in cost.threads.iter().filter(|thread| thread.cpu_ms >= 0.005) {
        let (name, runs) = (format!("of which {}", thread.name), thread.runs);
        writeln!(out, "    {name:32}{:.2} ({runs} times on a processor)", thread.cpu_ms)?;
    }
    let alone = cost.cpu_ms_per_room_second_alone;
    writeln!(out, "  {:34}{alone:.2}", "room and participant alone, ms")?;
    let (per_call, before) = (cost.memory_kb_per_call, cost.memory_before_mb);
    writeln!(out, "  {:34}{per_call:.0} ({before:.1} MB before)", "memory per call, kB")
}

fn delays(out: &mut String, figures: &Figures) -> std::fmt::Result {
    let delays = &figures.delays;
    let rows = [
        ("API to INVITE", &delays.api_to_invite),
        ("API to return, less ringing", &delays.api_to_return_less_ringing),
        ("180 to attribute", &delays.ringing_to_attribute),
        ("200 to attribute", &delays.answer_to_attribute),
        ("200 to phone's sound in the room", &delays.answer_to_agent_audio),
        ("200 to room's sound at the phone", &delays.answer_to_phone_audio),
        ("between frames at the phone", &figures.phone_spacing),
        ("jitter at the phone", &figures.phone_jitter),
    ];
    writeln!(out, "  {:34}{:>9}{:>9}{:>9}{:>9}", "ms", "p50", "p95", "p99", "max")?;
    for (name, spread) in rows {
        let Spread { p50, p95, p99, max, .. } = spread;
        writeln!(out, "    {name:32}{p50:>9.1}{p95:>9.1}{p99:>9.1}{max:>9.1}")?;
    }
    Ok(())
}

fn machine(out: &mut String, figures: &Figures) -> std::fmt::Result {
    let machine = &figures.machine;
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
    )
}
