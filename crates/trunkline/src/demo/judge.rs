//! The proof: what the recordings and the two ends say about the call.

use std::path::Path;

use peers::measure::{Recording, Window, windows};

use super::call::DIGITS;
use super::journal::{Journal, Track};
use super::world::{PHONE_HZ, ROOM_HZ};

/// The statuses of a call that went well.
const STATES: [&str; 5] = ["dialing", "ringing", "automation", "active", "hangup"];
/// The ringing tone played into the room.
const DIAL_TONE_HZ: f64 = 425.0;
/// The noise behind the phone's tone, and by how much it must be quieter in the room.
const NOISE_DBFS: f64 = -45.0;
const ISOLATION_DB: f64 = 12.0;
/// A tone is heard when it is the strongest in a piece, near its pitch, louder than this.
const TOLERANCE_HZ: f64 = 10.0;
const AUDIBLE_DBFS: f64 = -40.0;
/// Quieter pieces are pauses.
const PAUSE_DBFS: f64 = -30.0;
/// The tones sound half of the time; pieces that begin or end in mid-tone may be lost.
const ENOUGH: f64 = 0.3;

/// One thing that was to be shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) passed: bool,
    /// What was found.
    pub(super) found: String,
}

/// All of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Verdict {
    pub(super) checks: Vec<Check>,
}

impl Verdict {
    /// An error that names what failed.
    pub(super) fn outcome(&self) -> anyhow::Result<()> {
        let failed: Vec<String> = self
            .checks
            .iter()
            .filter(|check| !check.passed)
            .map(|check| format!("{}: {}", check.name, check.found))
            .collect();
        if failed.is_empty() {
            Ok(())
        } else {
            anyhow::bail!("the call did not go as it should: {}", failed.join("; "))
        }
    }
}

/// Judges the call.
pub(super) fn judge(journal: &Journal) -> Verdict {
    let (active, end) = (journal.state_at("active"), journal.state_at("hangup"));
    let talk = active.zip(end).map(|(active, end)| (active + 0.2, end - 0.2));
    let ring = journal.state_at("ringing").zip(journal.answered);
    let room = heard(journal.room_track.as_ref(), talk);
    let phone = heard(journal.phone_track.as_ref(), talk);
    let checks = vec![
        states(journal),
        digits(journal),
        tone("the room hears the phone", &room, PHONE_HZ),
        tone("the phone hears the room", &phone, ROOM_HZ),
        dial_tone(&heard(journal.room_track.as_ref(), ring)),
        isolation(&room),
    ];
    Verdict { checks }
}

fn states(journal: &Journal) -> Check {
    let seen: Vec<&str> = journal.states.iter().map(|(_, state)| state.as_str()).collect();
    Check { name: "statuses", passed: seen == STATES, found: seen.join(" → ") }
}

fn digits(journal: &Journal) -> Check {
    let wanted: String = DIGITS.chars().filter(|digit| *digit != 'w').collect();
    let heard = journal.digits_heard();
    Check { name: "digits", passed: heard == wanted, found: format!("the phone heard {heard:?}") }
}

/// A recording between two times, in pieces of 100 ms.
fn heard(track: Option<&Track>, between: Option<(f64, f64)>) -> Vec<Window> {
    let cut = |track: &Track, (from, to): (f64, f64)| {
        let recording = read(&track.path)?;
        let index = |at: f64| ((at - track.begin).max(0.0) * f64::from(recording.rate)) as usize;
        let end = index(to).min(recording.samples.len());
        let pcm = recording.samples.get(index(from)..end)?;
        Some(windows(pcm, recording.rate, recording.rate as usize / 10))
    };
    track.zip(between).and_then(|(track, between)| cut(track, between)).unwrap_or_default()
}

fn read(path: &Path) -> Option<Recording> {
    Recording::read(path).inspect_err(|error| tracing::warn!(%error, "a recording is missing")).ok()
}

fn has_tone(window: &Window, hz: f64) -> bool {
    let near = window.tone.is_some_and(|tone| (tone.frequency - hz).abs() < TOLERANCE_HZ && tone.share > 0.8);
    near && window.dbfs > AUDIBLE_DBFS
}

fn tone(name: &'static str, pieces: &[Window], hz: f64) -> Check {
    let with: Vec<&Window> = pieces.iter().filter(|piece| has_tone(piece, hz)).collect();
    let share = with.len() as f64 / pieces.len().max(1) as f64;
    let loudest = with.iter().max_by(|a, b| a.dbfs.total_cmp(&b.dbfs));
    let found = match loudest.and_then(|piece| piece.tone.map(|tone| (tone.frequency, piece.dbfs))) {
        Some((frequency, level)) => {
            format!("{frequency:.1} Hz at {level:.1} dBFS, {:.0} % of the time", share * 100.0)
        }
        None => format!("no tone of {hz} Hz in {} s", pieces.len() as f64 / 10.0),
    };
    Check { name, passed: share >= ENOUGH, found }
}

fn dial_tone(pieces: &[Window]) -> Check {
    let count = pieces.iter().filter(|piece| has_tone(piece, DIAL_TONE_HZ)).count();
    let found = format!(
        "{DIAL_TONE_HZ} Hz for {:.1} s of {:.1} s of ringing",
        count as f64 / 10.0,
        pieces.len() as f64 / 10.0
    );
    Check { name: "dial tone", passed: count >= 3, found }
}

fn isolation(pieces: &[Window]) -> Check {
    let mut pauses: Vec<f64> =
        pieces.iter().map(|piece| piece.dbfs).filter(|level| *level < PAUSE_DBFS).collect();
    pauses.sort_by(f64::total_cmp);
    let floor = pauses.get(pauses.len() / 2).copied();
    let found = floor.map_or_else(
        || "no pauses to measure".to_owned(),
        |floor| format!("noise behind the phone {NOISE_DBFS} dBFS, in the room {floor:.0} dBFS"),
    );
    let passed = floor.is_some_and(|floor| floor <= NOISE_DBFS - ISOLATION_DB);
    Check { name: "voice isolation", passed, found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use peers::sound::{Player, Sound};

    fn pieces(sound: &Sound) -> Vec<Window> {
        let mut pcm = vec![0; 32_000];
        Player::new(sound, 8000, 1).unwrap().fill(&mut pcm);
        windows(&pcm, 8000, 800)
    }

    #[test]
    fn a_tone_that_comes_and_goes_is_found_and_another_is_not() {
        let heard = pieces(&Sound::pulsed(1000.0));
        assert!(tone("", &heard, 1000.0).passed);
        let other = tone("", &heard, 700.0);
        assert!(!other.passed && other.found.contains("no tone of 700 Hz"), "{other:?}");
        assert!(!tone("", &[], 700.0).passed);
    }

    #[test]
    fn noise_in_the_pauses_is_noticed() {
        assert!(!isolation(&pieces(&Sound::pulsed(1000.0).over_noise(-45.0))).passed);
        assert!(isolation(&pieces(&Sound::pulsed(1000.0).over_noise(-70.0))).passed);
        assert!(!isolation(&[]).passed);
    }

    #[test]
    fn what_failed_is_named() {
        let verdict = judge(&Journal::begin());
        let error = verdict.outcome().unwrap_err().to_string();
        assert!(error.contains("digits: the phone heard \"\""), "{error}");
    }
}
