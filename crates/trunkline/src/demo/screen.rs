//! What the user sees: on a terminal colours and moving meters, in a pipe plain lines.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use super::call::{DIGITS, NUMBER};
use super::journal::{Journal, short};
use super::judge::Verdict;
use super::told::{PhoneTold, RoomTold, Told};

const BOLD: &str = "1";
const DIM: &str = "2";
const GREEN: &str = "32";
const RED: &str = "31";
const CYAN: &str = "36";
/// How often the meters are printed in a pipe, and on a terminal, in seconds.
const PLAIN_METERS: f64 = 1.0;
const LIVE_METERS: f64 = 0.1;
/// Quietest level a meter shows, and its width: both fit beside each other into 80 columns.
const QUIETEST: f64 = -60.0;
const WIDTH: usize = 14;

/// Standard output.
pub(super) struct Screen {
    terminal: bool,
    colours: bool,
    meters: bool,
    next_meters: f64,
}

impl Screen {
    pub(super) fn new() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let colours = terminal && std::env::var_os("NO_COLOR").is_none();
        let screen = Self { terminal, colours, meters: false, next_meters: 0.0 };
        println!("{}\n", screen.paint(BOLD, "trunkline demo: one phone call into a room"));
        screen
    }

    /// A part is ready.
    pub(super) fn ready(&mut self, part: &str, words: &str) {
        let part = self.paint(CYAN, &format!("{part:<12}"));
        self.line(&format!("  {part} {words}"));
    }

    /// The API is asked for the call.
    pub(super) fn asked(&mut self, journal: &Journal) {
        let options = format!("krisp_enabled, wait_until_answered, dtmf \"{DIGITS}\", play_dialtone");
        self.line("");
        self.at(journal.now(), journal, &format!("API     CreateSIPParticipant to {NUMBER} ({options})"));
    }

    /// The API has returned.
    pub(super) fn returned(&mut self, journal: &Journal, call: &str) {
        self.at(journal.now(), journal, &format!("API     answered: call {call}"));
    }

    /// Something the phone told.
    pub(super) fn phone(&mut self, journal: &Journal, told: &Told<PhoneTold>) {
        let at = journal.seconds(told.at);
        match &told.what {
            PhoneTold::Sip { sent, line } => {
                let arrow = ladder(*sent, &short(line));
                let arrow = self.paint(DIM, &arrow);
                self.at(at, journal, &arrow);
            }
            PhoneTold::Digit { .. } => {
                let digits = journal.digits_heard();
                self.at(at, journal, &format!("phone   digits {digits}"));
            }
            PhoneTold::Answered { codec, .. } => self.at(at, journal, &format!("phone   picks up, {codec}")),
            PhoneTold::HungUp { by, .. } => self.at(at, journal, &format!("phone   call ended by {by}")),
            PhoneTold::Level { .. } => self.show_meters(journal),
            _ => {}
        }
    }

    /// Something the participant told.
    pub(super) fn room(&mut self, journal: &Journal, told: &Told<RoomTold>) {
        let at = journal.seconds(told.at);
        match &told.what {
            RoomTold::Attributes { changed, .. } => {
                if let Some(state) = changed.get("sip.callStatus") {
                    let state = self.paint(GREEN, state);
                    self.at(at, journal, &format!("room    ● {state}"));
                }
            }
            RoomTold::FirstAudio { codec } => {
                self.at(at, journal, &format!("room    hears the call, {codec}"))
            }
            RoomTold::ParticipantJoined { identity, sip: true } => {
                self.at(at, journal, &format!("room    {identity} joins"));
            }
            RoomTold::ParticipantLeft { identity, reason } => {
                self.at(at, journal, &format!("room    {identity} leaves, {reason}"));
            }
            RoomTold::Level { .. } => self.show_meters(journal),
            _ => {}
        }
    }

    /// How it went.
    pub(super) fn result(&mut self, journal: &Journal, verdict: &Verdict, picture: &Path) {
        self.line("");
        for check in &verdict.checks {
            let mark = if check.passed { self.paint(GREEN, "ok    ") } else { self.paint(RED, "FAILED") };
            self.line(&format!("  {mark}  {:<26} {}", check.name, check.found));
        }
        self.line("");
        for line in figures(journal) {
            self.line(&format!("  {line}"));
        }
        self.line("");
        for track in [&journal.room_track, &journal.phone_track].into_iter().flatten() {
            self.line(&format!("  {}", track.path.display()));
        }
        self.line(&format!("  {}", picture.display()));
    }

    /// A line with its time, counted from the API request.
    fn at(&mut self, at: f64, journal: &Journal, words: &str) {
        let time = self.paint(DIM, &format!("{:>7.3} s", at - journal.asked.unwrap_or(at)));
        self.line(&format!("  {time}  {words}"));
    }

    fn show_meters(&mut self, journal: &Journal) {
        let now = journal.now();
        if journal.asked.is_none() || now < self.next_meters {
            return;
        }
        self.next_meters = now + if self.terminal { LIVE_METERS } else { PLAIN_METERS };
        let (room, phone) = (meter(journal.room_level), meter(journal.phone_level));
        let meters = format!("room hears {room}   phone hears {phone}");
        if self.terminal {
            self.clear_meters();
            print!("  {meters}");
            let _ = std::io::stdout().flush();
            self.meters = true;
        } else {
            self.at(now, journal, &meters);
        }
    }

    fn line(&mut self, words: &str) {
        self.clear_meters();
        println!("{words}");
    }

    fn clear_meters(&mut self) {
        if std::mem::take(&mut self.meters) {
            print!("\r\x1b[2K");
        }
    }

    fn paint(&self, colour: &str, words: &str) -> String {
        if self.colours { format!("\x1b[{colour}m{words}\x1b[0m") } else { words.to_owned() }
    }
}

