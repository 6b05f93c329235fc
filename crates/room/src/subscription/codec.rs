//! In which codec a client is sent a track that is written for its subscribers (a telephone's), while that changes: the telephone
//! has agreed on another codec than was offered first, or too much gets lost on the way (`lossy`).
//!
//! In mid-stream only those follow that took redundant audio: they have a media engine. A client of bare packets (Go) has chosen
//! its decoder with the first one.

use crate::ids::{ParticipantId, TrackSid};
use crate::lifecycle::Room;
use crate::output::Codec;
use crate::peer::Kind;
use crate::track::{Silence, Track, best_first};

impl Room {
    /// Makes this the first choice of those who listen to a local participant: its sound is in this codec already, or loses
    /// least in it. Clients go on in it that have been sent nothing yet, or can follow; who is sent its audio redundantly stays
    /// with that. In rooms that it is forwarded to the choice stays what it was.
    pub fn prefer_codec(&mut self, id: ParticipantId, codec: Codec) {
        let Some(participant) = self.participants.get_mut(&id).filter(|from| from.is_local()) else { return };
        let others = |track: &&mut Track| track.kind() == Kind::Audio && track.codec != codec;
        let mut asked = Vec::new();
        for track in participant.tracks.iter_mut().filter(others) {
            track.codec = codec;
            let plain = track.downlinks.iter().filter(|downlink| downlink.red.is_none());
            asked.extend(plain.map(|downlink| (downlink.to, track.sid.clone(), downlink.rebase.is_new())));
        }
        for (to, track, is_new) in asked {
            if is_new || self.follows(to, &track) {
                self.switch(to, id, &track, &best_first(codec), false);
            }
        }
        self.update_demand(id);
    }

    /// Whether a client follows another codec in mid-stream.
    fn follows(&mut self, to: ParticipantId, track: &TrackSid) -> bool {
        let Some(remote) = self.remote_mut(to) else { return false };
        let section = remote.subscriptions.get(track).and_then(|subscription| subscription.section);
        section.is_some_and(|mid| remote.transport.subscriber().sections.red(mid).is_some())
    }

    /// Goes on with a track in the first of these codecs that the client has. The publisher has to be told the demand.
    pub(super) fn switch(
        &mut self,
        to: ParticipantId,
        publisher: ParticipantId,
        track: &TrackSid,
        preference: &[Codec],
        redundant: bool,
    ) {
        let Some(remote) = self.remote_mut(to) else { return };
        let Some(mid) = remote.subscriptions.get(track).and_then(|subscription| subscription.section) else {
            return;
        };
        let sections = &remote.transport.subscriber().sections;
        let Some((payload_type, codec)) = sections.codec(mid, preference) else { return };
        let red = sections.red(mid).filter(|_| redundant);
        if redundant && red.is_none() {
            return;
        }
        let silence = Silence::new(sections.noise(mid, codec));
        let published = self.participants.get_mut(&publisher).and_then(|p| p.track_mut(track.as_str()));
        let downlinks = published.map(|track| track.downlinks.iter_mut()).into_iter().flatten();
        for downlink in downlinks.filter(|downlink| downlink.to == to) {
            downlink.red = red;
            if downlink.codec != codec {
                (downlink.codec, downlink.payload_type, downlink.silence) = (codec, payload_type, silence);
                // The packets of each codec have numbers of their own.
                downlink.pause();
            }
        }
    }
}
