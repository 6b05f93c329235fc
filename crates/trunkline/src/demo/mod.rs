//! `trunkline demo`: one phone call, seen and measured from outside.
//!
//! A server, a phone and a room participant run as processes of their own; this one talks to the server through its
//! public HTTP API only, listens to what the two ends tell, and judges by their recordings.

mod call;
mod journal;
mod judge;
mod picture;
mod screen;
mod server;
mod world;

pub(crate) mod participant;
pub(crate) mod told;

use std::path::PathBuf;

use anyhow::Context;

use journal::Journal;
use screen::Screen;
use world::World;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the recordings, the picture and the server's log go
    #[arg(long, value_name = "FOLDER", default_value = "trunkline-demo")]
    out: PathBuf,
}

/// Places the call; an error names the part that failed.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(Box::pin(demonstrate(args.out)))
}

async fn demonstrate(out: PathBuf) -> anyhow::Result<()> {
    std::fs::create_dir_all(&out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    let mut screen = Screen::new();
    let mut journal = Journal::begin();
    let mut world = World::start(&out, &mut screen, &mut journal).await?;
    let placed = call::place(&mut world, &mut screen, &mut journal).await;
    let placed = world.server.blame(placed);
    world.end(&mut screen, &mut journal).await;
    placed?;
    let verdict = judge::judge(&journal);
    let picture = out.join("call.svg");
    std::fs::write(&picture, picture::draw(&journal, &verdict))
        .with_context(|| format!("cannot write {}", picture.display()))?;
    screen.result(&journal, &verdict, &picture);
    verdict.outcome()
}
