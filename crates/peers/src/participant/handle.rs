//! The handle of a running participant.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use livekit_protocol as proto;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};

use super::command::{Command, RpcCall};
use super::config::ParticipantConfig;
use super::driver::Driver;
use super::error::{CommandError, ConnectError};
use super::event::{Happened, Heard, ParticipantEvent};
use super::joining;
use super::peer::Peer;
use super::rpc::RpcError;
use crate::endpoint::Endpoint;
use crate::sound::Sound;

/// Events kept for a slow reader; levels are dropped first.
const EVENTS: usize = 1024;
const COMMANDS: usize = 64;

/// A participant in a room. Dropping it leaves the room.
#[derive(Debug)]
pub struct Participant {
    identity: String,
    sid: String,
    events: mpsc::Receiver<Happened>,
    commands: mpsc::Sender<Command>,
}

impl Participant {
    /// Joins the room that `token` names on the server at `url` (`ws://` or `http://`). Returns once
    /// the server has let it in; media is up with [`ParticipantEvent::Connected`].
    ///
    /// # Errors
    /// [`ConnectError`]: the server refused, cannot be reached, or something local is wrong.
    pub async fn connect(url: &str, token: &str, config: ParticipantConfig) -> Result<Self, ConnectError> {
        let endpoint = Endpoint::parse(url)?;
        let unreachable = |source| ConnectError::Unreachable { server: endpoint.to_string(), source };
        let stream = joining::dial(&endpoint).await?;
        let local = stream.local_addr().map_err(unreachable)?;
        let socket = UdpSocket::bind(SocketAddr::new(local.ip(), 0)).await.map_err(unreachable)?;
        let local = socket.local_addr().map_err(unreachable)?;
        let media = |error: super::peer::PeerError| ConnectError::Media(error.to_string());
        let (peer, offer) = Peer::new(local, config.g711, Instant::now()).map_err(media)?;
        let (signal, join) = joining::join(stream, &endpoint, token, &config, offer).await?;
        let me = join.participant.clone().unwrap_or_default();
        let (commands, requests) = mpsc::channel(COMMANDS);
        let (tell, events) = mpsc::channel(EVENTS);
        let driver = Driver::new(signal, socket, peer, config, requests, tell)?;
        tokio::spawn(driver.run(join));
        Ok(Self { identity: me.identity, sid: me.sid, events, commands })
    }

    /// Its identity.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Its session id.
    #[must_use]
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// The next event; `None` after [`ParticipantEvent::Disconnected`].
    pub async fn next(&mut self) -> Option<Happened> {
        self.events.recv().await
    }

    /// Passes events over until `wanted` gives something, the session ends or `limit` is over.
    pub async fn wait_for<T>(
        &mut self,
        limit: Duration,
        mut wanted: impl FnMut(&Happened) -> Option<T>,
    ) -> Option<T> {
        let search = async {
            loop {
                let happened = self.events.recv().await?;
                if let Some(found) = wanted(&happened) {
                    return Some(found);
                }
            }
        };
        tokio::time::timeout(limit, search).await.ok().flatten()
    }

    /// Plays something else on the microphone track.
    ///
    /// # Errors
    /// [`CommandError`] when nothing is published or the sound cannot be played.
    pub async fn play(&self, sound: Sound) -> Result<(), CommandError> {
        self.ask(|reply| Command::Play(sound, reply)).await
    }

    /// Mutes or unmutes the microphone track.
    ///
    /// # Errors
    /// [`CommandError::NotPublished`] when there is none.
    pub async fn mute(&self, muted: bool) -> Result<(), CommandError> {
        self.ask(|reply| Command::Mute(muted, reply)).await
    }

    /// Sends a data packet on the reliable or the lossy channel.
    ///
    /// # Errors
    /// [`CommandError`] when the channels are not open or full.
    pub async fn send(&self, packet: proto::DataPacket, reliable: bool) -> Result<(), CommandError> {
        let packet = Box::new(packet);
        self.ask(|reply| Command::Send { packet, reliable, reply }).await
    }

