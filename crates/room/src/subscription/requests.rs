//! What clients ask about subscriptions: for tracks, for pauses, and who may have theirs.

use std::time::Instant;

use livekit_protocol as proto;

use super::MAX_SUBSCRIPTIONS;
use crate::ids::{ParticipantId, TrackSid};
use crate::lifecycle::Room;
use crate::participant::{Link, Participant};
use crate::peer::Kind;
use crate::video::Wish;

impl Room {
    /// A participant wants tracks, or no longer.
    pub(crate) fn update_subscription(
        &mut self,
        now: Instant,
        from: ParticipantId,
        update: &proto::UpdateSubscription,
    ) {
        let of_participants = update.participant_tracks.iter().flat_map(|of| &of.track_sids);
        let sids = update.track_sids.iter().chain(of_participants).take(MAX_SUBSCRIPTIONS);
        let tracks: Vec<_> = sids.map(|sid| TrackSid::from(sid.as_str())).collect();
        for track in tracks {
            let Some(publisher) = self.publisher_of(&track) else {
                if update.subscribe {
                    self.refuse_subscription(from, &track, proto::SubscriptionError::SeTrackNotfound);
                }
                continue;
            };
            let Some(participant) = self.participants.get_mut(&from) else { return };
            participant.wish(&track, update.subscribe);
            if publisher != from {
                self.reconcile(now, from, publisher, &track);
            }
        }
    }

    /// A client pauses tracks it is subscribed to, or resumes them; of a video it says which layer it wants.
    pub(crate) fn update_track_settings(
        &mut self,
        now: Instant,
        from: ParticipantId,
        settings: &proto::UpdateTrackSettings,
    ) {
        for sid in settings.track_sids.iter().take(MAX_SUBSCRIPTIONS) {
            let track = TrackSid::from(sid.as_str());
            let Some(subscription) = self.remote_mut(from).and_then(|r| r.subscriptions.get_mut(&track))
            else {
                continue;
            };
            if subscription.kind == Kind::Video {
                self.wish_for_video(now, from, &track, Wish::of(settings));
                continue;
            }
            subscription.paused = settings.disabled;
            let publisher = subscription.publisher;
            let published = self.participants.get_mut(&publisher).and_then(|p| p.track_mut(sid));
            if let Some(downlink) = published.and_then(|t| t.downlinks.iter_mut().find(|d| d.to == from)) {
                downlink.paused = settings.disabled;
            }
        }
    }

    /// A client says who may subscribe to its tracks.
    pub(crate) fn subscription_permission(
        &mut self,
        now: Instant,
        from: ParticipantId,
        mut permission: proto::SubscriptionPermission,
    ) {
        // Who is not named is not granted anything.
        permission.track_permissions.truncate(MAX_SUBSCRIPTIONS);
        let Some(participant) = self.participants.get_mut(&from) else { return };
        participant.subscribers_allowed = Some(permission);
        let tracks: Vec<_> = participant.tracks.iter().map(|track| track.sid.clone()).collect();
        for subscriber in self.others(from) {
            for track in &tracks {
                let had = self.has(subscriber, track);
                self.reconcile(now, subscriber, from, track);
                if had && !self.has(subscriber, track) {
                    self.tell_allowed(subscriber, from, track, false);
                }
            }
        }
        self.reflect(from);
    }

    /// Whether a local participant wants every audio track of the others.
    pub fn subscribe_all(&mut self, now: Instant, id: ParticipantId, wanted: bool) {
        let Some(Participant { link: Link::Local(local), .. }) = self.participants.get_mut(&id) else {
            return;
        };
        local.wants_all = wanted;
        self.offer_all(now, id);
    }

    /// Whether a client is subscribed to a track.
    fn has(&self, subscriber: ParticipantId, track: &TrackSid) -> bool {
        let remote = self.participants.get(&subscriber).and_then(Participant::remote);
        remote.is_some_and(|remote| remote.subscriptions.contains_key(track))
    }

    fn publisher_of(&self, track: &TrackSid) -> Option<ParticipantId> {
        self.participants.iter().find(|(_, p)| p.track(track.as_str()).is_some()).map(|(id, _)| *id)
    }
}

impl Participant {
    /// Notes whether it wants a track, over what it wants of all tracks.
    fn wish(&mut self, track: &TrackSid, wanted: bool) {
        match &mut self.link {
            Link::Remote(remote) => {
                if remote.wishes.len() < MAX_SUBSCRIPTIONS || remote.wishes.contains_key(track) {
                    remote.wishes.insert(track.clone(), wanted);
                }
            }
            Link::Guest(_) => {}
            Link::Local(local) if wanted => drop(local.unwanted.remove(track)),
            Link::Local(local) => {
                if local.unwanted.len() < MAX_SUBSCRIPTIONS {
                    local.unwanted.insert(track.clone());
                }
            }
        }
    }

    /// Forgets what it wished about a track that ended.
    pub(super) fn forget_wish(&mut self, track: &TrackSid) {
        match &mut self.link {
            Link::Remote(remote) => drop(remote.wishes.remove(track)),
            Link::Local(local) => drop(local.unwanted.remove(track)),
            Link::Guest(_) => {}
        }
    }
}
