//! One round of negotiation: the client's offer in, our answer out; or ours out and the client's in.

use std::time::Instant;

use livekit_protocol as proto;
use proto::signal_response::Message as Response;

use crate::ids::{ParticipantId, PeerId, TrackSid};
use crate::lifecycle::Room;
use crate::output::Output;
use crate::peer::{Count, NegotiationError, Role, Wanted};
use crate::subscription::{Due, Negotiation};

/// The client offers.
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
            if let Negotiation::Asking(requirement) = &mut remote.negotiation {
                requirement.answered(now, unplaced);
            }
        }
        self.start(now, from, &placed);
        self.unpublish(now, from, &ended);
        self.announce_published(now, from, &published);
        self.touch(from);
        self.negotiate(now, from);
    }

    fn take_offer(&mut self, from: ParticipantId, sdp: &str) -> Result<Vec<TrackSid>, NegotiationError> {
        let remote = self.remote_mut(from).ok_or(NegotiationError::Gone)?;
        let ended = remote.transport.publisher().offered(sdp)?;
        if let Negotiation::Asking(requirement) = &mut remote.negotiation {
            requirement.offered(remote.transport.subscriber().sections.receiving());
        }
        Ok(ended)
    }

    fn send_answer(&mut self, to: ParticipantId, id: u32) -> Result<(), NegotiationError> {
        let remote = self.remote_mut(to).ok_or(NegotiationError::Gone)?;
        let peer = remote.transport.publisher();
        let ufrag_before = peer.ufrag().to_owned();
        let sdp = peer.answer()?;
        let mid_to_track_id = peer.sections.track_map();
        self.send(
            to,
            Response::Answer(proto::SessionDescription {
                r#type: "answer".to_owned(),
                sdp,
                id,
                mid_to_track_id,
            }),
        );
        self.ufrag_changed(to, Role::Publisher, &ufrag_before);
        Ok(())
    }

    /// Tells the shell of the fragment that a connection goes by after an ICE restart.
    fn ufrag_changed(&mut self, participant: ParticipantId, role: Role, before: &str) {
        let Some(remote) = self.remote_mut(participant) else { return };
        let ufrag = remote.transport.of(role).ufrag();
        if ufrag != before {
            let (peer, ufrag) = (PeerId { participant, role }, ufrag.to_owned());
            self.out.push_back(Output::PeerUfrag { peer, ufrag });
        }
    }
}

/// Sections for subscriptions: asked for, or offered.
impl Room {
    /// Does what a client's subscriptions need, if it is time. While its signalling is cut it can neither offer
    /// nor answer.
    pub(crate) fn negotiate(&mut self, now: Instant, to: ParticipantId) {
        let Some(remote) = self.remote_mut(to).filter(|remote| remote.signalling) else { return };
        let unplaced = remote.unplaced();
        match &mut remote.negotiation {
            Negotiation::Asking(requirement) => {
                let sections = &remote.transport.subscriber().sections;
                let (free, receiving) = (sections.free_ones(), sections.receiving());
                if let Some(more) = requirement.ask(now, unplaced, free, receiving) {
                    let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
                    let (num_audios, num_videos) = (number(more.audio), number(more.video));
                    let requirement = proto::MediaSectionsRequirement { num_audios, num_videos };
                    self.send(to, Response::MediaSectionsRequirement(requirement));
                }
            }
            Negotiation::Offering(offering) => match offering.look(now, unplaced) {
                Some(Due::Offer { restart }) => self.send_offer(now, to, restart),
                Some(Due::Unanswered) => self.peer_broken(now, to),
                None => {}
            },
        }
    }

    /// The first offer to a client that receives on a connection of its own: the data channels. Tracks follow once
    /// it is up.
    pub(crate) fn send_first_offer(&mut self, now: Instant, to: ParticipantId) {
        let Some(remote) = self.remote_mut(to) else { return };
        if let (Negotiation::Offering(_), Role::Subscriber) =
            (&remote.negotiation, remote.transport.primary_role())
        {
            self.send_offer_of(now, to, Vec::new(), false);
        }
    }

    fn send_offer(&mut self, now: Instant, to: ParticipantId, restart: bool) {
        let wanted = self.wanted(to);
        self.send_offer_of(now, to, wanted, restart);
    }

    fn send_offer_of(&mut self, now: Instant, to: ParticipantId, wanted: Vec<Wanted>, restart: bool) {
        let Some(remote) = self.remote_mut(to) else { return };
        let Negotiation::Offering(offering) = &mut remote.negotiation else { return };
        let peer = remote.transport.subscriber();
        let Some(sdp) = peer.make_offer(wanted, restart) else { return };
        let (placed, mid_to_track_id) = (peer.offered_tracks().to_vec(), peer.sections.track_map());
        let id = offering.offered(now);
        remote.set_sections(&placed);
        let r#type = "offer".to_owned();
        self.send(to, Response::Offer(proto::SessionDescription { r#type, sdp, id, mid_to_track_id }));
    }

    /// A client answers our offer. Answers to other offers, and texts that are no SDP, are ignored.
    pub(crate) fn handle_answer(
        &mut self,
        now: Instant,
        from: ParticipantId,
        answer: &proto::SessionDescription,
    ) {
        let Some(remote) = self.remote_mut(from) else { return };
        let Negotiation::Offering(offering) = &remote.negotiation else { return };
        if !offering.is_meant(answer.id) {
            return;
        }
        let peer = remote.transport.subscriber();
        let ufrag_before = peer.ufrag().to_owned();
        match peer.answered(&answer.sdp) {
            Ok(placed) => {
                self.ufrag_changed(from, Role::Subscriber, &ufrag_before);
                self.offer_over(now, from);
                self.start(now, from, &placed);
                self.touch(from);
                self.negotiate(now, from);
            }
            Err(NegotiationError::Refused(error)) => {
                tracing::warn!(error, "an answer could not be accepted");
                self.peer_broken(now, from);
            }
            Err(error) => tracing::debug!(%error, "an answer that is none"),
        }
    }

    /// A client that comes back tells its last answer. If it is to the offer that is out, only the answer got
    /// lost; else the offer did, and what it was for goes into the next.
    pub(crate) fn settle_offer(
        &mut self,
        now: Instant,
        from: ParticipantId,
        answer: Option<&proto::SessionDescription>,
    ) {
        let Some(remote) = self.remote_mut(from) else { return };
        let Negotiation::Offering(offering) = &remote.negotiation else { return };
        let peer = remote.transport.subscriber();
        match answer {
            // An offer that was made since is on its way.
            _ if !offering.is_maybe_lost() => {}
            Some(answer) if peer.is_answered_by(&answer.sdp) => {
                let answer = proto::SessionDescription { id: 0, ..answer.clone() };
                self.handle_answer(now, from, &answer);
            }
            _ => {
                let placed = peer.withdraw_offer();
                remote.clear_sections(&placed);
                self.offer_over(now, from);
            }
        }
    }

    fn offer_over(&mut self, now: Instant, to: ParticipantId) {
        let Some(remote) = self.remote_mut(to) else { return };
        // Before the client is connected there are no tracks to offer.
        let unplaced = if remote.connected { remote.unplaced() } else { Count::default() };
        if let Negotiation::Offering(offering) = &mut remote.negotiation {
            offering.over(now, unplaced);
        }
    }
}
