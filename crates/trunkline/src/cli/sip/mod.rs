//! `trunkline sip`: the commands of LiveKit's `lk sip` that outbound calls need.

mod media;
mod outbound;
mod participant;

pub(super) use participant::print_sip_status;

use super::client::Server;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Outbound trunks
    #[command(subcommand, visible_alias = "out", alias = "outbound-trunk")]
    Outbound(Box<outbound::Command>),
    /// Calls
    #[command(subcommand)]
    Participant(participant::Command),
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::Outbound(command) => outbound::run(&args.server, *command),
        Command::Participant(command) => participant::run(&args.server, command),
    }
}
