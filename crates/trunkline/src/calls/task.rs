//! One call's task: carries out what the call wants done and tells it what happens.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use call::verdict::JoinFailure;
use call::{Abort, Call, CallError, CallInput, CallOutput, DialogIdentity, Plan, Summary, Waiting};
use room::proto;
use sip::LegEvent;
use sip::msg::StatusCode;
use sip_io::LegHandle;
use tokio::sync::oneshot;

use super::{Inner, Stage, dial, summary};
use crate::worker::{CallMedia, MediaEvent};

type Reply = oneshot::Sender<Result<proto::SipParticipantInfo, CallError>>;
/// Something under way that the call does not wait for.
type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// One call and what it holds.
pub(super) struct Task {
    inner: Arc<Inner>,
    call: Call,
    identity: DialogIdentity,
    reply: Option<Reply>,
    joining: Option<Pending<Result<CallMedia, JoinFailure>>>,
    dialing: Option<Pending<Result<LegHandle, sip_io::PlaceError>>>,
    media: Option<CallMedia>,
    leg: Option<LegHandle>,
    told_to_close: bool,
    summary: Option<Box<Summary>>,
    /// The answered dialog is being written down.
    writing: Option<Pending<()>>,
}

/// What a call's task waits for.
enum Happened {
    Joined(Result<CallMedia, JoinFailure>),
    Dialed(Result<LegHandle, sip_io::PlaceError>),
    Sip(Option<LegEvent>),
    Media(Option<MediaEvent>),
    CallerGone,
    Closing,
    Timeout,
    WrittenDown,
}

impl Task {
    pub(super) fn new(
        inner: Arc<Inner>,
        plan: Plan,
        identity: DialogIdentity,
        waiting: Waiting,
        reply: Reply,
    ) -> Self {
        let call = Call::new(plan, identity.clone(), waiting, Instant::now());
        Self {
            inner,
            call,
            identity,
            reply: Some(reply),
            joining: None,
            dialing: None,
            media: None,
            leg: None,
            told_to_close: false,
            summary: None,
            writing: None,
        }
    }

    /// Runs the call to its end.
    pub(super) async fn run(mut self) {
        let _active = self.inner.parts.metrics.call_active(&self.call.plan().dial.next_hop.host);
        loop {
            while let Some(output) = self.call.poll_output() {
                self.carry_out(output).await;
            }
            if let Some(summary) = self.summary.take() {
                return self.over(&summary).await;
            }
            let happened = self.wait().await;
            self.take_in(happened);
        }
    }

    async fn wait(&mut self) -> Happened {
        let timeout = self.call.next_timeout();
        let mut stage = self.inner.stage.subscribe();
        tokio::select! {
            event = next_leg_event(&mut self.leg) => Happened::Sip(event),
            event = next_media_event(&mut self.media) => Happened::Media(event),
            joined = under_way(&mut self.joining) => Happened::Joined(joined),
            dialed = under_way(&mut self.dialing) => Happened::Dialed(dialed),
            () = under_way(&mut self.writing) => Happened::WrittenDown,
            () = gone(&mut self.reply) => Happened::CallerGone,
            _ = stage.wait_for(|stage| *stage == Stage::Closing), if !self.told_to_close => Happened::Closing,
            () = sleep_until(timeout) => Happened::Timeout,
        }
    }

    fn take_in(&mut self, happened: Happened) {
        let now = Instant::now();
        let input = match happened {
            Happened::Timeout => return self.call.handle_timeout(now),
            Happened::WrittenDown => return,
            Happened::CallerGone => {
                self.reply = None;
                CallInput::Abort(Abort::CallerGone)
            }
            Happened::Closing => {
                self.told_to_close = true;
                CallInput::Abort(Abort::Shutdown)
            }
            Happened::Joined(Ok(media)) => {
                let input = CallInput::Joined {
                    participant_sid: media.participant_sid.clone(),
                    local: media.local.clone(),
                };
                self.media = Some(media);
                input
            }
            Happened::Joined(Err(failure)) => CallInput::JoinFailed(failure),
            Happened::Dialed(Ok(leg)) => {
                self.leg = Some(leg);
                self.inner.parts.metrics.invite_sent();
                CallInput::Dialed
            }
            Happened::Dialed(Err(error)) => CallInput::Unreachable(dial::unreachable(&error)),
            Happened::Sip(event) => self.sip(event),
            Happened::Media(event) => self.media(event),
        };
        self.call.handle(now, input);
    }

    fn sip(&mut self, event: Option<LegEvent>) -> CallInput {
        // A stack that is gone has no legs: their end is all that is left to tell.
        let event = event.unwrap_or(LegEvent::Ended);
        match &event {
            LegEvent::Ended => self.leg = None,
            LegEvent::Answered { remote_tag, .. } => self.answered(remote_tag),
            _ => {}
        }
        CallInput::Sip(event)
    }

    /// The dialog's other half is written down beside the call, which waits for it only at its end.
    fn answered(&mut self, remote_tag: &str) {
        let parts = &self.inner.parts;
        parts.metrics.invite_accepted(&self.call.plan().dial.next_hop.host);
        let record = dial::record(self.call.plan(), &self.identity, remote_tag);
        let store = parts.store.clone();
        self.writing = Some(Box::pin(async move {
            if let Err(error) = store.put_open_call(record).await {
                tracing::warn!(%error, "an answered call could not be written down");
            }
        }));
    }

