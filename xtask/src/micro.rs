//! `cargo xtask bench`: the micro benches, counted under callgrind.
//!
//! Each bench runs twice, with few operations and with many; the difference divided by the operations between them is one
//! operation's instructions, without the set-up. The figures are the same on a busy machine as on a quiet one; between builds
//! they move by what the compiler makes of the code.

mod profile;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::tools;
use profile::{OWNERS, Profile};

/// Operations of the two runs.
const FEW: u64 = 100;
const MANY: u64 = 500;

/// Runs all benches, or those named, and prints a table.
pub(crate) fn bench(root: &Path, chosen: &[String]) -> Result<()> {
    tools::program("valgrind", "valgrind")?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--package", "micro", "--release", "--locked"]).current_dir(root);
    if !cargo.status().context("building the micro benches")?.success() {
        bail!("the micro benches do not build");
    }
    let program = root.join("target/release/micro");
    let folder = root.join("target/micro");
    std::fs::create_dir_all(&folder).context("making target/micro")?;
    let benches = list(&program)?;
    if let Some(unknown) = chosen.iter().find(|name| !benches.iter().any(|(known, _)| known == *name)) {
        bail!("no bench is called {unknown}");
    }
    print!("{:<24} {:>9}", "instructions, thousands", "all");
    OWNERS.iter().for_each(|owner| print!(" {:>9}", owner.name));
    println!("  of");
    for (name, about) in benches.iter().filter(|(name, _)| chosen.is_empty() || chosen.contains(name)) {
        let few = count(&program, &folder, name, FEW)?;
        let many = count(&program, &folder, name, MANY)?;
        let each = |part: fn(&Profile, usize) -> u64, at| {
            let more = part(&many, at).saturating_sub(part(&few, at));
            more as f64 / (MANY - FEW) as f64 / 1_000.0
        };
        print!("{name:<24} {:>9.1}", each(|profile, _| profile.all(), 0));
        (0..OWNERS.len()).for_each(|at| print!(" {:>9.1}", each(Profile::of, at)));
        println!("  {about}");
    }
    Ok(())
}

/// Names and what they are.
fn list(program: &Path) -> Result<Vec<(String, String)>> {
    let output = Command::new(program).arg("list").output().context("running micro")?;
    let text = String::from_utf8(output.stdout).context("micro's list is no text")?;
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    Ok(lines.map(|(name, about)| (name.to_owned(), about.to_owned())).collect())
}

fn count(program: &Path, folder: &Path, name: &str, operations: u64) -> Result<Profile> {
    let out: PathBuf = folder.join(format!("{name}-{operations}.callgrind"));
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--quiet"]).arg(format!("--callgrind-out-file={}", out.display()));
    valgrind.arg(program).args(["run", name, &operations.to_string()]);
    let counted = valgrind.stdout(Stdio::null()).status().context("running valgrind")?;
    if !counted.success() {
        bail!("{name} failed under callgrind");
    }
    Profile::read(&out)
}
