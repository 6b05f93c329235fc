//! The stages of `cargo xtask test`: what is run, in which order, and how the result is summed up.
//!
//! Every stage prints the command it runs, streams its output, and is timed. At the end stands what failed, by name, and the
//! sum of all stages in the form `N passed, N failed`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::e2e;
use crate::matrix;
use crate::sdk::{self, Runner};

/// How much of a line that names a failure is worth to be repeated at the end, in characters.
const MOST_OF_A_FAILURE: usize = 300;

/// The stages, in the order in which they run.
const STAGES: [&str; 3] = ["rust", "e2e", "sdk"];

/// What a stage counted, and the lines in which its runner names what failed.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    pub(crate) failures: Vec<String>,
    /// What failed at first, and passed when it was run once more by itself.
    pub(crate) unsteady: Vec<String>,
}

pub(crate) struct Finished {
    name: &'static str,
    pub(crate) took: Duration,
    pub(crate) tally: Tally,
    pub(crate) succeeded: bool,
}

/// The directory that holds the workspace's Cargo.toml.
pub(crate) fn workspace_root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here.parent().context("xtask has no parent directory")?.to_owned())
}

/// Runs the chosen stages (all when none is named) and fails when any failed.
pub(crate) fn test(root: &Path, chosen: &[String]) -> Result<()> {
    if let Some(unknown) = chosen.iter().find(|stage| !STAGES.contains(&stage.as_str())) {
        bail!("no such stage: {unknown} (there are: {})", STAGES.join(", "));
    }
    let wanted = |stage: &str| chosen.is_empty() || chosen.iter().any(|name| name == stage);
    let mut finished = Vec::new();
    if wanted("rust") {
        finished.push(rust(root)?);
    }
    if wanted("e2e") || wanted("sdk") {
        finished.push(build(root)?);
        if finished.iter().any(|stage| stage.name == "build" && !stage.succeeded) {
            return summarise(&finished); // an older binary proves nothing
        }
    }
    if wanted("e2e") {
        finished.push(e2e::run(root)?);
    }
    if wanted("sdk") {
        for mut suite in sdk::suites(root)? {
            finished.push(run_counted(suite.name, &mut suite.command, counter(suite.runner))?);
        }
    }
    summarise(&finished)
}

/// Unit, property and simulation tests of every crate, in the profile that ships.
fn rust(root: &Path) -> Result<Finished> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--workspace", "--release", "--locked", "--no-fail-fast"]);
    run_counted("rust", cargo.current_dir(root), count_cargo)
}

/// The binary that the end-to-end tests drive, and the examples that some of them use.
fn build(root: &Path) -> Result<Finished> {
    let mut cargo = Command::new(env!("CARGO"));
    // The whole workspace, as in the stage before: the same features, so that nothing is built twice.
    cargo.args(["build", "--workspace", "--bins", "--examples", "--release", "--locked"]);
    run_counted("build", cargo.current_dir(root), |_, _| ())
}

/// A busy time of so many seconds; an empty seed is drawn.
pub(crate) fn soak(root: &Path, seconds: &str, seed: &str) -> Result<()> {
    let mut finished = vec![build(root)?];
    if finished.iter().all(|stage| stage.succeeded) {
        let mut pytest = e2e::pytest(root)?;
        pytest.args(["-s", "tests/e2e/test_soak.py"]).env("SOAK_SECONDS", seconds).env("SOAK_SEED", seed);
        finished.push(run_counted("soak", &mut pytest, count_pytest)?);
    }
    summarise(&finished)
}

/// What works with which client, shown and written down.
pub(crate) fn matrix(root: &Path) -> Result<()> {
    let mut finished = vec![build(root)?];
    if finished.iter().all(|stage| stage.succeeded) {
        let mut pytest = e2e::pytest(root)?;
        pytest.args(["-m", "matrix", "tests/e2e"]).env("LONG", "1");
        finished.push(run_counted("matrix", &mut pytest, count_pytest)?);
        if finished.iter().all(|stage| stage.succeeded) {
            matrix::write(root)?;
        }
    }
    summarise(&finished)
}