    fn media(&mut self, event: Option<MediaEvent>) -> CallInput {
        match event {
            Some(MediaEvent::Bridge(event)) => CallInput::Bridge(event),
            Some(MediaEvent::Rpc(request)) => CallInput::Rpc(request),
            Some(MediaEvent::Attributes(attributes)) => CallInput::Attributes(attributes),
            Some(MediaEvent::Removed(reason)) => CallInput::Removed(reason),
            Some(MediaEvent::Closed(report)) => {
                self.media = None;
                CallInput::BridgeClosed(report)
            }
            None => {
                self.media = None;
                CallInput::Abort(Abort::WorkerGone)
            }
        }
    }

    async fn carry_out(&mut self, output: CallOutput) {
        match output {
            CallOutput::Join => self.join(),
            CallOutput::Dial(invite) => self.dial(invite),
            CallOutput::Hangup { headers } => self.hangup(headers).await,
            CallOutput::AnswerReInvite(answer) => self.answer_reinvite(answer).await,
            CallOutput::Reply(reply) => {
                if let Some(caller) = self.reply.take() {
                    // A caller who has gone this moment is told nothing.
                    let _ = caller.send(reply.map(|info| *info));
                }
            }
            CallOutput::Ended(summary) => self.summary = Some(summary),
            output => self.for_worker(output).await,
        }
    }

    /// A worker that is gone shows by its events' end, so nothing is made of a refusal here.
    async fn for_worker(&mut self, output: CallOutput) {
        let Some(media) = &self.media else { return };
        let _ = match output {
            CallOutput::Bridge(command) => media.commands.bridge(command).await,
            CallOutput::Attributes(attributes) => media.commands.attributes(attributes).await,
            CallOutput::Data(packet) => media.commands.data(packet).await,
            CallOutput::Leave(reason) => media.commands.leave(reason).await,
            _ => Ok(()),
        };
    }

    /// Joins the room and writes the call down, at the same time.
    fn join(&mut self) {
        let open = dial::open(&self.call);
        let record = dial::record(self.call.plan(), &self.identity, "");
        let (workers, store) = (self.inner.parts.workers.clone(), self.inner.parts.store.clone());
        self.joining = Some(Box::pin(async move {
            let (media, stored) = tokio::join!(workers.open_call(open), store.put_open_call(record));
            let media = media.map_err(|error| dial::join_failure(&error))?;
            stored.map_err(|error| JoinFailure::Store(error.to_string()))?;
            Ok(media)
        }));
    }

    fn dial(&mut self, invite: Box<sip::Invite>) {
        let target = match dial::target(self.call.plan()) {
            Ok(target) => target,
            Err(why) => return self.call.handle(Instant::now(), CallInput::Unreachable(why)),
        };
        self.inner.parts.metrics.sdp_size("offer", invite.body.as_ref().map_or(0, String::len));
        let stack = self.inner.parts.stack.clone();
        let options = dial::options(self.call.plan(), &self.inner.parts.trunks);
        self.dialing = Some(Box::pin(async move { stack.call_with(*invite, &target, &options).await }));
    }

    async fn hangup(&mut self, headers: Vec<(String, String)>) {
        if let Some(leg) = &self.leg {
            return leg.hangup(headers).await;
        }
        // The name is still being looked up: nothing was sent, or what was sent is taken back by dropping it.
        self.dialing = None;
        self.call.handle(Instant::now(), CallInput::Sip(LegEvent::Ended));
    }

    async fn answer_reinvite(&mut self, answer: Result<String, u16>) {
        let Some(leg) = &self.leg else { return };
        let answer = answer.map_err(|code| StatusCode::new(code).unwrap_or(StatusCode::NOT_ACCEPTABLE_HERE));
        leg.control().answer_reinvite(answer).await;
    }

    async fn over(mut self, summary: &Summary) {
        let parts = &self.inner.parts;
        summary::log(summary);
        summary::count(summary, &parts.metrics);
        if let Some(writing) = self.writing.take() {
            // Written after it is struck off, the call would come back.
            writing.await;
        }
        if let Err(error) = parts.store.remove_open_call(&summary.call_id).await {
            tracing::warn!(%error, call = %summary.call_id, "a call that is over could not be struck off");
        }
    }
}

async fn next_leg_event(leg: &mut Option<LegHandle>) -> Option<LegEvent> {
    match leg {
        Some(leg) => leg.next_event().await,
        None => pending().await,
    }
}

async fn next_media_event(media: &mut Option<CallMedia>) -> Option<MediaEvent> {
    match media {
        Some(media) => media.events.recv().await,
        None => pending().await,
    }
}

/// Waits for something that may not be under way; it is not waited for again.
async fn under_way<T>(future: &mut Option<Pending<T>>) -> T {
    match future {
        Some(running) => {
            let value = running.await;
            *future = None;
            value
        }
        None => pending().await,
    }
}

/// Ready when the caller stops waiting.
async fn gone(reply: &mut Option<Reply>) {
    match reply {
        Some(reply) => reply.closed().await,
        None => pending().await,
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => pending().await,
    }
}
