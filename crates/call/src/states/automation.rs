//! Automation: the phone has answered and the initial digits go out. The room already hears the phone; the phone
//! hears the room once the digits are through, so that nothing talks over a menu.

use std::time::Instant;

use media::dtmf::DialString;

use super::{Call, State};
use crate::attributes::CallStatus;
use crate::bridge::BridgeCommand;

impl Call {
    /// Sends the initial digits, as telephone-events or, to a phone that takes none, as sound.
    pub(super) fn automation(&mut self, digits: DialString, as_events: bool) {
        self.state = State::Automation;
        self.status(CallStatus::Automation);
        self.record.digits_as_sound(!as_events);
        self.command(BridgeCommand::SendDigits(digits));
    }

    pub(super) fn digits_sent(&mut self, now: Instant) {
        self.record.digits_sent(now);
        self.active(now);
    }
}
