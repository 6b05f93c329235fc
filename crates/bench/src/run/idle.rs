//! Rooms without calls: what merely being there costs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use livekit_protocol as proto;
use peers::api::Grants;
use peers::server::Usage;

use super::meter::Window;
use super::{Bench, SETTLE};
use crate::agent::{Agent, Role};
use crate::figures::{IdleFigures, Spread, ms};
use crate::workload::Kind;

/// One room, and who is in it.
struct Made {
    name: String,
    time: Duration,
    agent: Option<Agent>,
}

pub(super) async fn measure(bench: &Arc<Bench>) -> anyhow::Result<IdleFigures> {
    let before = Usage::of(&bench.target.pids).unwrap_or_default();
    let workload = &bench.workload;
    let making =
        bench.paced(workload.rooms, workload.rate, |bench, index| async move { make(&bench, index).await });
    let mut made = Vec::with_capacity(workload.rooms);
    for room in making.await {
        made.push(room.await??);
    }
    tokio::time::sleep(SETTLE).await;
    let window = Window::open(bench);
    tokio::time::sleep(workload.steady).await;
    let part = window.close(bench);
    let figures = IdleFigures {
        workload: workload.clone(),
        cpu_ms_per_second: part.cpu_ms_per_second(1),
        memory_kb_per_room: part.memory_kb(&before, made.len()),
        made: Spread::of(made.iter().map(|made| ms(made.time))),
        machine: part.machine,
    };
    for Made { name, agent, .. } in made {
        if let Some(agent) = agent {
            agent.leave().await;
        }
        bench.delete_room(&name).await;
    }
    Ok(figures)
}

async fn make(bench: &Bench, index: usize) -> anyhow::Result<Made> {
    let name = bench.room("idle", index);
    let begin = Instant::now();
    let agent = if bench.workload.kind == Kind::IdleRooms {
        create(bench, &name).await?;
        None
    } else {
        let identity = "agent".to_owned();
        let role = Role { identity, speech: None, burst: 1, listens: true, trouble: None };
        Some(bench.join(&name, role).await?)
    };
    Ok(Made { name, time: begin.elapsed(), agent })
}

async fn create(bench: &Bench, name: &str) -> anyhow::Result<()> {
    // It is to stay while it is looked at.
    let request =
        proto::CreateRoomRequest { name: name.to_owned(), empty_timeout: 600, ..Default::default() };
    let grants = Grants::room_service(name);
    let _: proto::Room = bench.api.call("livekit.RoomService", "CreateRoom", &request, &grants).await?;
    Ok(())
}
