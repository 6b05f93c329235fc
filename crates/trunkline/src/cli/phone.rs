//! `trunkline phone`: the built-in phone as a program of its own.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use peers::phone::{Login, Phone, PhoneBook, PhoneConfig, Playback};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::broadcast::error::RecvError;

use crate::config::parse_duration;
use crate::demo::told::{PhoneTold, Told, now_micros};

/// How long calls may take to end when the program is stopped.
const GRACE: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where it listens for SIP (UDP and TCP); port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5070")]
    listen: SocketAddr,
    /// The address told to callers, when listening on 0.0.0.0
    #[arg(long, value_name = "ADDRESS")]
    announce: Option<IpAddr>,
    /// Ring this long before answering, whatever the number; 0 answers at once
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    answer_delay: Option<Duration>,
    /// What it says: tone:HZ, pulsed:HZ, voice:HZ, echo, silence or a WAV file
    #[arg(long, value_name = "SOUND", default_value = "tone:440")]
    play: Playback,
    /// Record what it hears into this folder, one WAV per call
    #[arg(long, value_name = "FOLDER")]
    record: Option<PathBuf>,
    /// Demand digest authentication for this user
    #[arg(long, value_name = "NAME", requires = "password")]
    username: Option<String>,
    /// Its password
    #[arg(long, value_name = "SECRET", requires = "username", env = "TRUNKLINE_PHONE_PASSWORD")]
    password: Option<String>,
    /// Hang up this long after answering
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    hangup_after: Option<Duration>,
    /// Tell what happens as JSON, one object per line
    #[arg(long)]
    json: bool,
    /// End when standard input ends
    #[arg(long, hide = true)]
    until_input_ends: bool,
}

impl Args {
    fn config(self) -> PhoneConfig {
        let login = self.username.zip(self.password);
        PhoneConfig {
            listen: self.listen,
            announced: self.announce,
            answer_delay: self.answer_delay,
            play: self.play,
            record: self.record,
            login: login.map(|(username, password)| Login { username, password, as_proxy: true }),
            hangup_after: self.hangup_after,
            ..PhoneConfig::default()
        }
    }
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let served = runtime.block_on(Box::pin(serve(args)));
    // Standard input is read by a thread that may never come back.
    runtime.shutdown_background();
    served
}

async fn serve(args: Args) -> anyhow::Result<()> {
    let (json, until_input_ends) = (args.json, args.until_input_ends);
    let mut phone = Phone::start(args.config()).await.context("the phone cannot start")?;
    let address = phone.local_addr();
    say(json, now_micros(), &PhoneTold::Listening { address });
    if !json {
        print!("{}", numbers(&PhoneBook::default()));
        println!("Commands: press DIGITS, hangup, quit");
    }
    let mut trace = phone.trace();
    let mut typed = BufReader::new(tokio::io::stdin()).lines();
    let mut listening = true;
    loop {
        tokio::select! {
            happened = phone.next() => {
                let Some(happened) = happened else { break };
                let at = micros(happened.wallclock);
                if let Some(told) = PhoneTold::of(happened.call, happened.event) {
                    say(json, at, &told);
                }
            }
            message = trace.recv() => match message {
                Ok(message) => say(json, now_micros(), &PhoneTold::sip(&message)),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            },
            line = typed.next_line(), if listening => match line {
                Ok(Some(line)) if line.trim() == "quit" => break,
                Ok(Some(line)) => command(&phone, line.trim()),
                Ok(None) | Err(_) if until_input_ends => break,
                // Without a terminal there is nobody to type.
                Ok(None) | Err(_) => listening = false,
            },
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    phone.shutdown(GRACE).await;
    Ok(())
}

fn command(phone: &Phone, line: &str) {
    match line.split_once(' ').unwrap_or((line, "")) {
        ("", _) => {}
        ("hangup", _) => phone.hang_up(0),
        ("press", digits) => {
            if let Err(error) = phone.press(0, digits.trim()) {
                eprintln!("{error}");
            }
        }
        (other, _) => eprintln!("{other}: not a command; there are press DIGITS, hangup and quit"),
    }
}

fn say(json: bool, at: u64, told: &PhoneTold) {
    if json {
        Told { at, what: told }.print();
    } else if let Some(words) = told.words() {
        println!("{}  {words}", clock(at));
        let _ = std::io::stdout().flush();
    }
}

/// The phone's numbers as a table.
pub(crate) fn numbers(book: &PhoneBook) -> String {
    let mut table = String::new();
    for entry in &book.entries {
        table.push_str(&format!("  {}  {}\n", entry.number, entry.about));
    }
    table.push_str("  any other  rings 1 s, then answers\n");
    table
}

fn micros(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// The time of day in UTC.
fn clock(at: u64) -> String {
    let (seconds, millis) = (at / 1_000_000 % 86_400, at / 1000 % 1000);
    format!("{:02}:{:02}:{:02}.{millis:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_shown_with_what_they_do() {
        let table = numbers(&PhoneBook::default());
        assert!(table.contains("+15550102  is busy (486)"));
        assert!(table.ends_with("any other  rings 1 s, then answers\n"));
    }

    #[test]
    fn the_time_of_day_is_told_in_utc() {
        assert_eq!(clock(1_700_000_000_123_456), "22:13:20.123");
    }
}
