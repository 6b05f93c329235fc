//! One call's task: carries out what the call wants done and tells it what happens.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use call::verdict::JoinFailure;
use call::{Abort, Call, CallError, CallInput, CallOutput, Plan, Summary, Waiting};
use room::proto;
use sip::msg::StatusCode;
use sip::{LegEvent, LostState};
use sip_io::LegHandle;
use tokio::sync::{oneshot, watch};

use super::{Inner, Stage, dial, new_identity, summary};
use crate::store::StoreError;
use crate::worker::{CallMedia, MediaEvent};

type Reply = oneshot::Sender<Result<proto::SipParticipantInfo, CallError>>;
/// Something under way that the call does not wait for.
type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// One call and what it holds.
pub(super) struct Task {
    inner: Arc<Inner>,
    call: Call,
    reply: Option<Reply>,
    joining: Option<Pending<Result<CallMedia, JoinFailure>>>,
    dialing: Option<Pending<Result<LegHandle, sip_io::PlaceError>>>,
    media: Option<CallMedia>,
    leg: Option<LegHandle>,
    told: Stage,
    summary: Option<Box<Summary>>,
    journal: Journal,
}

/// What ends the call after a crash, on its way to the store.
#[derive(Default)]
struct Journal {
    /// Being written.
    writing: Option<Pending<Result<(), StoreError>>>,
    /// The INVITE, or an ACK, waits for what is being written.
    is_awaited: bool,
    /// To be written next, and whether something waits for it.
    next: Option<(Box<LostState>, bool)>,
    /// Something may have been written: it is to be struck off.
    begun: bool,
    /// Something has been written: the INVITE has left.
    kept: bool,
}

/// What a call's task waits for.
enum Happened {
    Joined(Result<CallMedia, JoinFailure>),
    Dialed(Result<LegHandle, sip_io::PlaceError>),
    Sip(Option<LegEvent>),
    Media(Option<MediaEvent>),
    CallerGone,
    Stage(Stage),
    Timeout,
    WrittenDown(Result<(), StoreError>),
}

impl Task {
    pub(super) fn new(inner: Arc<Inner>, plan: Plan, waiting: Waiting, reply: Reply) -> Self {
        let call = Call::new(plan, new_identity(), waiting, Instant::now());
        Self {
            inner,
            call,
            reply: Some(reply),
            joining: None,
            dialing: None,
            media: None,
            leg: None,
            told: Stage::Open,
            summary: None,
            journal: Journal::default(),
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
            self.take_in(happened).await;
        }
    }

    async fn wait(&mut self) -> Happened {
        let timeout = self.call.next_timeout();
        let mut stage = self.inner.stage.subscribe();
        let told = self.told;
        tokio::select! {
            event = next_leg_event(&mut self.leg) => Happened::Sip(event),
            event = next_media_event(&mut self.media) => Happened::Media(event),
            joined = under_way(&mut self.joining) => Happened::Joined(joined),
            dialed = under_way(&mut self.dialing) => Happened::Dialed(dialed),
            written = under_way(&mut self.journal.writing) => Happened::WrittenDown(written),
            () = gone(&mut self.reply) => Happened::CallerGone,
            stage = later_than(&mut stage, told) => Happened::Stage(stage),
            () = sleep_until(timeout) => Happened::Timeout,
        }
    }

    async fn take_in(&mut self, happened: Happened) {
        let now = Instant::now();
        let input = match happened {
            Happened::Timeout => return self.call.handle_timeout(now),
            Happened::WrittenDown(written) => return self.written_down(written).await,
            Happened::Sip(Some(LegEvent::Record { state, is_awaited })) => {
                return self.write_down(state, is_awaited);
            }
            Happened::CallerGone => {
                self.reply = None;
                CallInput::Abort(Abort::CallerGone)
            }
            Happened::Stage(stage) => {
                self.told = stage;
                let abort = if stage == Stage::Closing { Abort::Shutdown } else { Abort::Draining };
                CallInput::Abort(abort)
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
                // The INVITE leaves when it is written down.
                self.leg = Some(leg);
                return;
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
            LegEvent::Answered { .. } => {
                self.inner.parts.metrics.invite_accepted(&self.call.plan().dial.next_hop.host);
            }
            _ => {}
        }
        CallInput::Sip(event)
    }

    /// Has the store write down what ends the call now; what comes meanwhile is written next, the last of it only.
    fn write_down(&mut self, state: Box<LostState>, is_awaited: bool) {
        if self.journal.writing.is_some() {
            self.journal.next = Some((state, is_awaited));
            return;
        }
        self.journal.is_awaited = is_awaited;
        let record = dial::record(self.call.plan(), *state);
        let (store, metrics) = (self.inner.parts.store.clone(), self.inner.parts.metrics.clone());
        self.journal.begun = true;
        self.journal.writing = Some(Box::pin(async move {
            let began = Instant::now();
            let written = store.put_open_call(record).await;
            metrics.stage("commit", began.elapsed());
            written
        }));
    }

    /// What waited for it leaves: the INVITE, or the ACK. A call that cannot be written down at all is not placed; one that
    /// is under way goes on, and would be lost in a crash.
    async fn written_down(&mut self, written: Result<(), StoreError>) {
        let first = !self.journal.kept;
        match written {
            Ok(()) => self.journal.kept = true,
            Err(error) if first => {
                let failure = JoinFailure::Store(error.to_string());
                return self.call.handle(Instant::now(), CallInput::JoinFailed(failure));
            }
            Err(error) => tracing::warn!(%error, "a call could not be written down"),
        }
        if let Some(leg) = self.leg.as_ref().filter(|_| self.journal.is_awaited) {
            leg.control().recorded().await;
            if first {
                self.inner.parts.metrics.invite_sent();
                self.call.handle(Instant::now(), CallInput::Dialed);
            }
        }
        if let Some((state, is_awaited)) = self.journal.next.take() {
            self.write_down(state, is_awaited);
        }
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

    fn join(&mut self) {
        let mut open = dial::open(&self.call);
        // What is no address is told when it is called.
        let target = dial::target(self.call.plan()).ok();
        let options = dial::options(self.call.plan(), &self.inner.parts.trunks);
        let (workers, stacks) = (self.inner.parts.workers.clone(), self.inner.parts.stacks.clone());
        self.joining = Some(Box::pin(async move {
            if let Some(target) = target {
                open.over_ipv6 = stacks.is_for_v6(&target, &options).await;
            }
            workers.open_call(open).await.map_err(|error| dial::join_failure(&error))
        }));
    }

    fn dial(&mut self, invite: Box<sip::Invite>) {
        let target = match dial::target(self.call.plan()) {
            Ok(target) => target,
            Err(why) => return self.call.handle(Instant::now(), CallInput::Unreachable(why)),
        };
        self.inner.parts.metrics.sdp_size("offer", invite.body.as_ref().map_or(0, String::len));
        // Signalling goes the way of the audio that the offer names.
        let Some(media) = &self.media else { return };
        let stack = self.inner.parts.stacks.of(media.local.rtp.ip()).clone();
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
        if let Some(writing) = self.journal.writing.take() {
            // Written after it is struck off, the call would come back.
            let _ = writing.await;
        }
        if !self.journal.begun {
            return;
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

/// Ready when the server's end has come further than this call was told.
async fn later_than(stage: &mut watch::Receiver<Stage>, told: Stage) -> Stage {
    let later = stage.wait_for(|stage| *stage > told).await.map(|stage| *stage);
    match later {
        Ok(stage) => stage,
        // The sender lives as long as the calls do.
        Err(_) => pending().await,
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