/// One rung: who sent what to whom.
fn ladder(from_phone: bool, name: &str) -> String {
    let name = format!(" {name} ");
    match from_phone {
        true => format!("SIP     server ◀{name:─^30}─ phone"),
        false => format!("SIP     server ─{name:─^30}▶ phone"),
    }
}

/// A bar for a level in dBFS.
fn meter(level: f64) -> String {
    let full = ((level - QUIETEST) / -QUIETEST * WIDTH as f64).clamp(0.0, WIDTH as f64) as usize;
    let bar: String = "█".repeat(full) + &"·".repeat(WIDTH - full);
    if level <= QUIETEST { format!("{bar} silence") } else { format!("{bar} {level:>4.0} dB") }
}

/// The figures: latencies seen from outside, cost of the server's process.
fn figures(journal: &Journal) -> Vec<String> {
    let mut lines = Vec::new();
    let invite = journal.sip.iter().find(|message| message.name == "INVITE").map(|message| message.at);
    if let (Some(asked), Some(invite)) = (journal.asked, invite) {
        lines.push(format!("API request to INVITE at the phone: {:.1} ms", (invite - asked) * 1000.0));
    }
    if let (Some((_, codec)), Some(track)) = (&journal.room_hears, &journal.room_track) {
        lines.push(format!("the room heard {} packets of {codec}, {} lost", track.packets, track.lost));
    }
    if let (Some(codec), Some(track)) = (&journal.phone_codec, &journal.phone_track) {
        let gap = track.longest_gap_ms;
        lines.push(format!(
            "the phone heard {} packets of {codec}, {} lost, at most {gap:.0} ms apart",
            track.packets, track.lost
        ));
    }
    if let (Some((from, begin)), Some((to, end))) = (&journal.talk_begin, &journal.talk_end) {
        let cpu = end.cpu_since(begin).as_secs_f64() * 1000.0 / (to - from);
        lines.push(format!(
            "the server's process: {cpu:.1} ms of CPU per second of the call (voice isolation included)"
        ));
        let idle = journal.idle.as_ref().map_or(0, |idle| idle.memory);
        let megabytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        lines.push(format!(
            "its memory: {:.1} MB, {:.1} MB before the call; started in {:.0} ms",
            megabytes(end.memory),
            megabytes(idle),
            journal.server_start * 1000.0
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_is_full_at_full_scale_and_empty_in_silence() {
        assert!(meter(0.0).starts_with(&"█".repeat(WIDTH)));
        assert_eq!(meter(-100.0), format!("{} silence", "·".repeat(WIDTH)));
        assert_eq!(meter(-30.0).matches('█').count(), WIDTH / 2);
    }

    #[test]
    fn a_rung_points_to_the_receiver() {
        assert!(ladder(false, "INVITE").ends_with("▶ phone"));
        assert!(ladder(true, "200 OK").contains("server ◀"));
    }
}
