//! What clients ask for to test themselves (LiveKit's `simulate`): the ends of a session that a server can bring about.
//!
//! As LiveKit does on a single node: a failing node and a migration drop the session without a word, so that the client
//! finds out when it wants to resume. What concerns bandwidth, candidates or pretended speakers is ignored.

use std::time::Instant;

use livekit_protocol as proto;
use proto::DisconnectReason as Why;
use proto::simulate_scenario::Scenario;

use crate::ids::ParticipantId;
use crate::lifecycle::Room;
use crate::output::Output;

impl Room {
    pub(super) fn simulate(&mut self, now: Instant, from: ParticipantId, scenario: &proto::SimulateScenario) {
        match scenario.scenario {
            Some(Scenario::NodeFailure(true) | Scenario::Migration(true)) => {
                self.out.push_back(Output::CloseSignal { to: from });
                if let Some(remote) = self.remote_mut(from) {
                    remote.signalling = false;
                }
                self.end(now, from, Why::Migration, true);
            }
            Some(Scenario::ServerLeave(true)) => self.end(now, from, Why::ServerShutdown, true),
            Some(Scenario::LeaveRequestFullReconnect(true)) => self.end(now, from, Why::StateMismatch, true),
            _ => {}
        }
    }
}
