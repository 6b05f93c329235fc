//! What the server's API does to a room and to those in it (LiveKit's RoomService).
//!
//! Nothing here asks whether the caller may: tokens are the program's work. What a client is told when somebody else
//! changes it, and in which order, is what livekit-server says on the wire.

mod data;
mod participant;
mod permission;
mod rpc;

use std::time::Instant;

use livekit_protocol as proto;
use proto::signal_response::Message as Response;
use thiserror::Error;

use crate::ids::ParticipantId;
use crate::lifecycle::Room;
use crate::output::Output;
use crate::participant::{LimitExceeded, MAX_METADATA};
use crate::signal::frame;

pub(crate) use data::Nonces;
pub(crate) use rpc::Pending as PendingRpcs;
pub use rpc::{RpcFailure, RpcId};

/// Why something asked through the API could not be done. The texts are LiveKit's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ModerationError {
    /// Nobody in the room has this identity.
    #[error("participant does not exist")]
    NoParticipant,
    /// The participant has no track of this sid.
    #[error("track is not found")]
    NoTrack,
    /// The participant is forwarded from another room, where alone it can be changed.
    #[error("participant is forwarded from another room: change it there")]
    Guest,
    /// A value is too long.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}

impl Room {
    /// Gives the room other metadata; everybody is told.
    ///
    /// # Errors
    /// When the metadata is too long.
    pub fn update_metadata(&mut self, metadata: &str) -> Result<proto::Room, LimitExceeded> {
        if metadata.len() > MAX_METADATA {
            return Err(LimitExceeded::Metadata);
        }
        metadata.clone_into(&mut self.config.metadata);
        self.tell_room();
        Ok(self.info())
    }

    /// Tells everybody of the room as it is now.
    pub(crate) fn tell_room(&mut self) {
        let bytes = frame(Response::RoomUpdate(proto::RoomUpdate { room: Some(self.info()) }));
        for to in self.everybody() {
            if self.is_reachable(to) {
                self.out.push_back(Output::Signal { to, bytes: bytes.clone() });
            }
        }
    }

    /// Mutes a participant's track, or lets it be heard again. A client is told to do so itself, too.
    ///
    /// # Errors
    /// When there is no such participant or track.
    pub fn mute_track(
        &mut self,
        now: Instant,
        identity: &str,
        track: &str,
        muted: bool,
    ) -> Result<proto::TrackInfo, ModerationError> {
        let id = self.known(identity)?;
        let info = self.set_muted(id, track, muted).ok_or(ModerationError::NoTrack)?;
        self.send(id, Response::Mute(proto::MuteTrackRequest { sid: track.to_owned(), muted }));
        self.flush(now);
        Ok(info)
    }

    /// Subscribes a participant to tracks, or ends its subscriptions. Tracks that are not there are passed over.
    ///
    /// # Errors
    /// When there is no such participant.
    pub fn update_subscriptions(
        &mut self,
        now: Instant,
        identity: &str,
        update: &proto::UpdateSubscription,
    ) -> Result<(), ModerationError> {
        let id = self.known(identity)?;
        self.update_subscription(now, id, update);
        self.negotiate(now, id);
        self.flush(now);
        Ok(())
    }

    /// Who has this identity.
    fn known(&self, identity: &str) -> Result<ParticipantId, ModerationError> {
        self.id_of(identity).ok_or(ModerationError::NoParticipant)
    }
}
