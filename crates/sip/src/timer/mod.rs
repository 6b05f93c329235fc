//! The timers of RFC 3261 (§17, table 4) and RFC 6026 as values, and the set of deadlines that runs them.
//!
//! | timer | value | what it bounds |
//! |---|---|---|
//! | A | T1, doubling | INVITE resent, unreliable transports |
//! | B | 64*T1 | INVITE without any response |
//! | D | 32 s or 64*T1, reliable 0 | repeated non-2xx finals still acknowledged |
//! | E | T1 doubling up to T2 | non-INVITE request resent, unreliable transports |
//! | F | 64*T1 | non-INVITE request without final response |
//! | G | T1 doubling up to T2 | non-2xx final to INVITE resent, unreliable transports |
//! | H | 64*T1 | that final without ACK |
//! | I | T4, reliable 0 | repeated ACKs absorbed |
//! | J | 64*T1, reliable 0 | repeated non-INVITE requests answered again |
//! | K | T4, reliable 0 | repeated responses absorbed |
//! | L | 64*T1 | INVITE resent after our 2xx absorbed (RFC 6026) |
//! | M | 64*T1 | repeated and forked 2xx taken (RFC 6026) |
//!
//! Timer C belongs to proxies; a ringing call is bounded by [`Timers::ringing_limit`], a session whose other end has
//! gone silently by [`SessionTimers`] (RFC 4028), a next hop that says nothing by [`Timers::silence_limit`].
//!
//! It never asks a clock: `now` comes in.

mod deadlines;
mod session;

pub(crate) use deadlines::Deadlines;
pub use session::SessionTimers;

use std::time::Duration;

/// The base values from which every timer follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// Estimate of the round trip. RFC 3261: 500 ms.
    pub t1: Duration,
    /// Longest pause between two copies of a non-INVITE request or of a response to INVITE. RFC 3261: 4 s.
    pub t2: Duration,
    /// Longest time a message stays in the network. RFC 3261: 5 s.
    pub t4: Duration,
    /// How long an outgoing call may ring when the application sets no limit itself; then it is cancelled.
    pub ringing_limit: Duration,
    /// How long the application may take to answer an offer inside a dialog; then the peer gets 500.
    pub offer_limit: Duration,
    /// How long a next hop may say nothing at all to an INVITE over UDP while there is another one to try. Should it
    /// speak up later it is cancelled, or ended if it answers.
    pub silence_limit: Duration,
    /// The same over TCP and TLS, opening the connection included.
    pub stream_silence_limit: Duration,
    /// How long the last next hop, or the only one, may say nothing at all. `None`: 64*T1, so that an INVITE survives a
    /// network that loses a third of everything; less finds an unreachable peer sooner.
    pub last_silence_limit: Option<Duration>,
    /// Session timers.
    pub session: SessionTimers,
}

impl Default for Timers {
    fn default() -> Timers {
        Timers {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            ringing_limit: Duration::from_secs(600),
            offer_limit: Duration::from_secs(10),
            silence_limit: Duration::from_secs(1),
            stream_silence_limit: Duration::from_secs(1),
            last_silence_limit: None,
            session: SessionTimers::default(),
        }
    }
}

impl Timers {
    /// 64*T1: timers B, F, H, J, L, M, and every bounded wait of a leg (32 s by default).
    #[must_use]
    pub fn give_up(&self) -> Duration {
        self.t1.saturating_mul(64)
    }

    /// Timer D, on unreliable transports.
    #[must_use]
    pub fn d(&self) -> Duration {
        self.give_up()
    }

    /// The pause after one of `pause` where copies are sent at T1, doubling up to T2 (timers E and G, repeated 2xx).
    #[must_use]
    pub fn backed_off(&self, pause: Duration) -> Duration {
        pause.saturating_mul(2).min(self.t2)
    }
}
