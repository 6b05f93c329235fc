//! What an operation takes from the heap, by whose code asked for it.
//!
//! dhat keeps the call stack of every allocation. An allocation belongs to the innermost code in the stack that is either
//! the WebRTC engine's (str0m and what it is made of) or ours.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::Bench;

/// Operations before the count: tables and queues have grown to their size by then.
const WARM_UP: usize = 100;
/// Words in a stack frame that tell the engine's code.
const ENGINE: [&str; 6] = ["str0m", "sctp_proto", "dimpl", "aws_lc", "is::", "str0m_proto"];
/// Words that tell ours.
const OURS: [&str; 5] = ["room::", "call::", "media::", "sip::", "micro::"];

/// Heap blocks taken in all operations together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// By our code.
    pub ours: u64,
    /// By the WebRTC engine.
    pub engine: u64,
    /// Bytes, by either.
    pub bytes: u64,
    /// Where ours were taken, outermost last, the most frequent first.
    pub places: Vec<(u64, String)>,
}

#[derive(Deserialize)]
struct Profile {
    #[serde(rename = "pps")]
    points: Vec<Point>,
    #[serde(rename = "ftbl")]
    frames: Vec<String>,
}

#[derive(Deserialize)]
struct Point {
    #[serde(rename = "tb")]
    bytes: u64,
    #[serde(rename = "tbk")]
    blocks: u64,
    #[serde(rename = "fs")]
    stack: Vec<usize>,
}

/// Runs an operation `count` times and counts. The process's global allocator must be [`dhat::Alloc`], and nothing else may
/// run beside.
///
/// # Errors
/// When the bench cannot be set up, or nothing was counted at all.
pub fn count(bench: &Bench, count: usize) -> anyhow::Result<Counted> {
    let mut operation = (bench.prepare)()?;
    (0..WARM_UP).for_each(|_| operation());
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("heap.json");
    let profiler = dhat::Profiler::builder().file_name(&file).trim_backtraces(None).build();
    // One block of our own, so that a profile without any means that the allocator is another.
    let witness = std::hint::black_box(Box::new(0_u64));
    (0..count).for_each(|_| operation());
    drop(profiler);
    drop(witness);
    let mut counted = read(&file)?;
    if counted.ours == 0 {
        bail!("nothing was counted: the global allocator is not dhat's");
    }
    counted.ours -= 1;
    counted.bytes -= 8;
    counted.places.retain(|(_, place)| !place.starts_with("micro::allocations::count"));
    Ok(counted)
}

fn read(file: &Path) -> anyhow::Result<Counted> {
    let text = std::fs::read(file).context("the profile was not written")?;
    let profile: Profile = serde_json::from_slice(&text)?;
    let frames: Vec<&str> = profile.frames.iter().map(|frame| function(frame)).collect();
    let mut counted = Counted::default();
    let mut places: HashMap<String, u64> = HashMap::new();
    for point in &profile.points {
        let stack: Vec<&str> = point.stack.iter().filter_map(|at| frames.get(*at).copied()).collect();
        counted.bytes += point.bytes;
        let owner = stack.iter().find_map(|frame| owner(frame).map(|engine| (engine, *frame)));
        match owner {
            Some((true, _)) => counted.engine += point.blocks,
            Some((false, place)) => {
                counted.ours += point.blocks;
                *places.entry(place.to_owned()).or_default() += point.blocks;
            }
            None => {}
        }
    }
    counted.places = places.into_iter().map(|(place, blocks)| (blocks, place)).collect();
    counted.places.sort_by(|a, b| b.cmp(a));
    Ok(counted)
}

/// `0x55..: room::peer::Peer::poll (crates/room/src/peer/mod.rs:1:2)` without the address and the file.
fn function(frame: &str) -> &str {
    let name = frame.split_once(": ").map_or(frame, |(_, name)| name);
    name.split(" (").next().unwrap_or(name)
}

/// Whether a function is the engine's; `None` for the standard library's.
fn owner(function: &str) -> Option<bool> {
    let bare = function.trim_start_matches('<');
    let of = |words: &[&str]| words.iter().any(|word| bare.starts_with(word));
    if of(&ENGINE) {
        return Some(true);
    }
    of(&OURS).then_some(false)
}
