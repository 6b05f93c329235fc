//! Active: both sides hear each other, until somebody ends it. What the phone changes on the way (re-INVITE,
//! UPDATE, hold) and the keys that it tells by INFO are here.

use std::time::Instant;

use media::dtmf::digit_of_info;
use media::sdp::{self, LocalAudio, Negotiated, SessionDescription};

use super::{Call, CallOutput, State};
use crate::attributes::{CallStatus, hold_attribute};
use crate::bridge::BridgeCommand;

/// Not Acceptable Here: the offered media is of no use.
pub(super) const NOT_ACCEPTABLE: u16 = 488;

impl Call {
    pub(super) fn active(&mut self, now: Instant) {
        self.state = State::Active;
        self.record.active(now);
        self.command(BridgeCommand::Open);
        self.status(CallStatus::Active);
        self.reply_with_participant();
    }

    /// Answers a new offer with what it allows, or tells ours when the phone asks for one.
    pub(super) fn reinvite(&mut self, offer: Option<&str>) {
        self.reoffer = None;
        let answer = match offer {
            Some(offer) => self.answer_offer(offer),
            None => self.offer_again(),
        };
        self.push(CallOutput::AnswerReInvite(answer.ok_or(NOT_ACCEPTABLE)));
    }

    /// With the profile that the call has: a phone that takes no other could not refuse a wrong one in its ACK.
    fn offer_again(&mut self) -> Option<String> {
        let local = self.local.as_mut()?;
        local.version += 1;
        let secure = self.ours.as_ref().is_some_and(SessionDescription::has_secure_profile);
        let insisting = local.encryption.insisting().filter(|_| secure);
        let encryption = insisting.unwrap_or_else(|| local.encryption.clone());
        let ours = sdp::offer(&LocalAudio { encryption, ..local.clone() });
        let text = ours.to_string();
        self.reoffer = Some(ours);
        Some(text)
    }

    /// What follows from an offer of the phone, in our words and for the bridge.
    pub(super) fn answer_to(&mut self, offer: &str) -> Option<(SessionDescription, Negotiated)> {
        let local = self.local.as_mut()?;
        let offer = SessionDescription::parse(offer).ok()?;
        let answered =
            sdp::answer(&offer, &LocalAudio { version: local.version + 1, ..local.clone() }).ok()?;
        local.version += 1;
        Some(answered)
    }

    fn answer_offer(&mut self, offer: &str) -> Option<String> {
        let (answer, negotiated) = self.answer_to(offer)?;
        let text = answer.to_string();
        self.ours = Some(answer);
        self.changed(negotiated);
        Some(text)
    }

    /// The answer to an offer that went out in our 200. One that is missing or of no use leaves the media as it was.
    pub(super) fn acked(&mut self, answer: Option<&str>) {
        let Some(offer) = self.reoffer.take() else { return };
        let negotiated = answer
            .and_then(|answer| SessionDescription::parse(answer).ok())
            .and_then(|answer| sdp::accept_answer(&offer, &answer).ok());
        if let Some(negotiated) = negotiated {
            self.ours = Some(offer);
            self.changed(negotiated);
        }
    }

    /// The phone has answered our description once more, when the session was refreshed. Usually nothing is new.
    pub(super) fn refreshed(&mut self, answer: &str) {
        if let Ok(negotiated) = self.negotiate(answer) {
            self.changed(negotiated);
        }
    }

    /// A key that the phone tells by signalling.
    pub(super) fn info(&mut self, content_type: &str, body: &[u8]) {
        if let Ok(digit) = digit_of_info(content_type, body) {
            self.command(BridgeCommand::Pressed(digit));
        }
    }

    fn changed(&mut self, negotiated: Negotiated) {
        self.record.codec(&negotiated);
        self.hold(negotiated.is_held());
        self.command(BridgeCommand::Connect(negotiated));
    }

    /// Watchers see when the phone holds the call, and when it takes it up again.
    pub(super) fn hold(&mut self, held: bool) {
        if std::mem::replace(&mut self.held, held) != held {
            self.show(vec![hold_attribute(held)]);
        }
    }
}
