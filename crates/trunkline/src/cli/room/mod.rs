//! `trunkline room`: the commands of LiveKit's `lk room`.

mod moderation;
mod participants;
mod rooms;

use room::grants::VideoGrant;

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
    #[command(flatten)]
    Rooms(rooms::Command),
    /// Who is in a room
    #[command(subcommand)]
    Participants(participants::Command),
    #[command(flatten)]
    Moderation(moderation::Command),
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::Rooms(command) => rooms::run(&args.server, command),
        Command::Participants(command) => participants::run(&args.server, command),
        Command::Moderation(command) => moderation::run(&args.server, command),
    }
}

/// May administrate this room.
fn admin(room: &str) -> VideoGrant {
    VideoGrant { room_admin: true, room: room.to_owned(), ..VideoGrant::default() }
}

fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}
