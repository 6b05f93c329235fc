//! What waits for a connection to be opened, or for a slow peer to read: bounded in messages and in bytes, so that the
//! calls of a second can wait for one handshake and nobody's memory is filled. It goes with its connection: what was
//! never written is not sent later by anyone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use tokio::sync::mpsc::{self, error::TrySendError};

/// Messages, about as many as calls may be placed during a handshake of some seconds.
const MESSAGES: usize = 4096;
/// Bytes of all of them: a usual INVITE takes one or two thousand.
const BYTES: usize = 8 * 1024 * 1024;

/// Why a message is not on its way.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unqueued {
    /// The connection has ended; here the message is back.
    Closed(Bytes),
    /// This one does not fit.
    Full,
}

/// The pool's end.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    messages: mpsc::Sender<Bytes>,
    waiting: Arc<AtomicUsize>,
}

/// The connection's end.
#[derive(Debug)]
pub(super) struct Receiver {
    messages: mpsc::Receiver<Bytes>,
    waiting: Arc<AtomicUsize>,
}

pub(super) fn queue() -> (Sender, Receiver) {
    let (sender, receiver) = mpsc::channel(MESSAGES);
    let waiting = Arc::new(AtomicUsize::new(0));
    (Sender { messages: sender, waiting: waiting.clone() }, Receiver { messages: receiver, waiting })
}

impl Sender {
    /// Messages that wait, and how many may.
    pub(super) fn fill(&self) -> (usize, usize) {
        (MESSAGES - self.messages.capacity(), MESSAGES)
    }

    pub(super) fn push(&self, message: Bytes) -> Result<(), Unqueued> {
        let length = message.len();
        if !self.messages.is_closed() && self.waiting.load(Relaxed) + length > BYTES {
            return Err(Unqueued::Full);
        }
        // Counted first: it may be taken before this returns.
        self.waiting.fetch_add(length, Relaxed);
        self.messages.try_send(message).map_err(|error| {
            self.waiting.fetch_sub(length, Relaxed);
            match error {
                TrySendError::Closed(message) => Unqueued::Closed(message),
                TrySendError::Full(_) => Unqueued::Full,
            }
        })
    }
}

impl Receiver {
    /// The next message; `None` when the pool has let go of the connection.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        let message = self.messages.recv().await?;
        self.waiting.fetch_sub(message.len(), Relaxed);
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_what_does_not_fit_is_refused_and_room_comes_back() {
        let (sender, mut receiver) = queue();
        let large = Bytes::from(vec![b'x'; BYTES / 2]);
        assert_eq!(sender.push(large.clone()), Ok(()));
        assert_eq!(sender.push(large.clone()), Ok(()));
        assert_eq!(sender.push(Bytes::from_static(b"INVITE")), Err(Unqueued::Full));
        assert_eq!(receiver.next().await, Some(large.clone()));
        assert_eq!(sender.push(Bytes::from_static(b"INVITE")), Ok(()));
        assert_eq!(receiver.next().await, Some(large));
        assert_eq!(receiver.next().await, Some(Bytes::from_static(b"INVITE")));

        let pushed = (0..2 * MESSAGES).filter(|_| sender.push(Bytes::from_static(b"BYE")).is_ok());
        assert_eq!(pushed.count(), MESSAGES);
        drop(receiver);
        assert_eq!(
            sender.push(Bytes::from_static(b"ACK")),
            Err(Unqueued::Closed(Bytes::from_static(b"ACK")))
        );
    }
}
