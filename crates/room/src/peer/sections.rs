//! The table of a peer connection's media sections: what each is for, over all offers of its life.
//!
//! Keyed by mid, never by position: libwebrtc recycles the lines of rejected sections for new mids.

use std::collections::HashMap;

use str0m::media::{Mid, Rid};

use super::describe::{Agreed, Extensions, Plan, Receiving, Sending};
use super::offer::{Kind, OfferedSection};
use crate::ids::TrackSid;
use crate::output::Codec;
use crate::video::{VideoCodec, VideoFormat};

/// With so many sections of ours, those that are free are used again.
const MAX_FRESH: usize = 64;

/// What a section sends to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Down {
    /// Nothing, ever.
    Never,
    /// It may carry a track; it never did.
    Idle,
    /// It may carry a track, and did once. Its next track comes with a new SSRC.
    Freed {
        /// The client has agreed to a description that says so.
        shown: bool,
    },
    /// It carries a track.
    Carries {
        /// `<participant sid>|<track sid>`.
        stream: String,
        track: TrackSid,
    },
}

/// A section the client publishes on, or did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Publishing {
    /// The client sends now.
    open: bool,
    /// The client's name for the track.
    cid: String,
    /// The track it was matched with.
    track: Option<TrackSid>,
    dtx: bool,
    stereo: bool,
    red: bool,
    narrow: Narrow,
    video: Option<VideoCodec>,
    /// The payload types it offers, its first choice first.
    payload_types: Vec<u8>,
    /// The layers it offers.
    rids: Vec<Rid>,
}

/// Whether the client is asked for a telephone's band.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Narrow {
    wanted: bool,
    /// The last answer said so.
    told: bool,
}

/// Most sections go one way all their life; pion publishes on those that it receives on.
#[derive(Debug)]
struct Section {
    mid: Mid,
    kind: Kind,
    down: Down,
    /// The client takes what we send.
    receives: bool,
    up: Option<Publishing>,
    /// Port 0 in the last answer.
    rejected: bool,
    codecs: Vec<(u8, Codec)>,
    /// The payload type of redundant Opus.
    red: Option<u8>,
    /// That of comfort noise.
    noise: Option<u8>,
    formats: Vec<VideoFormat>,
    extensions: Extensions,
}

/// How a client's track shall be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wishes {
    /// It may stop in silence.
    pub(crate) dtx: bool,
    pub(crate) stereo: bool,
    /// Redundantly (RED).
    pub(crate) red: bool,
    /// The codec of video.
    pub(crate) video: Option<VideoCodec>,
}

/// Sections, or tracks, of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) audio: usize,
    pub(crate) video: usize,
}

impl Count {
    /// Counts one more.
    pub(crate) fn add(&mut self, kind: Kind) {
        match kind {
            Kind::Audio => self.audio += 1,
            Kind::Video => self.video += 1,
            Kind::Data => {}
        }
    }

    /// How many there are of these and not of those.
    pub(crate) fn without(self, those: Self) -> Self {
        let (audio, video) = (self.audio.saturating_sub(those.audio), self.video.saturating_sub(those.video));
        Self { audio, video }
    }

    /// Both together.
    pub(crate) fn and(self, more: Self) -> Self {
        Self { audio: self.audio + more.audio, video: self.video + more.video }
    }

    /// Whether there are as many of each kind.
    pub(crate) fn covers(self, those: Self) -> bool {
        self.audio >= those.audio && self.video >= those.video
    }

    pub(crate) fn is_zero(self) -> bool {
        self == Self::default()
    }
}

impl FromIterator<Kind> for Count {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        let mut count = Self::default();
        kinds.into_iter().for_each(|kind| count.add(kind));
        count
    }
}

#[derive(Debug, Default)]
pub(crate) struct Sections {
    all: Vec<Section>,
    /// We are the offerer: a freed section gets its next track only after the client has seen it free.
    offering: bool,
}

impl Sections {
    /// The table of a connection on which we are the offerer.
    pub(crate) fn offering() -> Self {
        Self { all: Vec::new(), offering: true }
    }

