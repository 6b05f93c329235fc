//! The trunkline program.

mod api;
mod calls;
mod cli;
mod config;
mod demo;
mod metrics;
mod serve;
mod store;
mod telemetry;
mod worker;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
