//! What a call costs.
//!
//! `bench calls` places calls through a server's public API, is the phone at one end of each (SIP, RTP) and a room
//! participant at the other (signalling, WebRTC), and prints what the server's processes used meanwhile, how long each
//! step took and what was lost. It speaks public protocols only, so the same command measures any server that is
//! compatible with LiveKit. `bench budgets` and `bench targets` start this project's own server and compare it with what it is
//! to cost. The workloads are described in docs/performance.md.

mod agent;
mod budgets;
mod cli;
mod figures;
mod hearing;
mod lateness;
mod machine;
mod mark;
mod phone;
mod plot;
mod report;
mod run;
mod server;
mod speech;
mod targets;
mod workload;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser as _;

/// Three for each of some thousands of calls.
const MOST_SOCKETS: u64 = 16_384;

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    let arguments = cli::Arguments::parse();
    make_room_for_sockets();
    // One core at least stays the server's.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.saturating_sub(1).max(1))
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(cli::run(arguments))
}

/// The kernel's table of descriptors, when it has to grow, keeps a process with threads waiting for some 15 ms: that would be
/// measured as the server's.
fn make_room_for_sockets() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let last = limit.unwrap_or(MOST_SOCKETS).min(MOST_SOCKETS).saturating_sub(1);
    let grown = rustix::io::fcntl_dupfd_cloexec(std::io::stderr(), i32::try_from(last).unwrap_or(i32::MAX));
    if let Err(error) = grown {
        tracing::debug!(%error, "the table of descriptors grows as it is needed");
    }
}
