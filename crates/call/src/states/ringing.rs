//! Ringing, and the answer.

use std::time::Instant;

use media::sdp::{self, Negotiated, SessionDescription};
use sip::ResponseSummary;

use super::dialing::header_pairs;
use super::{Call, State};
use crate::attributes::{answered_attributes, provider_attributes};
use crate::bridge::BridgeCommand;
use crate::verdict::Verdict;

impl Call {
    pub(super) fn ringing(&mut self, now: Instant, ring_until: Instant) {
        self.state = State::Ringing { ring_until };
        self.record.ringing(now);
    }

    /// The phone is up: its audio is connected first, then the room is told.
    pub(super) fn answered(&mut self, now: Instant, response: &ResponseSummary, remote_tag: &str) {
        self.record.answered(now);
        let negotiated = match self.answer_of(response, remote_tag) {
            Ok(negotiated) => negotiated,
            Err(text) => return self.end(now, &Verdict::UnusableAnswer(text), &[]),
        };
        self.insisting = None;
        self.hold(negotiated.is_held());
        self.record.codec(&negotiated);
        let takes_events = negotiated.dtmf_payload_type.is_some();
        self.command(BridgeCommand::Connect(negotiated));
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        self.remote_headers = header_pairs(response).into_iter().map(owned).collect();
        self.show_answer(response, remote_tag);
        match self.digits.take() {
            Some(digits) => self.automation(digits, takes_events),
            None => self.active(now),
        }
    }

    fn show_answer(&mut self, response: &ResponseSummary, remote_tag: &str) {
        let mut update = provider_attributes(header_pairs(response));
        let answered = answered_attributes(
            &self.plan.mapping,
            header_pairs(response),
            &self.identity.call_id,
            remote_tag,
        );
        update.retain(|(key, _)| !answered.iter().any(|(other, _)| other == key));
        update.extend(answered);
        self.show(update);
    }

    /// What the answer says; one without a description means what its early dialog has said (RFC 3262 §5), and so does
    /// any after an early dialog that the phone has changed.
    fn answer_of(&mut self, response: &ResponseSummary, remote_tag: &str) -> Result<Negotiated, String> {
        let early = self.early.of(remote_tag).map(|early| (early.negotiated.clone(), early.ours.clone()));
        match (&response.body, early) {
            (_, Some((negotiated, Some(ours)))) => {
                self.ours = Some(ours);
                Ok(negotiated)
            }
            (Some(body), _) => self.negotiate(body),
            (None, Some((negotiated, None))) => Ok(negotiated),
            (None, None) => Err("the answer has no session description".to_owned()),
        }
    }

    /// What follows from our offer and this answer.
    pub(super) fn negotiate(&mut self, answer: &str) -> Result<Negotiated, String> {
        let answer = SessionDescription::parse(answer).map_err(|error| error.to_string())?;
        self.note_which_offer(&answer);
        let offer = self.ours.as_ref().ok_or("no offer was made")?;
        sdp::accept_answer(offer, &answer).map_err(|error| error.to_string())
    }

    /// An answer with the profile of SRTP is one to our second offer: that is what the phone knows of us from then on.
    fn note_which_offer(&mut self, answer: &SessionDescription) {
        let Some(offer) = self.insisting.take_if(|_| answer.has_secure_profile()) else { return };
        if let Some(local) = &mut self.local {
            local.version += 1;
        }
        self.ours = Some(offer);
    }
}
