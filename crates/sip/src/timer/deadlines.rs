//! An ordered set of deadlines, one per key.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Instant;

/// Deadlines by key: the earliest is found, moved and removed in logarithmic time.
#[derive(Debug)]
pub(crate) struct Deadlines<K> {
    by_key: HashMap<K, Instant>,
    order: BTreeSet<(Instant, K)>,
}

impl<K: Copy + Ord + Hash> Deadlines<K> {
    pub(crate) fn new() -> Deadlines<K> {
        Deadlines { by_key: HashMap::new(), order: BTreeSet::new() }
    }

    /// Sets, moves or (`None`) removes the deadline of `key`.
    pub(crate) fn set(&mut self, key: K, at: Option<Instant>) {
        if let Some(old) = self.by_key.get(&key).copied() {
            if Some(old) == at {
                return;
            }
            self.order.remove(&(old, key));
        }
        match at {
            Some(at) => {
                self.by_key.insert(key, at);
                self.order.insert((at, key));
            }
            None => {
                self.by_key.remove(&key);
            }
        }
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Removes and returns one key that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<K> {
        let &(at, key) = self.order.first()?;
        if at > now {
            return None;
        }
        self.order.pop_first();
        self.by_key.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Deadlines;

    #[test]
    fn the_earliest_deadline_comes_first_and_a_moved_one_counts_once() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut deadlines = Deadlines::new();
        deadlines.set(1, Some(at(30)));
        deadlines.set(2, Some(at(20)));
        deadlines.set(1, Some(at(10)));
        deadlines.set(3, Some(at(15)));
        deadlines.set(3, None);
        assert_eq!(deadlines.next(), Some(at(10)));
        assert_eq!(deadlines.pop_due(at(5)), None);
        assert_eq!(deadlines.pop_due(at(40)), Some(1));
        assert_eq!(deadlines.pop_due(at(40)), Some(2));
        assert_eq!(deadlines.pop_due(at(40)), None);
        assert_eq!(deadlines.next(), None);
    }
}
