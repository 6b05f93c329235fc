//! A participant as others are told of it.

use livekit_protocol as proto;
use proto::participant_info::KindDetail;

use super::Participant;
use crate::grants::{Claims, kind_name};

impl Participant {
    /// The full record, with all tracks: one that is missing in it counts as unpublished.
    pub(crate) fn info(&self) -> proto::ParticipantInfo {
        proto::ParticipantInfo {
            sid: self.sid.clone(),
            identity: self.identity.clone(),
            state: self.state.into(),
            tracks: self.tracks.iter().map(|track| track.info.clone()).collect(),
            metadata: self.metadata.clone(),
            joined_at: self.joined_at_ms.div_euclid(1000),
            joined_at_ms: self.joined_at_ms,
            name: self.name.clone(),
            version: self.version,
            permission: Some(self.permission.clone()),
            is_publisher: self.is_publisher,
            kind: self.kind.into(),
            kind_details: self.is_guest().then_some(KindDetail::Forwarded.into()).into_iter().collect(),
            attributes: self.attributes.clone(),
            client_protocol: self.client.client_protocol,
            capabilities: self.client.capabilities.clone(),
            ..Default::default()
        }
    }

    /// The record of one that left.
    pub(crate) fn departure(&self, reason: proto::DisconnectReason) -> proto::ParticipantInfo {
        proto::ParticipantInfo {
            state: proto::participant_info::State::Disconnected.into(),
            tracks: Vec::new(),
            version: self.version + 1,
            disconnect_reason: reason.into(),
            ..self.info()
        }
    }

    /// The content of a token with which this participant can join again as it is now.
    pub(crate) fn claims(&self) -> Claims {
        Claims {
            sub: self.identity.clone(),
            identity: self.identity.clone(),
            name: self.name.clone(),
            kind: kind_name(self.kind).to_owned(),
            metadata: self.metadata.clone(),
            attributes: self.attributes.clone(),
            video: Some(self.grants.clone()),
            ..Claims::default()
        }
    }
}
