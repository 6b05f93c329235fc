//! `cargo xtask fuzz`: libFuzzer over a target of `crates/fuzzing`, by cargo-fuzz.
//!
//! What it finds is written to `fuzz/artifacts`, what it learns to `fuzz/grown`; neither is kept in the repository. A find
//! goes into `fuzz/corpus` with the change that mends it, and is a test from then on.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// An input that takes longer than this many seconds is a find.
const TIMEOUT: u32 = 10;
/// More memory than this many MB is a find.
const MEMORY: u32 = 2048;
/// Larger inputs, in bytes, teach nothing.
const LARGEST: u32 = 4096;

/// Runs one target, or each for so long, and fails when something is found.
pub(crate) fn run(root: &Path, target: &str, seconds: u32) -> Result<()> {
    install()?;
    let folder = root.join("fuzz");
    // The same versions as the workspace's.
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).context("copying Cargo.lock")?;
    let targets = targets(&folder)?;
    let chosen: Vec<_> = targets.iter().filter(|name| target == "all" || *name == target).collect();
    if chosen.is_empty() {
        bail!("no such target: {target} (there are: all, {})", targets.join(", "));
    }
    for name in chosen {
        one(root, name, seconds)?;
    }
    Ok(())
}

fn one(root: &Path, name: &str, seconds: u32) -> Result<()> {
    let grown = format!("fuzz/grown/{name}");
    fs::create_dir_all(root.join(&grown)).context("making the folder for what is learnt")?;
    let limits = [
        format!("-max_total_time={seconds}"),
        format!("-timeout={TIMEOUT}"),
        format!("-rss_limit_mb={MEMORY}"),
        format!("-max_len={LARGEST}"),
        "-print_final_stats=1".to_owned(),
    ];
    println!("{name}: {seconds} s");
    let status = Command::new("nice")
        .args([
            "-n",
            "15",
            "cargo",
            "fuzz",
            "run",
            "--sanitizer",
            "none",
            name,
            &grown,
            &format!("fuzz/corpus/{name}"),
            "--",
        ])
        .args(limits)
        // cargo-fuzz asks for unstable flags of the compiler; the stable one has them, too.
        .env("RUSTC_BOOTSTRAP", "1")
        .current_dir(root)
        .status()
        .context("running cargo fuzz")?;
    if status.success() { Ok(()) } else { bail!("{name}: a promise was broken; see fuzz/artifacts/{name}") }
}

/// The names of the programs.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.join("fuzz_targets")).context("reading fuzz/fuzz_targets")? {
        let path = entry?.path();
        names.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn install() -> Result<()> {
    let there = Command::new("cargo").args(["fuzz", "--version"]).output().context("running cargo")?;
    if there.status.success() {
        return Ok(());
    }
    println!("installing cargo-fuzz");
    let status = Command::new("cargo")
        .args(["install", "--locked", "cargo-fuzz"])
        .status()
        .context("running cargo")?;
    if status.success() { Ok(()) } else { bail!("cargo-fuzz could not be installed") }
}
