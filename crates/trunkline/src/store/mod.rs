//! What survives a restart: outbound trunks, the dialogs of open calls and the ids of answered requests, in SQLite.
//!
//! One thread owns the connection; [`Store`] is a handle to it with a bounded queue. Every change is committed
//! before it is answered, so a kill at any moment loses nothing that was confirmed. Passwords are
//! sealed before they are written. Nothing here validates a trunk or ends a call.

mod calls;
mod error;
mod open;
mod requests;
mod schema;
mod seal;
#[cfg(test)]
mod tests;
mod trunks;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, atomic::AtomicUsize, atomic::Ordering::Relaxed},
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::metrics::{Bound, Refused};

pub(crate) use calls::OpenCall;
pub(crate) use error::{OpenError, StoreError};
pub(crate) use requests::{Claim, RequestKey};

/// How many operations may wait for the thread; more are refused as busy.
const QUEUE: usize = 1024;
/// How many trunks there may be: each list reads all of them.
const MOST_TRUNKS: usize = 10_000;

/// The open database, owned by the store's thread.
struct Database {
    connection: Connection,
    seal: seal::Seal,
    /// How many trunks there are.
    trunks: Arc<AtomicUsize>,
    /// Requests written since the table was last cut to its size.
    requests_since_look: i64,
    /// Held for as long as the store is open: a second server on the same directory is refused.
    _lock: std::fs::File,
}

type Job = Box<dyn FnOnce(&mut Database) + Send>;

/// A handle to the store. Clones share it; the thread ends with the last of them.
#[derive(Clone)]
pub(crate) struct Store {
    jobs: mpsc::Sender<Job>,
    refused: Refused,
    trunks: Arc<AtomicUsize>,
    trunks_refused: Refused,
}

impl Store {
    /// Opens the store in `directory`, which is made when it does not exist. `key` is the key that seals passwords,
    /// 32 bytes in hexadecimal; without it one is kept in a file of its own.
    pub(crate) fn open(directory: &Path, key: Option<&str>) -> Result<Self, OpenError> {
        let mut database = open::open(directory, key)?;
        let trunks = database.trunks.clone();
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        // Not joined: the last handle may be dropped inside the runtime, which must not block, and the journal makes
        // an unfinished close harmless.
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                while let Some(job) = queue.blocking_recv() {
                    // A transaction that was open is rolled back as it is dropped: the next operation finds all in order.
                    if catch_unwind(AssertUnwindSafe(|| job(&mut database))).is_err() {
                        tracing::error!("an operation of the store failed inside");
                    }
                }
            })
            .map_err(OpenError::Thread)?;
        Ok(Self { jobs, refused: Refused::default(), trunks, trunks_refused: Refused::default() })
    }

    /// A store whose thread has ended.
    #[cfg(test)]
    pub(crate) fn ended() -> Self {
        let (jobs, refused, trunks) = (mpsc::channel(1).0, Refused::default(), Arc::default());
        Self { jobs, trunks_refused: refused.clone(), refused, trunks }
    }

    /// Runs `operation` on the store's thread.
    async fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Database) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |database| {
            // The caller may have gone away; the operation is done either way.
            drop(reply.send(operation(database)));
        });
        self.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                self.refused.count();
                StoreError::Busy
            }
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })?;
        answer.await.map_err(|_| StoreError::Failed)?
    }

    /// Its queue and its trunks, for the metrics.
    pub(crate) fn bounds(&self) -> [Bound; 2] {
        let most = self.jobs.max_capacity();
        let held = most - self.jobs.capacity();
        let queue = Bound { what: "store_queue", held, most, refused: self.refused.total() };
        let (held, refused) = (self.trunks.load(Relaxed), self.trunks_refused.total());
        [queue, Bound { what: "trunks", held, most: MOST_TRUNKS, refused }]
    }

    /// Whether the database can be read.
    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        self.run(|database| {
            database.connection.query_row("SELECT count(*) FROM setting", [], |_| Ok(()))?;
            Ok(())
        })
        .await
    }
}
