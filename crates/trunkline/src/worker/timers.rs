//! When which room wants to be called next.
//!
//! A heap with lazy deletion: a room that moves its deadline forward gets a second entry, and the one that is too early is
//! noticed when it comes up. Deadlines that lie close together come up together, so that one wake-up serves them all.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::{Duration, Instant};

use super::command::RoomKey;

/// What is due within this time is done now: the operating system wakes no more precisely.
pub(super) const SLACK: Duration = Duration::from_millis(1);

/// The deadlines of all rooms.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, RoomKey)>>,
    /// The earliest entry of each room in the heap.
    scheduled: HashMap<RoomKey, Instant>,
}

impl Timers {
    /// The room wants to be called at `at`, or not at all.
    pub(super) fn set(&mut self, room: RoomKey, at: Option<Instant>) {
        let Some(at) = at else { return };
        match self.scheduled.get(&room) {
            // It will be called earlier, and then say again what it wants.
            Some(earlier) if *earlier <= at => {}
            _ => {
                self.scheduled.insert(room, at);
                self.heap.push(Reverse((at, room)));
            }
        }
    }

    /// The room is gone.
    pub(super) fn remove(&mut self, room: RoomKey) {
        self.scheduled.remove(&room);
    }

    /// The next room that is due, and since when.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(Instant, RoomKey)> {
        while let Some(Reverse((at, room))) = self.heap.peek().copied() {
            let current = self.scheduled.get(&room) == Some(&at);
            if current && at > now + SLACK {
                return None;
            }
            self.heap.pop();
            if current {
                self.scheduled.remove(&room);
                return Some((at, room));
            }
        }
        None
    }

    /// How long to sleep at most.
    pub(super) fn until_next(&self, now: Instant) -> Option<Duration> {
        self.heap.peek().map(|Reverse((at, _))| at.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(timers: &mut Timers, now: Instant) -> Vec<u64> {
        std::iter::from_fn(|| timers.pop_due(now)).map(|(_, room)| room.number()).collect()
    }

    #[test]
    fn rooms_come_up_in_order_and_once() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut timers = Timers::default();
        timers.set(RoomKey::new(0, 1), Some(start + ms(40)));
        timers.set(RoomKey::new(0, 2), Some(start + ms(20)));
        timers.set(RoomKey::new(0, 1), Some(start + ms(10)));
        timers.set(RoomKey::new(0, 2), Some(start + ms(30)));
        assert_eq!(due(&mut timers, start + ms(5)), [0_u64; 0]);
        assert_eq!(due(&mut timers, start + ms(20)), [1, 2]);
        assert_eq!(due(&mut timers, start + ms(50)), [0_u64; 0]);
    }

    #[test]
    fn deadlines_close_together_come_up_together() {
        let start = Instant::now();
        let mut timers = Timers::default();
        timers.set(RoomKey::new(0, 1), Some(start));
        timers.set(RoomKey::new(0, 2), Some(start + Duration::from_micros(900)));
        assert_eq!(due(&mut timers, start), [1, 2]);
    }

    #[test]
    fn a_room_that_is_gone_does_not_come_up() {
        let start = Instant::now();
        let mut timers = Timers::default();
        timers.set(RoomKey::new(0, 1), Some(start));
        timers.remove(RoomKey::new(0, 1));
        assert_eq!(due(&mut timers, start), [0_u64; 0]);
    }
}