/// Runs a command, passes its output on line by line and lets `count` read every line.
pub(crate) fn run_counted(
    name: &'static str,
    command: &mut Command,
    count: fn(&str, &mut Tally),
) -> Result<Finished> {
    println!("\n=== {name}: {}", shown(command));
    let started = Instant::now();
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("starting {}", shown(command)))?;
    let output = child.stdout.take().context("the child's output was not captured")?;
    let mut tally = Tally::default();
    for line in BufReader::new(output).lines() {
        let line = line.context("reading the child's output")?;
        println!("{line}");
        count(&line, &mut tally);
        if names_a_failure(&line) {
            tally.failures.push(line.chars().take(MOST_OF_A_FAILURE).collect());
        }
    }
    let succeeded = child.wait().context("waiting for the child")?.success();
    let took = started.elapsed();
    println!("=== {name}: {} in {:.1} s", if succeeded { "passed" } else { "FAILED" }, took.as_secs_f64());
    if !succeeded && tally.failed == 0 {
        tally.failed = 1; // it broke before it could count: a build error, a crash
    }
    Ok(Finished { name, took, tally, succeeded })
}

/// pytest's and Go's lines, TAP's, and cargo's.
fn names_a_failure(line: &str) -> bool {
    let starts = ["FAILED ", "ERROR ", "--- FAIL: ", "not ok "]
        .iter()
        .any(|start| line.trim_start().starts_with(start));
    starts || (line.starts_with("test ") && line.ends_with(" ... FAILED"))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn counter(runner: Runner) -> fn(&str, &mut Tally) {
    match runner {
        Runner::Pytest => count_pytest,
        Runner::Node => count_node,
        Runner::Go => count_go,
        Runner::Cargo => count_cargo,
    }
}

/// `# pass 12` and its like, at the end of the output.
fn count_node(line: &str, tally: &mut Tally) {
    let number =
        |marker: &str| line.strip_prefix(marker).and_then(|rest| rest.parse::<u64>().ok()).unwrap_or(0);
    tally.passed += number("# pass ");
    tally.failed += number("# fail ") + number("# cancelled ");
    tally.skipped += number("# skipped ");
}

/// `--- PASS: TestStory (0.12s)`; the stories within a story are indented.
fn count_go(line: &str, tally: &mut Tally) {
    tally.passed += u64::from(line.trim_start().starts_with("--- PASS: "));
    tally.failed += u64::from(line.trim_start().starts_with("--- FAIL: "));
    tally.skipped += u64::from(line.trim_start().starts_with("--- SKIP: "));
}

/// `test result: ok. 12 passed; 0 failed; 1 ignored; ...`
fn count_cargo(line: &str, tally: &mut Tally) {
    if let Some(counts) = line.strip_prefix("test result: ") {
        tally.passed += number_before(counts, " passed");
        tally.failed += number_before(counts, " failed");
        tally.skipped += number_before(counts, " ignored");
    }
}

/// `=== 12 passed, 1 failed, 2 skipped in 3.21s ===`
pub(crate) fn count_pytest(line: &str, tally: &mut Tally) {
    if line.starts_with('=')
        && line.contains(" in ")
        && (line.contains(" passed") || line.contains(" failed"))
    {
        tally.passed += number_before(line, " passed");
        tally.failed += number_before(line, " failed") + number_before(line, " error");
        tally.skipped += number_before(line, " skipped");
    }
}

fn number_before(text: &str, marker: &str) -> u64 {
    let Some(end) = text.find(marker) else { return 0 };
    let digits = text[..end].rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or("");
    digits.parse().unwrap_or(0)
}

fn summarise(finished: &[Finished]) -> Result<()> {
    for stage in finished.iter().filter(|stage| !stage.tally.failures.is_empty()) {
        println!("\nfailed in {}:", stage.name);
        stage.tally.failures.iter().for_each(|failure| println!("  {failure}"));
    }
    for stage in finished.iter().filter(|stage| !stage.tally.unsteady.is_empty()) {
        println!("\nunsteady in {}, passed only when run once more by itself:", stage.name);
        stage.tally.unsteady.iter().for_each(|story| println!("  {story}"));
    }
    println!("\nstage      seconds  passed  failed  skipped");
    let mut sum = Tally::default();
    for Finished { name, took, tally, .. } in finished {
        let Tally { passed, failed, skipped, .. } = tally;
        println!("{name:<10} {:>7.1} {passed:>7} {failed:>7} {skipped:>8}", took.as_secs_f64());
        sum.passed += passed;
        sum.failed += failed;
        sum.skipped += skipped;
    }
    println!("\n{} passed, {} failed, {} skipped", sum.passed, sum.failed, sum.skipped);
    if finished.iter().all(|stage| stage.succeeded) {
        return Ok(());
    }
    bail!("some tests failed")
}
