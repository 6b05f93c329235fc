//! The speaking participant of the demo, a process of its own: joins, speaks, records, tells.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use peers::participant::{Happened, Participant, ParticipantConfig, ParticipantEvent};
use peers::sound::Sound;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::told::{RoomTold, Told, now_micros};

/// How often levels are told.
const LEVELS: Duration = Duration::from_millis(100);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The server
    #[arg(long)]
    url: String,
    /// The access token
    #[arg(long, env = "TRUNKLINE_DEMO_TOKEN", hide_env_values = true)]
    token: String,
    /// What it says
    #[arg(long)]
    play: Sound,
    /// Folder for recordings
    #[arg(long)]
    record: PathBuf,
}

/// Runs until standard input ends or the session does.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stayed = runtime.block_on(Box::pin(stay(args)));
    // Standard input is read by a thread that may never come back.
    runtime.shutdown_background();
    stayed
}

async fn stay(args: Args) -> anyhow::Result<()> {
    let config = ParticipantConfig {
        publish: Some(args.play),
        record: Some(args.record),
        level_interval: LEVELS,
        ..ParticipantConfig::default()
    };
    let joined = Participant::connect(&args.url, &args.token, config).await;
    let mut participant = joined.context("the participant cannot join")?;
    let mut typed = BufReader::new(tokio::io::stdin()).lines();
    let mut levels = Levels::default();
    loop {
        tokio::select! {
            happened = participant.next() => match happened {
                Some(happened) => tell(happened, &mut levels),
                None => return Ok(()),
            },
            line = typed.next_line() => if !matches!(line, Ok(Some(_))) { break },
        }
    }
    for heard in participant.leave().await {
        let ended = RoomTold::of(ParticipantEvent::TrackEnded(heard));
        ended.into_iter().for_each(|what| Told { at: now_micros(), what }.print());
    }
    Ok(())
}

/// The loudest of what is heard and said, between two tellings.
#[derive(Default)]
struct Levels {
    heard: Option<f64>,
    said: f64,
}

fn tell(happened: Happened, levels: &mut Levels) {
    let since = happened.wallclock.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let at = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
    match happened.event {
        ParticipantEvent::Level { track_sid: Some(_), dbfs } => {
            levels.heard = Some(levels.heard.map_or(dbfs, |heard| heard.max(dbfs)));
        }
        ParticipantEvent::Level { track_sid: None, dbfs } => {
            // The own level is the first of each round: what was heard belongs to the round before.
            if let Some(heard) = levels.heard.take() {
                Told { at, what: RoomTold::Level { heard, said: levels.said } }.print();
            }
            levels.said = dbfs;
        }
        event => {
            if let Some(what) = RoomTold::of(event) {
                Told { at, what }.print();
            }
        }
    }
}
