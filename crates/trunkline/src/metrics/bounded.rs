//! Label values that come from outside, bounded in number.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

/// Lets the first values through and counts the rest together.
pub(super) struct Bounded {
    seen: Mutex<HashSet<String>>,
    most: usize,
}

/// The longest label value.
const LONGEST: usize = 128;

impl Bounded {
    pub(super) fn new(most: usize) -> Self {
        Self { seen: Mutex::new(HashSet::new()), most }
    }

    /// The label for a value: itself, or `other`.
    pub(super) fn label(&self, value: &str) -> String {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains(value) {
            return value.to_owned();
        }
        if seen.len() >= self.most || value.len() > LONGEST {
            return "other".to_owned();
        }
        seen.insert(value.to_owned());
        value.to_owned()
    }
}
