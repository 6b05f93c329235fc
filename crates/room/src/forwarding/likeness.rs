//! A forwarded participant as the other room shows it.

use std::collections::HashMap;

use livekit_protocol as proto;
use str0m::media::Rid;

use crate::grants::VideoGrant;
use crate::ids::TrackSid;
use crate::output::Codec;
use crate::participant::{Participant, is_dependent};
use crate::track::Track;
use crate::video::{Video, VideoFormat};

/// What a room needs to know of a participant of another room to show it, with its tracks.
#[derive(Debug, Clone)]
pub struct Likeness {
    pub(super) identity: String,
    pub(super) name: String,
    pub(super) metadata: String,
    pub(super) attributes: HashMap<String, String>,
    pub(super) kind: proto::participant_info::Kind,
    pub(super) grants: VideoGrant,
    pub(super) permission: proto::ParticipantPermission,
    pub(super) client: proto::ClientInfo,
    pub(super) subscribers_allowed: Option<proto::SubscriptionPermission>,
    pub(super) tracks: Vec<TrackLikeness>,
}

/// One of its tracks.
#[derive(Debug, Clone)]
pub(super) struct TrackLikeness {
    pub(super) info: proto::TrackInfo,
    codec: Codec,
    written: bool,
    redundant: bool,
    /// The formats and layers of a video.
    video: Option<(Vec<VideoFormat>, Vec<Rid>)>,
}

impl Likeness {
    /// Whether it counts for nothing in a room, as agents and recorders.
    pub(super) fn is_dependent(&self) -> bool {
        is_dependent(self.kind, &self.grants)
    }

    pub(super) fn of(participant: &Participant) -> Self {
        // A track is there for others once its section is answered.
        let published = participant.tracks.iter().filter(|track| track.info.version.is_some());
        Self {
            identity: participant.identity.clone(),
            name: participant.name.clone(),
            metadata: participant.metadata.clone(),
            attributes: participant.attributes.clone(),
            kind: participant.kind,
            grants: participant.grants.clone(),
            permission: participant.permission.clone(),
            client: participant.client.clone(),
            subscribers_allowed: participant.subscribers_allowed.clone(),
            tracks: published.map(TrackLikeness::of).collect(),
        }
    }

    /// Makes a participant look like this, but for its tracks.
    pub(super) fn show(&self, participant: &mut Participant) {
        participant.name.clone_from(&self.name);
        participant.metadata.clone_from(&self.metadata);
        participant.attributes.clone_from(&self.attributes);
        participant.permission = self.permission.clone();
        participant.client = self.client.clone();
        participant.subscribers_allowed.clone_from(&self.subscribers_allowed);
        participant.is_publisher |= !self.tracks.is_empty();
    }
}

impl TrackLikeness {
    fn of(track: &Track) -> Self {
        let video = track.video.as_ref().map(|video| (video.formats().to_vec(), video.rids()));
        // What a phone changes later is told nobody there, so it is to be something that can be made of anything.
        let (info, codec) = (track.info.clone(), track.codec_for_listeners());
        Self { info, codec, written: track.written, redundant: track.red.is_some(), video }
    }

    pub(super) fn sid(&self) -> TrackSid {
        TrackSid::from(self.info.sid.as_str())
    }

    /// The track of a guest.
    pub(super) fn track(&self) -> Track {
        let mut track = Track::new(self.info.clone(), self.codec, None);
        track.written = self.written;
        track.red = self.redundant.then(Default::default);
        let formats = |(formats, rids): &(Vec<VideoFormat>, Vec<Rid>)| {
            Video::new(formats.clone(), rids, &self.info).map(Box::new)
        };
        track.video = self.video.as_ref().and_then(formats);
        track
    }
}
