//! The table of a peer connection's media sections: what each is for, over all offers of its life.
//!
//! Keyed by mid, never by position: libwebrtc recycles the lines of rejected sections for new mids.

use str0m::media::Mid;

use super::answer::{AnsweredSection, Plan};
use super::offer::{Direction, Kind, OfferedSection};
use crate::ids::TrackSid;
use crate::output::Codec;

/// What a section is used for. A section that once received never sends, and the reverse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Use {
    /// May carry a track to the client; never did.
    Idle,
    /// May carry a track to the client, and did once. Its next track comes with a new SSRC.
    Freed,
    /// Carries a track to the client.
    Carries {
        /// `<participant sid>|<track sid>`.
        stream: String,
        track: TrackSid,
    },
    /// The client publishes on it, or did.
    Publishes(Publishing),
    /// Data channels.
    Data,
}

/// A section the client publishes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Publishing {
    /// The client sends now.
    pub(crate) open: bool,
    /// The client's name for the track.
    pub(crate) cid: String,
    /// The track it was matched with.
    pub(crate) track: Option<TrackSid>,
    pub(crate) dtx: bool,
    pub(crate) stereo: bool,
}

#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) mid: Mid,
    pub(crate) kind: Kind,
    pub(crate) purpose: Use,
    /// Port 0 in our last answer.
    rejected: bool,
    codecs: Vec<(u8, Codec)>,
}

#[derive(Debug, Default)]
pub(crate) struct Sections(Vec<Section>);

impl Sections {
    /// Takes in an offer: new sections get a purpose by their direction, known ones keep theirs, sections that are
    /// no longer offered are forgotten. Returns the tracks whose sections ended.
    pub(crate) fn offered(&mut self, offered: &[OfferedSection]) -> Vec<TrackSid> {
        let mut ended = Vec::new();
        let mut known = std::mem::take(&mut self.0);
        for offer in offered {
            if self.0.iter().any(|section| section.mid == offer.mid) {
                continue;
            }
            let old = known.iter().position(|section| section.mid == offer.mid);
            let mut section = old.map_or_else(|| Section::new(offer), |at| known.swap_remove(at));
            ended.extend(section.offered_again(offer));
            self.0.push(section);
        }
        ended.extend(
            known.into_iter().filter_map(|section| section.published().and_then(|p| p.track.clone())),
        );
        ended
    }

    /// Takes in our answer.
    pub(crate) fn answered(&mut self, answered: Vec<AnsweredSection>) {
        for agreed in answered {
            if let Some(section) = self.get_mut(agreed.mid) {
                section.rejected = agreed.rejected;
                section.codecs = agreed.codecs;
            }
        }
    }

    fn get(&self, mid: Mid) -> Option<&Section> {
        self.0.iter().find(|section| section.mid == mid)
    }

    fn get_mut(&mut self, mid: Mid) -> Option<&mut Section> {
        self.0.iter_mut().find(|section| section.mid == mid)
    }

    /// Audio sections a track may be put on.
    pub(crate) fn free_audio(&self) -> usize {
        self.0.iter().filter(|section| section.is_free_audio()).count()
    }

    /// Audio sections the client has made to receive on, free or not.
    pub(crate) fn receiving_audio(&self) -> usize {
        let receiving =
            |section: &&Section| section.is_free_audio() || matches!(section.purpose, Use::Carries { .. });
        self.0.iter().filter(receiving).count()
    }

    /// Puts a track on the first free audio section.
    pub(crate) fn assign(&mut self, stream: String, track: TrackSid) -> Option<Mid> {
        let section = self.0.iter_mut().find(|section| section.is_free_audio())?;
        section.purpose = Use::Carries { stream, track };
        Some(section.mid)
    }

    /// Frees the section of a track.
    pub(crate) fn free(&mut self, mid: Mid) {
        if let Some(section) = self.get_mut(mid) {
            section.purpose = Use::Freed;
        }
    }

