//! Putting subscriptions on media sections, and starting to send once both sides have agreed to them.

use std::time::Instant;

use livekit_protocol as proto;
use proto::signal_response::Message as Response;
use rand::Rng;
use str0m::media::Mid;

use crate::forwarding::Asked;
use crate::ids::{ParticipantId, TrackSid};
use crate::lifecycle::Room;
use crate::output::{Codec, Output};
use crate::participant::{Link, Participant};
use crate::peer::{Kind, Placed, Rebase, Wanted};
use crate::subscription::{Negotiation, Way};
use crate::track::{Downlink, Silence};
use crate::video::Wish;

/// Subscribers' streams start somewhere here: below 65536, since their receivers know nothing of earlier wraps, and
/// high enough for packets from before the first.
const FIRST_SEQUENCE: std::ops::Range<u16> = 4096..32768;

impl Room {
    /// The tracks a client is subscribed to that have no section yet.
    pub(crate) fn wanted(&self, to: ParticipantId) -> Vec<Wanted> {
        let Some(remote) = self.participants.get(&to).and_then(Participant::remote) else {
            return Vec::new();
        };
        let waiting = remote.subscriptions.iter().filter(|(_, subscription)| subscription.section.is_none());
        let wanted = waiting.filter_map(|(track, subscription)| {
            let publisher = &self.participants.get(&subscription.publisher)?.sid;
            let stream = format!("{publisher}|{track}");
            Some(Wanted { track: track.clone(), kind: subscription.kind, stream })
        });
        wanted.collect()
    }

    /// Puts waiting subscriptions on the free sections of the client's offer; returns what was placed.
    pub(crate) fn place(&mut self, to: ParticipantId) -> Vec<Placed> {
        let wanted = self.wanted(to);
        let Some(remote) = self.remote_mut(to) else { return Vec::new() };
        if matches!(remote.negotiation, Negotiation::Offering(_)) {
            return Vec::new();
        }
        let placed = remote.transport.subscriber().place(wanted);
        remote.set_sections(&placed);
        placed
    }

    /// Both sides know where these tracks are: they may flow. Those that have been freed meanwhile do not.
    pub(crate) fn start(&mut self, now: Instant, to: ParticipantId, placed: &[Placed]) {
        for Placed { track, mid } in placed {
            let subscription = self.remote_mut(to).and_then(|remote| remote.subscriptions.get(track));
            let current = subscription.is_some_and(|subscription| subscription.section == Some(*mid));
            if current && self.start_one(now, to, track, *mid).is_none() {
                self.refuse(now, to, track);
            }
        }
    }

    fn start_one(&mut self, now: Instant, to: ParticipantId, track: &TrackSid, mid: Mid) -> Option<()> {
        let subscription = self.participants.get(&to)?.remote()?.subscriptions.get(track)?;
        let (publisher, paused) = (subscription.publisher, subscription.paused);
        if subscription.kind == Kind::Video {
            let wish = subscription.wish;
            return self.start_video(now, to, publisher, track, mid, wish);
        }
        let published = self.participants.get(&publisher)?.track(track.as_str())?;
        let (codecs, written) = (published.codecs_for_subscribers(), published.written);
        let peer = self.remote_mut(to)?.transport.subscriber();
        let (payload_type, codec) = peer.sections.codec(mid, &codecs)?;
        // What is written here is not redundant, unless it gets lost.
        let red = peer.sections.red(mid).filter(|_| codec == Codec::Opus && !written);
        let silence = Silence::new(peer.sections.noise(mid, codec));
        let rebase = Rebase::new(self.rng.random_range(FIRST_SEQUENCE));
        let from = self.participants.get_mut(&publisher)?;
        let published = from.track_mut(track.as_str())?;
        let way = Way::default();
        published.downlinks.push(Downlink {
            to,
            mid,
            codec,
            payload_type,
            red,
            silence,
            rebase,
            way,
            paused,
        });
        self.tell_subscribed(publisher, track);
        self.update_demand(publisher);
        Some(())
    }

    fn start_video(
        &mut self,
        now: Instant,
        to: ParticipantId,
        publisher: ParticipantId,
        track: &TrackSid,
        mid: Mid,
        wish: Option<Wish>,
    ) -> Option<()> {
        let formats = self.remote_mut(to)?.transport.subscriber().sections.formats(mid).to_vec();
        let first_seq = self.rng.random_range(FIRST_SEQUENCE);
        let from = self.participants.get_mut(&publisher)?;
        let at = from.tracks.iter().position(|published| published.sid == *track)?;
        let video = from.tracks.get_mut(at)?.video.as_mut()?;
        if !video.add(to, mid, &formats, wish, first_seq) {
            return None;
        }
        video.wished(now, to, wish);
        self.ask_key_frame(now, publisher, at);
        self.tell_layers_sought(now, publisher);
        self.tell_subscribed(publisher, track);
        Some(())
    }

    /// Tells a publisher, once, that somebody listens: agents wait for it before they speak.
    pub(crate) fn tell_subscribed(&mut self, publisher: ParticipantId, track: &TrackSid) {
        let Some(participant) = self.participants.get_mut(&publisher) else { return };
        let Some(published) = participant.track_mut(track.as_str()) else { return };
        if std::mem::replace(&mut published.subscribed_told, true) {
            return;
        }
        if let Link::Guest(guest) = &participant.link {
            let asked = Asked::Subscribed(track.clone());
            return self.out.push_back(Output::Asked { id: guest.forwarding, asked });
        }
        let track_sid = track.to_string();
        self.send(publisher, Response::TrackSubscribed(proto::TrackSubscribed { track_sid }));
    }

    /// The client cannot decode this track.
    fn refuse(&mut self, now: Instant, to: ParticipantId, track: &TrackSid) {
        self.unsubscribe(now, to, track);
        if let Some(remote) = self.remote_mut(to) {
            remote.wishes.insert(track.clone(), false);
        }
        self.refuse_subscription(to, track, proto::SubscriptionError::SeCodecUnsupported);
    }

    /// Tells a client that nothing comes of a subscription.
    pub(super) fn refuse_subscription(
        &mut self,
        to: ParticipantId,
        track: &TrackSid,
        why: proto::SubscriptionError,
    ) {
        let (track_sid, err) = (track.to_string(), why.into());
        self.send(to, Response::SubscriptionResponse(proto::SubscriptionResponse { track_sid, err }));
    }
}
