//! Runs of this project's own server, compared with what they are to cost.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use serde::Serialize;

use super::options::{Load, Output};
use crate::budgets::{self, Round};
use crate::figures::Outcome;
use crate::run::{self, Target};
use crate::server::{self, Server};
use crate::targets::{self, Plan, Results, Row};
use crate::workload::Workload;
use crate::{plot, report};

#[derive(Debug, clap::Args)]
pub(super) struct Budgets {
    /// The trunkline program; by default the one beside this program
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,
    #[command(flatten)]
    load: Load,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, clap::Args)]
pub(super) struct Targets {
    /// The trunkline program; by default the one beside this program
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,
    /// Only these rows: cpu-opus, cpu-narrowband, cpu-pcmu, cpu-8, ratio-8, ratio-best, cpu-pauses, to-room, to-phone, bursty,
    /// invite, storm, memory
    #[arg(long, value_delimiter = ',', value_parser = targets::keys())]
    only: Vec<String>,
    /// Calls of the runs with many
    #[arg(long, default_value_t = 100)]
    calls: usize,
    /// How long each steady part lasts
    #[arg(long, default_value_t = 12)]
    seconds: u64,
    /// Another server to compare with, running already: its API and signalling
    #[arg(long, value_name = "URL")]
    versus_url: Option<String>,
    #[arg(long, default_value = "devkey")]
    versus_api_key: String,
    #[arg(long, default_value = "secret")]
    versus_api_secret: String,
    /// Its processes
    #[arg(long, value_delimiter = ',')]
    versus_pids: Vec<u32>,
    /// Calls of its second run: as many as its machine carries
    #[arg(long, default_value_t = 16)]
    versus_calls: usize,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Compared<'a> {
    rows: &'a [Row],
    runs: Vec<&'a Outcome>,
}

pub(super) async fn targets(options: Targets) -> anyhow::Result<ExitCode> {
    let program = options.program.clone().map_or_else(server::beside_this_program, Ok)?;
    let plan = Plan {
        calls: options.calls.max(1),
        other_calls: options.versus_calls.max(1),
        steady: Duration::from_secs(options.seconds.max(3)),
    };
    let other = options.versus();
    let mut results = Results::default();
    for run in targets::runs(&options.only, other.is_some()) {
        let workload = run.workload(&plan);
        let outcome = match other.as_ref().filter(|_| run.is_other()) {
            Some(other) => Box::pin(run::run(other, &workload)).await,
            None => Box::pin(on_its_own(&program, &workload)).await,
        };
        match outcome {
            Ok(outcome) => {
                println!("{}", report::table(&outcome));
                results.0.insert(run, outcome);
            }
            // The other rows are worth having all the same.
            Err(error) => eprintln!("{run:?} gave no figures: {error:#}"),
        }
    }
    let rows = results.rows(&options.only);
    print!("{}", targets::table(&rows));
    let compared = Compared { rows: &rows, runs: results.0.values().collect() };
    options.output.write(&compared, Some(&plot::draw_targets(&rows)))?;
    Ok(ExitCode::SUCCESS)
}

impl Targets {
    fn versus(&self) -> Option<Target> {
        let (key, secret) = (self.versus_api_key.clone(), self.versus_api_secret.clone());
        self.versus_url.clone().map(|url| Target { url, key, secret, pids: self.versus_pids.clone() })
    }
}

/// A run on a server that is started for it.
async fn on_its_own(program: &Path, workload: &Workload) -> anyhow::Result<Outcome> {
    let server = Server::start(program, workload.most_calls()).await?;
    let outcome = Box::pin(run::run(&server.target(), workload)).await;
    server.end().await;
    outcome
}

pub(super) async fn budgets(options: Budgets) -> anyhow::Result<ExitCode> {
    let program = options.program.map_or_else(server::beside_this_program, Ok)?;
    let mut rounds = Vec::new();
    for (calls, krisp) in budgets::ROUNDS {
        let mut workload = options.load.changing(Workload::default())?;
        workload.set_calls(calls);
        workload.krisp = krisp;
        let server = Server::start(&program, calls).await?;
        let start = server.start;
        let outcome = Box::pin(run::run(&server.target(), &workload)).await;
        server.end().await;
        let outcome = outcome?;
        println!("{}", report::table(&outcome));
        let Outcome::Calls(figures) = outcome else { bail!("the steady workload gives figures of calls") };
        rounds.push(Round { start, figures: *figures });
    }
    print!("{}", budgets::table(&budgets::judge(&rounds)));
    let figures: Vec<_> = rounds.iter().map(|round| &round.figures).collect();
    options.output.write(&figures, None)?;
    Ok(ExitCode::SUCCESS)
}
