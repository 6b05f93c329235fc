//! `micro list`, `micro run NAME COUNT`, `micro allocations`: see the library.

use std::process::ExitCode;

use anyhow::{Context, bail};
use micro::{BENCHES, Bench, MOST, allocations};

/// Counts while a profiler runs, and is the system's allocator otherwise.
#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Operations whose allocations are counted.
const COUNTED: usize = 200;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("micro: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> anyhow::Result<()> {
    match words {
        ["list"] => {
            for bench in BENCHES {
                println!("{}\t{}", bench.name, bench.about);
            }
            Ok(())
        }
        ["run", name, count] => {
            let count: usize = count.parse().context("COUNT is no number")?;
            if count > MOST {
                bail!("at most {MOST} operations are prepared");
            }
            let mut operation = (named(name)?.prepare)()?;
            (0..count).for_each(|_| operation());
            Ok(())
        }
        ["allocations"] => {
            println!("{:<24} {:>8} {:>8} {:>8}", "allocations each", "ours", "engine", "bytes");
            for bench in BENCHES {
                let counted = allocations::count(bench, COUNTED)?;
                let each = |blocks: u64| blocks as f64 / COUNTED as f64;
                let (ours, engine) = (each(counted.ours), each(counted.engine));
                println!("{:<24} {ours:>8.2} {engine:>8.2} {:>8.0}", bench.name, each(counted.bytes));
            }
            Ok(())
        }
        _ => bail!("micro list | micro run NAME COUNT | micro allocations"),
    }
}

fn named(name: &str) -> anyhow::Result<&'static Bench> {
    BENCHES.iter().find(|bench| bench.name == name).with_context(|| format!("no bench is called {name}"))
}
