//! Connection quality (LiveKit `connection_quality`): every 5 s, how good each participant's way to us is.
//!
//! Measured is what a client publishes as it arrives here, what it reports of the streams that it is sent (RFC 3550 §6.4),
//! and its path's round trip; of a phone its RTP session, which the shell reads ([`PhonePath`]). The weakest stream counts.
//! Clients are told of themselves and of those whom they are subscribed to, when the word for it changes. Nothing is
//! measured per packet but sequence numbers.

mod heard;
mod phone;
mod score;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use livekit_protocol as proto;
use proto::ConnectionQuality as Quality;
use proto::signal_response::Message as Response;

use crate::ids::{ParticipantId, TrackSid};
use crate::lifecycle::Room;
use crate::output::{Codec, LocalEvent, Output};
use crate::participant::{Link, Participant};
use crate::peer::{Kind, Reception};
use crate::track::Track;

pub(crate) use heard::{Heard, Report};
pub use phone::PhonePath;
pub(crate) use phone::PhoneRecord;
pub(crate) use score::Score;
use score::{Load, Window};

/// Fewer packets than these in 5 s prove nothing.
const ENOUGH: u64 = 10;

impl Room {
    /// The tick: rates everybody's connection, and asks for what phones' sessions have measured.
    pub(crate) fn rate_connections(&mut self) {
        for id in self.everybody() {
            match self.participants.get(&id).map(|participant| &participant.link) {
                Some(Link::Remote(_)) => self.rate_client(id),
                Some(Link::Local(_)) => {
                    self.out.push_back(Output::Local { to: id, event: LocalEvent::MeasurePath });
                }
                // A guest is rated where it is.
                Some(Link::Guest(_)) | None => {}
            }
        }
    }

    /// What a phone's session has measured so far: the answer to [`LocalEvent::MeasurePath`].
    pub fn path_measured(&mut self, now: Instant, id: ParticipantId, path: PhonePath) {
        let Some(participant) = self.participants.get_mut(&id) else { return };
        let codec = participant.tracks.first().map_or(Codec::Pcmu, |track| track.codec);
        let Link::Local(local) = &mut participant.link else { return };
        let before = participant.score.quality();
        let streams = local.path.windows_until(path, codec);
        let round_trip = path.round_trip.unwrap_or_default();
        participant.score.measured(streams.iter().flatten().map(|window| window.score(round_trip)));
        participant.score.path(!local.path.is_gone());
        if participant.score.quality() != before {
            self.quality_changed(id);
            self.flush(now);
        }
    }

    /// The path of a client works again, or no longer.
    pub(crate) fn path_changed(&mut self, id: ParticipantId, works: bool) {
        if self.participants.get_mut(&id).is_some_and(|participant| participant.score.path(works)) {
            self.quality_changed(id);
        }
    }

    fn rate_client(&mut self, id: ParticipantId) {
        let gaps = self.gaps_towards(id);
        let Some(participant) = self.participants.get_mut(&id) else { return };
        let Link::Remote(remote) = &mut participant.link else { return };
        let round_trip = remote.transport.primary().round_trip().unwrap_or_default();
        let (mut streams, mut losses) = (Vec::new(), Vec::new());
        let uplink = remote.transport.publisher();
        for track in &participant.tracks {
            let Some(reception) = track.mid.map(|mid| uplink.take_reception(mid)) else { continue };
            streams.extend(arrived(track, &reception).filter(|_| !track.info.muted));
        }
        let downlink = remote.transport.subscriber();
        for (track, subscription) in &mut remote.subscriptions {
            let Some((load, gaps)) = gaps.get(track).copied() else { continue };
            let report = subscription.section.and_then(|mid| downlink.report(mid));
            // The jitter of what is only passed on is its publisher's as well.
            let jitter = Duration::ZERO;
            let loss = subscription.heard.look(report, gaps);
            streams.extend(loss.map(|loss| Window { load, loss, jitter }));
            losses.extend(
                loss.filter(|_| subscription.heard.is_new())
                    .map(|loss| (subscription.publisher, track.clone(), loss)),
            );
        }
        participant.score.measured(streams.iter().map(|window| window.score(round_trip)));
        for (publisher, track, loss) in losses {
            self.track_lost(id, publisher, &track, loss);
        }
    }

