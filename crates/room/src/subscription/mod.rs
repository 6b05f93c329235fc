//! Who gets which track, and on which media section.
//!
//! With one peer connection a client must offer the sections it receives on: a subscription waits until an offer
//! has a free one, and `media_sections_requirement` asks for such an offer. With two, we offer them.

mod bandwidth;
mod codec;
mod lossy;
mod offering;
mod pace;
mod place;
mod requests;
mod requirement;

use std::time::Instant;

use livekit_protocol as proto;
use proto::signal_response::Message as Response;

use crate::forwarding::{Asked, Forwarding};
use crate::ids::{ParticipantId, TrackSid};
use crate::lifecycle::Room;
use crate::output::{Codec, LocalEvent, Output};
use crate::participant::{Link, Participant, Subscription, demand};
use crate::peer::{Count, Kind};
use crate::quality::Heard;
use crate::track::Track;
use crate::video::Wish;

pub(crate) use lossy::Way;
pub(crate) use offering::{Due, Offering};
pub(crate) use requirement::Requirement;

/// Subscriptions and wishes a client may have at a time.
pub(crate) const MAX_SUBSCRIPTIONS: usize = 1000;

/// How the sections of a client's subscriptions come about.
#[derive(Debug)]
pub(crate) enum Negotiation {
    /// The client offers them when it is asked to.
    Asking(Requirement),
    /// We offer them.
    Offering(Offering),
}

impl Negotiation {
    /// A subscription waits for a section.
    fn added(&mut self, now: Instant) {
        match self {
            Self::Asking(requirement) => requirement.pace.added(now),
            Self::Offering(offering) => offering.pace.added(now),
        }
    }

    /// A section was freed.
    fn freed(&mut self, now: Instant) {
        match self {
            Self::Asking(requirement) => requirement.pace.freed(now),
            Self::Offering(offering) => offering.pace.freed(now),
        }
    }

    /// The client is connected; so many subscriptions wait for a section.
    pub(crate) fn connected(&mut self, now: Instant, unplaced: Count) {
        if let Self::Offering(offering) = self {
            offering.pace.open(now, !unplaced.is_zero());
        }
    }

    /// When there is something to do.
    pub(crate) fn due(&self) -> Option<Instant> {
        match self {
            Self::Asking(requirement) => requirement.due(),
            Self::Offering(offering) => offering.due(),
        }
    }
}

impl Room {
    /// A new track: everybody who wants it gets it.
    pub(crate) fn offer_to_all(&mut self, now: Instant, publisher: ParticipantId, track: &TrackSid) {
        for subscriber in self.others(publisher) {
            self.reconcile(now, subscriber, publisher, track);
        }
    }

    /// A new subscriber, or one with other permissions: it gets every track it wants.
    pub(crate) fn offer_all(&mut self, now: Instant, subscriber: ParticipantId) {
        let tracks: Vec<_> = self
            .participants
            .iter()
            .filter(|(id, _)| **id != subscriber)
            .flat_map(|(id, publisher)| publisher.tracks.iter().map(|track| (*id, track.sid.clone())))
            .collect();
        for (publisher, track) in tracks {
            self.reconcile(now, subscriber, publisher, &track);
        }
    }

    /// Makes a subscription be there exactly if it is wanted and allowed.
    pub(crate) fn reconcile(
        &mut self,
        now: Instant,
        subscriber: ParticipantId,
        publisher: ParticipantId,
        track: &TrackSid,
    ) {
        let (Some(to), Some(from)) = (self.participants.get(&subscriber), self.participants.get(&publisher))
        else {
            return;
        };
        let Some(published) = from.track(track.as_str()) else { return };
        let may = to.permission.can_subscribe && from.allows(track, to) && !from.is_hidden();
        match &to.link {
            // It hears who is where it is.
            Link::Guest(_) => {}
            // A phone is never given video.
            Link::Local(_) if published.kind() == Kind::Video => {}
            Link::Local(local) => {
                let has = published.listeners.contains(&subscriber);
                if has != (local.wants(track) && may) {
                    self.set_listening(now, subscriber, publisher, track, !has);
                }
            }
            Link::Remote(remote) => {
                match (remote.subscriptions.contains_key(track), remote.wishes_for(track) && may) {
                    (false, true) => self.subscribe(now, subscriber, publisher, track),
                    (true, false) => self.unsubscribe(now, subscriber, track),
                    _ => {}
                }
            }
        }
    }

