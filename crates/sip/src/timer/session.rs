//! What we ask of session timers (RFC 4028).

use std::time::Duration;

/// How long a session lasts unless it is refreshed. Either end refreshes at half time; when nobody does, the call is
/// ended shortly before the time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTimers {
    /// What our INVITE asks for; `None` asks for nothing, while a peer that asks is still served. RFC 4028 recommends
    /// 1800 s.
    pub interval: Option<Duration>,
    /// The shortest interval that a peer may ask for; shorter ones get 422. RFC 4028: not below 90 s.
    pub min: Duration,
}

impl Default for SessionTimers {
    fn default() -> SessionTimers {
        SessionTimers { interval: Some(Duration::from_secs(1800)), min: Duration::from_secs(90) }
    }
}
