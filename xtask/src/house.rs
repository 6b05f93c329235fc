//! The rules of the house that Cargo and clippy do not enforce.
//!
//! * A core (rtp, media, sip, room, call) has no async runtime anywhere above it, so that it stays testable in simulated time.
//! * A source file has at most 500 lines: one reason to change each.
//! * The example configuration, the README and the other front doors exist.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The crates that never open a socket, ask a clock or spawn a task.
const CORES: [&str; 5] = ["rtp", "media", "sip", "room", "call"];
/// What a core must not find in its dependency tree.
const FORBIDDEN_IN_CORES: [&str; 3] = ["tokio", "mio", "axum"];
/// The longest a source file may be, tests included.
const MAX_FILE_LINES: usize = 500;
/// Files that a newcomer expects at the root.
const FRONT_DOORS: [&str; 6] =
    ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "trunkline.example.yaml"];

/// Runs every rule and reports all violations at once.
pub(crate) fn check(root: &Path) -> Result<()> {
    let mut violations = Vec::new();
    cores_are_pure(root, &mut violations)?;
    files_are_short(root, &mut violations)?;
    front_doors_exist(root, &mut violations);
    if violations.is_empty() {
        println!("house rules: all hold");
        return Ok(());
    }
    for violation in &violations {
        eprintln!("house rule broken: {violation}");
    }
    bail!("{} house rules broken", violations.len())
}

fn cores_are_pure(root: &Path, violations: &mut Vec<String>) -> Result<()> {
    for core in CORES {
        for forbidden in FORBIDDEN_IN_CORES {
            // `cargo tree -i X` succeeds and prints a tree only where X is in the graph of the package.
            let output = Command::new(env!("CARGO"))
                .args(["tree", "--locked", "--package", core, "--edges", "normal", "--invert", forbidden])
                .current_dir(root)
                .output()
                .context("running cargo tree")?;
            if output.status.success() && output.stdout.starts_with(forbidden.as_bytes()) {
                violations.push(format!("{core} is a core, yet {forbidden} is in its dependency tree"));
            }
        }
    }
    Ok(())
}

fn files_are_short(root: &Path, violations: &mut Vec<String>) -> Result<()> {
    for file in rust_files(root)? {
        let lines =
            fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?.lines().count();
        if lines > MAX_FILE_LINES {
            let shown = file.strip_prefix(root).unwrap_or(&file).display().to_string();
            violations.push(format!("{shown} has {lines} lines, at most {MAX_FILE_LINES} are allowed"));
        }
    }
    Ok(())
}

fn rust_files(root: &Path) -> Result<Vec<PathBuf>> {
    let output =
        Command::new("git").args(["ls-files", "*.rs"]).current_dir(root).output().context("running git")?;
    let listing = String::from_utf8(output.stdout).context("file names that are not UTF-8")?;
    Ok(listing.lines().map(|line| root.join(line)).filter(|path| path.exists()).collect())
}

fn front_doors_exist(root: &Path, violations: &mut Vec<String>) {
    for door in FRONT_DOORS {
        if !root.join(door).exists() {
            violations.push(format!("{door} is missing"));
        }
    }
}