    fn set_listening(
        &mut self,
        now: Instant,
        to: ParticipantId,
        from: ParticipantId,
        track: &TrackSid,
        wanted: bool,
    ) {
        let Some(publisher) = self.participants.get_mut(&from) else { return };
        let identity = publisher.identity.clone();
        let Some(published) = publisher.track_mut(track.as_str()) else { return };
        let (track, sid) = (track.clone(), track.clone());
        let event = if wanted {
            published.listeners.push(to);
            LocalEvent::TrackAdded { track, from, identity }
        } else {
            published.listeners.retain(|listener| *listener != to);
            LocalEvent::TrackRemoved { track, from }
        };
        self.out.push_back(Output::Local { to, event });
        if wanted {
            self.tell_subscribed(from, &sid);
        }
        self.update_demand(from);
        self.update_bandwidth(now, from);
    }

    fn subscribe(&mut self, now: Instant, to: ParticipantId, publisher: ParticipantId, track: &TrackSid) {
        let published =
            self.participants.get(&publisher).and_then(|publisher| publisher.track(track.as_str()));
        let Some(kind) = published.map(Track::kind) else { return };
        let Some(remote) = self.remote_mut(to) else { return };
        if remote.subscriptions.len() >= MAX_SUBSCRIPTIONS {
            return;
        }
        let wish = Some(Wish::default());
        let heard = Heard::default();
        let subscription = Subscription { publisher, kind, section: None, paused: false, wish, heard };
        remote.subscriptions.insert(track.clone(), subscription);
        remote.negotiation.added(now);
        self.tick_soon(now);
        self.tell_allowed(to, publisher, track, true);
        self.update_bandwidth(now, publisher);
    }

    /// Ends a client's subscription: its section is free again.
    pub(crate) fn unsubscribe(&mut self, now: Instant, to: ParticipantId, track: &TrackSid) {
        let Some(remote) = self.remote_mut(to) else { return };
        let Some(subscription) = remote.subscriptions.remove(track) else { return };
        if let Some(section) = subscription.section {
            remote.transport.subscriber().free(section);
            remote.negotiation.freed(now);
        }
        let Some(publisher) = self.participants.get_mut(&subscription.publisher) else { return };
        if let Some(published) = publisher.track_mut(track.as_str()) {
            published.drop_downlink(to);
            self.update_demand(subscription.publisher);
            self.update_bandwidth(now, subscription.publisher);
        }
    }

    pub(crate) fn tell_allowed(
        &mut self,
        to: ParticipantId,
        publisher: ParticipantId,
        track: &TrackSid,
        allowed: bool,
    ) {
        let Some(publisher) = self.participants.get(&publisher) else { return };
        let update = proto::SubscriptionPermissionUpdate {
            participant_sid: publisher.sid.clone(),
            track_sid: track.to_string(),
            allowed,
        };
        self.send(to, Response::SubscriptionPermissionUpdate(update));
    }

    /// A track ends: everybody who has it loses it.
    pub(crate) fn withdraw(&mut self, now: Instant, publisher: ParticipantId, track: &TrackSid) {
        let Some(published) = self.participants.get_mut(&publisher).and_then(|p| p.track_mut(track.as_str()))
        else {
            return;
        };
        for to in std::mem::take(&mut published.listeners) {
            let event = LocalEvent::TrackRemoved { track: track.clone(), from: publisher };
            self.out.push_back(Output::Local { to, event });
        }
        for subscriber in self.others(publisher) {
            self.unsubscribe(now, subscriber, track);
            if let Some(participant) = self.participants.get_mut(&subscriber) {
                participant.forget_wish(track);
            }
        }
    }

    /// Tells a publisher that has the choice in which codecs somebody listens, when that changed.
    pub(crate) fn update_demand(&mut self, publisher: ParticipantId) {
        let Some(Participant { link, tracks, forwardings, .. }) = self.participants.get_mut(&publisher)
        else {
            return;
        };
        let told = match link {
            Link::Local(local) => &mut local.demand,
            Link::Guest(guest) => &mut guest.demand,
            Link::Remote(_) => return,
        };
        let heard = |track: &Track| -> Vec<Codec> {
            let local = (!track.listeners.is_empty()).then_some(track.codec_for_listeners());
            track.downlinks.iter().map(|downlink| downlink.codec).chain(local).collect()
        };
        let elsewhere = forwardings.iter().flat_map(Forwarding::codecs);
        let demand = demand(tracks.iter().flat_map(heard).chain(elsewhere));
        if std::mem::replace(told, demand) == demand {
            return;
        }
        let [pcmu, pcma, g722, opus] = demand;
        self.out.push_back(match link {
            Link::Guest(guest) => Output::Asked { id: guest.forwarding, asked: Asked::Codecs(demand) },
            _ => Output::Local { to: publisher, event: LocalEvent::Demand { pcmu, pcma, g722, opus } },
        });
    }
}
