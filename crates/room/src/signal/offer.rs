//! One round of negotiation: the client's offer in, our answer out.

use std::time::Instant;

use livekit_protocol as proto;
use proto::signal_response::Message as Response;

use crate::ids::{ParticipantId, TrackSid};
use crate::lifecycle::Room;
use crate::output::Output;
use crate::peer::OfferError;

impl Room {
    /// Answers an offer. One that is no SDP is ignored, as LiveKit does: the client gives up by itself.
    pub(crate) fn handle_offer(
        &mut self,
        now: Instant,
        from: ParticipantId,
        offer: &proto::SessionDescription,
    ) {
        let ended = match self.take_offer(from, &offer.sdp) {
            Ok(ended) => ended,
            Err(error) => {
                tracing::debug!(%error, "an offer that is none");
                return;
            }
        };
        let published = self.match_published(from);
        let placed = self.place(from);
        if let Err(error) = self.send_answer(from, offer.id) {
            // Half of it may be in force: only a new connection helps.
            tracing::warn!(%error, "an offer could not be answered");
            return self.peer_broken(now, from);
        }
        if let Some(remote) = self.remote_mut(from) {
            let unplaced = remote.unplaced();
            remote.requirement.answered(now, unplaced);
        }
        self.start(now, from, &placed);
        self.unpublish(now, from, &ended);
        self.announce_published(now, from, &published);
        self.touch(from);
        self.ask_for_sections(now, from);
    }

    fn take_offer(&mut self, from: ParticipantId, sdp: &str) -> Result<Vec<TrackSid>, OfferError> {
        let remote = self.remote_mut(from).ok_or(OfferError::Gone)?;
        let ended = remote.transport.publisher().offered(sdp)?;
        let receiving = remote.transport.subscriber().sections.receiving_audio();
        remote.requirement.offered(receiving);
        Ok(ended)
    }

    fn send_answer(&mut self, to: ParticipantId, id: u32) -> Result<(), OfferError> {
        let remote = self.remote_mut(to).ok_or(OfferError::Gone)?;
        let peer = remote.transport.publisher();
        let ufrag_before = peer.ufrag().to_owned();
        let sdp = peer.answer()?;
        let mid_to_track_id =
            peer.sections.carried().map(|(mid, track)| (mid.to_string(), track.to_string())).collect();
        let ufrag = peer.ufrag().to_owned();
        self.send(
            to,
            Response::Answer(proto::SessionDescription {
                r#type: "answer".to_owned(),
                sdp,
                id,
                mid_to_track_id,
            }),
        );
        if ufrag != ufrag_before {
            self.out.push_back(Output::PeerUfrag { peer: to, ufrag });
        }
        Ok(())
    }

    /// Asks a client for the offer its subscriptions need, if it is time.
    pub(crate) fn ask_for_sections(&mut self, now: Instant, to: ParticipantId) {
        let Some(remote) = self.remote_mut(to) else { return };
        let unplaced = remote.unplaced();
        let sections = &remote.transport.subscriber().sections;
        let (free, receiving) = (sections.free_audio(), sections.receiving_audio());
        if let Some(num_audios) = remote.requirement.ask(now, unplaced, free, receiving) {
            let requirement = proto::MediaSectionsRequirement { num_audios, num_videos: 0 };
            self.send(to, Response::MediaSectionsRequirement(requirement));
        }
    }
}
