//! The signals that end a server.

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// SIGTERM, SIGQUIT: let running calls go on for a while.
    Drain,
    /// SIGINT: end now.
    Now,
}

/// The signals' streams.
pub(super) struct Signals {
    terminate: Signal,
    quit: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            quit: listen(SignalKind::quit())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// Waits for the first one.
    pub(super) async fn first(&mut self) -> Kind {
        tokio::select! {
            _ = self.terminate.recv() => Kind::Drain,
            _ = self.quit.recv() => Kind::Drain,
            _ = self.interrupt.recv() => Kind::Now,
        }
    }

    /// Waits for any other.
    pub(super) async fn next(&mut self) {
        self.first().await;
    }
}
