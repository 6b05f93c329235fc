//! What happens by the clock: pings, level events, silence of the server.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use livekit_protocol as proto;
use proto::signal_request::Message as Request;

use super::super::ear::Ear;
use super::super::event::{Cause, ParticipantEvent};
use super::super::mouth::Mouth;
use super::{Driver, happened};

/// The session's timers.
pub(super) struct Clock {
    ping_interval: Duration,
    ping_timeout: Duration,
    next_ping: Instant,
    last_heard: Instant,
    rtt_ms: i64,
    level_interval: Duration,
    next_level: Instant,
}

impl Clock {
    pub(super) fn new(now: Instant, level_interval: Duration) -> Self {
        Self {
            ping_interval: Duration::from_secs(5),
            ping_timeout: Duration::from_secs(15),
            next_ping: now,
            last_heard: now,
            rtt_ms: 0,
            level_interval: level_interval.max(Duration::from_millis(20)),
            next_level: now + level_interval,
        }
    }

    /// Takes the server's wishes over, in seconds; what is not positive keeps the default.
    pub(super) fn follow(&mut self, interval: i32, timeout: i32) {
        let seconds =
            |value: i32| u64::try_from(value).ok().filter(|&value| value > 0).map(Duration::from_secs);
        self.ping_interval = seconds(interval).unwrap_or(self.ping_interval);
        self.ping_timeout = seconds(timeout).unwrap_or(self.ping_timeout);
    }

    pub(super) fn heard(&mut self, now: Instant) {
        self.last_heard = now;
    }

    pub(super) fn pong(&mut self, pong: &proto::Pong) {
        self.rtt_ms = (unix_ms() - pong.last_ping_timestamp).max(0);
    }

    pub(super) fn next_timeout(&self) -> Instant {
        self.next_ping.min(self.next_level).min(self.last_heard + self.ping_timeout)
    }
}

impl Driver {
    pub(super) async fn tick(&mut self, now: Instant) -> Result<(), Cause> {
        if now >= self.clock.last_heard + self.clock.ping_timeout {
            return Err(Cause::SignalLost("the server went silent".to_owned()));
        }
        if now >= self.clock.next_ping {
            self.clock.next_ping = now + self.clock.ping_interval;
            let ping = proto::Ping { timestamp: unix_ms(), rtt: self.clock.rtt_ms };
            let sent = self.signal.send(Request::PingReq(ping)).await;
            sent.map_err(|closed| Cause::SignalLost(closed.to_string()))?;
        }
        if now >= self.clock.next_level {
            self.clock.next_level = now + self.clock.level_interval;
            self.tell_levels();
        }
        self.rpcs.handle_timeout(now);
        Ok(())
    }

    fn tell_levels(&mut self) {
        let own = self.mouth.as_mut().map(Mouth::take_level);
        if let Some(dbfs) = own {
            self.tell.level(happened(ParticipantEvent::Level { track_sid: None, dbfs }));
        }
        for (track_sid, ear) in &mut self.ears {
            let (track_sid, dbfs) = (Some(track_sid.clone()), Ear::take_level(ear));
            self.tell.level(happened(ParticipantEvent::Level { track_sid, dbfs }));
        }
    }
}

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
