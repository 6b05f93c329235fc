//! `micro list`, `micro run NAME COUNT`: see the library.

use std::process::ExitCode;

use anyhow::{Context, bail};
use micro::{BENCHES, Bench, MOST};

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
            let made: usize = (0..count).map(|_| operation()).sum();
            println!("{made}");
            Ok(())
        }
        _ => bail!("micro list | micro run NAME COUNT"),
    }
}

fn named(name: &str) -> anyhow::Result<&'static Bench> {
    BENCHES.iter().find(|bench| bench.name == name).with_context(|| format!("no bench is called {name}"))
}