    /// Takes in an offer: new sections get a purpose by their direction, known ones keep theirs, sections that are
    /// no longer offered are forgotten. Returns the tracks whose sections ended.
    pub(crate) fn offered(&mut self, offered: &[OfferedSection]) -> Vec<TrackSid> {
        let mut ended = Vec::new();
        let mut known = std::mem::take(&mut self.all);
        for offer in offered {
            if self.all.iter().any(|section| section.mid == offer.mid) {
                continue;
            }
            let old = known.iter().position(|section| section.mid == offer.mid);
            let mut section = old.map_or_else(|| Section::new(offer), |at| known.swap_remove(at));
            ended.extend(section.offered_again(offer));
            self.all.push(section);
        }
        ended.extend(known.into_iter().filter_map(|section| section.up?.track));
        ended
    }

    /// Takes in an answer, ours or the client's.
    pub(crate) fn answered(&mut self, answer: Vec<Agreed>) {
        for agreed in answer {
            if let Some(section) = self.get_mut(agreed.mid) {
                section.rejected = agreed.rejected;
                section.codecs = agreed.codecs;
                section.red = agreed.red;
                section.noise = agreed.noise;
                section.formats = agreed.formats;
                section.extensions = agreed.extensions;
                if let Some(publishing) = &mut section.up {
                    publishing.narrow.told = publishing.narrow.wanted;
                }
            }
        }
    }

    fn get(&self, mid: Mid) -> Option<&Section> {
        self.all.iter().find(|section| section.mid == mid)
    }

    fn get_mut(&mut self, mid: Mid) -> Option<&mut Section> {
        self.all.iter_mut().find(|section| section.mid == mid)
    }

    /// Sections a track may be put on.
    pub(crate) fn free_ones(&self) -> Count {
        let free = |section: &&Section| section.is_free(section.kind, self.offering);
        self.all.iter().filter(free).map(|section| section.kind).collect()
    }

    /// Sections the client has made to receive on, free or not.
    pub(crate) fn receiving(&self) -> Count {
        let receiving = |section: &&Section| section.down != Down::Never;
        self.all.iter().filter(receiving).map(|section| section.kind).collect()
    }

    /// Puts a track on the first free section of its kind. As offerer only when there are many: with two connections the
    /// Rust SDK (Python, Node) shows a track once on a section and never again, and Go was seen to miss tracks on sections
    /// that had been free for more than one round.
    pub(crate) fn assign(&mut self, kind: Kind, stream: &str, track: &TrackSid) -> Option<Mid> {
        let offering = self.offering;
        if offering && self.all.len() < MAX_FRESH {
            return None;
        }
        let section = self.all.iter_mut().find(|section| section.is_free(kind, offering))?;
        section.down = Down::Carries { stream: stream.to_owned(), track: track.clone() };
        Some(section.mid)
    }

    /// Puts a track on a section we have just made.
    pub(crate) fn add(&mut self, mid: Mid, kind: Kind, stream: &str, track: &TrackSid) {
        let down = Down::Carries { stream: stream.to_owned(), track: track.clone() };
        self.all.push(Section { down, receives: true, ..Section::empty(mid, kind) });
    }

    /// Forgets a section we made that came to nothing.
    pub(crate) fn remove(&mut self, mid: Mid) {
        self.all.retain(|section| section.mid != mid);
    }

    /// Freed sections that the client still takes for used.
    pub(crate) fn to_show(&self) -> Vec<Mid> {
        let hidden = |section: &&Section| section.down == (Down::Freed { shown: false });
        self.all.iter().filter(hidden).map(|section| section.mid).collect()
    }

    /// The client agreed that these sections are free.
    pub(crate) fn shown(&mut self, free: &[Mid]) {
        for section in self.all.iter_mut().filter(|section| free.contains(&section.mid)) {
            if let Down::Freed { shown } = &mut section.down {
                *shown = true;
            }
        }
    }

    /// Frees the section of a track.
    pub(crate) fn free(&mut self, mid: Mid) {
        if let Some(section) = self.get_mut(mid) {
            section.down = Down::Freed { shown: false };
        }
    }

    /// Sections the client publishes on that are not matched with a track yet.
    pub(crate) fn unmatched(&self) -> impl Iterator<Item = (Mid, Kind, &str)> {
        self.all.iter().filter_map(|section| {
            let publishing = section.up.as_ref()?;
            (publishing.open && publishing.track.is_none()).then_some((
                section.mid,
                section.kind,
                publishing.cid.as_str(),
            ))
        })
    }

