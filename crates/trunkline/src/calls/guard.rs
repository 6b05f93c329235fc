//! Around a call's task: a panic in it ends that call, and is told like any other end.

use std::panic::AssertUnwindSafe;

use call::Plan;
use futures_util::FutureExt;

use super::{Counted, summary};

/// What must be known of a call when its task is gone.
#[derive(Debug)]
pub(super) struct Names {
    call_id: String,
    to_host: String,
}

impl Names {
    pub(super) fn of(plan: &Plan) -> Self {
        Self { call_id: plan.call_id.clone(), to_host: plan.dial.next_hop.host.clone() }
    }
}

/// Runs a call's task to its end, whichever it is. The call counts until its record is struck off.
///
/// A task that panics lets go of what it holds: its caller gets an answer, its leg is hung up, its participant leaves.
pub(super) async fn run(counted: Counted, names: Names, task: impl Future<Output = ()> + Unpin) {
    if AssertUnwindSafe(task).catch_unwind().await.is_ok() {
        return;
    }
    let parts = &counted.0.parts;
    summary::crashed(&names.call_id, &names.to_host, &parts.metrics);
    if let Err(error) = parts.store.remove_open_call(&names.call_id).await {
        tracing::warn!(%error, call = %names.call_id, "a call that is over could not be struck off");
    }
}
