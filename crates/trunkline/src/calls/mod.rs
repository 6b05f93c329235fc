//! The control plane of phone calls: one task per call, which owns its state machine, its SIP leg and its place on a
//! media worker.
//!
//! What a call does is decided by [`call::Call`]; here it is carried out and told to metrics, log and store. A call is known
//! to the store before its INVITE leaves.

mod admission;
mod dial;
mod guard;
mod recovery;
mod stacks;
mod summary;
mod task;
mod trunks;

use std::sync::Arc;
use std::time::{Duration, Instant};

use call::{CallError, DialogIdentity, ErrorCode, Plan, Waiting};
use room::proto;
use tokio::sync::{oneshot, watch};

pub(crate) use stacks::Stacks;
pub(crate) use trunks::{TrunkSettings, Trunks};

use crate::metrics::{Bound, Metrics, Refused};
use crate::store::Store;
use crate::worker::Workers;
use admission::Admission;

/// How long the ends of all calls may take once the server stops.
const HANGUP_LIMIT: Duration = Duration::from_millis(3_500);

/// A request to place a call, beside its plan.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// When it came in.
    pub(crate) received_at: Instant,
    /// Until when its caller waits.
    pub(crate) deadline: Instant,
    /// What its caller calls it (`X-Livekit-Request-Id`).
    pub(crate) request_id: Option<String>,
}

/// What calls need of the rest of the program.
pub(crate) struct Parts {
    pub(crate) workers: Workers,
    pub(crate) stacks: Stacks,
    pub(crate) store: Store,
    pub(crate) metrics: Metrics,
    /// More calls at once are refused; 0 is no limit.
    pub(crate) max_active: u32,
    /// What is different for some trunks.
    pub(crate) trunks: Trunks,
    /// The share of the processors in use beyond which calls are refused.
    pub(crate) max_cpu_utilization: f64,
}

struct Inner {
    parts: Parts,
    admission: Admission,
    /// How many there are.
    active: watch::Sender<usize>,
    refused: Refused,
    stage: watch::Sender<Stage>,
}

/// How far the server's end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Calls are taken.
    Open,
    /// New calls are refused, those that are not answered yet are ended.
    Draining,
    /// Every call is ended.
    Closing,
}

/// All calls. Clones share them.
#[derive(Clone)]
pub(crate) struct Calls(Arc<Inner>);

impl Calls {
    pub(crate) fn new(parts: Parts) -> Self {
        parts.metrics.available(true);
        let admission = Admission::new(parts.max_cpu_utilization);
        let (active, stage) = (watch::Sender::new(0), watch::Sender::new(Stage::Open));
        Self(Arc::new(Inner { parts, admission, active, refused: Refused::default(), stage }))
    }

    /// Places a call. Returns once the participant is in its room or, when the plan says so, once the phone has answered and
    /// the initial digits are sent. Dropping the future before means that the caller went away: the call is ended.
    ///
    /// # Errors
    /// Why there is no call, in the API's terms.
    pub(crate) async fn place(
        &self,
        mut plan: Plan,
        request: Request,
    ) -> Result<proto::SipParticipantInfo, CallError> {
        let counted = self.admit(&plan.room_name)?;
        plan.early_media = self.0.parts.trunks.of(&plan.trunk_id, &plan.dial.next_hop.host).early_media;
        if let Some(id) = &request.request_id {
            tracing::debug!(call = %plan.call_id, request = %id, "a call is placed");
        }
        let waiting = Waiting { received_at: request.received_at, deadline: request.deadline };
        let (reply, answer) = oneshot::channel();
        let names = guard::Names::of(&plan);
        let task = task::Task::new(self.0.clone(), plan, waiting, reply);
        tokio::spawn(guard::run(counted, names, Box::pin(task.run())));
        answer.await.unwrap_or_else(|_| Err(CallError::new(ErrorCode::Internal, "the call failed inside")))
    }

    /// How many calls there are.
    pub(crate) fn active(&self) -> usize {
        *self.0.active.borrow()
    }

    /// Calls at once, for the metrics.
    pub(crate) fn bound(&self) -> Bound {
        let most = usize::try_from(self.0.parts.max_active).unwrap_or(usize::MAX);
        Bound { what: "calls", held: self.active(), most, refused: self.0.refused.total() }
    }

    /// Whether new calls are taken: not once the server's end has begun.
    pub(crate) fn are_taken(&self) -> bool {
        *self.0.stage.borrow() == Stage::Open
    }

    /// Refuses new calls, ends those that nobody has answered yet, and waits for the running ones, for so long at most.
    pub(crate) async fn drain(&self, limit: Duration) {
        self.0.parts.metrics.available(false);
        self.0.stage.send_replace(Stage::Draining);
        self.wait(limit).await;
    }

    /// Ends every call, and waits until each phone has acknowledged it or a few seconds have passed.
    pub(crate) async fn hangup_all(&self) {
        self.0.parts.metrics.available(false);
        self.0.stage.send_replace(Stage::Closing);
        self.wait(HANGUP_LIMIT).await;
    }

    async fn wait(&self, limit: Duration) {
        let mut active = self.0.active.subscribe();
        // Whatever is still there when the time is over is ended by whoever waits here.
        let _ = tokio::time::timeout(limit, active.wait_for(|count| *count == 0)).await;
    }

    /// Takes a place for a call. The place comes first and then the look at the stage: whoever waits for the last call to
    /// end either refuses this one or waits for it too.
    fn admit(&self, room: &str) -> Result<Counted, CallError> {
        let place = Counted::new(self.0.clone());
        if !self.are_taken() {
            return Err(CallError::new(ErrorCode::Unavailable, "service shutting down"));
        }
        let refused = |error| {
            self.0.refused.count();
            error
        };
        let full = || CallError::new(ErrorCode::ResourceExhausted, "sip.max_active_calls is reached");
        let place = place.ok_or_else(full).map_err(refused)?;
        self.0.admission.check(self.0.parts.workers.utilization(room)).map_err(refused)?;
        Ok(place)
    }
}

/// A Call-ID and a tag that nobody can guess.
fn new_identity() -> DialogIdentity {
    let call_id = format!("{:032x}", rand::random::<u128>());
    DialogIdentity { call_id, from_tag: format!("{:016x}", rand::random::<u64>()) }
}

/// Counts a call while it lasts.
struct Counted(Arc<Inner>);

impl Counted {
    /// `None` when there are as many calls as may be. Looking and counting are one step.
    fn new(inner: Arc<Inner>) -> Option<Self> {
        let most = usize::try_from(inner.parts.max_active).unwrap_or(usize::MAX);
        let counted = inner.active.send_if_modified(|count| {
            let free = most == 0 || *count < most;
            *count += usize::from(free);
            free
        });
        counted.then(|| Self(inner))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.active.send_modify(|count| *count = count.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests;
