//! What clients ask for to test themselves (LiveKit's `simulate`): the ends of a session that a server can bring about, a
//! resume that is cut off, a speaker that says nothing.
//!
//! As LiveKit does on a single node: a failing node and a migration drop the session without a word, so that the client
//! finds out when it wants to resume. What concerns bandwidth and the candidates' protocol is ignored.

use std::time::{Duration, Instant};

use livekit_protocol as proto;
use proto::DisconnectReason as Why;
use proto::simulate_scenario::Scenario;

use crate::ids::ParticipantId;
use crate::lifecycle::Room;
use crate::output::Output;
use crate::participant::CutOff;

/// A client that does not resume by then means to no more.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest that somebody may pretend to speak, in seconds.
const LONGEST_SPEECH: u64 = 600;

impl Room {
    pub(super) fn simulate(&mut self, now: Instant, from: ParticipantId, scenario: &proto::SimulateScenario) {
        match scenario.scenario {
            Some(Scenario::NodeFailure(true) | Scenario::Migration(true)) => {
                self.cut_signal(from);
                self.end(now, from, Why::Migration, true);
            }
            Some(Scenario::ServerLeave(true)) => self.end(now, from, Why::ServerShutdown, true),
            Some(Scenario::LeaveRequestFullReconnect(true)) => self.end(now, from, Why::StateMismatch, true),
            Some(Scenario::DisconnectSignalOnResume(true)) => self.cut_next_resume(now, from, true),
            Some(Scenario::DisconnectSignalOnResumeNoMessages(true)) => {
                self.cut_next_resume(now, from, false);
            }
            Some(Scenario::SpeakerUpdate(seconds)) => {
                let seconds = u64::try_from(seconds).unwrap_or_default().min(LONGEST_SPEECH);
                self.pretend_to_speak(now, from, Duration::from_secs(seconds));
            }
            _ => {}
        }
    }

    /// Closes a client's signalling connection; its session goes on.
    pub(crate) fn cut_signal(&mut self, to: ParticipantId) {
        if let Some(remote) = self.remote_mut(to).filter(|remote| remote.signalling) {
            remote.signalling = false;
            self.out.push_back(Output::CloseSignal { to });
        }
    }

    fn cut_next_resume(&mut self, now: Instant, from: ParticipantId, told: bool) {
        if let Some(remote) = self.remote_mut(from) {
            remote.cut_off = Some(CutOff { until: now + PATIENCE, told });
        }
    }
}
