//! `trunkline completion`: what a shell needs to complete the commands and their flags.

use clap::CommandFactory as _;
use clap_complete::Shell;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell that the script is for
    shell: Shell,
}

pub(super) fn run(args: &Args) {
    clap_complete::generate(args.shell, &mut super::Cli::command(), "trunkline", &mut std::io::stdout());
}
