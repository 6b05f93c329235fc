//! The command line.

mod compare;
mod options;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use crate::figures::Outcome;
use crate::workload::NAMED;
use crate::{plot, report};
use options::{Measured, Output};

/// Calls that a server of ours is given ports for when its limit is looked for.
const LIMIT_CALLS: usize = 4000;

#[derive(Debug, clap::Parser)]
#[command(name = "bench", about = "What a call costs, on any LiveKit-compatible server")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Places calls, each with a phone and a room participant of its own, and prints what they cost
    Calls(Measured),
    /// The same with a workload by its name: `bench run bursty`
    Run(Named),
    /// Prints the workloads that have a name
    List,
    /// Starts trunkline for each workload behind the project's targets, and compares
    Targets(compare::Targets),
    /// Starts trunkline for 1 call, 8 calls and 8 calls with voice isolation, and compares with the budgets
    Budgets(compare::Budgets),
}

#[derive(Debug, clap::Args)]
struct Named {
    /// One of `bench list`
    name: String,
    #[command(flatten)]
    measured: Measured,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Calls(measured) => Box::pin(measure(measured)).await,
        Command::Run(Named { name, mut measured }) => {
            measured.workload = Some(name);
            Box::pin(measure(measured)).await
        }
        Command::List => {
            for named in &NAMED {
                println!("{:18}{}", named.name, named.about);
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Targets(targets) => Box::pin(compare::targets(targets)).await,
        Command::Budgets(budgets) => Box::pin(compare::budgets(budgets)).await,
    }
}

async fn measure(measured: Measured) -> anyhow::Result<ExitCode> {
    let workload = measured.workload()?;
    let most = if measured.find_limit { LIMIT_CALLS } else { workload.most_calls() };
    let (server, target) = measured.server.open(most).await?;
    let outcome = if measured.find_limit {
        let figures = Box::pin(crate::run::find_limit(&target, &workload)).await;
        figures.map(|figures| {
            print!("{}", report::limit_table(&figures));
            let picture = Some(plot::draw_limit(&figures));
            measured.output.write(&figures, picture.as_deref()).map(|()| ExitCode::SUCCESS)
        })
    } else {
        let outcome = Box::pin(crate::run::run(&target, &workload)).await;
        outcome.map(|outcome| {
            print!("{}", report::table(&outcome));
            let picture = plot::draw(&outcome);
            measured.output.write(&outcome, picture.as_deref()).map(|()| code(&outcome))
        })
    };
    if let Some(server) = server {
        server.end().await;
    }
    outcome?
}

fn code(outcome: &Outcome) -> ExitCode {
    if outcome.failed() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Output {
    fn write(&self, figures: &impl serde::Serialize, picture: Option<&str>) -> anyhow::Result<()> {
        if let Some(path) = &self.json {
            save(path, &(serde_json::to_string_pretty(figures)? + "\n"))?;
        }
        if let (Some(path), Some(picture)) = (&self.plot, picture) {
            save(path, picture)?;
        }
        Ok(())
    }
}

fn save(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
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
