//! Automation: the phone has answered and the initial digits go out. The room already hears the phone; the phone
//! hears the room once the digits are through, so that nothing talks over a menu.

use std::time::Instant;

use media::dtmf::DialString;

use super::{Call, State};
use crate::attributes::CallStatus;
use crate::bridge::BridgeCommand;

impl Call {
    /// Sends the initial digits. A phone without telephone-event cannot get any: that is recorded, and the call goes on.
    pub(super) fn automation(&mut self, now: Instant, digits: DialString, can_send: bool) {
        self.state = State::Automation;
        self.status(CallStatus::Automation);
        if can_send {
            self.command(BridgeCommand::SendDigits(digits));
        } else {
            self.record.digits_not_sent();
            self.active(now);
        }
    }

    pub(super) fn digits_sent(&mut self, now: Instant) {
        self.record.digits_sent(now);
        self.active(now);
    }
}
