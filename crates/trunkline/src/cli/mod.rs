//! The command line.

mod call;
mod client;
mod completion;
mod exit;
mod input;
pub(crate) mod phone;
mod progress;
mod room;
mod serve;
mod sip;
mod table;
#[cfg(test)]
mod tests;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::demo;

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
    /// Place a call between a built-in phone and a room, hear it and see it
    Demo(demo::Args),
    /// Run the built-in phone, to develop without a carrier
    Phone(phone::Args),
    /// Call a number, wait until it is answered, stay until it is hung up
    Call(Box<call::Args>),
    /// Manage trunks and place calls through a server's API
    Sip(Box<sip::Args>),
    /// Manage rooms and who is in them
    Room(Box<room::Args>),
    /// Create access tokens
    Token(token::Args),
    /// Print a shell's completions
    Completion(completion::Args),
    /// The demo's room participant
    #[command(hide = true)]
    DemoParticipant(demo::participant::Args),
}

/// Runs the program with the process's arguments.
pub(crate) fn run() -> ExitCode {
    // Two providers may be linked; without a choice rustls would refuse to work. A second install is harmless.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let result = match Cli::parse().command {
        Command::Serve(args) => serve::run(args),
        Command::Call(args) => call::run(&args),
        Command::Sip(args) => sip::run(*args),
        Command::Room(args) => room::run(*args),
        Command::Token(args) => token::run(args),
        Command::Completion(args) => {
            completion::run(&args);
            Ok(())
        }
        Command::Demo(args) => demo::run(args),
        Command::Phone(args) => phone::run(args),
        Command::DemoParticipant(args) => demo::participant::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            exit::code(&error)
        }
    }
}

/// `KEY=VALUE` as an argument.
fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) =
        text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("should be KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}
