//! The most calls at once: more are added until one suffers, then fewer, until the place is known to a twentieth.

use std::sync::Arc;

use peers::server::Usage;

use super::call::Call;
use super::steady::{self, Room};
use super::{Bench, SETTLE, collect};
use crate::figures::{Figures, LimitFigures};

/// How much more each step is than the calls there are.
const MORE: f64 = 0.5;
/// How near the limit is found.
const NEAR: f64 = 0.05;
/// Frames that may be lost on the way, in percent.
const LOST_PERCENT: f64 = 0.1;
/// Calls beyond which nobody looks.
const MOST: usize = 20_000;

pub(super) async fn find(bench: &Arc<Bench>) -> anyhow::Result<LimitFigures> {
    steady::warm_up(bench).await?;
    let before = Usage::of(&bench.target.pids).unwrap_or_default();
    let mut crowd = Crowd { rooms: Vec::new(), calls: Vec::new(), next: 0 };
    let mut found =
        LimitFigures { workload: bench.workload.clone(), steps: Vec::new(), verdicts: Vec::new(), most: 0 };
    let mut more = bench.workload.rooms.max(1);
    while crowd.rooms.len() + more <= MOST {
        let before_growing = crowd.rooms.len();
        let failure = crowd.grow(bench, more).await;
        tokio::time::sleep(SETTLE).await;
        let watched = steady::watch(bench, &crowd.calls, bench.workload.steady).await;
        let figures = collect::figures(bench, &before, None, &watched, &crowd.calls);
        let verdict = failure.or_else(|| too_much(&figures));
        tracing::info!(calls = crowd.calls.len(), ?verdict, "one step");
        eprintln!("{} calls: {}", crowd.calls.len(), verdict.as_deref().unwrap_or("fine"));
        found.steps.push(figures);
        let fine = verdict.is_none();
        found.verdicts.push(verdict);
        if fine {
            found.most = crowd.calls.len();
            let wider = (crowd.rooms.len() as f64 * MORE) as usize;
            more = if found.verdicts.iter().any(Option::is_some) { more / 2 } else { wider.max(1) };
        } else {
            crowd.shrink(bench, before_growing).await;
            more /= 2;
        }
        if more == 0 || (!fine || found.verdicts.iter().any(Option::is_some)) && near(more, crowd.rooms.len())
        {
            break;
        }
    }
    bench.phones.hang_up();
    bench.close_rooms(std::mem::take(&mut crowd.rooms)).await;
    Ok(found)
}

fn near(more: usize, rooms: usize) -> bool {
    (more as f64) < NEAR * rooms as f64
}

/// Everybody there is.
struct Crowd {
    rooms: Vec<Room>,
    calls: Vec<Call>,
    /// The number of the room that comes next.
    next: usize,
}

impl Crowd {
    /// Adds rooms with their calls; why not all are there, if they are not.
    async fn grow(&mut self, bench: &Arc<Bench>, more: usize) -> Option<String> {
        let first = self.next;
        self.next += more;
        let rooms = match bench.open_rooms("call", first, more).await {
            Ok(rooms) => rooms,
            Err(error) => return Some(format!("{error:#}")),
        };
        let calls = bench.place("call", first, &rooms).await;
        let failure = calls.iter().find_map(|call| call.failure.clone());
        self.rooms.extend(rooms);
        self.calls.extend(calls);
        failure
    }

    /// Takes the rooms away that came after the first `keep`, with their calls.
    async fn shrink(&mut self, bench: &Arc<Bench>, keep: usize) {
        let gone = self.rooms.split_off(keep);
        self.calls.truncate(keep * bench.workload.phones);
        bench.close_rooms(gone).await;
        tokio::time::sleep(SETTLE).await;
    }
}

/// Why these are too many calls.
fn too_much(figures: &Figures) -> Option<String> {
    let Figures { failed, phone, .. } = figures;
    if *failed > 0 {
        let why = figures.first_failure.clone().unwrap_or_default();
        return Some(format!("{failed} failed: {why}"));
    }
    let (missing, lost) = (figures.missing_percent(), figures.agent_lost_percent());
    if missing >= LOST_PERCENT || lost >= LOST_PERCENT {
        return Some(format!(
            "{missing:.2} % of the frames did not come to the phones, {lost:.2} % not to the rooms"
        ));
    }
    (phone.gaps > 0).then(|| {
        let (gaps, longest) = (phone.gaps, phone.longest_gap_ms - 20.0);
        format!("{gaps} times a phone waited more than 20 ms for a frame, at most {longest:.0} ms")
    })
}
