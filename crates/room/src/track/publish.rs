//! Publishing: a client announces a track, offers a section for it, mutes it, ends it (LiveKit `add_track`).

use std::time::Instant;

use livekit_protocol as proto;
use proto::request_response::{Reason, Request};
use proto::signal_response::Message as Response;
use str0m::media::Rid;

use crate::config::LocalTrack;
use crate::error::PublishError;
use crate::ids::{ParticipantId, TrackSid};
use crate::lifecycle::Room;
use crate::output::{Codec, LocalEvent, Output};
use crate::participant::{Link, Local, Participant};
use crate::peer::{Kind, Wishes};
use crate::track::queued::is_taken;
use crate::track::red::Gaps;
use crate::track::{PendingTrack, Track, default_stream, new_track_sid};
use crate::video::{self, Video, VideoCodec, VideoFormat};

/// What a track is said to be that comes redundantly.
const RED: &str = "audio/red";
const MAX_PENDING: usize = 20;
/// The longest name of a track, of its stream, and the client's own for it, in bytes.
const MAX_NAME: usize = 1024;
/// Codecs that a client may name for one track.
const MAX_CODECS: usize = 8;
/// Tracks a client may publish at a time.
const MAX_TRACKS: usize = 100;

impl Room {
    /// A client announces a track. It is answered at once, before any media.
    pub(crate) fn add_track(&mut self, now: Instant, from: ParticipantId, request: proto::AddTrackRequest) {
        let Some(participant) = self.participants.get(&from) else { return };
        if let Some(refusal) = refusal(participant, &request) {
            if refusal == Reason::Queued {
                self.queue_track(from, request.clone());
            }
            self.respond(from, 0, refusal, String::new(), Request::AddTrack(request));
            return;
        }
        let source = proto::TrackSource::try_from(request.source).unwrap_or(proto::TrackSource::Unknown);
        let kind = proto::TrackType::try_from(request.r#type).unwrap_or(proto::TrackType::Audio);
        let sid = new_track_sid(kind, source, &mut self.rng);
        let info = track_info(sid, source, &request);
        let cids = std::iter::once(&request.cid)
            .chain(request.simulcast_codecs.iter().map(|codec| &codec.cid))
            .filter(|cid| !cid.is_empty())
            .cloned()
            .collect();
        let codec = request.simulcast_codecs.first().and_then(|codec| VideoCodec::named(&codec.codec));
        let pending = PendingTrack {
            cids,
            info: info.clone(),
            dtx: dtx_wanted(&request),
            red: !request.disable_red,
            codec,
        };
        let Some(remote) = self.remote_mut(from) else { return };
        remote.pending.push(pending);
        self.send(
            from,
            Response::TrackPublished(proto::TrackPublishedResponse { cid: request.cid, track: Some(info) }),
        );
        // The section may have been offered before: JS does both at the same time.
        let published = self.match_published(from);
        self.announce_published(now, from, &published);
    }

    /// Matches sections the client publishes on with the tracks it announced. The tracks are part of it from now
    /// on, but nobody is told yet.
    pub(crate) fn match_published(&mut self, from: ParticipantId) -> Vec<TrackSid> {
        let mut published = Vec::new();
        while let Some(sid) = self.match_one(from) {
            published.push(sid);
        }
        published
    }

    fn match_one(&mut self, from: ParticipantId) -> Option<TrackSid> {
        let participant = self.participants.get_mut(&from)?;
        let Link::Remote(remote) = &mut participant.link else { return None };
        let sections = &mut remote.transport.publisher().sections;
        let (mid, index) = sections.unmatched().find_map(|(mid, kind, cid)| {
            find_pending(&remote.pending, kind, cid).map(|index| (mid, index))
        })?;
        let pending = remote.pending.remove(index);
        let sid = TrackSid::from(pending.info.sid.as_str());
        let stereo = stereo(&pending.info);
        // Two channels twice would be much: LiveKit's clients leave RED off then.
        let wishes = Wishes { dtx: pending.dtx, stereo, red: pending.red && !stereo, video: pending.codec };
        sections.publish(mid, sid.clone(), wishes);
        participant.tracks.push(Track::new(pending.info, Codec::Opus, Some(mid)));
        Some(sid)
    }

    /// The answer for these tracks' sections is out: tell everybody, and let them subscribe.
    pub(crate) fn announce_published(&mut self, now: Instant, from: ParticipantId, published: &[TrackSid]) {
        let version = self.clock.timed_version(now);
        let Some(participant) = self.participants.get_mut(&from) else { return };
        if published.is_empty() {
            return;
        }
        let Link::Remote(remote) = &mut participant.link else { return };
        for track in participant.tracks.iter_mut().filter(|track| published.contains(&track.sid)) {
            let sections = &remote.transport.publisher().sections;
            let Some(mid) = track.mid else { continue };
            match track.kind() {
                Kind::Video => start_video(track, sections.formats(mid), sections.rids(mid)),
                _ => {
                    track.codec = sections.first_codec(mid).unwrap_or(track.codec);
                    track.red = sections.sends_red(mid).then(Gaps::default);
                }
            }
            describe(track, version);
        }
        self.publisher_changed(now, from);
        for track in published {
            self.offer_to_all(now, from, track);
        }
    }

    /// Publishes a local participant's one audio track.
    ///
    /// # Errors
    /// When there is no such participant, or it has published already.
    pub fn publish_audio(
        &mut self,
        now: Instant,
        id: ParticipantId,
        track: LocalTrack,
    ) -> Result<TrackSid, PublishError> {
        let participant = self.participants.get_mut(&id).ok_or(PublishError::NotLocal)?;
        if !participant.is_local() {
            return Err(PublishError::NotLocal);
        }
        if !participant.tracks.is_empty() {
            return Err(PublishError::AlreadyPublished);
        }
        if let Link::Local(local) = &mut participant.link {
            local.publishes = Some(track.clone());
        }
        let sid = self.publish_local(now, id, track);
        self.flush(now);
        Ok(sid)
    }

    /// A local participant that may publish again does.
    pub(crate) fn publish_again(&mut self, now: Instant, id: ParticipantId) {
        let Some(participant) = self.participants.get(&id) else { return };
        let Link::Local(Local { publishes: Some(track), .. }) = &participant.link else { return };
        if participant.tracks.is_empty() && participant.may_publish(track.source.into()) {
            let track = track.clone();
            self.publish_local(now, id, track);
        }
    }

    fn publish_local(&mut self, now: Instant, id: ParticipantId, track: LocalTrack) -> TrackSid {
        let version = self.clock.timed_version(now);
        let LocalTrack { name, source, stream, codec } = track;
        let sid = new_track_sid(proto::TrackType::Audio, source, &mut self.rng);
        let request = proto::AddTrackRequest {
            cid: "audio".to_owned(),
            name,
            stream,
            r#type: proto::TrackType::Audio.into(),
            source: source.into(),
            ..Default::default()
        };
        let mut track = Track::new(track_info(sid, source, &request), codec, None);
        describe(&mut track, version);
        let sid = track.sid.clone();
        if let Some(participant) = self.participants.get_mut(&id) {
            participant.tracks.push(track);
        }
        self.publisher_changed(now, id);
        self.offer_to_all(now, id, &sid);
        sid
    }

    fn publisher_changed(&mut self, now: Instant, id: ParticipantId) {
        if let Some(participant) = self.participants.get_mut(&id) {
            participant.is_publisher = true;
        }
        self.counts_changed(now);
        self.announce(id);
    }

    /// Ends tracks: their subscribers lose them and everybody is told.
    pub(crate) fn unpublish(&mut self, now: Instant, from: ParticipantId, ended: &[TrackSid]) {
        for sid in ended {
            self.withdraw(now, from, sid);
            if let Some(participant) = self.participants.get_mut(&from) {
                participant.tracks.retain(|track| track.sid != *sid);
            }
        }
        if !ended.is_empty() {
            self.announce(from);
            self.add_queued_tracks(now, from);
        }
    }

    /// A client mutes or unmutes its own track.
    pub(crate) fn mute_own(&mut self, from: ParticipantId, request: proto::MuteTrackRequest) {
        if self.set_muted(from, &request.sid, request.muted).is_none() {
            self.respond(from, 0, Reason::NotFound, "track not found".to_owned(), Request::Mute(request));
        }
    }

    /// Mutes or unmutes a track of a participant, announced or published; everybody is told. `None` when it has no
    /// such track.
    pub(crate) fn set_muted(
        &mut self,
        of: ParticipantId,
        sid: &str,
        muted: bool,
    ) -> Option<proto::TrackInfo> {
        let participant = self.participants.get_mut(&of)?;
        let pending = participant
            .remote_mut()
            .and_then(|remote| remote.pending.iter_mut().find(|pending| pending.info.sid == sid));
        if let Some(pending) = pending {
            pending.info.muted = muted;
            return Some(pending.info.clone());
        }
        participant.track(sid)?;
        let guest = participant.guest_mut();
        let muted = guest.map_or(muted, |guest| !guest.silence(&TrackSid::from(sid), muted));
        if self.mute(of, sid, muted) {
            self.announce(of);
        }
        self.participants.get(&of)?.track(sid).map(|track| track.info.clone())
    }

    /// Mutes or unmutes a published track, for those who listen inside the server too; whether that is news.
    pub(crate) fn mute(&mut self, of: ParticipantId, sid: &str, muted: bool) -> bool {
        let track = self.participants.get_mut(&of).and_then(|participant| participant.track_mut(sid));
        let Some(track) = track.filter(|track| track.info.muted != muted) else { return false };
        track.info.muted = muted;
        if let Some(video) = &mut track.video {
            video.interrupted();
        }
        track.downlinks.iter_mut().for_each(|downlink| downlink.rebase.resume());
        for to in &track.listeners {
            let event = LocalEvent::TrackMuted { track: track.sid.clone(), muted };
            self.out.push_back(Output::Local { to: *to, event });
        }
        true
    }

    /// A client says how it makes its audio.
    pub(crate) fn update_audio_track(&mut self, from: ParticipantId, update: proto::UpdateLocalAudioTrack) {
        let Some(participant) = self.participants.get_mut(&from) else { return };
        let Some(track) = participant.track_mut(&update.track_sid) else {
            let text = "track not found".to_owned();
            self.respond(from, 0, Reason::NotFound, text, Request::UpdateAudioTrack(update));
            return;
        };
        let features = known_features(&update.features);
        if track.info.audio_features != features {
            track.info.audio_features = features;
            self.announce(from);
        }
    }
}

fn refusal(participant: &Participant, request: &proto::AddTrackRequest) -> Option<Reason> {
    let remote = participant.remote()?;
    match () {
        () if !participant.may_publish(request.source) => Some(Reason::NotAllowed),
        () if is_oversized(request) => Some(Reason::LimitExceeded),
        // A further codec for a track: each is forwarded in the one it came with.
        () if participant.track(&request.sid).is_some() => Some(Reason::UnsupportedType),
        () if !request.sid.is_empty() => Some(Reason::NotFound),
        () if is_taken(participant, &request.cid) && remote.queued.len() < MAX_PENDING => {
            Some(Reason::Queued)
        }
        () if is_taken(participant, &request.cid)
            || remote.pending.len() >= MAX_PENDING
            || participant.tracks.len() >= MAX_TRACKS =>
        {
            Some(Reason::LimitExceeded)
        }
        () => None,
    }
}

/// Everybody is told what it says.
fn is_oversized(request: &proto::AddTrackRequest) -> bool {
    let codecs = &request.simulcast_codecs;
    let names = [&request.cid, &request.name, &request.stream].into_iter();
    let longest = names.chain(codecs.iter().map(|codec| &codec.cid)).map(String::len).max();
    longest > Some(MAX_NAME) || codecs.len() > MAX_CODECS
}

/// Browsers may change a track's id between `add_track` and the offer: then the first of its kind is meant.
fn find_pending(pending: &[PendingTrack], kind: Kind, cid: &str) -> Option<usize> {
    let of_kind = |pending: &PendingTrack| match kind {
        Kind::Audio => pending.info.r#type == i32::from(proto::TrackType::Audio),
        Kind::Video => pending.info.r#type == i32::from(proto::TrackType::Video),
        Kind::Data => false,
    };
    let by_cid = pending.iter().position(|p| of_kind(p) && p.cids.iter().any(|known| known == cid));
    by_cid.or_else(|| pending.iter().position(of_kind))
}

fn dtx_wanted(request: &proto::AddTrackRequest) -> bool {
    let no_dtx = i32::from(proto::AudioTrackFeature::TfNoDtx);
    #[allow(deprecated, reason = "older clients say it here")]
    let disabled = request.disable_dtx;
    !disabled && !request.audio_features.contains(&no_dtx)
}

/// Each once, and none that has no name.
fn known_features(told: &[i32]) -> Vec<i32> {
    let mut known = Vec::new();
    for feature in told {
        if proto::AudioTrackFeature::try_from(*feature).is_ok() && !known.contains(feature) {
            known.push(*feature);
        }
    }
    known
}

fn stereo(info: &proto::TrackInfo) -> bool {
    info.audio_features.contains(&i32::from(proto::AudioTrackFeature::TfStereo))
}

#[allow(deprecated, reason = "older clients read disable_dtx and stereo here")]
fn track_info(sid: String, source: proto::TrackSource, request: &proto::AddTrackRequest) -> proto::TrackInfo {
    let stream = if request.stream.is_empty() { default_stream(source) } else { &request.stream };
    let mut info = proto::TrackInfo {
        sid,
        r#type: request.r#type,
        name: request.name.clone(),
        muted: request.muted,
        width: request.width,
        height: request.height,
        disable_dtx: request.disable_dtx,
        source: request.source,
        codecs: vec![proto::SimulcastCodecInfo { cid: request.cid.clone(), ..Default::default() }],
        stereo: request.stereo,
        disable_red: request.disable_red,
        encryption: request.encryption,
        stream: stream.to_owned(),
        audio_features: known_features(&request.audio_features),
        ..Default::default()
    };
    if request.r#type() == proto::TrackType::Video {
        let own = request.simulcast_codecs.first().map(|codec| codec.layers.as_slice()).unwrap_or_default();
        video::set_layers(&mut info, if own.is_empty() { &request.layers } else { own });
    }
    info
}

/// A video's section is answered: it flows from now on, if it got a format.
fn start_video(track: &mut Track, formats: &[VideoFormat], rids: &[Rid]) {
    track.video = Video::new(formats.to_vec(), rids, &track.info).map(Box::new);
}

/// Writes what was negotiated into a track's record.
#[allow(deprecated, reason = "older clients read simulcast there")]
fn describe(track: &mut Track, version: proto::TimedVersion) {
    let mid = track.mid.map(|mid| mid.to_string()).unwrap_or_default();
    let layers = track.video.as_ref().map_or(0, |video| video.layer_count());
    let mime_type = match &track.video {
        Some(video) => video.format.codec.mime_type(),
        None if track.red.is_some() => RED,
        None => track.codec.mime_type(),
    };
    let info = &mut track.info;
    info.mime_type = mime_type.to_owned();
    info.mid.clone_from(&mid);
    info.version = Some(version);
    info.simulcast = layers > 1;
    info.disable_red = track.video.is_none() && track.red.is_none();
    for described in &mut info.codecs {
        described.mime_type = mime_type.to_owned();
        described.mid.clone_from(&mid);
        if layers > 0 {
            described.video_layer_mode = proto::video_layer::Mode::OneSpatialLayerPerStream.into();
        }
    }
}
