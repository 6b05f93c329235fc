//! The suites under `tests/sdk`: the server API as the users of each server SDK see it.
//!
//! Every suite is written in its SDK's own language and test runner. `tests/sdk/world.py` starts the server and the phones
//! around it and runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::tools;

/// How a suite's output tells what passed.
#[derive(Clone, Copy)]
pub(crate) enum Runner {
    Pytest,
    /// `node --test`, in TAP.
    Node,
    /// `go test -v`.
    Go,
    Cargo,
}

/// One suite, ready to run from the workspace's root.
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) runner: Runner,
    pub(crate) command: Command,
}

/// All suites whose tools are here; what the others miss has been said.
pub(crate) fn suites(root: &Path) -> Result<Vec<Suite>> {
    let python = tools::prepare(root)?;
    let mut suites = vec![
        pytest(root, &python, "sdk python", "tests/sdk/python"),
        pytest(root, &python, "sdk replay", "tests/sdk/replay"),
        rust(root, &python),
    ];
    if tools::node_packages(root, "tests/sdk/node")? {
        suites.push(node(root, &python)?);
    }
    if tools::go()? {
        suites.push(go(root, &python));
    }
    Ok(suites)
}

/// A command that the world runs.
fn within_the_world(root: &Path, python: &PathBuf) -> Command {
    let mut command = Command::new(python);
    command.args(["tests/sdk/world.py", "--"]).current_dir(root);
    command
}

fn pytest(root: &Path, python: &PathBuf, name: &'static str, folder: &str) -> Suite {
    let mut command = within_the_world(root, python);
    command.arg(python).args(["-m", "pytest", "-rsfE", "-c", "tests/sdk/pytest.ini", folder]);
    Suite { name, runner: Runner::Pytest, command }
}

fn node(root: &Path, python: &PathBuf) -> Result<Suite> {
    let mut command = within_the_world(root, python);
    command.args(["node", "--test", "--test-reporter=tap"]);
    // By name: what a folder means to `node --test` differs between its releases.
    command.args(stories(root, "tests/sdk/node", ".test.js")?);
    Ok(Suite { name: "sdk node", runner: Runner::Node, command })
}

/// The files of a folder whose names end so, in order.
fn stories(root: &Path, folder: &str, ending: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root.join(folder)).with_context(|| format!("reading {folder}"))? {
        let name = entry.with_context(|| format!("reading {folder}"))?.file_name();
        if name.to_string_lossy().ends_with(ending) {
            files.push(Path::new(folder).join(name));
        }
    }
    files.sort();
    Ok(files)
}

fn go(root: &Path, python: &PathBuf) -> Suite {
    let mut command = within_the_world(root, python);
    command.args(["go", "-C", "tests/sdk/go", "test", "-count=1", "-v", "./..."]);
    Suite { name: "sdk go", runner: Runner::Go, command }
}

fn rust(root: &Path, python: &PathBuf) -> Suite {
    let mut command = within_the_world(root, python);
    command.arg(env!("CARGO")).args(["test", "--locked", "--manifest-path", "tests/sdk/rust/Cargo.toml"]);
    command.env("CARGO_TARGET_DIR", root.join("target/sdk-rust"));
    Suite { name: "sdk rust", runner: Runner::Cargo, command }
}
