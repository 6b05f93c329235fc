//! The table of docs/compatibility.md, client by feature: every cell is the result of a test.
//!
//! The end-to-end tests note what they show in `target/matrix.md` (tests/e2e/harness/matrix.py); here it is put between
//! two marks of the page, or held against what stands there.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

const PAGE: &str = "docs/compatibility.md";
/// What the last run showed.
pub(crate) const SHOWN: &str = "target/matrix.md";
const BEGIN: &str = "<!-- written by `cargo xtask matrix` -->\n";
const END: &str = "<!-- end -->";
/// As tests/e2e/harness/matrix.py writes it.
const NOT_TRIED: &str = "not tried";

/// Puts what the last run showed into the page.
pub(crate) fn write(root: &Path) -> Result<()> {
    let page = read(root, PAGE)?;
    let (before, _, after) = parts(&page)?;
    let text = format!("{before}{BEGIN}{}\n{END}{after}", read(root, SHOWN)?.trim_end());
    fs::write(root.join(PAGE), text).with_context(|| format!("writing {PAGE}"))
}

/// Fails when the page says something else than the last run showed. The page has more: what takes minutes, and clients that a
/// machine may be too slow for, are not in every run.
pub(crate) fn check(root: &Path) -> Result<()> {
    let (page, shown) = (read(root, PAGE)?, read(root, SHOWN)?);
    let (_, table, _) = parts(&page)?;
    let news = news(table, &shown);
    if news.is_empty() {
        return Ok(());
    }
    news.iter().for_each(|line| println!("+ {line}"));
    bail!("{PAGE} does not say what the tests show; to write it: cargo xtask matrix")
}

/// The lines of `shown` that have a cell which the table has not so. What was not tried now may have been another time.
fn news<'a>(table: &str, shown: &'a str) -> Vec<&'a str> {
    let known: Vec<Vec<&str>> = table.lines().map(cells).collect();
    let is_known = |line: &&str| {
        let new = cells(line);
        let same = |(new, old): (&&str, &&str)| new == old || *new == NOT_TRIED;
        known
            .iter()
            .any(|old| old.len() == new.len() && old.get(1) == new.get(1) && new.iter().zip(old).all(same))
    };
    shown.lines().filter(|line| !is_known(line)).collect()
}

fn cells(line: &str) -> Vec<&str> {
    line.split('|').map(str::trim).collect()
}

fn read(root: &Path, file: &str) -> Result<String> {
    fs::read_to_string(root.join(file)).with_context(|| format!("reading {file}"))
}

/// What comes before the table, the table, and what comes after it.
fn parts(page: &str) -> Result<(&str, &str, &str)> {
    let marks = || {
        let (before, rest) = page.split_once(BEGIN)?;
        let (table, after) = rest.split_once(END)?;
        Some((before, table, after))
    };
    marks().with_context(|| format!("{PAGE} has no table between {BEGIN:?} and {END:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_shows_must_be_on_the_page_and_what_it_did_not_try_may() {
        let table = "| | A | B |\n|---|---|---|\n| talks | yes | yes |\n| mutes | no such call | yes |\n| takes long | yes | yes |";
        let same = "| | A | B |\n|---|---|---|\n| talks | yes | not tried |\n| mutes | no such call | yes |";
        assert!(news(table, same).is_empty());
        for line in
            ["| talks | **no** | yes |", "| mutes | yes | yes |", "| sings | yes | yes |", "| talks | yes |"]
        {
            assert_eq!(news(table, line), [line]);
        }
    }
}
