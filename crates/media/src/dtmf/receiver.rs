//! Receiving digits as telephone-events: each press is reported once, whatever the network did to its packets.
//!
//! RFC 4733 §2.5.2. A press is known by its event code and the stretch of RTP time it covers, so neither the marker
//! nor the end bit is needed; a press longer than one duration field can tell (§2.5.1.3) arrives as segments that
//! touch and counts once. It is reported with the first packet of it that arrives, whichever that is.

use super::{Digit, EventPayload};

/// Presses remembered, to recognise late and repeated packets of each.
const REMEMBERED: usize = 8;
/// How far a packet may lie beyond the known end of an unfinished press and still belong to it, in ms: two lost updates
/// of 20 ms. Shorter than any gap between two presses of the same key (40 ms, ITU-T Q.24).
const SLACK_MS: u32 = 40;
/// The jump from which a timestamp before a known press means a new count and not a late packet, in ms.
const FORGET_MS: u32 = 4_000;
/// The clock of telephone-events that every phone has.
const USUAL_CLOCK: u32 = 8_000;

/// A digit pressed on the phone, reported once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DtmfEvent {
    /// Which key.
    pub digit: Digit,
    /// The RTP timestamp of the start of the press, on the sender's own clock.
    pub timestamp: u32,
}

/// Turns telephone-event packets into digits.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// Ticks of the timestamps in a millisecond, and for each tick of a duration. Beside Opus many phones count
    /// durations at 8 kHz and timestamps at the 48 kHz of their audio.
    per_ms: u32,
    per_duration_tick: u32,
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

impl Default for Receiver {
    fn default() -> Self {
        Self::new()
    }
}

impl Receiver {
    /// A receiver that has heard nothing yet, for timestamps and durations at 8 kHz.
    #[must_use]
    pub fn new() -> Self {
        Self { per_ms: USUAL_CLOCK / 1000, per_duration_tick: 1, presses: [None; REMEMBERED], next: 0 }
    }

    /// Tells the clocks of what comes next, in ticks a second.
    pub fn clocks(&mut self, timestamps: u32, durations: u32) {
        self.per_ms = timestamps.max(1000) / 1000;
        self.per_duration_tick = (timestamps / durations.max(1)).max(1);
    }

    /// Forgets every press: the source of the packets, and with it the meaning of their timestamps, has changed.
    pub fn reset(&mut self) {
        self.presses = [None; REMEMBERED];
    }

    /// Takes one packet and returns its digit if this is the first sign of that press. Events that are no digits
    /// give nothing.
    pub fn receive(&mut self, payload: EventPayload, timestamp: u32, marker: bool) -> Option<DtmfEvent> {
        let digit = Digit::from_event_code(payload.event)?;
        let lasted = u32::from(payload.duration) * self.per_duration_tick;
        let slack = SLACK_MS * self.per_ms;
        let mut presses = self.presses.iter_mut().flatten();
        let known = presses.find(|p| p.includes(payload.event, timestamp, marker, slack));
        if let Some(press) = known {
            let into = timestamp.wrapping_sub(press.start);
            press.lasted = press.lasted.max(into.saturating_add(lasted));
            press.ended |= payload.end;
            return None;
        }
        self.remember(Press { event: payload.event, start: timestamp, lasted, ended: payload.end });
        Some(DtmfEvent { digit, timestamp })
    }

    fn remember(&mut self, press: Press) {
        let forget = FORGET_MS * self.per_ms;
        for old in &mut self.presses {
            let age = |p: Press| press.start.wrapping_sub(p.start);
            if old.is_some_and(|p| age(p) > u32::MAX / 2 && age(p).wrapping_neg() > forget) {
                *old = None;
            }
        }
        self.presses[self.next] = Some(press);
        self.next = (self.next + 1) % REMEMBERED;
    }
}

impl Press {
    /// Whether a packet tells of this press: the same key, at its start or within the time it covers.
    fn includes(&self, event: u8, timestamp: u32, marker: bool, slack: u32) -> bool {
        if self.event != event {
            return false;
        }
        let into = timestamp.wrapping_sub(self.start);
        if into == 0 {
            return true;
        }
        let slack = if self.ended || marker { 0 } else { slack };
        // A marker names the first packet of a press: only an exact repetition of one is not a new press.
        !marker && into <= self.lasted.saturating_add(slack)
    }
}