    /// Matches a publishing section with its track.
    pub(crate) fn publish(&mut self, mid: Mid, track: TrackSid, wishes: Wishes) {
        if let Some(publishing) = self.get_mut(mid).and_then(|section| section.up.as_mut()) {
            let Wishes { dtx, stereo, red, video } = wishes;
            *publishing = Publishing { track: Some(track), dtx, stereo, red, video, ..publishing.clone() };
        }
    }

    /// What a client publishes is heard in a telephone's band only, or no longer. Returns it if the client must be told.
    pub(crate) fn want_narrow(&mut self, mid: Mid, narrow: bool) -> Option<bool> {
        let publishing = self.get_mut(mid)?.up.as_mut()?;
        let news = publishing.narrow.wanted != narrow;
        publishing.narrow.wanted = narrow;
        (news && publishing.narrow.told != narrow).then_some(narrow)
    }

    /// Every section that carries a track to the client, for `mid_to_track_id`.
    pub(crate) fn track_map(&self) -> HashMap<String, String> {
        let carried = self.all.iter().filter_map(|section| match &section.down {
            Down::Carries { track, .. } => Some((section.mid.to_string(), track.to_string())),
            _ => None,
        });
        carried.collect()
    }

    /// What our description shall say of a section.
    pub(crate) fn plan(&self, mid: Mid) -> Plan {
        let Some(section) = self.get(mid).filter(|section| section.kind != Kind::Data) else {
            return Plan::AsIs;
        };
        let receive = section.up.as_ref().filter(|publishing| publishing.open).map(|publishing| Receiving {
            dtx: publishing.dtx,
            stereo: publishing.stereo,
            red: publishing.red,
            narrow: publishing.narrow.wanted,
            video: publishing.video,
            order: publishing.payload_types.clone(),
        });
        let send = match &section.down {
            _ if !section.receives => Sending::Nothing,
            Down::Carries { stream, track } => {
                Sending::Track { stream: stream.clone(), track: track.to_string() }
            }
            Down::Idle if receive.is_none() => Sending::Idle,
            Down::Idle | Down::Freed { .. } | Down::Never => Sending::Nothing,
        };
        Plan::Media { send, receive }
    }

    /// The first codec of `preference` that the section negotiated, with its payload type. G.722 is for clients that took
    /// redundant audio: they have a media engine, which decodes it and follows when the phone goes on in another codec.
    pub(crate) fn codec(&self, mid: Mid, preference: &[Codec]) -> Option<(u8, Codec)> {
        let Section { codecs, red, .. } = self.get(mid)?;
        let mut wanted = preference.iter().filter(|codec| **codec != Codec::G722 || red.is_some());
        wanted.find_map(|want| codecs.iter().find(|(_, codec)| codec == want)).copied()
    }

    /// The codec of a payload type, and whether it is redundant.
    pub(crate) fn codec_of(&self, mid: Mid, payload_type: u8) -> Option<(Codec, bool)> {
        let section = self.get(mid)?;
        if section.red == Some(payload_type) {
            return Some((Codec::Opus, true));
        }
        section.codecs.iter().find(|(pt, _)| *pt == payload_type).map(|(_, codec)| (*codec, false))
    }

    /// The payload type of redundant Opus on a section, if it was agreed on.
    pub(crate) fn red(&self, mid: Mid) -> Option<u8> {
        self.get(mid).and_then(|section| section.red)
    }

    /// The payload type of comfort noise beside a codec on a section, if it was agreed on; it is G.711's alone.
    pub(crate) fn noise(&self, mid: Mid, codec: Codec) -> Option<u8> {
        self.get(mid).and_then(|section| section.noise).filter(|_| matches!(codec, Codec::Pcmu | Codec::Pcma))
    }

    /// The ids of header extensions on a section.
    pub(crate) fn extensions(&self, mid: Mid) -> Extensions {
        self.get(mid).map(|section| section.extensions).unwrap_or_default()
    }

    /// The RTP clock of a payload type of audio, in Hz: comfort noise, which is G.711's, has no codec.
    pub(crate) fn clock(&self, mid: Mid, payload_type: u8) -> u32 {
        self.codec_of(mid, payload_type).map_or(Codec::Pcmu.clock(), |(codec, _)| codec.clock())
    }

