//! Calls that are placed, stay, and are measured together.

use std::sync::Arc;
use std::time::Duration;

use peers::server::Usage;

use super::call::{self, Call, Present};
use super::meter::{Part, Window};
use super::{Bench, SETTLE, collect};
use crate::agent::{Agent, Role};
use crate::figures::{Figures, Minute};
use crate::hearing::Hearing;

/// How long the participants are measured alone.
const ALONE: Duration = Duration::from_secs(3);
/// How long the warm-up calls talk.
const WARM_UP: Duration = Duration::from_secs(1);
/// Participants of one room that join at once, after the first.
const LISTENERS_PER_SECOND: f64 = 50.0;
const MINUTE: Duration = Duration::from_secs(60);

/// A room with everybody in it but the phones.
pub(super) struct Room {
    pub(super) name: String,
    /// The one who talks first.
    agents: Vec<Agent>,
}

/// The steady part.
pub(super) struct Steady {
    pub(super) part: Part,
    pub(super) minutes: Vec<Minute>,
}

pub(super) async fn measure(bench: &Arc<Bench>) -> anyhow::Result<Figures> {
    warm_up(bench).await?;
    let before = Usage::of(&bench.target.pids).unwrap_or_default();
    let rooms = bench.open_rooms("call", 0, bench.workload.rooms).await?;
    tokio::time::sleep(SETTLE).await;
    let alone = Window::open(bench);
    tokio::time::sleep(ALONE).await;
    let alone = alone.close(bench);
    let calls = bench.place("call", 0, &rooms).await;
    tokio::time::sleep(SETTLE).await;
    let steady = watch(bench, &calls, bench.workload.steady).await;
    let figures = collect::figures(bench, &before, Some(&alone), &steady, &calls);
    bench.phones.hang_up();
    bench.close_rooms(rooms).await;
    Ok(figures)
}

/// Calls whose cost is the first one's: caches, arenas, threads. They are gone before anything is measured.
pub(super) async fn warm_up(bench: &Arc<Bench>) -> anyhow::Result<()> {
    let rooms = bench.open_rooms("warm-up", 0, bench.workload.warm_up).await?;
    let calls = bench.place("warm-up", 0, &rooms).await;
    if let Some(failure) = calls.iter().find_map(|call| call.failure.clone()) {
        anyhow::bail!("a call of the warm-up failed: {failure}");
    }
    tokio::time::sleep(WARM_UP).await;
    bench.phones.hang_up();
    bench.close_rooms(rooms).await;
    tokio::time::sleep(SETTLE).await;
    Ok(())
}

/// Measures the calls for `time`.
pub(super) async fn watch(bench: &Bench, calls: &[Call], time: Duration) -> Steady {
    for call in calls {
        call.line.hearing(Hearing::restart);
        call.ears.iter().for_each(|ears| ears.restart());
    }
    let window = Window::open(bench);
    let mut minutes = Vec::new();
    let mut left = time;
    while left > MINUTE {
        let minute = Window::open_within(bench);
        tokio::time::sleep(MINUTE).await;
        let minute = minute.close(bench);
        let memory_mb = minute.usage.memory as f64 / 1e6;
        minutes.push(Minute { cpu_ms_per_call_second: minute.cpu_ms_per_second(calls.len()), memory_mb });
        left -= MINUTE;
    }
    tokio::time::sleep(left).await;
    Steady { part: window.close(bench), minutes }
}

impl Room {
    pub(super) fn present(&self) -> Option<Present> {
        let first = self.agents.first()?;
        let ears = self.agents.iter().map(|agent| Arc::clone(&agent.ears)).collect();
        Some(Present { room: self.name.clone(), statuses: Arc::clone(first.statuses()), ears })
    }
}

impl Bench {
    /// Lets everybody but the phones into `count` rooms, from number `first` on.
    pub(super) async fn open_rooms(
        self: &Arc<Self>,
        kind: &'static str,
        first: usize,
        count: usize,
    ) -> anyhow::Result<Vec<Room>> {
        self.open_rooms_with(kind, first, count, self.talker()).await
    }

    /// The same with another one in the talker's place.
    pub(super) async fn open_rooms_with(
        self: &Arc<Self>,
        kind: &'static str,
        first: usize,
        count: usize,
        talker: Role,
    ) -> anyhow::Result<Vec<Room>> {
        let opening = self.paced(count, self.workload.rate, |bench, index| {
            let talker = talker.clone();
            async move { bench.open_room(kind, first + index, talker).await }
        });
        let mut rooms = Vec::with_capacity(count);
        for room in opening.await {
            rooms.push(room.await??);
        }
        Ok(rooms)
    }

    pub(super) async fn open_room(
        self: &Arc<Self>,
        kind: &str,
        index: usize,
        talker: Role,
    ) -> anyhow::Result<Room> {
        let name = self.room(kind, index);
        let mut agents = vec![self.join(&name, talker).await?];
        let joining = self.paced(self.workload.listeners, LISTENERS_PER_SECOND, |bench, index| {
            let name = name.clone();
            let identity = format!("listener-{index}");
            let role = Role { identity, speech: None, burst: 1, listens: true, trouble: None };
            async move { bench.join(&name, role).await }
        });
        for listener in joining.await {
            agents.push(listener.await??);
        }
        Ok(Room { name, agents })
    }

    /// Places the calls of the workload into each room, from number `first` on, and waits until each is active or has failed.
    pub(super) async fn place(
        self: &Arc<Self>,
        kind: &'static str,
        first: usize,
        rooms: &[Room],
    ) -> Vec<Call> {
        let phones = self.workload.phones;
        let placing = self.paced(rooms.len() * phones, self.workload.rate, |bench, index| {
            let present = rooms[index / phones].present();
            async move { Some(call::place(&bench, kind, first * phones + index, present?, None).await) }
        });
        let mut calls = Vec::new();
        for call in placing.await {
            calls.extend(call.await.ok().flatten());
        }
        calls
    }

    /// Lets everybody leave and takes the rooms away.
    pub(super) async fn close_rooms(self: &Arc<Self>, rooms: Vec<Room>) {
        let mut rooms: Vec<Option<Room>> = rooms.into_iter().map(Some).collect();
        let count = rooms.len();
        let closing = self.paced(count, f64::INFINITY, |bench, index| {
            let room = rooms[index].take();
            async move {
                let Some(Room { name, agents }) = room else { return };
                for agent in agents {
                    agent.leave().await;
                }
                bench.delete_room(&name).await;
            }
        });
        for closed in closing.await {
            let _ = closed.await;
        }
    }
}
