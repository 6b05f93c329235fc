//! The demo's processes: started one after the other, listened to, ended together.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use peers::api::{Grants, TwirpClient, token};
use peers::server::Usage;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use super::journal::Journal;
use super::screen::Screen;
use super::server::{KEY, SECRET, Server, program};
use super::told::{PhoneTold, RoomTold, Told};

/// The room of the call.
pub(super) const ROOM: &str = "my-sip-room";
/// What the phone says: a tone that comes and goes, from a noisy place.
pub(super) const PHONE_HZ: f64 = 1000.0;
const PHONE_SAYS: &str = "pulsed:1000+noise@-45";
/// What the participant says.
pub(super) const ROOM_HZ: f64 = 700.0;
const ROOM_SAYS: &str = "pulsed:700";
/// How long the phone rings.
const RINGING: &str = "2s";
/// How long each part may take to be ready, and to end.
const LIMIT: Duration = Duration::from_secs(10);
const END_LIMIT: Duration = Duration::from_secs(3);

/// A line of one of the ends, or the news that it is gone.
#[derive(Debug)]
pub(super) enum Line {
    Phone(Told<PhoneTold>),
    Room(Told<RoomTold>),
}

/// Everything that runs.
pub(super) struct World {
    pub(super) server: Server,
    pub(super) api: TwirpClient,
    pub(super) phone_address: String,
    phone: End<PhoneTold>,
    room: End<RoomTold>,
}

/// One of the two ends: a process that tells and takes commands.
struct End<T> {
    name: &'static str,
    process: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    ended: bool,
    told: std::marker::PhantomData<T>,
}

impl World {
    /// Starts the server, the phone and the participant, and waits until each is ready.
    pub(super) async fn start(
        out: &Path,
        screen: &mut Screen,
        journal: &mut Journal,
    ) -> anyhow::Result<Self> {
        let server = Server::start(out, journal).await.context("server")?;
        screen.ready("server", &format!("{}, up in {:.0} ms", server.url, journal.server_start * 1000.0));
        let mut phone = start_phone(out).context("phone")?;
        let phone_address = loop {
            let told = phone.line_in(LIMIT).await?;
            if let PhoneTold::Listening { address } = told.what {
                break address.to_string();
            }
        };
        screen.ready("phone", &format!("{phone_address}, says a pulsed tone of {PHONE_HZ} Hz over noise"));
        let mut room = start_participant(out, &server.url).context("participant")?;
        let (mut connected, mut published) = (false, false);
        while !(connected && published) {
            let told = room.line_in(LIMIT).await?;
            connected |= told.what == RoomTold::Connected;
            published |= told.what == RoomTold::Published;
            journal.room(&told);
        }
        screen.ready("participant", &format!("in room {ROOM}, says a pulsed tone of {ROOM_HZ} Hz"));
        journal.idle = Usage::of(&[server.pid()]);
        let api = TwirpClient::new(&server.url, KEY, SECRET)?;
        Ok(Self { server, api, phone_address, phone, room })
    }

    /// The next line of either end.
    pub(super) async fn next(&mut self) -> anyhow::Result<Line> {
        tokio::select! {
            told = self.phone.line() => Ok(Line::Phone(told?)),
            told = self.room.line() => Ok(Line::Room(told?)),
        }
    }

    /// Makes the phone hang up.
    pub(super) async fn hang_up(&mut self) {
        self.phone.command("hangup\n").await;
    }

    /// Ends all three; the last lines still count.
    pub(super) async fn end(mut self, screen: &mut Screen, journal: &mut Journal) {
        for told in self.room.end().await {
            screen.room(journal, &told);
            journal.room(&told);
        }
        for told in self.phone.end().await {
            screen.phone(journal, &told);
            journal.phone(&told);
        }
        self.server.end().await;
    }
}

fn start_phone(out: &Path) -> anyhow::Result<End<PhoneTold>> {
    let mut command = program()?;
    command.args(["phone", "--json", "--until-input-ends", "--listen", "127.0.0.1:0"]);
    command.args(["--answer-delay", RINGING, "--play", PHONE_SAYS]).arg("--record").arg(out);
    End::spawn("phone", command)
}

fn start_participant(out: &Path, url: &str) -> anyhow::Result<End<RoomTold>> {
    let token = token(KEY, SECRET, &Grants::join("alice", ROOM))?;
    let mut command = program()?;
    command.args(["demo-participant", "--url", url, "--play", ROOM_SAYS]).arg("--record").arg(out);
    command.env("TRUNKLINE_DEMO_TOKEN", token);
    End::spawn("participant", command)
}

impl<T: DeserializeOwned> End<T> {
    fn spawn(name: &'static str, mut command: tokio::process::Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = command.spawn()?;
        let input = process.stdin.take();
        let output = process.stdout.take().context("no output")?;
        let output = BufReader::new(output).lines();
        Ok(Self { name, process, input, output, ended: false, told: std::marker::PhantomData })
    }

    /// The next line. Cancelling loses nothing. Once the process has ended, waits for ever after telling it once.
    async fn line(&mut self) -> anyhow::Result<Told<T>> {
        if self.ended {
            std::future::pending::<()>().await;
        }
        loop {
            let Some(line) = self.output.next_line().await? else {
                self.ended = true;
                bail!("the {} ended before its time", self.name)
            };
            if let Ok(told) = serde_json::from_str(&line) {
                return Ok(told);
            }
        }
    }

    async fn line_in(&mut self, limit: Duration) -> anyhow::Result<Told<T>> {
        let told = tokio::time::timeout(limit, self.line()).await;
        told.unwrap_or_else(|_| bail!("the {} is not ready within {limit:?}", self.name))
    }

    async fn command(&mut self, command: &str) {
        if let Some(input) = &mut self.input {
            // A process that is gone is noticed by its output.
            let _ = input.write_all(command.as_bytes()).await;
        }
    }

    /// Closes its input and reads what it still tells.
    async fn end(&mut self) -> Vec<Told<T>> {
        self.input = None;
        let mut last = Vec::new();
        while let Ok(Ok(told)) = tokio::time::timeout(END_LIMIT, self.line()).await {
            last.push(told);
        }
        let _ = tokio::time::timeout(END_LIMIT, self.process.wait()).await;
        last
    }
}
