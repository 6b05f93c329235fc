//! Telling publishers which layers somebody watches (LiveKit dynacast, `subscribed_quality_update`), so that they make and
//! send no other.
//!
//! Layers are sought from the smallest up to the largest that is asked for. More are sought at once; fewer only once that
//! lasted for a while. Clients that do not take part ignore it.

use std::time::{Duration, Instant};

use livekit_protocol as proto;
use proto::VideoQuality as Quality;
use proto::signal_response::Message as Response;

use super::Video;
use crate::forwarding::Asked;
use crate::ids::ParticipantId;
use crate::lifecycle::Room;
use crate::output::Output;
use crate::participant::{Link, Participant};

/// How long nobody has to have watched a layer (LiveKit's `dynacast_pause_delay`).
const PATIENCE: Duration = Duration::from_secs(5);

/// How many of a video's layers its publisher is told to send, the smallest first.
#[derive(Debug)]
pub(crate) struct Sought {
    /// Of how many.
    all: usize,
    told: usize,
    /// Since when fewer would do.
    fewer_since: Option<Instant>,
}

impl Sought {
    /// A publisher begins with all.
    pub(super) fn new(all: usize) -> Self {
        Self { all, told: all, fewer_since: None }
    }

    /// So many are watched now: how many its publisher is to be told to send, if that is news.
    fn look(&mut self, now: Instant, watched: usize) -> Option<usize> {
        if watched >= self.told {
            self.fewer_since = None;
        }
        let fewer = watched < self.told && now >= *self.fewer_since.get_or_insert(now) + PATIENCE;
        if watched <= self.told && !fewer {
            return None;
        }
        (self.told, self.fewer_since) = (watched, None);
        Some(watched)
    }

    /// LiveKit's three qualities, with whether each is watched. A client that has fewer layers gives the one that it has
    /// whichever name it likes.
    fn qualities(&self) -> Vec<proto::SubscribedQuality> {
        let watched = |index: usize| index < self.told || self.told == self.all;
        let all = [Quality::Low, Quality::Medium, Quality::High].into_iter().enumerate();
        all.map(|(index, quality)| proto::SubscribedQuality {
            quality: quality.into(),
            enabled: watched(index) && self.told > 0,
        })
        .collect()
    }
}

impl Video {
    /// The layers that somebody watches, the smaller ones with them: to fall back on.
    fn watched(&self) -> usize {
        let taken = self.downlinks.iter().filter(|downlink| downlink.payload_type.is_some());
        let wanted = taken.filter_map(|downlink| downlink.wish).map(|wish| self.layers.wanted(wish) + 1);
        wanted.max().unwrap_or(0)
    }
}

impl Room {
    /// Tells a client which layers of its videos are watched, as far as it does not know.
    pub(crate) fn tell_layers_sought(&mut self, now: Instant, publisher: ParticipantId) {
        self.tell_layers(publisher, |video, elsewhere| {
            let watched = video.watched().max(elsewhere.min(video.sought.all));
            video.sought.look(now, watched).is_some()
        });
    }

    /// What a client was told meanwhile did not reach it.
    pub(crate) fn tell_layers_sought_again(&mut self, publisher: ParticipantId) {
        self.tell_layers(publisher, |video, _| video.sought.told < video.sought.all);
    }

    /// `is_told` is given each video, and how many layers are watched of it in other rooms.
    fn tell_layers(&mut self, publisher: ParticipantId, mut is_told: impl FnMut(&mut Video, usize) -> bool) {
        let Some(Participant { tracks, forwardings, link, .. }) = self.participants.get_mut(&publisher)
        else {
            return;
        };
        let mut updates = Vec::new();
        for track in tracks {
            let elsewhere = forwardings.iter().map(|forwarding| forwarding.watched(&track.sid)).max();
            let Some(video) = track.video.as_deref_mut() else { continue };
            if !is_told(video, elsewhere.unwrap_or(0)) {
                continue;
            }
            if let Link::Guest(guest) = &link {
                let asked = Asked::Layers(track.sid.clone(), video.sought.told);
                self.out.push_back(Output::Asked { id: guest.forwarding, asked });
            } else {
                updates.push(update(track.sid.to_string(), video));
            }
        }
        for update in updates {
            self.send(publisher, Response::SubscribedQualityUpdate(update));
        }
    }
}

#[allow(deprecated, reason = "older clients read subscribed_qualities")]
fn update(track_sid: String, video: &Video) -> proto::SubscribedQualityUpdate {
    let qualities = video.sought.qualities();
    let codec = video.format.codec.name().to_ascii_lowercase();
    proto::SubscribedQualityUpdate {
        track_sid,
        subscribed_qualities: qualities.clone(),
        subscribed_codecs: vec![proto::SubscribedCodec { codec, qualities }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_sought_at_once_and_less_after_a_while() {
        let (mut sought, now) = (Sought::new(3), Instant::now());
        assert_eq!(sought.look(now, 1), None);
        assert_eq!(sought.look(now + PATIENCE / 2, 3), None, "it is watched again");
        assert_eq!(sought.look(now + PATIENCE, 1), None);
        assert_eq!(sought.look(now + 2 * PATIENCE, 1), Some(1));
        assert_eq!(sought.look(now + 2 * PATIENCE, 2), Some(2));
        assert_eq!(sought.look(now + 3 * PATIENCE, 0), None);
        assert_eq!(sought.look(now + 4 * PATIENCE, 0), Some(0));
        assert_eq!(sought.look(now + 9 * PATIENCE, 0), None, "once");
        assert_eq!(sought.look(now + 9 * PATIENCE, 1), Some(1));
    }

    #[test]
    fn a_client_with_fewer_layers_is_never_left_without_the_one_it_has() {
        let enabled = |all, told| {
            let qualities = Sought { all, told, fewer_since: None }.qualities();
            qualities.iter().map(|quality| quality.enabled).collect::<Vec<_>>()
        };
        assert_eq!(enabled(1, 1), [true, true, true]);
        assert_eq!([enabled(2, 1), enabled(2, 2)], [[true, false, false], [true; 3]]);
        assert_eq!([enabled(3, 1), enabled(3, 2)], [[true, false, false], [true, true, false]]);
        assert_eq!([enabled(1, 0), enabled(3, 0)], [[false; 3]; 2]);
    }
}
