//! The command line.

mod client;
mod input;
mod serve;
mod sip;
mod table;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Phone calls over SIP trunks, joined to real-time rooms.
#[derive(Debug, Parser)]
#[command(name = "trunkline", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Args),
    /// Manage trunks and place calls through a server's API
    Sip(sip::Args),
}

/// Runs the program with the process's arguments.
pub(crate) fn run() -> ExitCode {
    // Two providers may be linked; without a choice rustls would refuse to work. A second install is harmless.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let result = match Cli::parse().command {
        Command::Serve(args) => serve::run(args),
        Command::Sip(args) => sip::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
