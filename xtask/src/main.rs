//! The project's own chores, run as `cargo xtask <command>`.
//!
//! * `test` is the whole test suite: unit and simulation tests of every crate, then the end-to-end tests that drive the
//!   release binary with software we did not write (official SDKs, SIPp, baresip), then one suite per server SDK. It installs what is missing where it may.
//! * `soak` keeps the server busy at random for as long as wanted, and looks whether anything is left afterwards.
//! * `matrix` runs the tests that show what works with which client, and writes the table of docs/compatibility.md.
//! * `bench` is the micro benches: the instructions of one packet, one message, one join, one call.
//! * `fuzz` lets libFuzzer run over a target of `crates/fuzzing`.
//! * `check` holds the rules of the house that no compiler enforces: which crate may know which, how long a file may be.
//!
//! It never builds or tests anything that a plain `cargo` or `pytest` command printed by it could not repeat.

mod e2e;
mod fuzz;
mod house;
mod matrix;
mod micro;
mod sdk;
mod stages;
mod tools;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

const USAGE: &str = "\
cargo xtask <command>

  test [STAGE ...]   run the tests; stages: rust, e2e, sdk (default: all, in this order)
  soak [SECONDS] [SEED]
                     join, leave, call and lose connections at random (default: 600 s)
  matrix             run the tests with every client, and write the table of docs/compatibility.md
  bench [NAME ...]   run the micro benches (default: all), counted under callgrind
  fuzz TARGET [SECONDS]  let libFuzzer look for broken promises (all: every target, for 60 s each unless said)
  check              check the rules of the house (imports between crates, file lengths)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let root = stages::workspace_root()?;
    match arguments.split_first().map(|(command, rest)| (command.as_str(), rest)) {
        Some(("test", chosen)) => stages::test(&root, chosen),
        Some(("soak", [])) => stages::soak(&root, "600", ""),
        Some(("soak", [seconds])) => stages::soak(&root, seconds, ""),
        Some(("soak", [seconds, seed])) => stages::soak(&root, seconds, seed),
        Some(("matrix", [])) => stages::matrix(&root),
        Some(("bench", chosen)) => micro::bench(&root, chosen),
        Some(("check", [])) => house::check(&root),
        Some(("fuzz", [target])) => fuzz::run(&root, target, 60),
        Some(("fuzz", [target, seconds])) => {
            fuzz::run(&root, target, seconds.parse().context("SECONDS is a number")?)
        }
        _ => {
            print!("{USAGE}");
            bail!("no such command: {}", arguments.join(" "))
        }
    }
}
