//! The command line.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::budgets;
use crate::report;
use crate::run::{self, Target};
use crate::server::{self, Server};
use crate::workload::{AgentCodec, Workload};

#[derive(Debug, clap::Parser)]
#[command(name = "bench", about = "What a call costs, on any LiveKit-compatible server")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Places calls, each with a phone and a room participant of its own, and prints what they cost
    Calls(Calls),
    /// Starts trunkline for 1 call, 8 calls and 8 calls with voice isolation, and compares with the budgets
    Budgets(Budgets),
}

#[derive(Debug, clap::Args)]
struct Calls {
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
    #[command(flatten)]
    load: Load,
    /// Calls at once
    #[arg(long, default_value_t = 8)]
    calls: usize,
    /// What the participants publish
    #[arg(long, value_enum, default_value_t = AgentCodec::Opus)]
    agent: AgentCodec,
    /// Asks for voice isolation
    #[arg(long)]
    krisp: bool,
    /// Writes the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Budgets {
    /// The trunkline program; by default the one beside this program
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,
    #[command(flatten)]
    load: Load,
    /// Writes the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What both commands are told of the load.
#[derive(Debug, Clone, clap::Args)]
struct Load {
    /// Calls placed per second
    #[arg(long, default_value_t = 2.0)]
    rate: f64,
    /// How long the steady part lasts
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// How long each phone rings, in milliseconds
    #[arg(long, default_value_t = 300)]
    ring_ms: u64,
    /// Calls placed and ended before anything is measured
    #[arg(long, default_value_t = 1)]
    warm_up: usize,
    /// Where the phones listen; the server must reach it
    #[arg(long, default_value = "127.0.0.1")]
    phone: IpAddr,
}

impl Load {
    fn workload(&self, calls: usize, agent: AgentCodec, krisp: bool) -> anyhow::Result<Workload> {
        if !(self.rate.is_finite() && self.rate > 0.0) || calls == 0 || self.seconds == 0 {
            bail!("--calls, --rate and --seconds must be above zero");
        }
        Ok(Workload {
            calls,
            rate: self.rate,
            steady: Duration::from_secs(self.seconds),
            ring: Duration::from_millis(self.ring_ms),
            warm_up: self.warm_up,
            agent,
            krisp,
            phone: self.phone,
        })
    }
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Calls(calls) => Box::pin(measure(calls)).await,
        Command::Budgets(budgets) => Box::pin(compare(budgets)).await,
    }
}

async fn measure(calls: Calls) -> anyhow::Result<ExitCode> {
    let workload = calls.load.workload(calls.calls, calls.agent, calls.krisp)?;
    let (server, target) = match (&calls.serve, calls.url) {
        (Some(program), _) => {
            let server = Server::start(program, workload.calls).await?;
            let target = server.target();
            (Some(server), target)
        }
        (None, Some(url)) => {
            let (key, secret) = (calls.api_key, calls.api_secret);
            (None, Target { url, key, secret, pids: calls.server_pids })
        }
        (None, None) => bail!("--url or --serve is needed"),
    };
    let figures = Box::pin(run::run(&target, &workload)).await;
    if let Some(server) = server {
        server.end().await;
    }
    let figures = figures?;
    print!("{}", report::table(&figures));
    write_json(calls.json.as_deref(), &figures)?;
    Ok(if figures.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn compare(budgets: Budgets) -> anyhow::Result<ExitCode> {
    let program = budgets.program.map_or_else(server::beside_this_program, Ok)?;
    let mut rounds = Vec::new();
    for (calls, krisp) in budgets::ROUNDS {
        let workload = budgets.load.workload(calls, AgentCodec::Opus, krisp)?;
        let server = Server::start(&program, calls).await?;
        let start = server.start;
        let figures = Box::pin(run::run(&server.target(), &workload)).await;
        server.end().await;
        let figures = figures?;
        println!("{}", report::table(&figures));
        rounds.push(budgets::Round { start, figures });
    }
    print!("{}", budgets::table(&budgets::judge(&rounds)));
    let figures: Vec<_> = rounds.iter().map(|round| &round.figures).collect();
    write_json(budgets.json.as_deref(), &figures)?;
    Ok(ExitCode::SUCCESS)
}

fn write_json(path: Option<&Path>, figures: &impl serde::Serialize) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    let text = serde_json::to_string_pretty(figures)?;
    std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
