//! The trunkline program: its shells around the cores.
//!
//! It is a library only so that its parsers can be fuzzed ([`hostile`]); all that others may call is [`run`].

mod api;
mod calls;
mod cli;
mod config;
mod demo;
#[cfg(test)]
mod eventually;
pub mod hostile;
mod metrics;
mod serve;
mod store;
mod telemetry;
mod worker;

use std::process::ExitCode;

/// The program, from its command line to its exit code.
#[must_use]
pub fn run() -> ExitCode {
    cli::run()
}
