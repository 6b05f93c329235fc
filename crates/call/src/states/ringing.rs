//! Ringing, and the answer.

use std::time::Instant;

use media::sdp::{self, Negotiated, SessionDescription};
use sip::ResponseSummary;

use super::dialing::header_pairs;
use super::{Call, State};
use crate::attributes::{CallStatus, answered_attributes, provider_attributes};
use crate::bridge::BridgeCommand;
use crate::verdict::Verdict;

impl Call {
    pub(super) fn ringing(&mut self, now: Instant, ring_until: Instant) {
        self.state = State::Ringing { ring_until };
        self.record.ringing(now);
        self.status(CallStatus::Ringing);
    }

    /// The phone is up: its audio is connected first, then the room is told.
    pub(super) fn answered(&mut self, now: Instant, response: &ResponseSummary, remote_tag: &str) {
        self.record.answered(now);
        let negotiated = match self.negotiate(response.body.as_deref()) {
            Ok(negotiated) => negotiated,
            Err(text) => return self.end(now, &Verdict::UnusableAnswer(text), &[]),
        };
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

    fn negotiate(&self, answer: Option<&str>) -> Result<Negotiated, String> {
        let offer = self.offer.as_ref().ok_or("no offer was made")?;
        let answer = answer.ok_or("the answer has no session description")?;
        let answer = SessionDescription::parse(answer).map_err(|error| error.to_string())?;
        sdp::accept_answer(offer, &answer).map_err(|error| error.to_string())
    }
}
