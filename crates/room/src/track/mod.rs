//! Published tracks: their TrackInfo, who receives them, and the packets that pass.

mod forward;
mod publish;
mod queued;
mod red;
mod silence;

use livekit_protocol as proto;
use rand::Rng;
use str0m::media::Mid;

use crate::ids::{ParticipantId, TrackSid, new_sid};
use crate::output::Codec;
use crate::peer::{Kind, Rebase};
use crate::speaker::Meter;
use crate::subscription::Way;
use crate::video::{Video, VideoCodec};
pub(crate) use red::{Gaps, Last};
pub(crate) use silence::Silence;

/// A published track.
pub(crate) struct Track {
    pub(crate) sid: TrackSid,
    pub(crate) info: proto::TrackInfo,
    /// The publisher's section; `None` for a track that no client of this room publishes.
    pub(crate) mid: Option<Mid>,
    /// Its publisher writes it in whatever codecs its subscribers take.
    pub(crate) written: bool,
    /// What a video is; `None`: it is audio.
    pub(crate) video: Option<Box<Video>>,
    /// The codec audio is published in, and first choice of its subscribers.
    pub(crate) codec: Codec,
    /// Clients audio is sent to.
    pub(crate) downlinks: Vec<Downlink>,
    /// Local participants it is handed to.
    pub(crate) listeners: Vec<ParticipantId>,
    /// What is missing of audio that comes redundantly; `None`: it does not.
    pub(crate) red: Option<Gaps>,
    /// The last packet that was written in Opus, for who is to get it twice.
    pub(crate) last_opus: Option<Last>,
    /// The publisher knows that somebody subscribed.
    pub(crate) subscribed_told: bool,
    pub(crate) meter: Meter,
}

/// A track on its way to one client.
pub(crate) struct Downlink {
    pub(crate) to: ParticipantId,
    pub(crate) mid: Mid,
    pub(crate) codec: Codec,
    pub(crate) payload_type: u8,
    /// The payload type in which it takes redundant audio.
    pub(crate) red: Option<u8>,
    pub(crate) silence: Silence,
    pub(crate) rebase: Rebase,
    pub(crate) way: Way,
    pub(crate) paused: bool,
}

impl Downlink {
    /// Nothing is sent for now; what comes next goes on without a gap.
    pub(crate) fn pause(&mut self) {
        self.rebase.resume();
        self.silence.begin();
    }
}

/// A track that was announced (`add_track`) and whose media section is not there yet.
pub(crate) struct PendingTrack {
    pub(crate) cids: Vec<String>,
    pub(crate) info: proto::TrackInfo,
    pub(crate) dtx: bool,
    /// It may come redundantly.
    pub(crate) red: bool,
    /// The codec that a video's publisher chose.
    pub(crate) codec: Option<VideoCodec>,
}

impl Track {
    pub(crate) fn new(info: proto::TrackInfo, codec: Codec, mid: Option<Mid>) -> Self {
        Self {
            sid: TrackSid::from(info.sid.as_str()),
            info,
            mid,
            written: mid.is_none(),
            video: None,
            codec,
            downlinks: Vec::new(),
            listeners: Vec::new(),
            red: None,
            last_opus: None,
            subscribed_told: false,
            meter: Meter::default(),
        }
    }

    /// What it is.
    pub(crate) fn kind(&self) -> Kind {
        if self.info.r#type == i32::from(proto::TrackType::Video) { Kind::Video } else { Kind::Audio }
    }

    /// The codec in which participants inside the server listen to it: G.722 is not for them.
    pub(crate) fn codec_for_listeners(&self) -> Codec {
        if self.codec == Codec::G722 { Codec::Opus } else { self.codec }
    }

    /// A client is sent it no longer.
    pub(crate) fn drop_downlink(&mut self, to: ParticipantId) {
        self.downlinks.retain(|downlink| downlink.to != to);
        if let Some(video) = &mut self.video {
            video.downlinks.retain(|downlink| downlink.to != to);
        }
    }

    /// The codecs a subscriber is given, best first. A phone's track is written in whatever its subscribers take; a
    /// client's is passed on as it comes.
    pub(crate) fn codecs_for_subscribers(&self) -> Vec<Codec> {
        if !self.written {
            return vec![self.codec];
        }
        best_first(self.codec)
    }
}

/// All codecs that a track is written in, from this one on. G.722 is passed on and never made, and next to it is what is
/// wideband as well.
pub(crate) fn best_first(codec: Codec) -> Vec<Codec> {
    let first: &[Codec] = if codec == Codec::G722 { &[Codec::G722, Codec::Opus] } else { &[codec] };
    let others = [Codec::Pcmu, Codec::Pcma, Codec::Opus].into_iter().filter(|other| !first.contains(other));
    first.iter().copied().chain(others).collect()
}

/// A track's sid, LiveKit's way: its letters tell type and source.
pub(crate) fn new_track_sid(
    kind: proto::TrackType,
    source: proto::TrackSource,
    rng: &mut impl Rng,
) -> String {
    let kind = match kind {
        proto::TrackType::Audio => "A",
        proto::TrackType::Video => "V",
        proto::TrackType::Data => "D",
    };
    let source = match source {
        proto::TrackSource::Camera => "C",
        proto::TrackSource::Microphone => "M",
        proto::TrackSource::ScreenShare => "S",
        proto::TrackSource::ScreenShareAudio => "s",
        proto::TrackSource::Unknown => "",
    };
    new_sid(&format!("TR_{kind}{source}"), rng)
}

/// The group a track is played in sync with, unless its publisher names one.
pub(crate) fn default_stream(source: proto::TrackSource) -> &'static str {
    match source {
        proto::TrackSource::Camera | proto::TrackSource::Microphone => "camera",
        proto::TrackSource::ScreenShare | proto::TrackSource::ScreenShareAudio => "screen",
        proto::TrackSource::Unknown => "unknown",
    }
}
