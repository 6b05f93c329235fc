//! Who is in the room: state, version, attributes, permission, and how it is connected.

mod info;
mod limits;
mod remote;
mod table;

use std::collections::{BTreeSet, HashMap};

use livekit_protocol as proto;

use crate::config::LocalTrack;
use crate::forwarding::{Forwarding, Guest};
use crate::grants::VideoGrant;
use crate::ids::TrackSid;
use crate::output::Codec;
use crate::quality::{PhoneRecord, Score};
use crate::track::Track;

pub use limits::{LimitExceeded, check_limits};
pub(crate) use limits::{MAX_METADATA, merge_attributes};
pub(crate) use remote::{CutOff, JOIN_TIMEOUT, PATH_TIMEOUT, Remote, Subscription, TOKEN_REFRESH};
pub(crate) use table::Participants;

/// A participant of the room.
pub(crate) struct Participant {
    pub(crate) sid: String,
    pub(crate) identity: String,
    pub(crate) name: String,
    pub(crate) metadata: String,
    pub(crate) attributes: HashMap<String, String>,
    pub(crate) kind: proto::participant_info::Kind,
    pub(crate) grants: VideoGrant,
    pub(crate) permission: proto::ParticipantPermission,
    pub(crate) state: proto::participant_info::State,
    /// Milliseconds since 1970.
    pub(crate) joined_at_ms: i64,
    /// Counts every change others are told; must never go back.
    pub(crate) version: u32,
    pub(crate) client: proto::ClientInfo,
    pub(crate) tracks: Vec<Track>,
    pub(crate) is_publisher: bool,
    /// Who may subscribe to its tracks; `None`: everybody.
    pub(crate) subscribers_allowed: Option<proto::SubscriptionPermission>,
    /// The last `sequence` of its reliable data packets.
    pub(crate) last_sequence: u32,
    /// The speaking level others were told last; 0: not speaking.
    pub(crate) told_level: f32,
    /// Until when it passes for a speaker, whatever it says.
    pub(crate) pretends_until: Option<std::time::Instant>,
    /// How good its connection is.
    pub(crate) score: Score,
    /// The rooms that it is forwarded to.
    pub(crate) forwardings: Vec<Forwarding>,
    pub(crate) link: Link,
}

/// How a participant is connected.
pub(crate) enum Link {
    /// Over signalling and WebRTC.
    Remote(Box<Remote>),
    /// By function call.
    Local(Local),
    /// To another room, from which it is forwarded to this one.
    Guest(Guest),
}

/// A participant inside the server.
#[derive(Default)]
pub(crate) struct Local {
    /// Subscribed to all audio.
    pub(crate) wants_all: bool,
    /// Tracks it is not to hear although it wants all.
    pub(crate) unwanted: BTreeSet<TrackSid>,
    /// What it publishes, whenever it may.
    pub(crate) publishes: Option<LocalTrack>,
    /// Hears more than a telephone carries.
    pub(crate) wide: bool,
    /// The demand it was told last: PCMU, PCMA, Opus.
    pub(crate) demand: [bool; 4],
    /// What its session had measured when its connection was rated last.
    pub(crate) path: PhoneRecord,
}

impl Participant {
    pub(crate) fn remote(&self) -> Option<&Remote> {
        match &self.link {
            Link::Remote(remote) => Some(remote),
            Link::Local(_) | Link::Guest(_) => None,
        }
    }

    /// Whether it is inside the server.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self.link, Link::Local(_))
    }

    pub(crate) fn remote_mut(&mut self) -> Option<&mut Remote> {
        match &mut self.link {
            Link::Remote(remote) => Some(remote),
            Link::Local(_) | Link::Guest(_) => None,
        }
    }

    pub(crate) fn is_hidden(&self) -> bool {
        self.permission.hidden
    }

    pub(crate) fn is_active(&self) -> bool {
        self.state == proto::participant_info::State::Active
    }

    /// Agents and recorders neither count as participants nor keep a room open.
    pub(crate) fn is_dependent(&self) -> bool {
        is_dependent(self.kind, &self.grants)
    }

    pub(crate) fn track(&self, sid: &str) -> Option<&Track> {
        self.tracks.iter().find(|track| track.sid.as_str() == sid)
    }

    pub(crate) fn track_mut(&mut self, sid: &str) -> Option<&mut Track> {
        self.tracks.iter_mut().find(|track| track.sid.as_str() == sid)
    }

    /// Whether it may publish from this source (LiveKit's `TrackSource` number).
    pub(crate) fn may_publish(&self, source: i32) -> bool {
        let sources = &self.permission.can_publish_sources;
        self.permission.can_publish && (sources.is_empty() || sources.contains(&source))
    }

    /// Whether it lets `subscriber` have this track of its own.
    pub(crate) fn allows(&self, track: &TrackSid, subscriber: &Participant) -> bool {
        let Some(permission) = &self.subscribers_allowed else { return true };
        permission.all_participants
            || permission.track_permissions.iter().any(|granted| {
                let who = granted.participant_sid == subscriber.sid
                    || (!granted.participant_identity.is_empty()
                        && granted.participant_identity == subscriber.identity);
                who && (granted.all_tracks || granted.track_sids.iter().any(|sid| sid == track.as_str()))
            })
    }
}

impl Local {
    /// Whether it wants a track.
    pub(crate) fn wants(&self, track: &TrackSid) -> bool {
        self.wants_all && !self.unwanted.contains(track)
    }
}

/// Whether a participant of this kind, with these grants, does not count.
pub(crate) fn is_dependent(kind: proto::participant_info::Kind, grants: &VideoGrant) -> bool {
    use proto::participant_info::Kind;
    matches!(kind, Kind::Agent | Kind::Egress) || grants.agent || grants.recorder
}

/// Which of [`Codec::ALL`] are among these.
pub(crate) fn demand(codecs: impl Iterator<Item = Codec>) -> [bool; 4] {
    let mut demand = [false; 4];
    for wanted in codecs {
        for (is_wanted, codec) in demand.iter_mut().zip(Codec::ALL) {
            *is_wanted |= codec == wanted;
        }
    }
    demand
}
