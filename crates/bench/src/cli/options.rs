//! What the commands are told: the server, the load, where the figures go.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use peers::path::Trouble;

use crate::run::Target;
use crate::server::Server;
use crate::workload::{AgentCodec, NAMED, Named, PhoneCodec, Workload};

#[derive(Debug, clap::Args)]
pub(super) struct Measured {
    #[command(flatten)]
    pub(super) server: ServerOptions,
    /// A workload by its name (`bench list`), which the options below change
    #[arg(long, value_name = "NAME")]
    pub(super) workload: Option<String>,
    #[command(flatten)]
    load: Load,
    /// Finds the most calls without an audio gap over 20 ms and with less than 0.1 % of the frames lost
    #[arg(long)]
    pub(super) find_limit: bool,
    #[command(flatten)]
    pub(super) output: Output,
}

/// The server to measure.
#[derive(Debug, clap::Args)]
pub(super) struct ServerOptions {
    /// The server's API and signalling, http:// or ws://
    #[arg(long, required_unless_present = "serve")]
    url: Option<String>,
    #[arg(long, env = "LIVEKIT_API_KEY", default_value = "devkey")]
    api_key: String,
    #[arg(long, env = "LIVEKIT_API_SECRET", default_value = "secret")]
    api_secret: String,
    /// Processes whose CPU time and memory are measured
    #[arg(long, value_delimiter = ',')]
    server_pids: Vec<u32>,
    /// Starts this trunkline program on free ports and measures it
    #[arg(long, value_name = "PROGRAM", conflicts_with_all = ["url", "server_pids"])]
    serve: Option<PathBuf>,
}

/// Where the figures go besides the screen.
#[derive(Debug, clap::Args)]
pub(super) struct Output {
    /// Writes the figures to this file
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Draws the figures into this file (SVG)
    #[arg(long, value_name = "FILE")]
    pub(super) plot: Option<PathBuf>,
}

/// What is different from the workload named.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Load {
    /// Calls at once
    #[arg(long)]
    calls: Option<usize>,
    /// Calls placed per second
    #[arg(long)]
    rate: Option<f64>,
    /// How long the steady part lasts
    #[arg(long)]
    pub(super) seconds: Option<u64>,
    /// How long each phone rings, in milliseconds
    #[arg(long)]
    ring_ms: Option<u64>,
    /// Calls placed and ended before anything is measured
    #[arg(long)]
    warm_up: Option<usize>,
    /// Where the phones listen; the server must reach it
    #[arg(long)]
    phone: Option<IpAddr>,
    /// What the participants publish
    #[arg(long, value_enum)]
    agent: Option<AgentCodec>,
    /// The only codec that the phones take
    #[arg(long, value_enum)]
    phone_codec: Option<PhoneCodec>,
    /// Asks for voice isolation
    #[arg(long)]
    krisp: bool,
    /// The phones take SRTP only
    #[arg(long)]
    srtp: bool,
    /// Both sides speak 45 % of the time
    #[arg(long)]
    pauses: bool,
    /// Percent of the audio packets of both sides that are lost on the way to the server
    #[arg(long)]
    loss: Option<f64>,
    /// How much later than others they come, in milliseconds
    #[arg(long)]
    jitter_ms: Option<u64>,
}

impl Measured {
    /// The workload asked for.
    pub(super) fn workload(&self) -> anyhow::Result<Workload> {
        let name = self.workload.as_deref().unwrap_or(NAMED[0].name);
        let named = Named::find(name).with_context(|| {
            let names: Vec<&str> = NAMED.iter().map(|named| named.name).collect();
            format!("no workload is called {name:?}; there are {}", names.join(", "))
        })?;
        self.load.changing(named.workload())
    }
}

impl Load {
    /// `workload` with what is asked for.
    pub(super) fn changing(&self, mut workload: Workload) -> anyhow::Result<Workload> {
        if let Some(calls) = self.calls {
            workload.set_calls(calls);
        }
        workload.rate = self.rate.unwrap_or(workload.rate);
        workload.steady = self.seconds.map_or(workload.steady, Duration::from_secs);
        workload.ring = self.ring_ms.map_or(workload.ring, Duration::from_millis);
        workload.warm_up = self.warm_up.unwrap_or(workload.warm_up);
        workload.phone = self.phone.unwrap_or(workload.phone);
        workload.agent = self.agent.unwrap_or(workload.agent);
        workload.phone_codec = self.phone_codec.or(workload.phone_codec);
        workload.krisp |= self.krisp;
        workload.srtp |= self.srtp;
        workload.pauses |= self.pauses;
        if self.loss.is_some() || self.jitter_ms.is_some() {
            let before = workload.trouble.unwrap_or(Trouble { loss: 0.0, jitter: Duration::ZERO });
            let loss = self.loss.map_or(before.loss, |percent| percent / 100.0);
            let jitter = self.jitter_ms.map_or(before.jitter, Duration::from_millis);
            workload.trouble = Some(Trouble { loss, jitter });
        }
        let lossy = workload.trouble.map_or(0.0, |trouble| trouble.loss);
        if !(0.0..=1.0).contains(&lossy) {
            bail!("--loss is a percentage, 0 to 100");
        }
        let positive = workload.rate.is_finite() && workload.rate > 0.0;
        if !positive || workload.rooms == 0 || workload.steady.is_zero() {
            bail!("--calls, --rate and --seconds must be above zero");
        }
        Ok(workload)
    }
}

impl ServerOptions {
    /// The server to measure, started if asked for, with room for `calls` calls.
    pub(super) async fn open(&self, calls: usize) -> anyhow::Result<(Option<Server>, Target)> {
        match (&self.serve, &self.url) {
            (Some(program), _) => {
                let server = Server::start(program, calls).await?;
                let target = server.target();
                Ok((Some(server), target))
            }
            (None, Some(url)) => {
                let (key, secret) = (self.api_key.clone(), self.api_secret.clone());
                Ok((None, Target { url: url.clone(), key, secret, pids: self.server_pids.clone() }))
            }
            (None, None) => bail!("--url or --serve is needed"),
        }
    }
}
