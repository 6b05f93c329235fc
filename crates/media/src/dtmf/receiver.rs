//! Receiving digits as telephone-events: each press is reported once, whatever the network did to its packets.
//!
//! RFC 4733 §2.5.2. A press is known by its event code and the stretch of RTP time it covers, so neither the marker
//! nor the end bit is needed; a press longer than one duration field can tell (§2.5.1.3) arrives as segments that
//! touch and counts once. It is reported with the first packet of it that arrives, whichever that is.

use super::{Digit, EventPayload};

/// Presses remembered, to recognise late and repeated packets of each.
const REMEMBERED: usize = 8;
/// How far a packet may lie beyond the known end of an unfinished press and still belong to it: two lost updates of
/// 20 ms. Shorter than any gap between two presses of the same key (40 ms, ITU-T Q.24).
const SLACK_TICKS: u32 = 320;
/// The jump from which a timestamp before a known press means a new count and not a late packet: 4 s.
const FORGET_TICKS: u32 = 32_000;

/// A digit pressed on the phone, reported once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DtmfEvent {
    /// Which key.
    pub digit: Digit,
    /// The RTP timestamp of the start of the press, on the sender's own clock.
    pub timestamp: u32,
}

/// Turns telephone-event packets into digits.
#[derive(Debug, Clone, Default)]
pub struct Receiver {
    presses: [Option<Press>; REMEMBERED],
    /// Where the next press is remembered, over the oldest one.
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct Press {
    event: u8,
    start: u32,
    /// Ticks from the start of the press to its last known moment, over all segments.
    lasted: u32,
    ended: bool,
}

impl Receiver {
    /// A receiver that has heard nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets every press: the source of the packets, and with it the meaning of their timestamps, has changed.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Takes one packet and returns its digit if this is the first sign of that press. Events that are no digits
    /// give nothing.
    pub fn receive(&mut self, payload: EventPayload, timestamp: u32, marker: bool) -> Option<DtmfEvent> {
        let digit = Digit::from_event_code(payload.event)?;
        let known = self.presses.iter_mut().flatten().find(|p| p.includes(payload.event, timestamp, marker));
        if let Some(press) = known {
            let into = timestamp.wrapping_sub(press.start);
            press.lasted = press.lasted.max(into + u32::from(payload.duration));
            press.ended |= payload.end;
            return None;
        }
        self.remember(Press {
            event: payload.event,
            start: timestamp,
            lasted: u32::from(payload.duration),
            ended: payload.end,
        });
        Some(DtmfEvent { digit, timestamp })
    }

    fn remember(&mut self, press: Press) {
        for old in &mut self.presses {
            let age = |p: Press| press.start.wrapping_sub(p.start);
            if old.is_some_and(|p| age(p) > u32::MAX / 2 && age(p).wrapping_neg() > FORGET_TICKS) {
                *old = None;
            }
        }
        self.presses[self.next] = Some(press);
        self.next = (self.next + 1) % REMEMBERED;
    }
}

impl Press {
    /// Whether a packet tells of this press: the same key, at its start or within the time it covers.
    fn includes(&self, event: u8, timestamp: u32, marker: bool) -> bool {
        if self.event != event {
            return false;
        }
        let into = timestamp.wrapping_sub(self.start);
        if into == 0 {
            return true;
        }
        let slack = if self.ended || marker { 0 } else { SLACK_TICKS };
        // A marker names the first packet of a press: only an exact repetition of one is not a new press.
        !marker && into <= self.lasted.saturating_add(slack)
    }
}
