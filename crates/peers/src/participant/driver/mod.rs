//! The task that runs a participant: one socket for signalling, one for media, one clock.

mod clock;
mod commands;
mod media;
mod signals;

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use livekit_protocol as proto;
use proto::signal_request::Message as Request;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::command::Command;
use super::config::ParticipantConfig;
use super::ear::Ear;
use super::error::ConnectError;
use super::event::{Cause, Happened, ParticipantEvent};
use super::mouth::Mouth;
use super::peer::Peer;
use super::roster::Roster;
use super::rpc::Rpcs;
use super::signal::{Closed, Signal};
use crate::path::Path;
use crate::tell::Teller;
use clock::Clock;

/// How long the server may take to confirm a leave.
const LEAVE_LIMIT: Duration = Duration::from_secs(1);

/// Everything a session owns.
pub(super) struct Driver {
    signal: Signal,
    socket: UdpSocket,
    /// The bad network, if the configuration has one.
    path: Option<Path>,
    peer: Peer,
    config: ParticipantConfig,
    commands: mpsc::Receiver<Command>,
    tell: Teller<Happened>,
    roster: Roster,
    rpcs: Rpcs,
    mouth: Option<Mouth>,
    ears: HashMap<String, Ear>,
    sections: HashMap<String, String>,
    clock: Clock,
    cid: String,
    own_track: Option<String>,
    sequence: u32,
    requests: u32,
    leaving: Option<Instant>,
}

/// What woke the task.
enum Woken {
    Signal(Box<Result<proto::signal_response::Message, Closed>>),
    Media(std::io::Result<(usize, std::net::SocketAddr)>),
    Command(Option<Command>),
    Clock,
}

impl Driver {
    pub(super) fn new(
        signal: Signal,
        socket: UdpSocket,
        peer: Peer,
        config: ParticipantConfig,
        commands: mpsc::Receiver<Command>,
        events: mpsc::Sender<Happened>,
    ) -> Result<Self, ConnectError> {
        let mouth = Mouth::of(&config)?;
        let clock = Clock::new(Instant::now(), config.level_interval);
        Ok(Self {
            signal,
            socket,
            path: config.trouble.map(|trouble| Path::new(trouble, config.seed)),
            peer,
            commands,
            tell: Teller::new(events),
            roster: Roster::default(),
            rpcs: Rpcs::default(),
            mouth,
            ears: HashMap::new(),
            sections: HashMap::new(),
            clock,
            cid: format!("microphone-{:016x}", config.seed),
            own_track: None,
            sequence: 0,
            requests: 0,
            leaving: None,
            config,
        })
    }

    /// Runs the session to its end.
    pub(super) async fn run(mut self, join: proto::JoinResponse) {
        let cause = match self.begin(join).await {
            Ok(()) => self.session().await,
            Err(closed) => Cause::SignalLost(closed.to_string()),
        };
        Box::pin(self.end(cause)).await;
    }

    async fn begin(&mut self, join: proto::JoinResponse) -> Result<(), Closed> {
        self.clock.follow(join.ping_interval, join.ping_timeout);
        self.event(ParticipantEvent::Joined(Box::new(join.clone())));
        for info in join.participant.into_iter().chain(join.other_participants) {
            self.update(info);
        }
        if self.mouth.is_some() {
            self.signal.send(Request::AddTrack(self.microphone())).await?;
        }
        Ok(())
    }

    async fn session(&mut self) -> Cause {
        let mut buffer = vec![0; 2048];
        loop {
            let wake_at = match self.flush().await {
                Ok(wake_at) => wake_at,
                Err(cause) => return cause,
            };
            let woken = tokio::select! {
                message = self.signal.receive() => Woken::Signal(Box::new(message)),
                read = self.socket.recv_from(&mut buffer) => Woken::Media(read),
                command = self.commands.recv(), if self.leaving.is_none() => Woken::Command(command),
                () = tokio::time::sleep_until(wake_at.into()) => Woken::Clock,
            };
            let step = match woken {
                Woken::Signal(message) => self.signalled(*message).await,
                Woken::Media(read) => self.received(read, &buffer),
                Woken::Command(command) => self.commanded(command).await,
                Woken::Clock => Ok(()),
            };
            if let Err(cause) = step {
                return cause;
            }
            if self.leaving.is_some_and(|limit| limit <= Instant::now()) {
                return Cause::Left;
            }
        }
    }

    /// Does what is due and sends what there is to send; when to wake up next.
    async fn flush(&mut self) -> Result<Instant, Cause> {
        let lost = |closed: Closed| Cause::SignalLost(closed.to_string());
        let now = Instant::now();
        self.tick(now).await?;
        self.speak(now);
        if let Some(sdp) = self.peer.next_offer() {
            let r#type = "offer".to_owned();
            let offer = proto::SessionDescription { r#type, sdp, ..Default::default() };
            self.signal.send(Request::Offer(offer)).await.map_err(lost)?;
        }
        let media = self.drain(now).await?;
        let mouth = self.mouth.as_ref().and_then(Mouth::next_timeout);
        let path = self.path.as_ref().and_then(Path::next_timeout);
        let others = [mouth, path, self.rpcs.next_timeout(), self.leaving];
        let earliest = others.into_iter().flatten().min();
        Ok(earliest.map_or(media, |at| at.min(media)).min(self.clock.next_timeout()))
    }

    async fn end(mut self, cause: Cause) {
        self.peer.close();
        let _ = self.drain(Instant::now()).await;
        self.signal.close().await;
        for (_, ear) in std::mem::take(&mut self.ears) {
            self.tell.event_or_wait(happened(ParticipantEvent::TrackEnded(ear.finish()))).await;
        }
        self.tell.event_or_wait(happened(ParticipantEvent::Disconnected(cause))).await;
    }

    fn microphone(&self) -> proto::AddTrackRequest {
        proto::AddTrackRequest {
            cid: self.cid.clone(),
            name: self.config.track_name.clone(),
            r#type: proto::TrackType::Audio as i32,
            source: proto::TrackSource::Microphone as i32,
            ..Default::default()
        }
    }

    fn event(&self, event: ParticipantEvent) {
        self.tell.event(happened(event));
    }
}

fn happened(event: ParticipantEvent) -> Happened {
    Happened { at: Instant::now(), wallclock: SystemTime::now(), event }
}
