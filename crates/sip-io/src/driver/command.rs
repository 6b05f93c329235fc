//! What handles ask of the driver.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sip::msg::StatusCode;
use sip::{Agent, CallOptions, DialError, DialogState, Invite, InviteState, LegId, Targets};
use tokio::sync::oneshot;
use tracing::debug;

use super::Driver;
use crate::leg::LegHandle;
use crate::options::{LostCall, LostState};
use crate::stats::StackStats;

#[derive(Debug)]
pub(crate) enum Command {
    Call {
        invite: Box<Invite>,
        targets: Targets,
        options: CallOptions,
        reply: oneshot::Sender<Result<LegHandle, DialError>>,
    },
    EndLost {
        lost: Box<LostCall>,
        reply: oneshot::Sender<Result<LegHandle, DialError>>,
    },
    Dialog {
        leg: LegId,
        reply: oneshot::Sender<Option<DialogState>>,
    },
    Unanswered {
        leg: LegId,
        reply: oneshot::Sender<Option<InviteState>>,
    },
    Leg {
        leg: LegId,
        command: LegCommand,
    },
    Stats(oneshot::Sender<StackStats>),
    Shutdown {
        done: oneshot::Sender<()>,
        grace: Duration,
    },
}

#[derive(Debug)]
pub(crate) enum LegCommand {
    Hangup(Vec<(String, String)>),
    Provisional { code: StatusCode, body: Option<String> },
    Answer(Option<String>),
    Reject { code: StatusCode, reason: Option<String>, headers: Vec<(String, String)> },
    Reinvite(Option<String>),
    AnswerReinvite(Result<String, StatusCode>),
    Info { content_type: String, body: Bytes },
    Recorded,
}

impl Driver {
    pub(super) fn on_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Call { invite, targets, options, reply } => {
                self.add(reply, |agent| agent.call_with(now, *invite, targets, options));
            }
            Command::EndLost { lost, reply } => self.add(reply, |agent| end_lost(agent, now, *lost)),
            Command::Unanswered { leg, reply } => {
                // Whoever asked may have stopped waiting.
                let _ = reply.send(self.agent.unanswered(leg));
            }
            Command::Dialog { leg, reply } => {
                // Whoever asked may have stopped waiting.
                let _ = reply.send(self.agent.dialog(leg));
            }
            Command::Leg { leg, command } => self.on_leg_command(now, leg, command),
            Command::Stats(reply) => {
                // Whoever asked may have stopped waiting.
                let _ = reply.send(self.stats());
            }
            Command::Shutdown { done, grace } => self.begin_shutdown(now, Some(done), grace),
        }
    }

    /// A new leg, and its handle for whoever asked for it.
    fn add(
        &mut self,
        reply: oneshot::Sender<Result<LegHandle, DialError>>,
        make: impl FnOnce(&mut Agent) -> Result<LegId, DialError>,
    ) {
        if self.shutdown.is_some() {
            // Dropping the reply says that the stack is closed.
            return;
        }
        // None when the last handle has gone while its command was under way.
        let Some(commands) = self.commands.upgrade() else { return };
        let made = make(&mut self.agent).map(|leg| self.legs.add(leg, commands));
        // A handle that is not taken hangs up as it is dropped.
        let _ = reply.send(made);
    }

    fn on_leg_command(&mut self, now: Instant, leg: LegId, command: LegCommand) {
        let agent = &mut self.agent;
        let outcome = match command {
            LegCommand::Hangup(headers) => {
                agent.hangup(now, leg, &headers);
                Ok(())
            }
            LegCommand::Recorded => {
                agent.recorded(now, leg);
                Ok(())
            }
            LegCommand::Provisional { code, body } => agent.provisional(now, leg, code, body),
            LegCommand::Answer(body) => agent.answer(now, leg, body),
            LegCommand::Reject { code, reason, headers } => {
                agent.reject(now, leg, code, reason.as_deref(), &headers)
            }
            LegCommand::Reinvite(body) => agent.reinvite(now, leg, body),
            LegCommand::AnswerReinvite(answer) => agent.answer_reinvite(now, leg, answer),
            LegCommand::Info { content_type, body } => agent.info(now, leg, &content_type, body),
        };
        if let Err(error) = outcome {
            debug!(?leg, %error, "SIP command not carried out");
        }
    }
}

fn end_lost(agent: &mut Agent, now: Instant, lost: LostCall) -> Result<LegId, DialError> {
    match lost.state {
        LostState::Up(dialog) => agent.end_lost_call(now, &dialog, lost.credentials, &lost.headers),
        LostState::Ringing(invite) => agent.cancel_lost_call(now, &invite, lost.credentials, &lost.headers),
    }
}
