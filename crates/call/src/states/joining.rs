//! Joining: the participant is on its way into the room. Nothing is on the wire yet.

use std::time::Instant;

use media::sdp::{self, LocalAudio};

use super::{Call, CallOutput, Leg, Presence, State};
use crate::bridge::BridgeCommand;
use crate::invite;
use crate::verdict::{Unreachable, Verdict};

impl Call {
    /// In the room: a caller who does not wait is answered, the dial tone begins, the INVITE goes out.
    pub(super) fn joined(&mut self, now: Instant, participant_sid: String, local: LocalAudio) {
        if self.state != State::Joining {
            // The call ended meanwhile; the shell takes the participant out again by dropping what it got.
            return;
        }
        self.presence = Presence::Here;
        self.participant_sid = participant_sid;
        self.record.joined(now);
        let offer = sdp::offer(&local);
        let insisting = local.encryption.insisting().map(|encryption| {
            sdp::offer(&LocalAudio { encryption, version: local.version + 1, ..local.clone() })
        });
        let over_ipv6 = local.rtp.is_ipv6();
        let other = insisting.as_ref().map(ToString::to_string);
        let invite = match invite::invite(&self.plan, &self.identity, offer.to_string(), other, over_ipv6) {
            Ok(invite) => invite,
            Err(text) => return self.end(now, &Verdict::Unreachable(Unreachable::Address(text)), &[]),
        };
        self.local = Some(local);
        self.ours = Some(offer);
        self.insisting = insisting;
        self.leg = Leg::Up;
        self.state = State::Dialing { ring_until: now + self.plan.ringing_timeout };
        self.push(CallOutput::Dial(Box::new(invite)));
        if self.plan.dial_tone {
            self.command(BridgeCommand::DialTone(true));
        }
        if !self.plan.wait_until_answered {
            self.reply_with_participant();
        }
    }
}
