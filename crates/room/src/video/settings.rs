//! What clients say of videos: subscribers which layer they want, publishers how large the layers are.

use std::time::Instant;

use livekit_protocol as proto;
use proto::request_response::{Reason, Request};

use crate::ids::{ParticipantId, TrackSid};
use crate::lifecycle::Room;
use crate::video::Wish;
use crate::video::layers::MAX_LAYERS;

/// The longest RID that is passed on.
const MAX_RID: usize = 32;

impl Room {
    /// What a client wants of a video it is subscribed to.
    pub(crate) fn wish_for_video(
        &mut self,
        now: Instant,
        to: ParticipantId,
        track: &TrackSid,
        wish: Option<Wish>,
    ) {
        let Some(subscription) = self.remote_mut(to).and_then(|remote| remote.subscriptions.get_mut(track))
        else {
            return;
        };
        subscription.wish = wish;
        let publisher = subscription.publisher;
        let Some(participant) = self.participants.get_mut(&publisher) else { return };
        let Some(at) = participant.tracks.iter().position(|published| published.sid == *track) else {
            return;
        };
        if let Some(video) = participant.tracks.get_mut(at).and_then(|track| track.video.as_mut()) {
            video.wished(now, to, wish);
            self.ask_key_frame(now, publisher, at);
            self.tell_layers_sought(now, publisher);
        }
    }

    /// A client says how large its video is now.
    pub(crate) fn update_video_track(&mut self, from: ParticipantId, update: proto::UpdateLocalVideoTrack) {
        let known = self.resize_video(from, &update.track_sid, |info| {
            let layers = info.codecs.first().map(|codec| codec.layers.clone()).unwrap_or_default();
            let (from, to) = ((info.width, info.height), (update.width, update.height));
            (info.width, info.height) = to;
            set_layers(info, &layers.into_iter().map(|layer| scaled(layer, from, to)).collect::<Vec<_>>());
        });
        if known.is_none() {
            let text = "track not found".to_owned();
            self.respond(from, 0, Reason::NotFound, text, Request::UpdateVideoTrack(update));
        }
    }

    /// A client says how large the layers of its video are now.
    pub(crate) fn update_video_layers(&mut self, from: ParticipantId, update: &proto::UpdateVideoLayers) {
        self.resize_video(from, &update.track_sid, |info| set_layers(info, &update.layers));
    }

    /// `None` when it has no such video.
    fn resize_video(
        &mut self,
        from: ParticipantId,
        sid: &str,
        change: impl FnOnce(&mut proto::TrackInfo),
    ) -> Option<()> {
        let track = self.participants.get_mut(&from)?.track_mut(sid)?;
        let video = track.video.as_mut()?;
        let before = track.info.clone();
        change(&mut track.info);
        if track.info != before {
            video.sized(&track.info);
            self.announce(from);
        }
        Some(())
    }
}

/// Writes the layers of a video's only codec into its record; older clients read them beside it.
#[allow(deprecated, reason = "older clients read them there")]
pub(crate) fn set_layers(info: &mut proto::TrackInfo, layers: &[proto::VideoLayer]) {
    let mut layers = layers[..layers.len().min(MAX_LAYERS)].to_vec();
    layers.iter_mut().filter(|layer| layer.rid.len() > MAX_RID).for_each(|layer| layer.rid.clear());
    info.layers.clone_from(&layers);
    if let Some(codec) = info.codecs.first_mut() {
        codec.layers = layers;
    }
}

/// A layer stays the same part of its picture when that changes its size.
fn scaled(mut layer: proto::VideoLayer, from: (u32, u32), to: (u32, u32)) -> proto::VideoLayer {
    let scale = |side: u32, from: u32, to: u32| {
        let scaled = u64::from(side) * u64::from(to) / u64::from(from.max(1));
        u32::try_from(scaled).unwrap_or(to)
    };
    layer.width = scale(layer.width, from.0, to.0);
    layer.height = scale(layer.height, from.1, to.1);
    layer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_keep_their_share_of_the_picture() {
        let layer = proto::VideoLayer { width: 320, height: 180, ..Default::default() };
        let upright = scaled(layer.clone(), (1280, 720), (720, 1280));
        assert_eq!((upright.width, upright.height), (180, 320));
        assert_eq!(scaled(layer, (0, 0), (640, 360)).width, 320 * 640);
    }
}
