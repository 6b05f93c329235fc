//! Tables and queues with a limit: how much each holds, how much it may, and how often more was refused.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{Error, IntCounterVec, IntGaugeVec};

use super::families::Maker;

/// What a table or queue says of itself when the page is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    /// Its name on the page.
    pub(crate) what: &'static str,
    pub(crate) held: usize,
    /// 0: as much as the machine takes.
    pub(crate) most: usize,
    /// Since the beginning.
    pub(crate) refused: u64,
}

/// Counts refusals of one table or queue. Clones share the count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refused(Arc<AtomicU64>);

impl Refused {
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

pub(super) struct Bounds {
    held: IntGaugeVec,
    most: IntGaugeVec,
    refused: IntCounterVec,
    /// The totals that the counters have taken in.
    seen: Mutex<HashMap<&'static str, u64>>,
}

impl Bounds {
    pub(super) fn new(make: &Maker) -> Result<Self, Error> {
        Ok(Self {
            held: make.gauges("trunkline_held", "What a table or queue holds now", &["what"])?,
            most: make.gauges(
                "trunkline_held_most",
                "What it may hold; 0 is no limit of its own",
                &["what"],
            )?,
            refused: make.counters("trunkline_refused", "What was refused beyond the limit", &["what"])?,
            seen: Mutex::default(),
        })
    }

    pub(super) fn sample(&self, bound: Bound) {
        let Bound { what, held, most, refused } = bound;
        self.held.with_label_values(&[what]).set(i64::try_from(held).unwrap_or(i64::MAX));
        self.most.with_label_values(&[what]).set(i64::try_from(most).unwrap_or(i64::MAX));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = seen.insert(what, refused).unwrap_or_default();
        self.refused.with_label_values(&[what]).inc_by(refused.saturating_sub(before));
    }
}
