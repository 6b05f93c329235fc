//! The room itself: who is in it and how long it lives.

use std::collections::VecDeque;
use std::time::{Instant, SystemTime};

use livekit_protocol as proto;

use crate::config::{Env, Join, LocalJoin, LocalTrack, RoomConfig};
use crate::error::{JoinError, PublishError};
use crate::ids::{ParticipantId, TrackSid};
use crate::output::{AudioPacket, Codec, Output, Receive};

/// A LiveKit room.
pub struct Room {
    out: VecDeque<Output>,
}

impl Room {
    /// An empty room. `wallclock` is the time of day at `now`.
    #[must_use]
    pub fn new(_config: RoomConfig, _env: Env, _seed: u64, _now: Instant, _wallclock: SystemTime) -> Self {
        Self { out: VecDeque::new() }
    }
    /// Adds a client. The signals of its join (join, answer ...) are among the outputs.
    ///
    /// # Errors
    /// When it cannot join: see [`JoinError`].
    pub fn join(
        &mut self,
        _now: Instant,
        _wallclock: SystemTime,
        _join: Join,
    ) -> Result<ParticipantId, JoinError> {
        Err(JoinError::Closed)
    }
    /// A message on the participant's signalling connection.
    pub fn handle_signal(&mut self, _now: Instant, _from: ParticipantId, _request: proto::SignalRequest) {}
    /// The participant's signalling connection is closed, by whomever.
    pub fn signal_closed(&mut self, _now: Instant, _from: ParticipantId) {}
    /// A datagram for the participant's peer connection.
    pub fn handle_packet(&mut self, _now: Instant, _to: ParticipantId, _packet: Receive<'_>) {}
    /// Time has passed; to be called at [`Room::next_timeout`].
    pub fn handle_timeout(&mut self, _now: Instant) {}
    /// When [`Room::handle_timeout`] wants to be called.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        None
    }
    /// The next thing to do; to be called after every other call, until it gives `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }
    /// Adds a participant inside the server. It is ACTIVE at once.
    ///
    /// # Errors
    /// When it cannot join: see [`JoinError`].
    pub fn join_local(
        &mut self,
        _now: Instant,
        _wallclock: SystemTime,
        _join: LocalJoin,
    ) -> Result<ParticipantId, JoinError> {
        Err(JoinError::Closed)
    }
    /// Publishes a local participant's one audio track.
    ///
    /// # Errors
    /// When there is no such participant, or it has published already.
    pub fn publish_audio(
        &mut self,
        _now: Instant,
        _id: ParticipantId,
        _track: LocalTrack,
    ) -> Result<TrackSid, PublishError> {
        Err(PublishError::NotLocal)
    }
    /// Sends a packet of a local participant's track to those who listen in this codec.
    pub fn write_audio(&mut self, _now: Instant, _id: ParticipantId, _codec: Codec, _packet: &AudioPacket) {}
    /// Whether a local participant wants every audio track of the others.
    pub fn subscribe_all(&mut self, _now: Instant, _id: ParticipantId, _wanted: bool) {}
    /// Sets attributes of a participant; an empty value deletes the key.
    pub fn set_attributes(&mut self, _now: Instant, _id: ParticipantId, _attributes: &[(String, String)]) {}
    /// Sends a data packet of a local participant; reliably or not as its `kind` says.
    pub fn send_data(&mut self, _now: Instant, _id: ParticipantId, _packet: &proto::DataPacket) {}
    /// A local participant leaves; it is told nothing more but `Removed`.
    pub fn leave(&mut self, _now: Instant, _id: ParticipantId, _reason: proto::DisconnectReason) {}
    /// The room as RoomService shows it.
    #[must_use]
    pub fn info(&self) -> proto::Room {
        proto::Room::default()
    }
    /// The room's participants, in the order they joined, hidden ones included.
    #[must_use]
    pub fn participants(&self) -> Vec<proto::ParticipantInfo> {
        Vec::new()
    }
    /// The participant of this identity.
    #[must_use]
    pub fn participant(&self, _identity: &str) -> Option<proto::ParticipantInfo> {
        None
    }
    /// The sid of a participant.
    #[must_use]
    pub fn participant_sid(&self, _id: ParticipantId) -> Option<&str> {
        None
    }
    /// Removes a participant; false when nobody has this identity.
    pub fn remove(&mut self, _now: Instant, _identity: &str, _reason: proto::DisconnectReason) -> bool {
        false
    }
    /// Ends the room for everybody.
    pub fn close(&mut self, _now: Instant, _reason: proto::DisconnectReason) {}
}
