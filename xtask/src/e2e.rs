//! The end-to-end stage: pytest over tests/e2e, and what failed of it once more, by itself.
//!
//! The stories are played in real time by some hundred programs that others wrote. On a machine that is busy with something
//! else one of them may be too late for reasons of its own; what is broken fails twice. So at most [`MOST_AGAIN`] stories get a
//! second run. Those that pass it are named at the end of every run, since each is a defect: of the story or of what it tells.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::matrix;
use crate::stages::{Finished, count_pytest, run_counted};
use crate::tools;

/// With more failures than these something is broken, and nothing is run again.
const MOST_AGAIN: usize = 3;

/// The release binary against software we did not write.
pub(crate) fn run(root: &Path) -> Result<Finished> {
    let mut pytest = pytest(root)?;
    let mut finished = run_counted("e2e", pytest.args(["--durations=10", "tests/e2e"]), count_pytest)?;
    if let Some(stories) = worth_a_second_run(&finished) {
        again(root, &mut finished, stories)?;
    }
    if let Err(error) = matrix::check(root) {
        eprintln!("{error:#}");
        finished.succeeded = false;
    }
    Ok(finished)
}

/// pytest with everything that the end-to-end tests need.
pub(crate) fn pytest(root: &Path) -> Result<Command> {
    let python = tools::prepare(root)?;
    tools::node_packages(root, "tests/e2e/node")?;
    let mut pytest = Command::new(python);
    pytest.args(["-m", "pytest", "-rsfE"]).current_dir(root);
    Ok(pytest)
}

/// The failed stories, if they are few and pytest named every one of them.
fn worth_a_second_run(finished: &Finished) -> Option<Vec<String>> {
    let stories: Vec<_> = finished.tally.failures.iter().filter_map(|line| story(line)).collect();
    let all_are_named = u64::try_from(stories.len()).is_ok_and(|named| named == finished.tally.failed);
    (all_are_named && (1..=MOST_AGAIN).contains(&stories.len())).then_some(stories)
}

/// `FAILED tests/e2e/test_x.py::test_y[a] - TimeoutError: ...`
fn story(line: &str) -> Option<String> {
    let named = line.strip_prefix("FAILED ")?;
    let id = named.split_once(" - ").map_or(named, |(id, _)| id);
    id.contains("::").then(|| id.to_owned())
}

fn again(root: &Path, finished: &mut Finished, stories: Vec<String>) -> Result<()> {
    let mut pytest = pytest(root)?;
    let second = run_counted("e2e", pytest.args(&stories).env("SECOND_RUN", "1"), count_pytest)?;
    finished.took += second.took;
    finished.succeeded = second.succeeded;
    finished.tally.passed += second.tally.passed;
    finished.tally.failed = second.tally.failed;
    let failed_twice: Vec<_> = second.tally.failures.iter().filter_map(|line| story(line)).collect();
    finished.tally.unsteady = stories.into_iter().filter(|story| !failed_twice.contains(story)).collect();
    finished.tally.failures = second.tally.failures;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_story_is_read_from_the_summary() {
        let line = "FAILED tests/e2e/test_a.py::test_b[chromium-python] - TimeoutError: not within 8 s";
        assert_eq!(story(line).as_deref(), Some("tests/e2e/test_a.py::test_b[chromium-python]"));
        assert_eq!(
            story("FAILED tests/e2e/test_a.py::test_b").as_deref(),
            Some("tests/e2e/test_a.py::test_b")
        );
        assert_eq!(story("ERROR tests/e2e/test_a.py::test_b - it could not begin"), None);
    }
}