    /// What a client is sent, and how many numbers of each stream never were.
    fn gaps_towards(&self, to: ParticipantId) -> HashMap<TrackSid, (Load, u64)> {
        let Some(remote) = self.participants.get(&to).and_then(Participant::remote) else {
            return HashMap::new();
        };
        let sent = remote.subscriptions.iter().filter_map(|(sid, subscription)| {
            let track = self.participants.get(&subscription.publisher)?.track(sid.as_str())?;
            let (load, gaps) = track.sent_to(to)?;
            (!track.info.muted).then_some((sid.clone(), (load, gaps)))
        });
        sent.collect()
    }

    /// The word for somebody's connection has changed: it is told, and so is who gets something of it.
    fn quality_changed(&mut self, of: ParticipantId) {
        for to in self.everybody() {
            let remote = self.participants.get(&to).and_then(Participant::remote);
            let concerned = to == of
                || remote.is_some_and(|remote| remote.subscriptions.values().any(|s| s.publisher == of));
            if concerned {
                self.tell_quality(to);
            }
        }
    }

    /// Tells a client what it does not know yet, of itself and of those it gets something of.
    pub(crate) fn tell_quality(&mut self, to: ParticipantId) {
        let Some(remote) = self.participants.get(&to).and_then(Participant::remote) else { return };
        let mut of: Vec<_> =
            remote.subscriptions.values().map(|subscription| subscription.publisher).collect();
        of.push(to);
        of.sort_unstable();
        of.dedup();
        let news = |id: ParticipantId| {
            let participant = self.participants.get(&id).filter(|participant| participant.is_active())?;
            let quality = as_told(participant.score.quality(), id == to);
            let update = proto::ConnectionQualityInfo {
                participant_sid: participant.sid.clone(),
                quality: quality.into(),
                score: participant.score.mean_opinion(),
            };
            (remote.quality_told.get(&id) != Some(&quality)).then_some((id, quality, update))
        };
        let news: Vec<_> = of.into_iter().filter_map(news).collect();
        let Some(remote) = self.remote_mut(to).filter(|_| !news.is_empty()) else { return };
        remote.quality_told.extend(news.iter().map(|(id, quality, _)| (*id, *quality)));
        let updates = news.into_iter().map(|(_, _, update)| update).collect();
        self.send(to, Response::ConnectionQuality(proto::ConnectionQualityUpdate { updates }));
    }
}

/// A browser that reads that its own connection is lost begins anew, while we still wait for it to come back.
fn as_told(quality: Quality, of_itself: bool) -> Quality {
    if of_itself && quality == Quality::Lost { Quality::Poor } else { quality }
}

/// What arrived of a client's track.
fn arrived(track: &Track, reception: &Reception) -> Option<Window> {
    let load = track.load();
    let clock = match load {
        Load::Audio(codec) => codec.clock(),
        Load::Redundant => Codec::Opus.clock(),
        Load::Video => VIDEO_CLOCK,
    };
    let jitter = Duration::from_secs_f64(f64::from(reception.jitter) / f64::from(clock));
    (reception.expected >= ENOUGH).then(|| Window { load, loss: reception.loss(), jitter })
}

const VIDEO_CLOCK: u32 = 90_000;

impl Track {
    fn load(&self) -> Load {
        match self.kind() {
            Kind::Video => Load::Video,
            _ if self.red.is_some() => Load::Redundant,
            _ => Load::Audio(self.codec),
        }
    }

    /// What a client is sent of it, and how many numbers of its stream never were.
    fn sent_to(&self, to: ParticipantId) -> Option<(Load, u64)> {
        if let Some(video) = &self.video {
            return Some((Load::Video, video.gaps_towards(to)?));
        }
        let downlink = self.downlinks.iter().find(|downlink| downlink.to == to)?;
        let redundant = (self.red.is_some() || self.written) && downlink.red.is_some();
        let load = if redundant { Load::Redundant } else { Load::Audio(downlink.codec) };
        Some((load, downlink.rebase.gaps()))
    }
}