    /// Sections the client publishes on that are not matched with a track yet.
    pub(crate) fn unmatched(&self) -> impl Iterator<Item = (Mid, Kind, &str)> {
        self.0.iter().filter_map(|section| {
            let publishing = section.published()?;
            (publishing.open && publishing.track.is_none()).then_some((
                section.mid,
                section.kind,
                publishing.cid.as_str(),
            ))
        })
    }

    /// Matches a publishing section with its track.
    pub(crate) fn publish(&mut self, mid: Mid, track: TrackSid, dtx: bool, stereo: bool) {
        if let Some(Use::Publishes(publishing)) = self.get_mut(mid).map(|section| &mut section.purpose) {
            *publishing = Publishing { track: Some(track), dtx, stereo, ..publishing.clone() };
        }
    }

    /// Every section that carries a track to the client, for `mid_to_track_id`.
    pub(crate) fn carried(&self) -> impl Iterator<Item = (Mid, &TrackSid)> {
        self.0.iter().filter_map(|section| match &section.purpose {
            Use::Carries { track, .. } => Some((section.mid, track)),
            _ => None,
        })
    }

    /// What the answer shall say of a section, sent from `ssrc` if it carries a track.
    pub(crate) fn plan(&self, mid: Mid, ssrc: Option<u32>) -> Plan {
        match (self.get(mid).map(|section| &section.purpose), ssrc) {
            (Some(Use::Carries { stream, track }), Some(ssrc)) => {
                Plan::Send { stream: stream.clone(), track: track.to_string(), ssrc }
            }
            (Some(Use::Idle | Use::Carries { .. }), _) => Plan::Idle,
            (Some(Use::Publishes(publishing)), _) if publishing.open => {
                Plan::Receive { dtx: publishing.dtx, stereo: publishing.stereo }
            }
            (Some(Use::Freed | Use::Publishes(_)), _) => Plan::Inactive,
            (Some(Use::Data) | None, _) => Plan::AsIs,
        }
    }

    /// The first codec of `preference` that the section negotiated, with its payload type.
    pub(crate) fn codec(&self, mid: Mid, preference: &[Codec]) -> Option<(u8, Codec)> {
        let codecs = &self.get(mid)?.codecs;
        preference.iter().find_map(|want| codecs.iter().find(|(_, codec)| codec == want)).copied()
    }

    /// The codec of a payload type.
    pub(crate) fn codec_of(&self, mid: Mid, payload_type: u8) -> Option<Codec> {
        let codecs = &self.get(mid)?.codecs;
        codecs.iter().find(|(pt, _)| *pt == payload_type).map(|(_, codec)| *codec)
    }

    /// The codec a section was answered with first.
    pub(crate) fn first_codec(&self, mid: Mid) -> Option<Codec> {
        self.get(mid)?.codecs.first().map(|(_, codec)| *codec)
    }
}

impl Section {
    fn new(offer: &OfferedSection) -> Self {
        let purpose = match (offer.kind, offer.direction) {
            (Kind::Data, _) => Use::Data,
            (_, Direction::ToClient) => Use::Idle,
            (_, Direction::ToServer | Direction::Neither) => Use::Publishes(Publishing::default()),
        };
        Self { mid: offer.mid, kind: offer.kind, purpose, rejected: false, codecs: Vec::new() }
    }

    /// The section is in an offer (again). Returns the track that ended with it.
    fn offered_again(&mut self, offer: &OfferedSection) -> Option<TrackSid> {
        let Use::Publishes(publishing) = &mut self.purpose else { return None };
        let open = offer.direction == Direction::ToServer;
        let cid = offer.cid.clone().unwrap_or_default();
        let same = open && publishing.open && (cid == publishing.cid || cid.is_empty());
        if same {
            return None;
        }
        let ended = publishing.track.take();
        *publishing = Publishing { open, cid, track: None, dtx: true, stereo: false };
        ended
    }

    pub(crate) fn published(&self) -> Option<&Publishing> {
        match &self.purpose {
            Use::Publishes(publishing) => Some(publishing),
            _ => None,
        }
    }

    fn is_free_audio(&self) -> bool {
        self.kind == Kind::Audio && !self.rejected && matches!(self.purpose, Use::Idle | Use::Freed)
    }
}
