//! A client: its signalling, its peer connections, and what it subscribes to.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use livekit_protocol as proto;
use str0m::media::Mid;

use crate::data::Outbox;
use crate::ids::{ParticipantId, TrackSid};
use crate::peer::{Count, Kind, Placed, Transport};
use crate::quality::Heard;
use crate::subscription::Negotiation;
use crate::track::PendingTrack;
use crate::video::Wish;

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
    pub(crate) negotiation: Negotiation,
    /// The offer of its join request, to be answered at this time.
    pub(crate) held_offer: Option<(Instant, Box<proto::SessionDescription>)>,
    pub(crate) pending: Vec<PendingTrack>,
    /// Announcements that wait for a track of the same name to end.
    pub(crate) queued: Vec<proto::AddTrackRequest>,
    pub(crate) outbox: Outbox,
    /// Who could not take its reliable data as fast as it sends it.
    pub(crate) slow_readers: Vec<ParticipantId>,
    /// The primary peer connection is up; media flows.
    pub(crate) connected: bool,
    /// The client closed its primary peer connection.
    pub(crate) closed: bool,
    pub(crate) path_lost: Option<Instant>,
    pub(crate) joined: Instant,
    pub(crate) token_due: Instant,
    /// Something was queued in a peer connection that is not sent yet.
    pub(crate) dirty: bool,
    /// Its next resume is to be cut off.
    pub(crate) cut_off: Option<CutOff>,
    /// The connection quality that it was told of each.
    pub(crate) quality_told: HashMap<ParticipantId, proto::ConnectionQuality>,
}

/// A resume that a client wants to see fail: its new signalling connection is closed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CutOff {
    pub(crate) until: Instant,
    /// After it was told everything that it missed, or before it was told anything.
    pub(crate) told: bool,
}

/// A track a client gets.
pub(crate) struct Subscription {
    pub(crate) publisher: ParticipantId,
    pub(crate) kind: Kind,
    /// The section it is sent on; `None`: it waits for one.
    pub(crate) section: Option<Mid>,
    /// The client wants audio paused.
    pub(crate) paused: bool,
    /// Which layer of a video it wants; `None`: it is paused.
    pub(crate) wish: Option<Wish>,
    /// What the client reports of it.
    pub(crate) heard: Heard,
}

impl Remote {
    pub(crate) fn new(
        now: Instant,
        transport: Transport,
        negotiation: Negotiation,
        auto_subscribe: bool,
    ) -> Self {
        Self {
            transport,
            signalling: true,
            auto_subscribe,
            wishes: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            negotiation,
            held_offer: None,
            pending: Vec::new(),
            queued: Vec::new(),
            outbox: Outbox::default(),
            slow_readers: Vec::new(),
            connected: false,
            closed: false,
            path_lost: None,
            joined: now,
            token_due: now + TOKEN_REFRESH,
            dirty: false,
            cut_off: None,
            quality_told: HashMap::new(),
        }
    }

    /// Subscriptions that wait for a section.
    pub(crate) fn unplaced(&self) -> Count {
        let waiting = self.subscriptions.values().filter(|subscription| subscription.section.is_none());
        waiting.map(|subscription| subscription.kind).collect()
    }

    /// Subscriptions have got these sections.
    pub(crate) fn set_sections(&mut self, placed: &[Placed]) {
        for Placed { track, mid } in placed {
            if let Some(subscription) = self.subscriptions.get_mut(track) {
                subscription.section = Some(*mid);
            }
        }
    }

    /// Subscriptions have lost these sections.
    pub(crate) fn clear_sections(&mut self, placed: &[Placed]) {
        for Placed { track, mid } in placed {
            if let Some(subscription) = self.subscriptions.get_mut(track) {
                subscription.section = subscription.section.filter(|section| section != mid);
            }
        }
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
        let held = self.held_offer.as_ref().map(|(due, _)| *due);
        [self.transport.due(), self.negotiation.due().filter(|_| self.signalling), held]
            .into_iter()
            .flatten()
            .fold(deadline, Instant::min)
            .min(self.token_due)
    }
}
