//! What the holder of the handle wants done.

use std::collections::HashMap;
use std::time::Instant;

use livekit_protocol as proto;
use prost::Message as _;
use proto::signal_request::Message as Request;

use super::super::command::{Command, RpcCall};
use super::super::ear::Ear;
use super::super::error::CommandError;
use super::super::event::Cause;
use super::{Driver, LEAVE_LIMIT};
use crate::sound::Sound;

impl Driver {
    pub(super) async fn commanded(&mut self, command: Option<Command>) -> Result<(), Cause> {
        match command {
            Some(Command::Play(sound, reply)) => drop(reply.send(self.play(&sound))),
            Some(Command::Mute(muted, reply)) => {
                let done = self.mute(muted).await?;
                drop(reply.send(done));
            }
            Some(Command::Send { packet, reliable, reply }) => {
                drop(reply.send(self.send_packet(*packet, reliable)));
            }
            Some(Command::SetAttributes(attributes)) => self.set_attributes(attributes).await?,
            Some(Command::Subscribe { track_sid, subscribe }) => self.subscribe(track_sid, subscribe).await?,
            Some(Command::Rpc(call)) => self.start_rpc(call),
            Some(Command::Report(reply)) => drop(reply.send(self.ears.values().map(Ear::heard).collect())),
            Some(Command::Leave) | None => self.leave().await?,
        }
        Ok(())
    }

    fn play(&mut self, sound: &Sound) -> Result<(), CommandError> {
        let mouth = self.mouth.as_mut().ok_or(CommandError::NotPublished)?;
        mouth.play(sound)
    }

    async fn mute(&mut self, muted: bool) -> Result<Result<(), CommandError>, Cause> {
        let (Some(mouth), Some(sid)) = (self.mouth.as_mut(), self.own_track.clone()) else {
            return Ok(Err(CommandError::NotPublished));
        };
        mouth.mute(muted);
        self.request(Request::Mute(proto::MuteTrackRequest { sid, muted })).await?;
        Ok(Ok(()))
    }

    async fn set_attributes(&mut self, attributes: HashMap<String, String>) -> Result<(), Cause> {
        self.requests += 1;
        let request_id = self.requests;
        let update = proto::UpdateParticipantMetadata { attributes, request_id, ..Default::default() };
        self.request(Request::UpdateMetadata(update)).await
    }

    async fn subscribe(&mut self, track_sid: String, subscribe: bool) -> Result<(), Cause> {
        let update =
            proto::UpdateSubscription { track_sids: vec![track_sid], subscribe, ..Default::default() };
        self.request(Request::Subscription(update)).await
    }

    fn send_packet(&mut self, mut packet: proto::DataPacket, reliable: bool) -> Result<(), CommandError> {
        if !self.peer.data_ready() {
            return Err(CommandError::NotReady);
        }
        if reliable {
            self.sequence += 1;
            packet.sequence = self.sequence;
        }
        let sent = self.peer.send_data(reliable, &packet.encode_to_vec());
        if sent { Ok(()) } else { Err(CommandError::Full) }
    }

    fn start_rpc(&mut self, call: RpcCall) {
        if let Some((id, packet)) = self.rpcs.start(Instant::now(), call)
            && let Err(error) = self.send_packet(packet, true)
        {
            self.rpcs.not_sent(&id, error);
        }
    }

    /// Asks to leave; the session ends with the server's own leave, or soon without it. The handle
    /// may be gone by now, so no more commands are read than this one.
    async fn leave(&mut self) -> Result<(), Cause> {
        if self.leaving.is_none() {
            self.leaving = Some(Instant::now() + LEAVE_LIMIT);
            let reason = proto::DisconnectReason::ClientInitiated as i32;
            self.request(Request::Leave(proto::LeaveRequest { reason, ..Default::default() })).await?;
        }
        Ok(())
    }

    async fn request(&mut self, request: Request) -> Result<(), Cause> {
        let sent = self.signal.send(request).await;
        sent.map_err(|closed| Cause::SignalLost(closed.to_string()))
    }
}
