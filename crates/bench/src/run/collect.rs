//! From readings and times to figures.

use std::time::{Duration, Instant};

use peers::participant::{Codec, Heard};

use super::call::Call;
use crate::figures::{AgentCounts, Cost, Delays, Figures, Spread, ms, ms_between};
use crate::machine::{self, Machine, Reading};
use crate::phone::{Counts, Line};
use crate::workload::Workload;
use peers::server::{ThreadShare, Usage};

/// What is read at the beginning of a part.
pub(super) struct Window {
    begin: Instant,
    usage: Usage,
    own: Usage,
    machine: Reading,
}

/// What a part used.
pub(super) struct Part {
    time: Duration,
    cpu: Duration,
    threads: Vec<ThreadShare>,
    usage: Usage,
    machine: Machine,
}

/// The steady part, with what each participant heard of it.
pub(super) struct Steady {
    part: Part,
    heard: Vec<(Heard, Heard)>,
}

impl Window {
    pub(super) fn open(pids: &[u32]) -> Self {
        let usage = Usage::of(pids).unwrap_or_default();
        let own = Usage::of(&[std::process::id()]).unwrap_or_default();
        Self { begin: Instant::now(), usage, own, machine: Reading::now() }
    }

    pub(super) fn close(self, pids: &[u32]) -> Part {
        let usage = Usage::of(pids).unwrap_or_default();
        let own = Usage::of(&[std::process::id()]).unwrap_or_default();
        let time = self.begin.elapsed();
        let cpu = usage.cpu_since(&self.usage);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let percent = |cpu: Duration| cpu.as_secs_f64() * 100.0 / (time.as_secs_f64() * cores as f64);
        let machine = Machine {
            cores,
            busy_percent: Reading::now().busy_since(self.machine),
            server_percent: percent(cpu),
            bench_percent: percent(own.cpu_since(&self.own)),
            load: machine::load(),
        };
        let threads = usage.shares_since(&self.usage);
        Part { time, cpu, threads, usage, machine }
    }
}

impl Steady {
    /// Measures the calls for `time`.
    pub(super) async fn measure(calls: &[Call], pids: &[u32], time: Duration) -> anyhow::Result<Self> {
        let mut before = Vec::with_capacity(calls.len());
        for call in calls {
            before.push(call.agent.heard().await?);
        }
        for call in calls {
            call.line.hearing(crate::phone::Hearing::restart);
        }
        let window = Window::open(pids);
        tokio::time::sleep(time).await;
        let part = window.close(pids);
        let mut heard = Vec::with_capacity(calls.len());
        for (call, before) in calls.iter().zip(before) {
            heard.push((before, call.agent.heard().await?));
        }
        Ok(Self { part, heard })
    }
}

/// All figures of a run.
pub(super) fn figures(
    workload: &Workload,
    pids: &[u32],
    before: &Usage,
    alone: &Part,
    steady: &Steady,
    calls: &[Call],
) -> Figures {
    let up: Vec<(&Call, &(Heard, Heard))> =
        calls.iter().zip(&steady.heard).filter(|(call, _)| call.failure.is_none()).collect();
    let talking = |(call, heard): &&(&Call, &(Heard, Heard))| {
        call.line.hearing(|hearing| hearing.counts().frames > 0) && heard.1.packets > heard.0.packets
    };
    let fine = up.iter().filter(talking).count();
    let hearings = |look: fn(&mut crate::phone::Hearing) -> Vec<f64>| {
        Spread::of(up.iter().flat_map(|(call, _)| call.line.hearing(look)))
    };
    let first_failure = calls.iter().find_map(|call| call.failure.clone());
    let deaf = (fine < up.len()).then(|| "a phone or a participant heard nothing".to_owned());
    Figures {
        workload: workload.clone(),
        failed: workload.calls - fine,
        first_failure: first_failure.or(deaf),
        cost: (!pids.is_empty()).then(|| cost(workload.calls, up.len(), before, alone, &steady.part)),
        set_up_per_second: set_up_per_second(workload, up.iter().map(|(call, _)| *call)),
        delays: delays(&up),
        phone: up
            .iter()
            .map(|(call, _)| call.line.hearing(|hearing| hearing.counts()))
            .fold(Counts::default(), Counts::and),
        phone_spacing: hearings(|hearing| hearing.spacings().iter().map(|&ms| f64::from(ms)).collect()),
        phone_jitter: hearings(|hearing| vec![hearing.jitter_ms()]),
        agent: agents(&up),
        machine: steady.part.machine,
    }
}

