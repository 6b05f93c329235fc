//! One run: the phones and the trunk, what the workload wants done, the end.

mod call;
mod collect;
mod idle;
mod limit;
mod meter;
mod steady;
mod storm;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use livekit_protocol as proto;
use media::codec::AudioCodec;
use peers::api::{Grants, TwirpClient};
use peers::server::Usage;
use rtp::srtp::LocalKeys;
use tokio::task::JoinHandle;

use crate::agent::{Agent, PHONE, Role};
use crate::figures::{LimitFigures, Outcome};
use crate::lateness::Lateness;
use crate::phone::{PhoneConfig, Phones};
use crate::speech::Speech;
use crate::workload::{Kind, PhoneCodec, Workload};

/// From the last answer to the steady part, and from one part to the next.
const SETTLE: Duration = Duration::from_secs(2);
/// Pitch of the participants' voice in Hz.
const PITCH: f32 = 190.0;

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
    speech: Arc<Speech>,
    lateness: Arc<Lateness>,
    /// Tells the rooms and numbers of this run from those of others.
    run: u32,
}

/// Runs the workload against the server.
pub(crate) async fn run(target: &Target, workload: &Workload) -> anyhow::Result<Outcome> {
    let bench = Bench::start(target, workload).await?;
    let outcome = match workload.kind {
        Kind::Steady => {
            Box::pin(steady::measure(&bench)).await.map(|figures| Outcome::Calls(Box::new(figures)))
        }
        Kind::Storm => {
            Box::pin(storm::measure(&bench)).await.map(|figures| Outcome::Storm(Box::new(figures)))
        }
        Kind::FreshStorm => {
            Box::pin(storm::measure_fresh(&bench)).await.map(|figures| Outcome::Storm(Box::new(figures)))
        }
        Kind::IdleRooms | Kind::IdleParticipants => {
            Box::pin(idle::measure(&bench)).await.map(|figures| Outcome::Idle(Box::new(figures)))
        }
    };
    bench.finish().await?;
    outcome
}

/// Adds calls of the workload until they are too many.
pub(crate) async fn find_limit(target: &Target, workload: &Workload) -> anyhow::Result<LimitFigures> {
    let bench = Bench::start(target, workload).await?;
    let figures = Box::pin(limit::find(&bench)).await;
    bench.finish().await?;
    figures
}

impl Bench {
    async fn start(target: &Target, workload: &Workload) -> anyhow::Result<Arc<Self>> {
        if !target.pids.is_empty() {
            Usage::of(&target.pids).context("one of the processes to measure is not there")?;
        }
        let speech = Speech::new(PITCH, workload.agent.coding(), workload.agent_manner())?;
        let lateness = Arc::new(Lateness::default());
        let phones = Phones::start(PhoneConfig {
            ip: workload.phone,
            ring: workload.ring,
            codecs: workload.phone_codecs().to_vec(),
            manner: workload.phone_manner(),
            keys: workload.srtp.then(|| LocalKeys::generate(&mut rand::rng())),
            trouble: workload.trouble,
            lateness: Arc::clone(&lateness),
        });
        let phones = phones.await?;
        let api = TwirpClient::new(&target.url, &target.key, &target.secret)?;
        let trunk = create_trunk(&api, &phones).await?;
        let (target, workload) = (target.clone(), workload.clone());
        let run = std::process::id();
        Ok(Arc::new(Self { target, workload, api, phones, trunk, speech, lateness, run }))
    }

    async fn finish(&self) -> anyhow::Result<()> {
        self.phones.shutdown().await;
        delete_trunk(&self.api, &self.trunk).await
    }

    /// The participant who talks.
    fn talker(&self) -> Role {
        Role {
            identity: "agent".to_owned(),
            speech: Some(Arc::clone(&self.speech)),
            burst: self.workload.burst(),
            listens: self.workload.subscribed,
            trouble: self.workload.trouble,
        }
    }

    async fn join(&self, room: &str, role: Role) -> anyhow::Result<Agent> {
        let identity = role.identity.clone();
        let joined = Agent::join(&self.target, room, role, Arc::clone(&self.lateness)).await;
        joined.with_context(|| format!("{identity} of {room}"))
    }

    /// Starts `count` tasks at `rate` per second.
    async fn paced<T, F>(
        self: &Arc<Self>,
        count: usize,
        rate: f64,
        mut task: impl FnMut(Arc<Self>, usize) -> F,
    ) -> Vec<JoinHandle<T>>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let begin = Instant::now();
        let mut tasks = Vec::with_capacity(count);
        for index in 0..count {
            let at = begin + Duration::from_secs_f64(index as f64 / rate);
            tokio::time::sleep_until(at.into()).await;
            tasks.push(tokio::spawn(task(Arc::clone(self), index)));
        }
        tasks
    }

    fn room(&self, kind: &str, index: usize) -> String {
        format!("bench-{}-{kind}-{index}", self.run)
    }

    async fn delete_room(&self, room: &str) {
        if let Err(error) = self.api.delete_room(room).await {
            tracing::warn!("a room stays: {error}");
        }
    }

    /// A call to `number` into `room`.
    fn request(&self, room: String, number: String) -> proto::CreateSipParticipantRequest {
        proto::CreateSipParticipantRequest {
            sip_trunk_id: self.trunk.clone(),
            participant_identity: format!("{PHONE}-{number}"),
            sip_call_to: number,
            room_name: room,
            krisp_enabled: self.workload.krisp,
            wait_until_answered: true,
            media: Some(self.media()),
            ..Default::default()
        }
    }

    /// What the calls' audio must be; empty where the server's own settings do.
    fn media(&self) -> proto::SipMediaConfig {
        let srtp = proto::SipMediaEncryption::SipMediaEncryptRequire as i32;
        let codec = self.workload.phone_codec.map(PhoneCodec::codec);
        let listed =
            |codec: AudioCodec| proto::SipCodec { name: codec.name().to_owned(), rate: codec.rtp_clock() };
        proto::SipMediaConfig {
            only_listed_codecs: codec.is_some(),
            codecs: codec.map(listed).into_iter().collect(),
            encryption: self.workload.srtp.then_some(srtp),
            ..Default::default()
        }
    }
}

/// The number that call `index` of a part of the run dials.
fn number(kind: &str, index: usize) -> String {
    let block = match kind {
        "call" => 1,
        "storm" => 2,
        _ => 3,
    };
    format!("+1555{block}{index:06}")
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
