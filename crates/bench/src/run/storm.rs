//! A storm of short calls: into rooms that are there while a few calls go on, or each into a room of its own, faster and faster.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::call::{self, Call};
use super::meter::{Part, Window};
use super::steady::{self, Room};
use super::{Bench, SETTLE, collect};
use crate::agent::Role;
use crate::figures::{Spread, StormFigures, StormStep, ms, ms_between};
use crate::hearing::{Counts, Hearing};

/// How long each call talks.
const TALKS: Duration = Duration::from_secs(2);
/// From the end of a call to the next one in the same room, at least.
const REST: Duration = Duration::from_millis(500);
/// Calls that stay all the time.
const ESTABLISHED: usize = 8;
/// How much faster each fresh storm is than the one before.
const FASTER: f64 = 1.5;
const MAX_FRESH_RATE: f64 = 400.0;

/// A call with its participant's joining, where there was one.
struct Fresh {
    begin: Instant,
    call: Option<Call>,
    failure: Option<String>,
}

/// Into rooms that are there.
pub(super) async fn measure(bench: &Arc<Bench>) -> anyhow::Result<StormFigures> {
    steady::warm_up(bench).await?;
    let workload = &bench.workload;
    let at_once = (workload.rate * (TALKS + REST).as_secs_f64()).ceil() as usize;
    let established = bench.open_rooms("call", 0, ESTABLISHED).await?;
    let staying = bench.place("call", 0, &established).await;
    let rooms = bench.open_rooms_with("storm", 0, at_once, listener()).await?;
    tokio::time::sleep(SETTLE).await;

    staying.iter().for_each(|call| call.line.hearing(Hearing::restart));
    let window = Window::open(bench);
    let calls = blow(bench, &rooms).await;
    let part = window.close(bench);
    let heard: Vec<&Call> = staying.iter().filter(|call| call.failure.is_none()).collect();
    let counts = collect::phones(&heard);

    let step = step(workload.rate, calls.into_iter().map(of_room).collect(), &part);
    bench.phones.hang_up();
    bench.close_rooms(rooms).await;
    bench.close_rooms(established).await;
    Ok(figures(bench, vec![step], counts, (heard.len(), part.time)))
}

/// Each into a room of its own, until it is too fast.
pub(super) async fn measure_fresh(bench: &Arc<Bench>) -> anyhow::Result<StormFigures> {
    steady::warm_up(bench).await?;
    let mut steps: Vec<StormStep> = Vec::new();
    let mut rate = bench.workload.rate;
    let mut first = 0;
    while rate <= MAX_FRESH_RATE && steps.last().is_none_or(StormStep::fine) {
        let count = (rate * bench.workload.steady.as_secs_f64()) as usize;
        let window = Window::open(bench);
        let calls =
            bench.paced(count, rate, |bench, index| async move { fresh(&bench, first + index).await });
        let mut done = Vec::with_capacity(count);
        for call in calls.await {
            done.push(call.await?);
        }
        let part = window.close(bench);
        steps.push(step(rate, done, &part));
        tokio::time::sleep(SETTLE).await;
        first += count;
        rate *= FASTER;
    }
    Ok(figures(bench, steps, Counts::default(), (0, Duration::ZERO)))
}

/// Who waits in a room for the storm: one who listens and says nothing.
fn listener() -> Role {
    Role { identity: "agent".to_owned(), speech: None, burst: 1, listens: true, trouble: None }
}

/// Places the calls of the storm, one room after the other.
async fn blow(bench: &Arc<Bench>, rooms: &[Room]) -> Vec<Call> {
    let workload = &bench.workload;
    let count = (workload.rate * workload.steady.as_secs_f64()) as usize;
    let calls = bench.paced(count, workload.rate, |bench, index| {
        let present = rooms[index % rooms.len()].present();
        async move {
            let call = call::place(&bench, "storm", index, present?, Some(TALKS)).await;
            Some(last(call).await)
        }
    });
    let mut done = Vec::with_capacity(count);
    for call in calls.await {
        done.extend(call.await.ok().flatten());
    }
    done
}

/// Waits for the end of a call that hangs up by itself.
async fn last(call: Call) -> Call {
    let limit = Instant::now() + TALKS * 4;
    while call.failure.is_none() && call.line.ended.get().is_none() && Instant::now() < limit {
        tokio::time::sleep(REST).await;
    }
    call
}

/// A call into a new room that its participant joins first.
async fn fresh(bench: &Arc<Bench>, index: usize) -> Fresh {
    let begin = Instant::now();
    let room = match bench.open_room("fresh", index, bench.talker()).await {
        Ok(room) => room,
        Err(error) => return Fresh { begin, call: None, failure: Some(format!("{error:#}")) },
    };
    let Some(present) = room.present() else { return Fresh { begin, call: None, failure: None } };
    let call = last(call::place(bench, "fresh", index, present, Some(TALKS)).await).await;
    bench.close_rooms(vec![room]).await;
    Fresh { begin, failure: call.failure.clone(), call: Some(call) }
}

fn of_room(call: Call) -> Fresh {
    Fresh { begin: call.asked, failure: call.failure.clone(), call: Some(call) }
}

fn step(rate: f64, calls: Vec<Fresh>, part: &Part) -> StormStep {
    let up: Vec<&Call> = calls.iter().filter_map(|fresh| fresh.call.as_ref()).collect();
    let up: Vec<&Call> = up.into_iter().filter(|call| call.failure.is_none()).collect();
    let joined = |fresh: &Fresh| {
        let call = fresh.call.as_ref()?;
        Some(ms_between(fresh.begin, call.statuses.at(&call.identity, "active")?))
    };
    StormStep {
        rate,
        calls: calls.len(),
        failed: calls.len() - up.len(),
        first_failure: calls.iter().find_map(|fresh| fresh.failure.clone()),
        set_up_per_second: collect::set_up_per_second(&up, Duration::ZERO),
        delays: collect::delays(&up),
        join_to_active: Spread::of(calls.iter().filter_map(joined)),
        cpu_ms_per_call: ms(part.cpu) / calls.len().max(1) as f64,
        machine: part.machine,
    }
}

fn figures(
    bench: &Bench,
    storms: Vec<StormStep>,
    established: Counts,
    (calls, time): (usize, Duration),
) -> StormFigures {
    let frames = (time.as_secs_f64() * 50.0) as u64;
    StormFigures {
        workload: bench.workload.clone(),
        storms,
        established,
        established_expected: frames.saturating_sub(1) * calls as u64,
        established_calls: calls,
    }
}