fn cost(rooms: usize, calls: usize, before: &Usage, alone: &Part, steady: &Part) -> Cost {
    let share = |cpu: f64, time: Duration, count: usize| cpu / (time.as_secs_f64() * count.max(1) as f64);
    let of_thread = |thread: &ThreadShare| ThreadShare {
        name: thread.name.clone(),
        cpu_ms: share(thread.cpu_ms, steady.time, calls),
        runs: thread.runs,
    };
    let grown = steady.usage.memory.saturating_sub(before.memory);
    Cost {
        cpu_ms_per_call_second: share(ms(steady.cpu), steady.time, calls),
        cpu_ms_per_room_second_alone: share(ms(alone.cpu), alone.time, rooms),
        memory_before_mb: before.memory as f64 / 1e6,
        memory_kb_per_call: grown as f64 / 1e3 / calls.max(1) as f64,
        threads: steady.threads.iter().map(of_thread).collect(),
    }
}

/// Calls answered per second, the ringing left out.
fn set_up_per_second<'a>(workload: &Workload, calls: impl Iterator<Item = &'a Call> + Clone) -> f64 {
    let first = calls.clone().map(|call| call.asked).min();
    let last = calls.clone().map(|call| call.returned).max();
    let (Some(first), Some(last)) = (first, last) else { return 0.0 };
    let time = (last - first).saturating_sub(workload.ring).as_secs_f64();
    calls.count() as f64 / time.max(f64::EPSILON)
}

fn delays(calls: &[(&Call, &(Heard, Heard))]) -> Delays {
    let spread = |delay: fn(&Call, &Heard) -> Option<f64>| {
        Spread::of(calls.iter().filter_map(|(call, (_, heard))| delay(call, heard)))
    };
    Delays {
        api_to_invite: spread(|call, _| Some(ms_between(call.asked, *call.line.invited.get()?))),
        api_to_return_less_ringing: spread(|call, _| {
            Some(ms_between(call.asked, call.returned) - rang(&call.line)?)
        }),
        ringing_to_attribute: spread(|call, _| {
            Some(ms_between(*call.line.ringing.get()?, call.agent.status("ringing")?))
        }),
        answer_to_attribute: spread(|call, _| {
            Some(ms_between(*call.line.answered.get()?, call.agent.status("active")?))
        }),
        answer_to_agent_audio: spread(|call, heard| {
            Some(ms_between(*call.line.answered.get()?, heard.first_sound?))
        }),
        answer_to_phone_audio: spread(|call, _| {
            Some(ms_between(*call.line.answered.get()?, *call.line.first_sound.get()?))
        }),
    }
}

/// How long the phone rang, in milliseconds.
fn rang(line: &Line) -> Option<f64> {
    Some(ms_between(*line.ringing.get()?, *line.answered.get()?))
}

fn agents(calls: &[(&Call, &(Heard, Heard))]) -> AgentCounts {
    let mut sum = AgentCounts::default();
    for (_, (before, after)) in calls {
        sum.packets += after.packets.saturating_sub(before.packets);
        sum.lost += after.lost.saturating_sub(before.lost);
        sum.damaged += after.damaged.saturating_sub(before.damaged);
        sum.codec = sum.codec.or(after.codec.map(Codec::name));
    }
    sum
}
