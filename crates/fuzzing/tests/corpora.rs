//! Every target over everything that is kept for it in `fuzz/corpus`: what was found once stays mended.

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

/// The files of a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// What other tests keep is as good.
fn kept_elsewhere(target: &str) -> &'static [&'static str] {
    match target {
        "sip_message" => &["crates/sip/tests/torture", "crates/sip/tests/torture_ipv6"],
        "sdp" => &["tests/golden/sdp"],
        _ => &[],
    }
}

#[test]
fn every_target_holds_over_its_corpus() {
    let mut broken = Vec::new();
    for (name, target) in fuzzing::TARGETS {
        let mut kept = files(&corpus().join(name));
        for folder in kept_elsewhere(name) {
            kept.extend(files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder)));
        }
        assert!(!kept.is_empty(), "fuzz/corpus/{name} is empty");
        for file in &kept {
            let data = std::fs::read(file).unwrap_or_default();
            if catch_unwind(|| target(&data)).is_err() {
                broken.push(file.display().to_string());
            }
        }
        println!("{name}: {} files", kept.len());
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_target_has_its_program_and_every_corpus_its_target() {
    let programs = corpus().join("../fuzz_targets");
    for (name, _) in fuzzing::TARGETS {
        let program = std::fs::read_to_string(programs.join(format!("{name}.rs"))).unwrap_or_default();
        assert!(program.contains(&format!("\"{name}\"")), "fuzz/fuzz_targets/{name}.rs does not run {name}");
    }
    assert_eq!(files(&programs).len(), fuzzing::TARGETS.len());
    let folders = std::fs::read_dir(corpus()).into_iter().flatten().filter_map(Result::ok).count();
    assert_eq!(folders, fuzzing::TARGETS.len());
}

/// Scripts drawn at random: a few thousand short lives of each state machine in every run of the tests. The seed is printed
/// when one breaks; `SEED=n` runs that one alone.
#[test]
fn state_machines_hold_over_thousands_of_random_scripts() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let machines = ["sip_agent", "rtp_session", "room", "call"];
    for (name, target) in fuzzing::TARGETS.iter().filter(|(name, _)| machines.contains(name)) {
        let seeds = match number("SEED") {
            Some(seed) => seed..seed + 1,
            None => 0..number("SCRIPTS").unwrap_or(if *name == "room" { 400 } else { 3000 }),
        };
        for seed in seeds {
            let script = random_script(seed);
            if let Err(panic) = catch_unwind(|| target(&script)) {
                println!("{name} failed with SEED={seed}");
                std::panic::resume_unwind(panic);
            }
        }
    }
}

fn random_script(seed: u64) -> Vec<u8> {
    use rand::{Rng, RngCore, SeedableRng};
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    let mut script = vec![0; rng.random_range(8..600)];
    rng.fill_bytes(&mut script);
    // Lengths are words: short ones let the script go on.
    for byte in &mut script {
        if rng.random_bool(0.4) {
            *byte = rng.random_range(0..8);
        }
    }
    script
}