    /// The canonical name of what a section sends, as its description says; empty if it carries no track.
    pub(crate) fn name(&self, mid: Mid) -> &str {
        match self.get(mid).map(|section| &section.down) {
            Some(Down::Carries { stream, .. }) => stream,
            _ => "",
        }
    }

    /// Whether a client sends its audio redundantly on a section: Opus is, if both took it and it was asked for.
    pub(crate) fn sends_red(&self, mid: Mid) -> bool {
        let Some(section) = self.get(mid).filter(|section| section.red.is_some()) else { return false };
        let opus = section.codecs.first().is_some_and(|(_, codec)| *codec == Codec::Opus);
        opus && section.up.as_ref().is_some_and(|publishing| publishing.red)
    }

    /// Whether a client sends on a section.
    pub(crate) fn is_published(&self, mid: Mid) -> bool {
        self.get(mid).and_then(|section| section.up.as_ref()).is_some_and(|publishing| publishing.open)
    }

    /// Whether it is a section of video.
    pub(crate) fn is_video(&self, mid: Mid) -> bool {
        self.get(mid).is_some_and(|section| section.kind == Kind::Video)
    }

    /// The video formats that a section negotiated, best first.
    pub(crate) fn formats(&self, mid: Mid) -> &[VideoFormat] {
        self.get(mid).map(|section| section.formats.as_slice()).unwrap_or_default()
    }

    /// The RIDs of the layers a client sends on a section, in its own order.
    pub(crate) fn rids(&self, mid: Mid) -> &[Rid] {
        let publishing = self.get(mid).and_then(|section| section.up.as_ref());
        publishing.map(|publishing| publishing.rids.as_slice()).unwrap_or_default()
    }

    /// The codec a section was answered with first.
    pub(crate) fn first_codec(&self, mid: Mid) -> Option<Codec> {
        self.get(mid)?.codecs.first().map(|(_, codec)| *codec)
    }
}

impl Section {
    fn empty(mid: Mid, kind: Kind) -> Self {
        let (codecs, formats, extensions) = (Vec::new(), Vec::new(), Extensions::default());
        let (receives, rejected) = (false, false);
        let (down, up, red, noise) = (Down::Never, None, None, None);
        Self { mid, kind, down, receives, up, rejected, codecs, red, noise, formats, extensions }
    }

    /// A section that was made to receive on may be sent on; any other only publishes.
    fn new(offer: &OfferedSection) -> Self {
        let receiving = offer.direction.to_client && !offer.direction.to_server;
        let down = if receiving && offer.kind != Kind::Data { Down::Idle } else { Down::Never };
        Self { down, ..Self::empty(offer.mid, offer.kind) }
    }

    /// The section is in an offer (again). Returns the track that ended with it.
    fn offered_again(&mut self, offer: &OfferedSection) -> Option<TrackSid> {
        // A section we answered as free may come back inactive, and is used again all the same.
        self.receives = offer.direction.to_client || !offer.direction.to_server;
        let open = offer.direction.to_server && self.kind != Kind::Data;
        if !open && self.up.is_none() {
            return None;
        }
        let publishing = self.up.get_or_insert_default();
        publishing.payload_types.clone_from(&offer.payload_types);
        publishing.rids.clone_from(&offer.rids);
        let cid = offer.cid.clone().unwrap_or_default();
        let same = open && publishing.open && (cid == publishing.cid || cid.is_empty());
        if same {
            return None;
        }
        let ended = publishing.track.take();
        let kept = std::mem::take(publishing);
        let (track, narrow, video) = (None, Narrow::default(), None);
        let (dtx, stereo, red) = (true, false, true);
        *publishing = Publishing { open, cid, track, dtx, stereo, red, narrow, video, ..kept };
        ended
    }

    /// Whether a track may be put on it; a freed one if need be only after the client has seen it free.
    fn is_free(&self, kind: Kind, only_shown: bool) -> bool {
        let free = match self.down {
            Down::Idle => true,
            Down::Freed { shown } => shown || !only_shown,
            Down::Never | Down::Carries { .. } => false,
        };
        self.kind == kind && self.receives && !self.rejected && free
    }
}
