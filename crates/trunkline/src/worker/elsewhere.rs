//! Which worker has whom that another one is asked for: participants that were moved between workers are still called by the
//! names they had, and their packets still come to the sockets they know.
//!
//! One table for all workers, of moved participants only. A worker looks here for what it knows nobody for. While nobody is
//! anywhere else than where he came in, that is one load of a number.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::command::Place;

/// A remote address, at the sockets of one worker.
pub(super) type Path = (usize, SocketAddr);

#[derive(Debug, Default)]
struct Tables {
    places: HashMap<Place, usize>,
    paths: HashMap<Path, usize>,
    fragments: HashMap<String, usize>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Entries in the tables.
    held: AtomicUsize,
    tables: RwLock<Tables>,
}

/// The table; clones are the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Elsewhere(Arc<Shared>);

impl Elsewhere {
    /// Who is called by this place is with this worker now.
    pub(super) fn set_place(&self, place: Place, worker: usize) {
        self.change(|tables| tables.places.insert(place, worker));
    }

    /// Nobody is called by this place any more, or he has come back to where the place is, if he was last with this worker.
    pub(super) fn forget_place(&self, place: Place, worker: usize) {
        self.change(|tables| forget(&mut tables.places, &place, worker));
    }

    /// Which worker has whoever is called by this place.
    pub(super) fn with(&self, place: Place) -> Option<usize> {
        self.look(|tables| tables.places.get(&place).copied())
    }

    /// What comes this way is for this worker.
    pub(super) fn set_path(&self, path: Path, worker: usize) {
        self.change(|tables| tables.paths.insert(path, worker));
    }

    /// It is not, if it was last.
    pub(super) fn forget_path(&self, path: Path, worker: usize) {
        self.change(|tables| forget(&mut tables.paths, &path, worker));
    }

    /// Who answers to this user fragment is with this worker.
    pub(super) fn set_fragment(&self, fragment: &str, worker: usize) {
        self.change(|tables| tables.fragments.insert(fragment.to_owned(), worker));
    }

    /// He is not, if he was last.
    pub(super) fn forget_fragment(&self, fragment: &str, worker: usize) {
        self.change(|tables| {
            if tables.fragments.get(fragment) == Some(&worker) {
                tables.fragments.remove(fragment);
            }
        });
    }

    /// Whose packet this may be: of who answers to the fragment that it names, or else of who was last seen to send from there.
    pub(super) fn find(&self, path: Path, fragment: Option<&str>) -> Option<usize> {
        self.look(|tables| {
            let named = fragment.and_then(|fragment| tables.fragments.get(fragment));
            named.or_else(|| tables.paths.get(&path)).copied()
        })
    }

    fn look<T>(&self, find: impl FnOnce(&Tables) -> Option<T>) -> Option<T> {
        if self.0.held.load(Ordering::Acquire) == 0 {
            return None;
        }
        find(&self.0.tables.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Tables) -> T) {
        let mut tables = self.0.tables.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut tables);
        let held = tables.places.len() + tables.paths.len() + tables.fragments.len();
        self.0.held.store(held, Ordering::Release);
    }

    /// Names in it.
    pub(super) fn len(&self) -> usize {
        self.0.held.load(Ordering::Acquire)
    }
}

fn forget<K: Eq + Hash>(table: &mut HashMap<K, usize>, key: &K, worker: usize) {
    if table.get(key) == Some(&worker) {
        table.remove(key);
    }
}
