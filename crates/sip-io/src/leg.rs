//! One call in its owner's hands.

use bytes::Bytes;
use sip::msg::{Request, StatusCode};
use sip::{DialogState, InviteState, LegEvent, LegId};
use tokio::sync::{mpsc, oneshot};

use crate::driver::{Command, LegCommand};

/// A call: its events, and what can be done to it. Dropping it before its [`LegEvent::Ended`] hangs up.
#[derive(Debug)]
pub struct LegHandle {
    /// What happens, in order; ends with [`LegEvent::Ended`]. Holds 256 events: an owner who lets it fill up loses
    /// the call.
    pub events: mpsc::Receiver<LegEvent>,
    control: LegControl,
}

/// What can be done to a call. Commands to a call that has ended, or that its state does not allow, change nothing:
/// the events tell what is.
#[derive(Debug, Clone)]
pub struct LegControl {
    id: LegId,
    commands: mpsc::Sender<Command>,
}

impl LegHandle {
    pub(crate) fn new(id: LegId, events: mpsc::Receiver<LegEvent>, commands: mpsc::Sender<Command>) -> Self {
        Self { events, control: LegControl { id, commands } }
    }

    /// What can be done to it, to keep beside the events.
    #[must_use]
    pub fn control(&self) -> LegControl {
        self.control.clone()
    }

    /// The next event; `None` after the last.
    pub async fn next_event(&mut self) -> Option<LegEvent> {
        self.events.recv().await
    }

    /// [`LegControl::hangup`]
    pub async fn hangup(&self, headers: Vec<(String, String)>) {
        self.control.hangup(headers).await;
    }
}

impl Drop for LegHandle {
    fn drop(&mut self) {
        let dropped = Command::Leg { leg: self.control.id, command: LegCommand::Hangup(Vec::new()) };
        // If the queue is full the driver finds the closed event channel by itself, a second later.
        let _ = self.control.commands.try_send(dropped);
    }
}

impl LegControl {
    /// The agent's name for the call.
    #[must_use]
    pub fn id(&self) -> LegId {
        self.id
    }

    /// Ends the call in whatever state it is: CANCEL, BYE, or a refusal, with these header fields.
    pub async fn hangup(&self, headers: Vec<(String, String)>) {
        self.send(LegCommand::Hangup(headers)).await;
    }

    /// Callee: 101 to 199, with a description when there is early media.
    pub async fn provisional(&self, code: StatusCode, body: Option<String>) {
        self.send(LegCommand::Provisional { code, body }).await;
    }

    /// Callee: 200.
    pub async fn answer(&self, body: Option<String>) {
        self.send(LegCommand::Answer(body)).await;
    }

    /// Callee: a final response of 300 or more, with these header fields.
    pub async fn reject(&self, code: StatusCode, reason: Option<String>, headers: Vec<(String, String)>) {
        self.send(LegCommand::Reject { code, reason, headers }).await;
    }

    /// Offers a new description inside the call.
    pub async fn reinvite(&self, body: Option<String>) {
        self.send(LegCommand::Reinvite(body)).await;
    }

    /// Answers the peer's [`LegEvent::ReInvite`].
    pub async fn answer_reinvite(&self, answer: Result<String, StatusCode>) {
        self.send(LegCommand::AnswerReinvite(answer)).await;
    }

    /// Sends an INFO inside the call.
    pub async fn info(&self, content_type: impl Into<String>, body: impl Into<Bytes>) {
        self.send(LegCommand::Info { content_type: content_type.into(), body: body.into() }).await;
    }

    /// The dialog of a call that is up, to be written down for [`Stack::end_lost_call`](crate::Stack::end_lost_call);
    /// `None` before the answer and after the end. It changes with re-INVITEs and, in its number, with each request.
    pub async fn dialog(&self) -> Option<DialogState> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Dialog { leg: self.id, reply }).await.ok()?;
        answer.await.ok()?
    }

    /// The INVITE of a call that has no final response yet, to be written down for
    /// [`Stack::end_lost_call`](crate::Stack::end_lost_call). It changes with challenges, redirections and targets, so
    /// ask when [`LegEvent::Trying`] or [`LegEvent::Provisional`] comes.
    pub async fn unanswered(&self) -> Option<InviteState> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Unanswered { leg: self.id, reply }).await.ok()?;
        answer.await.ok()?
    }

    /// What [`LegEvent::Record`] told last is written down: what waited for it leaves.
    pub async fn recorded(&self) {
        self.send(LegCommand::Recorded).await;
    }

    async fn send(&self, command: LegCommand) {
        // A stack that is gone has ended the call already.
        let _ = self.commands.send(Command::Leg { leg: self.id, command }).await;
    }
}

/// Calls that come in, with the INVITE of each. Only with [`sip::Inbound::Offer`].
#[derive(Debug)]
pub struct Incoming(pub(crate) mpsc::Receiver<(LegHandle, Box<Request>)>);

impl Incoming {
    /// The next call; `None` when the stack is shut down. Calls that nobody takes for long are refused with 503.
    pub async fn next(&mut self) -> Option<(LegHandle, Box<Request>)> {
        self.0.recv().await
    }
}
