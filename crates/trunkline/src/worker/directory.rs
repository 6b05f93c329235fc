//! Which worker a room lives on.
//!
//! A room is placed once, when it is first asked for, and stays. While a command for it is under way its entry cannot
//! vanish, so two rooms of one name never live on two workers. There are so many rooms at once and no more. The lock is the control plane's: no packet waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::load::{Load, Utilization};
use crate::metrics::Bound;

/// Rooms at once, on all workers.
const MOST: usize = 20_000;
/// Workers whose use differs by less than this are alike: the number of rooms decides, which is known at once.
const ALIKE: f64 = 0.05;

#[derive(Debug, Clone, Copy)]
struct Entry {
    worker: usize,
    /// Commands under way to the room.
    pending: u32,
    /// The worker has a room of this name.
    alive: bool,
}

#[derive(Debug)]
struct State {
    rooms: HashMap<String, Entry>,
    workers: Vec<Worker>,
    refused: u64,
}

#[derive(Debug)]
struct Worker {
    load: Arc<Load>,
    rooms: usize,
}

impl State {
    /// Where a new room goes.
    fn least_loaded(&self) -> usize {
        let order = |worker: &Worker| ((worker.load.now().busy / ALIKE).round() as u32, worker.rooms);
        let least = self.workers.iter().enumerate().min_by_key(|(_, worker)| order(worker));
        least.map_or(0, |(index, _)| index)
    }
}

/// The map of room names to workers.
#[derive(Debug, Clone)]
pub(super) struct Directory(Arc<Mutex<State>>);

impl Directory {
    /// One load for each worker, of which there is at least one.
    pub(super) fn new(loads: Vec<Arc<Load>>) -> Self {
        let workers = loads.into_iter().map(|load| Worker { load, rooms: 0 }).collect();
        Self(Arc::new(Mutex::new(State { rooms: HashMap::new(), workers, refused: 0 })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The worker of a room, the least loaded one when it has none yet; `None` when there are too many rooms.
    pub(super) fn place(&self, room: &str) -> Option<Placed> {
        let worker = self.reserve(room, None)?;
        Some(Placed { directory: self.clone(), room: room.to_owned(), worker })
    }

    /// The worker of a room, this one when it has none yet; `None` when there are too many rooms.
    pub(super) fn place_beside(&self, room: &str, worker: usize) -> Option<Placed> {
        let worker = self.reserve(room, Some(worker))?;
        Some(Placed { directory: self.clone(), room: room.to_owned(), worker })
    }

    fn reserve(&self, room: &str, wanted: Option<usize>) -> Option<usize> {
        let mut state = self.state();
        if let Some(entry) = state.rooms.get_mut(room) {
            entry.pending += 1;
            return Some(entry.worker);
        }
        if state.rooms.len() >= MOST {
            state.refused += 1;
            return None;
        }
        let worker = wanted.unwrap_or_else(|| state.least_loaded());
        state.workers[worker].rooms += 1;
        state.rooms.insert(room.to_owned(), Entry { worker, pending: 1, alive: false });
        Some(worker)
    }

    /// For the metrics.
    pub(super) fn bound(&self) -> Bound {
        let state = self.state();
        Bound { what: "rooms", held: state.rooms.len(), most: MOST, refused: state.refused }
    }

    /// The worker of a room that exists.
    pub(super) fn find(&self, room: &str) -> Option<usize> {
        self.state().rooms.get(room).map(|entry| entry.worker)
    }

    /// How much the room's worker is used, or the one that it would get.
    pub(super) fn utilization(&self, room: &str) -> Utilization {
        let state = self.state();
        let worker = state.rooms.get(room).map_or_else(|| state.least_loaded(), |entry| entry.worker);
        state.workers[worker].load.now()
    }

    /// The worker has made the room.
    pub(super) fn opened(&self, room: &str) {
        self.update(room, |entry| entry.alive = true);
    }

    /// The room is gone.
    pub(super) fn closed(&self, room: &str) {
        self.update(room, |entry| entry.alive = false);
    }

    /// Rooms on all workers.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.state().rooms.len()
    }

    fn update(&self, room: &str, change: impl FnOnce(&mut Entry)) {
        let mut state = self.state();
        let Some(entry) = state.rooms.get_mut(room) else { return };
        change(entry);
        let entry = *entry;
        if entry.pending == 0 && !entry.alive {
            state.rooms.remove(room);
            let worker = &mut state.workers[entry.worker];
            worker.rooms = worker.rooms.saturating_sub(1);
        }
    }
}

/// A room's place while a command for it is under way: travels inside the command, so that the entry outlives a caller
/// who stops waiting.
#[derive(Debug)]
pub(super) struct Placed {
    directory: Directory,
    room: String,
    worker: usize,
}

impl Placed {
    /// The room's name.
    pub(super) fn room(&self) -> &str {
        &self.room
    }

    /// Which worker.
    pub(super) fn worker(&self) -> usize {
        self.worker
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        self.directory.update(&self.room, |entry| entry.pending = entry.pending.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(workers: usize) -> (Directory, Vec<Arc<Load>>) {
        let loads: Vec<_> = (0..workers).map(|_| Arc::new(Load::default())).collect();
        (Directory::new(loads.clone()), loads)
    }

    #[test]
    fn rooms_go_where_there_is_time_left() {
        let (directory, loads) = directory(3);
        for (load, busy) in loads.iter().zip([0.7, 0.3, 0.31]) {
            load.pretend(Utilization { busy, late: 0.0 });
        }
        let placed = ["a", "b", "c", "d"].map(|room| directory.place(room).unwrap());
        let workers: Vec<_> = placed.iter().map(Placed::worker).collect();
        assert!(!workers.contains(&0), "{workers:?}");
        assert_eq!(
            workers.iter().filter(|worker| **worker == 1).count(),
            2,
            "alike, so by turns: {workers:?}"
        );
        assert_eq!(directory.utilization("elsewhere").busy, 0.3);
    }

    #[test]
    fn a_room_is_placed_on_the_least_loaded_worker_and_stays_there() {
        let (directory, _) = directory(2);
        let first = directory.place("a").unwrap();
        let second = directory.place("b").unwrap();
        assert_ne!(first.worker(), second.worker());
        assert_eq!(directory.place("a").unwrap().worker(), first.worker());
        assert_eq!(directory.find("b"), Some(second.worker()));
    }

    #[test]
    fn an_entry_lives_while_a_command_is_under_way_and_while_the_room_does() {
        let (directory, _) = directory(1);
        let creating = directory.place("a");
        directory.opened("a");
        drop(creating);
        assert_eq!(directory.len(), 1);
        let joining = directory.place("a");
        directory.closed("a");
        assert_eq!(directory.len(), 1, "a join is under way");
        drop(joining);
        assert_eq!(directory.len(), 0);
    }

    #[test]
    fn one_room_too_many_is_refused_and_counted_and_those_that_are_there_are_found() {
        let (directory, _) = directory(2);
        let held: Vec<_> = (0..MOST).map(|n| directory.place(&n.to_string()).unwrap()).collect();
        assert!(directory.place("more").is_none());
        assert!(directory.place("7").is_some());
        assert_eq!(directory.bound(), Bound { what: "rooms", held: MOST, most: MOST, refused: 1 });
        drop(held);
        assert!(directory.place("more").is_some());
    }
}