    /// Sends bytes to the participants named, or to all if none is.
    ///
    /// # Errors
    /// As [`Participant::send`].
    pub async fn send_bytes(
        &self,
        payload: &[u8],
        topic: &str,
        to: &[&str],
        reliable: bool,
    ) -> Result<(), CommandError> {
        let user = proto::UserPacket {
            payload: payload.to_vec(),
            topic: Some(topic.to_owned()),
            ..Default::default()
        };
        let packet = proto::DataPacket {
            destination_identities: to.iter().map(|&identity| identity.to_owned()).collect(),
            value: Some(proto::data_packet::Value::User(user)),
            ..Default::default()
        };
        self.send(packet, reliable).await
    }

    /// Sends one digit to a phone in the room, or to all phones if `to` is empty.
    ///
    /// # Errors
    /// As [`Participant::send`].
    pub async fn send_digit(&self, digit: char, to: &[&str]) -> Result<(), CommandError> {
        let code = match digit {
            '0'..='9' => digit as u32 - '0' as u32,
            '*' => 10,
            '#' => 11,
            _ => 12 + (digit.to_ascii_uppercase() as u32).saturating_sub('A' as u32),
        };
        let dtmf = proto::SipDtmf { code, digit: digit.to_string() };
        let packet = proto::DataPacket {
            destination_identities: to.iter().map(|&identity| identity.to_owned()).collect(),
            value: Some(proto::data_packet::Value::SipDtmf(dtmf)),
            ..Default::default()
        };
        self.send(packet, true).await
    }

    /// Merges attributes into its own; an empty value deletes. The answer comes as an event.
    ///
    /// # Errors
    /// [`CommandError::Gone`] when the session is over.
    pub async fn set_attributes(&self, attributes: HashMap<String, String>) -> Result<(), CommandError> {
        self.tell(Command::SetAttributes(attributes)).await
    }

    /// Subscribes to a track, or unsubscribes.
    ///
    /// # Errors
    /// [`CommandError::Gone`] when the session is over.
    pub async fn subscribe(&self, track_sid: &str, subscribe: bool) -> Result<(), CommandError> {
        self.tell(Command::Subscribe { track_sid: track_sid.to_owned(), subscribe }).await
    }

    /// Calls a method of another participant.
    ///
    /// # Errors
    /// [`RpcError`]: its error, no response within `limit`, or not sent.
    pub async fn call(
        &self,
        destination: &str,
        method: &str,
        payload: &str,
        limit: Duration,
    ) -> Result<String, RpcError> {
        let (reply, answer) = oneshot::channel();
        let call = RpcCall {
            destination: destination.to_owned(),
            method: method.to_owned(),
            payload: payload.to_owned(),
            limit,
            reply,
        };
        self.tell(Command::Rpc(call)).await?;
        answer.await.unwrap_or(Err(CommandError::Gone.into()))
    }

    /// What it has heard so far, one entry per track.
    ///
    /// # Errors
    /// [`CommandError::Gone`] when the session is over.
    pub async fn heard(&self) -> Result<Vec<Heard>, CommandError> {
        let (reply, answer) = oneshot::channel();
        self.tell(Command::Report(reply)).await?;
        answer.await.map_err(|_| CommandError::Gone)
    }

    /// Leaves the room and tells what was heard.
    pub async fn leave(mut self) -> Vec<Heard> {
        let _ = self.tell(Command::Leave).await;
        let mut heard = Vec::new();
        while let Some(happened) = self.events.recv().await {
            if let ParticipantEvent::TrackEnded(track) = happened.event {
                heard.push(track);
            }
        }
        heard
    }

    async fn tell(&self, command: Command) -> Result<(), CommandError> {
        self.commands.send(command).await.map_err(|_| CommandError::Gone)
    }

    async fn ask(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<(), CommandError>>) -> Command,
    ) -> Result<(), CommandError> {
        let (reply, answer) = oneshot::channel();
        self.tell(command(reply)).await?;
        answer.await.unwrap_or(Err(CommandError::Gone))
    }
}
