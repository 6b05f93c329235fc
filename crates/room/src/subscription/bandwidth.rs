//! Asking a publisher for no more than is heard: narrowband Opus while only telephones listen.
//!
//! A telephone carries nothing above 4 kHz, so what a publisher encodes beyond is encoded, sent and decoded for nobody. Our
//! answer tells it so (RFC 7587 §6.1, `maxplaybackrate`), and tells it otherwise as soon as somebody listens who hears
//! more. Only a client with one connection can be asked anew; clients that encode beforehand take no notice.

use std::time::Instant;

use crate::ids::{ParticipantId, TrackSid};
use crate::lifecycle::Room;
use crate::participant::{Link, Participant};
use crate::peer::Kind;
use crate::subscription::Negotiation;

/// Who listens to a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listeners {
    Nobody,
    /// Nobody who hears more than a telephone carries.
    Phones,
    Somebody,
}

impl Room {
    /// Whether a local participant hears more than a telephone carries.
    pub fn hears_wideband(&mut self, now: Instant, id: ParticipantId, wide: bool) {
        let Some(Participant { link: Link::Local(local), .. }) = self.participants.get_mut(&id) else {
            return;
        };
        if std::mem::replace(&mut local.wide, wide) != wide {
            for publisher in self.others(id) {
                self.update_bandwidth(now, publisher);
            }
        }
    }

    /// Who listens to the tracks of a client has changed: it is asked for what they hear, if it is not told so already.
    pub(crate) fn update_bandwidth(&mut self, now: Instant, publisher: ParticipantId) {
        if !self.env.narrowband {
            return;
        }
        let Some(participant) = self.participants.get(&publisher) else { return };
        let listeners = |track: &crate::track::Track| match self.listeners(&track.sid, &track.listeners) {
            _ if track.kind() != Kind::Audio => None,
            Listeners::Nobody => None,
            // Who listens in other rooms may hear more.
            heard => Some((track.mid?, heard == Listeners::Phones && !participant.is_forwarded())),
        };
        let wanted: Vec<_> = participant.tracks.iter().filter_map(listeners).collect();
        let Some(remote) = self.remote_mut(publisher) else { return };
        let Negotiation::Asking(requirement) = &mut remote.negotiation else { return };
        let sections = &mut remote.transport.publisher().sections;
        for (mid, narrow) in wanted {
            match sections.want_narrow(mid, narrow) {
                // Somebody waits to hear all of it.
                Some(false) => requirement.pace.changed(now),
                Some(true) => requirement.pace.freed(now),
                None => {}
            }
        }
    }

    fn listeners(&self, track: &TrackSid, local: &[ParticipantId]) -> Listeners {
        let wide = |id: &ParticipantId| match self.participants.get(id).map(|listener| &listener.link) {
            Some(Link::Local(local)) => local.wide,
            _ => false,
        };
        let subscribed = |participant: &Participant| {
            participant.remote().is_some_and(|remote| remote.subscriptions.contains_key(track))
        };
        match local {
            _ if self.participants.values().any(subscribed) || local.iter().any(wide) => Listeners::Somebody,
            [] => Listeners::Nobody,
            _ => Listeners::Phones,
        }
    }
}
