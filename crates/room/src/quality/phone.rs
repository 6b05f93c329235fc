//! A phone's connection, as its RTP session counts it from the call's beginning.

use std::time::Duration;

use super::ENOUGH;
use super::score::{Load, Window};
use crate::output::Codec;

/// Ticks without a packet after which a phone that shall be sending is away. One that leaves out silence may be quiet for
/// a while.
const AWAY: u8 = 2;

/// What a phone's RTP session has measured since its beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PhonePath {
    /// Packets that came from the phone.
    pub received: u64,
    /// Packets of the phone that never came.
    pub lost: u64,
    /// Interarrival jitter of the phone's packets.
    pub jitter: Duration,
    /// Packets sent to the phone.
    pub sent: u64,
    /// Of those, what the phone reports lost; `None`: it does not report.
    pub sent_lost: Option<u64>,
    /// The round trip by the phone's reports.
    pub round_trip: Option<Duration>,
    /// The phone shall be sending: it is not held.
    pub expected: bool,
}

/// What a phone's session had measured when its connection was rated last.
#[derive(Debug, Default)]
pub(crate) struct PhoneRecord {
    last: PhonePath,
    /// Ticks since a packet came, while some should have.
    silent: u8,
}

impl PhoneRecord {
    /// Takes in what is measured by now: what it says of the time since, each way.
    pub(super) fn windows_until(&mut self, now: PhonePath, codec: Codec) -> [Option<Window>; 2] {
        let last = std::mem::replace(&mut self.last, now);
        let owed = now.expected && last.expected && last.received > 0;
        self.silent = if owed && now.received == last.received { self.silent.saturating_add(1) } else { 0 };
        let window = |passed: u64, lost: u64, jitter| {
            let all = passed.saturating_add(lost);
            let loss = lost as f32 / all.max(1) as f32;
            (all >= ENOUGH).then_some(Window { load: Load::Audio(codec), loss, jitter })
        };
        let since = |then: u64, now: u64| now.saturating_sub(then);
        let from = window(since(last.received, now.received), since(last.lost, now.lost), now.jitter);
        let to = now.sent_lost.zip(last.sent_lost).and_then(|(lost, before)| {
            let (lost, sent) = (since(before, lost), since(last.sent, now.sent));
            window(sent.saturating_sub(lost), lost.min(sent), Duration::ZERO)
        });
        [from, to]
    }

    /// The phone was heard, shall be sending, and does not any more.
    pub(super) fn is_gone(&self) -> bool {
        self.silent >= AWAY
    }
}
