//! Dialing: the INVITE is out. What may happen from here is the same while the phone rings, so both states share it.

use std::time::Instant;

use sip::auth::ChallengeError;
use sip::{AuthFailure, LegEvent, ResponseSummary};

use super::{Call, Leg, State};
use crate::attributes::{CallStatus, progress_attribute, provider_attributes};
use crate::verdict::{AuthVerdict, Refusal, Unreachable, Verdict};

/// One fork of several has ended (RFC 6228).
const EARLY_DIALOG_TERMINATED: u16 = 199;

impl Call {
    /// What the network says to our INVITE.
    pub(super) fn setup_sip(&mut self, now: Instant, event: LegEvent) {
        match event {
            LegEvent::Trying => self.record.trying(now),
            LegEvent::Provisional { response, to_tag } => self.provisional(now, &response, &to_tag),
            LegEvent::EarlyOffer { offer, to_tag } => self.early_offer(&to_tag, &offer),
            LegEvent::Redirected { response, .. } => self.show_provider(&response),
            LegEvent::Answered { response, remote_tag } => self.answered(now, &response, &remote_tag),
            LegEvent::Failed { response } => {
                self.show_provider(&response);
                let body = response.body.as_deref().unwrap_or_default().as_bytes();
                let refusal = Refusal::new(response.code, &response.reason, body, header_pairs(&response));
                self.leg_over(now, &Verdict::Refused(refusal));
            }
            LegEvent::TransactionTimeout { provisionals, .. } => {
                self.leg_over(now, &Verdict::NoResponse { provisionals });
            }
            LegEvent::TransportFailed(error) => {
                self.leg_over(now, &Verdict::Unreachable(Unreachable::Network(error.to_string())));
            }
            LegEvent::AuthFailed(failure) => self.leg_over(now, &auth_verdict(&failure)),
            _ => {}
        }
    }

    /// The target's name or address is of no use: nothing was sent.
    pub(super) fn unreachable(&mut self, now: Instant, why: Unreachable) {
        self.leg = Leg::Gone;
        self.end(now, &Verdict::Unreachable(why), &[]);
        self.finish_if_done(now);
    }

    fn provisional(&mut self, now: Instant, response: &ResponseSummary, to_tag: &str) {
        self.show_provider(response);
        self.record.provisional(now, response.code);
        match &response.body {
            _ if response.code == EARLY_DIALOG_TERMINATED => self.early_dialog_ended(to_tag),
            Some(description) => self.early_media(to_tag, description),
            None => {}
        }
        let progress = progress_attribute(response.code).filter(|progress| !self.shown.contains(progress));
        let mut update: Vec<_> = progress.into_iter().collect();
        if response.code >= 180
            && let State::Dialing { ring_until } = self.state
        {
            self.ringing(now, ring_until);
            update.push(CallStatus::Ringing.attribute());
        }
        self.show(update);
    }

    /// Carriers name the call in any response; watchers see the names as they come.
    pub(super) fn show_provider(&mut self, response: &ResponseSummary) {
        let shown = &self.shown;
        let mut update = provider_attributes(header_pairs(response));
        update.retain(|attribute| !shown.contains(attribute));
        self.show(update);
    }
}

pub(super) fn header_pairs(response: &ResponseSummary) -> Vec<(&str, &str)> {
    response.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn auth_verdict(failure: &AuthFailure) -> Verdict {
    let why = match &failure.why {
        ChallengeError::NoCredentials => AuthVerdict::NoCredentials,
        ChallengeError::Refused { .. } => AuthVerdict::Refused,
        ChallengeError::NoChallenge => AuthVerdict::NoChallenge,
        ChallengeError::Unsupported { offered } => AuthVerdict::Unsupported(offered.join(", ")),
    };
    Verdict::Auth { why, status: (failure.response.code, failure.response.reason.clone()) }
}
