//! A client: its signalling, its peer connection, and what it subscribes to.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use str0m::media::Mid;

use crate::data::Outbox;
use crate::ids::{ParticipantId, TrackSid};
use crate::peer::Transport;
use crate::subscription::Requirement;
use crate::track::PendingTrack;

/// A client that is not ACTIVE by then never will be (LiveKit: JOIN_FAILURE).
pub(crate) const JOIN_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a path may come back once ICE gave it up, which takes it 22 s: longer than outages that clients survive.
pub(crate) const PATH_TIMEOUT: Duration = Duration::from_secs(5);
pub(crate) const TOKEN_REFRESH: Duration = Duration::from_secs(300);

/// What a client has beyond any participant.
pub(crate) struct Remote {
    pub(crate) transport: Transport,
    /// Messages still reach it.
    pub(crate) signalling: bool,
    pub(crate) auto_subscribe: bool,
    /// What it asked for track by track; overrides `auto_subscribe`.
    pub(crate) wishes: BTreeMap<TrackSid, bool>,
    pub(crate) subscriptions: BTreeMap<TrackSid, Subscription>,
    pub(crate) requirement: Requirement,
    pub(crate) pending: Vec<PendingTrack>,
    pub(crate) outbox: Outbox,
    /// ICE and DTLS are up; media flows.
    pub(crate) connected: bool,
    /// The client closed its peer connection.
    pub(crate) closed: bool,
    pub(crate) path_lost: Option<Instant>,
    pub(crate) joined: Instant,
    pub(crate) token_due: Instant,
    pub(crate) peer_due: Option<Instant>,
    /// Something was queued in the peer connection that is not sent yet.
    pub(crate) dirty: bool,
    /// Whose connection quality it was told.
    pub(crate) quality_told: HashSet<ParticipantId>,
}

/// A track a client gets.
pub(crate) struct Subscription {
    pub(crate) publisher: ParticipantId,
    /// The section it is sent on; `None`: it waits for one.
    pub(crate) section: Option<Mid>,
    /// The client wants it paused.
    pub(crate) paused: bool,
}

impl Remote {
    /// Subscriptions that wait for a section, oldest sid first.
    pub(crate) fn unplaced(&self) -> usize {
        self.subscriptions.values().filter(|subscription| subscription.section.is_none()).count()
    }

    /// Whether it wants a track, by its wishes.
    pub(crate) fn wishes_for(&self, track: &TrackSid) -> bool {
        self.wishes.get(track).copied().unwrap_or(self.auto_subscribe)
    }

    /// When it wants to be looked at next.
    pub(crate) fn next_timeout(&self) -> Instant {
        let deadline = match self.path_lost {
            Some(lost) => lost + PATH_TIMEOUT,
            None if !self.connected => self.joined + JOIN_TIMEOUT,
            None => self.token_due,
        };
        [self.peer_due, self.requirement.due()]
            .into_iter()
            .flatten()
            .fold(deadline, Instant::min)
            .min(self.token_due)
    }
}
