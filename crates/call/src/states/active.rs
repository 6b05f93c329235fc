//! Active: both sides hear each other, until somebody ends it. What the phone changes on the way (re-INVITE) is here.

use std::time::Instant;

use media::sdp::{self, SessionDescription};

use super::{Call, CallOutput, State};
use crate::attributes::CallStatus;
use crate::bridge::BridgeCommand;

/// Not Acceptable Here: the offered media is of no use.
const NOT_ACCEPTABLE: u16 = 488;

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
        let answer = match (offer, self.local.as_mut()) {
            (_, None) => Err(NOT_ACCEPTABLE),
            (None, Some(local)) => {
                local.version += 1;
                let ours = sdp::offer(local);
                let text = ours.to_string();
                self.reoffer = Some(ours);
                Ok((text, None))
            }
            (Some(offer), Some(local)) => {
                local.version += 1;
                SessionDescription::parse(offer)
                    .ok()
                    .and_then(|offer| sdp::answer(&offer, local).ok())
                    .map(|(answer, negotiated)| (answer.to_string(), Some(negotiated)))
                    .ok_or(NOT_ACCEPTABLE)
            }
        };
        match answer {
            Ok((text, negotiated)) => {
                if let Some(negotiated) = negotiated {
                    self.record.codec(&negotiated);
                    self.command(BridgeCommand::Connect(negotiated));
                }
                self.push(CallOutput::AnswerReInvite(Ok(text)));
            }
            Err(code) => self.push(CallOutput::AnswerReInvite(Err(code))),
        }
    }

    /// The answer to an offer that went out in our 200. One that is missing or of no use leaves the media as it was.
    pub(super) fn acked(&mut self, answer: Option<&str>) {
        let Some(offer) = self.reoffer.take() else { return };
        let negotiated = answer
            .and_then(|answer| SessionDescription::parse(answer).ok())
            .and_then(|answer| sdp::accept_answer(&offer, &answer).ok());
        if let Some(negotiated) = negotiated {
            self.record.codec(&negotiated);
            self.command(BridgeCommand::Connect(negotiated));
        }
    }
}
