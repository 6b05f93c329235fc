//! Ending: the verdict is spoken. Everybody is told at once, in this order: the phone (CANCEL or BYE), the room (`hangup`,
//! then leave), the caller. Nobody waits for the phone's acknowledgement but the record. Where the room ends a call that is
//! up, the phone comes last: see [`super::farewell`].

use std::time::Instant;

use livekit_protocol::DisconnectReason;
use sip::LegEvent;

use super::{Call, CallOutput, ENDING_LIMIT, Leg, Presence, State};
use crate::attributes::{CallStatus, headers_for_bye};
use crate::bridge::BridgeCommand;
use crate::verdict::Verdict;

impl Call {
    /// The one way out. `headers` go onto our CANCEL or BYE.
    pub(super) fn end(&mut self, now: Instant, verdict: &Verdict, headers: &[(String, String)]) {
        if self.is_over() {
            return;
        }
        let outcome = verdict.outcome();
        self.record.ended(now, verdict, &outcome);
        self.status(CallStatus::Hangup);
        if self.leg == Leg::Up {
            let headers = self.bye_headers(verdict, headers);
            if self.state == State::Active && Self::may_have_last_words(verdict) {
                self.hang_up_later(now, headers);
            } else {
                self.leg = Leg::Closing;
                // Before anything for the room: its worker may be busy for seconds, and the phone must not wait for it.
                self.outputs.push_front(CallOutput::Hangup { headers });
            }
        }
        if self.farewell.is_none() && self.state == State::Active {
            self.command(BridgeCommand::Shut);
        }
        if self.presence == Presence::Here {
            self.presence = Presence::Leaving;
            self.push(CallOutput::Leave(outcome.leave));
        }
        self.reply(Err(outcome.error));
        self.state = State::Ending { until: now + ENDING_LIMIT };
        self.finish_if_done(now);
    }

    /// The phone or its trunk has ended the leg: there is nothing to hang up.
    pub(super) fn leg_over(&mut self, now: Instant, verdict: &Verdict) {
        self.leg = Leg::Closing;
        self.end(now, verdict, &[]);
    }

    /// The leg's last event. Alone it means that the leg broke down without saying why.
    pub(super) fn leg_ended(&mut self, now: Instant) {
        self.leg = Leg::Gone;
        self.end(now, &Verdict::Internal("the SIP leg ended without a reason"), &[]);
        self.finish_if_done(now);
    }

    pub(super) fn removed(&mut self, now: Instant, reason: DisconnectReason) {
        // Whoever was removed is shown nothing more and has no room to leave.
        self.presence = if self.presence == Presence::Gone { Presence::Gone } else { Presence::Leaving };
        self.end(now, &Verdict::LeftRoom(reason), &[]);
    }

    /// After the verdict the phone may still say something: a last refusal crosses our CANCEL.
    pub(super) fn ending_sip(&mut self, event: &LegEvent) {
        if let LegEvent::Failed { response } = event {
            self.record.final_status(response.code);
        }
    }

    pub(super) fn finish_if_done(&mut self, now: Instant) {
        let leg_done = matches!(self.leg, Leg::None | Leg::Gone);
        let media_done = matches!(self.presence, Presence::Absent | Presence::Gone);
        if leg_done && media_done && matches!(self.state, State::Ending { .. }) {
            self.finish(now);
        }
    }

    pub(super) fn finish(&mut self, now: Instant) {
        self.state = State::Ended;
        let summary = self.record.finish(now);
        self.push(CallOutput::Ended(Box::new(summary)));
    }

    fn bye_headers(&self, verdict: &Verdict, extra: &[(String, String)]) -> Vec<(String, String)> {
        let live =
            |key: &str| self.shown.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        let mut headers = headers_for_bye(&self.plan.mapping, live, extra);
        headers.extend(verdict.reason_header().map(|reason| ("Reason".to_owned(), reason)));
        headers
    }
}
