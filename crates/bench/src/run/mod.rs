//! One run: the phones and the trunk, a warm-up, the participants alone, the calls, their steady part, the end.

mod call;
mod collect;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use livekit_protocol as proto;
use peers::api::{Grants, TwirpClient};
use peers::prepared::Prepared;
use tokio::task::JoinHandle;

use crate::agent::Agent;
use crate::figures::Figures;
use crate::phone::Phones;
use crate::speech::{self, PhoneSpeech};
use crate::workload::Workload;
use call::Call;
use collect::{Steady, Window};
use peers::server::Usage;

/// How long the participants are measured alone.
const ALONE: Duration = Duration::from_secs(3);
/// From the last answer to the steady part, and from one part to the next.
const SETTLE: Duration = Duration::from_secs(2);
/// How long the warm-up calls talk.
const WARM_UP: Duration = Duration::from_secs(1);

/// The server that is measured.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) key: String,
    pub(crate) secret: String,
    /// Its processes; when there are none, nothing is said of its cost.
    pub(crate) pids: Vec<u32>,
}

/// Everything a run needs.
struct Bench {
    target: Target,
    workload: Workload,
    api: TwirpClient,
    phones: Phones,
    trunk: String,
    speech: Arc<Prepared>,
    /// Tells the rooms and numbers of this run from those of others.
    run: u32,
}

/// Runs the workload against the server.
pub(crate) async fn run(target: &Target, workload: &Workload) -> anyhow::Result<Figures> {
    if !target.pids.is_empty() {
        Usage::of(&target.pids).context("one of the processes to measure is not there")?;
    }
    let speech = speech::agent(workload.agent.codec())?;
    let phones = Phones::start(workload.phone, workload.ring, PhoneSpeech::new()?).await?;
    let api = TwirpClient::new(&target.url, &target.key, &target.secret)?;
    let trunk = create_trunk(&api, &phones).await?;
    let (target, workload) = (target.clone(), workload.clone());
    let bench = Bench { target, workload, api, phones, trunk, speech, run: std::process::id() };
    let bench = Arc::new(bench);
    let figures = Box::pin(bench.measure()).await;
    bench.phones.shutdown().await;
    delete_trunk(&bench.api, &bench.trunk).await?;
    figures
}

impl Bench {
    async fn measure(self: &Arc<Self>) -> anyhow::Result<Figures> {
        self.warm_up().await?;
        let before = Usage::of(&self.target.pids).unwrap_or_default();
        let agents = self.join("call", self.workload.calls).await?;
        tokio::time::sleep(SETTLE).await;
        let alone = Window::open(&self.target.pids);
        tokio::time::sleep(ALONE).await;
        let alone = alone.close(&self.target.pids);
        let calls = self.place("call", agents).await;
        tokio::time::sleep(SETTLE).await;
        let steady = Steady::measure(&calls, &self.target.pids, self.workload.steady).await?;
        let figures = collect::figures(&self.workload, &self.target.pids, &before, &alone, &steady, &calls);
        self.end("call", calls).await;
        Ok(figures)
    }

    /// Calls whose cost is the first one's: caches, arenas, threads. They are gone before anything is measured.
    async fn warm_up(self: &Arc<Self>) -> anyhow::Result<()> {
        let agents = self.join("warm-up", self.workload.warm_up).await?;
        let calls = self.place("warm-up", agents).await;
        if let Some(failure) = calls.iter().find_map(|call| call.failure.clone()) {
            anyhow::bail!("a call of the warm-up failed: {failure}");
        }
        tokio::time::sleep(WARM_UP).await;
        self.end("warm-up", calls).await;
        tokio::time::sleep(SETTLE).await;
        Ok(())
    }

    /// Lets one participant into each of `count` rooms.
    async fn join(self: &Arc<Self>, kind: &'static str, count: usize) -> anyhow::Result<Vec<Agent>> {
        let joining = self.paced(count, |bench, index| async move {
            let room = bench.room(kind, index);
            let joined = Agent::join(&bench.target, &room, Arc::clone(&bench.speech)).await;
            joined.with_context(|| format!("the participant of {room}"))
        });
        let mut agents = Vec::new();
        for agent in joining.await {
            agents.push(agent.await??);
        }
        Ok(agents)
    }

    /// Places a call into the room of each participant, and waits until each is active or has failed.
    async fn place(self: &Arc<Self>, kind: &'static str, agents: Vec<Agent>) -> Vec<Call> {
        let mut agents = agents.into_iter();
        let placing = self.paced(agents.len(), |bench, index| {
            let agent = agents.next();
            async move {
                let agent = agent?;
                let number = bench.number(kind, index);
                let line = bench.phones.expect(&number);
                let request = bench.request(bench.room(kind, index), number);
                Some(call::place(&bench.api, request, agent, line).await)
            }
        });
        let mut calls = Vec::new();
        for call in placing.await {
            calls.extend(call.await.ok().flatten());
        }
        calls
    }

    /// Starts `count` tasks at the rate of the workload.
    async fn paced<T, F>(
        self: &Arc<Self>,
        count: usize,
        mut task: impl FnMut(Arc<Self>, usize) -> F,
    ) -> Vec<JoinHandle<T>>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let begin = Instant::now();
        let mut tasks = Vec::with_capacity(count);
        for index in 0..count {
            let at = begin + Duration::from_secs_f64(index as f64 / self.workload.rate);
            tokio::time::sleep_until(at.into()).await;
            tasks.push(tokio::spawn(task(Arc::clone(self), index)));
        }
        tasks
    }

    /// Hangs up, leaves and takes the rooms away.
    async fn end(&self, kind: &str, calls: Vec<Call>) {
        self.phones.hang_up();
        for (index, call) in calls.into_iter().enumerate() {
            call.agent.leave().await;
            if let Err(error) = self.api.delete_room(&self.room(kind, index)).await {
                tracing::warn!("a room stays: {error}");
            }
        }
    }

    fn room(&self, kind: &str, index: usize) -> String {
        format!("bench-{}-{kind}-{index}", self.run)
    }

    fn number(&self, kind: &str, index: usize) -> String {
        let block = if kind == "call" { 1 } else { 2 };
        format!("+1555{block}{index:06}")
    }

    fn request(&self, room: String, number: String) -> proto::CreateSipParticipantRequest {
        proto::CreateSipParticipantRequest {
            sip_trunk_id: self.trunk.clone(),
            sip_call_to: number,
            room_name: room,
            participant_identity: "phone".to_owned(),
            krisp_enabled: self.workload.krisp,
            wait_until_answered: true,
            ..Default::default()
        }
    }
}

async fn create_trunk(api: &TwirpClient, phones: &Phones) -> anyhow::Result<String> {
    let trunk = proto::SipOutboundTrunkInfo {
        name: "bench".to_owned(),
        address: phones.address().to_string(),
        numbers: vec!["+15550000000".to_owned()],
        ..Default::default()
    };
    let trunk = api.create_outbound_trunk(trunk).await.context("cannot create the trunk")?;
    Ok(trunk.sip_trunk_id)
}

async fn delete_trunk(api: &TwirpClient, trunk: &str) -> anyhow::Result<()> {
    let request = proto::DeleteSipTrunkRequest { sip_trunk_id: trunk.to_owned() };
    let deleted = api.call("livekit.SIP", "DeleteSIPTrunk", &request, &Grants::sip_service()).await;
    let _: proto::SipTrunkInfo = deleted.context("the trunk of this run stays on the server")?;
    Ok(())
}
