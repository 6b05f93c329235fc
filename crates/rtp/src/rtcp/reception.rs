//! What has arrived of one source: order, loss (RFC 3550 appendices A.1 and A.3) and jitter (A.8).
//!
//! Unlike A.1 a new source is believed at its first packet, because the first words of a call are in it.

use std::time::Instant;

/// Packets missing at once from which a jump of the sequence is taken for a restart.
const MAX_DROPOUT: u16 = 3000;
/// How late a packet may be, in packets, and still be told from a restart. Also how many are remembered, to know
/// duplicates.
const MAX_MISORDER: u16 = 128;

/// What a packet's sequence number says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Newer than all before. Sequence numbers are extended with their count of wraps and begin above 65 536.
    New {
        /// Extended sequence number.
        sequence: u64,
        /// Packets skipped since the highest before it.
        missing: u16,
    },
    /// Overtaken by others, but seen for the first time.
    Late {
        /// Extended sequence number.
        sequence: u64,
    },
    /// Seen before.
    Duplicate,
    /// Far from what was expected. If the next packet follows it, the source has restarted; until then it is noise.
    Jumped,
    /// The second packet in a row of a sequence that jumped: the source has restarted and counts from here.
    Restarted {
        /// Extended sequence number.
        sequence: u64,
    },
}

/// Counts one source's packets. One `Reception` serves for a whole call: [`Reception::restart`] when the source changes.
#[derive(Debug, Clone, Default)]
pub struct Reception {
    source: Option<Source>,
    /// Packets received and expected of sources before this one.
    past: Totals,
    jitter: Jitter,
}

#[derive(Debug, Clone)]
struct Source {
    /// Extended number of the first packet.
    base: u64,
    /// Highest extended number received.
    highest: u64,
    /// Bit n: the packet n below the highest has been seen.
    seen: u128,
    received: u64,
    duplicates: u64,
    /// The sequence number that would make a jump a restart.
    after_jump: Option<u16>,
    /// Totals at the last report, for the fraction lost.
    reported: Totals,
}

#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    expected: u64,
    received: u64,
}

/// Loss and jitter so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ReceptionStats {
    /// Packets received, duplicates left out.
    pub received: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Interarrival jitter in RTP clock ticks.
    pub jitter: u32,
}

impl Reception {
    /// A reception of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins with a new source: totals go on, sequence and jitter start again.
    pub fn restart(&mut self) {
        if let Some(source) = self.source.take() {
            let totals = source.totals();
            self.past.expected += totals.expected;
            self.past.received += totals.received;
        }
        self.jitter = Jitter::default();
    }

    /// Counts a packet by its sequence number.
    pub fn packet(&mut self, sequence: u16) -> Arrival {
        let Some(source) = &mut self.source else {
            return self.begin(sequence);
        };
        match source.packet(sequence) {
            Arrival::Restarted { .. } => {
                self.restart();
                let Arrival::New { sequence, .. } = self.begin(sequence) else { return Arrival::Jumped };
                Arrival::Restarted { sequence }
            }
            arrival => arrival,
        }
    }

    fn begin(&mut self, sequence: u16) -> Arrival {
        // One wrap in hand, so that a packet that was overtaken by the first one has a number too.
        let first = 0x1_0000 + u64::from(sequence);
        self.source = Some(Source {
            base: first,
            highest: first,
            seen: 1,
            received: 1,
            duplicates: 0,
            after_jump: None,
            reported: Totals::default(),
        });
        Arrival::New { sequence: first, missing: 0 }
    }

    /// Measures the jitter by a media packet's timestamp, in ticks of `clock` Hz, and its arrival. Telephone-events
    /// keep one timestamp for many packets and are not to be measured.
    pub fn measure(&mut self, timestamp: u32, arrival: Instant, clock: u32) {
        self.jitter.packet(timestamp, arrival, clock);
    }

    /// Whether a packet of this number would be taken for one of the present sequence.
    #[must_use]
    pub fn is_near(&self, sequence: u16) -> bool {
        self.source.as_ref().is_some_and(|source| {
            let ahead = sequence.wrapping_sub(source.highest as u16);
            ahead < MAX_DROPOUT || ahead.wrapping_neg() < MAX_MISORDER
        })
    }

    /// Loss and jitter of the whole call.
    #[must_use]
    pub fn stats(&self) -> ReceptionStats {
        let now = self.source.as_ref().map_or_else(Totals::default, Source::totals);
        let lost = |t: Totals| t.expected.saturating_sub(t.received);
        ReceptionStats {
            received: self.past.received + now.received,
            lost: lost(self.past) + lost(now),
            jitter: self.jitter.ticks(),
        }
    }

    /// The loss and jitter part of a report block on the present source: fraction lost since the last time this was
    /// asked, packets lost, highest sequence number, jitter. `None` before the first packet.
    pub fn report(&mut self) -> Option<super::ReportBlock> {
        let jitter = self.jitter.ticks();
        let source = self.source.as_mut()?;
        let totals = source.totals();
        let expected = totals.expected.saturating_sub(source.reported.expected);
        let received = totals.received.saturating_sub(source.reported.received);
        source.reported = totals;
        let lost = expected.saturating_sub(received);
        let fraction = (lost << 8).checked_div(expected).unwrap_or(0).min(255);
        let counted = totals.received + source.duplicates;
        let cumulative =
            i64::try_from(totals.expected).unwrap_or(i64::MAX) - i64::try_from(counted).unwrap_or(0);
        Some(super::ReportBlock {
            fraction_lost: fraction as u8,
            cumulative_lost: cumulative.clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest_sequence: (source.highest - 0x1_0000) as u32,
            jitter,
            ..super::ReportBlock::default()
        })
    }
}

impl Source {
    fn totals(&self) -> Totals {
        Totals { expected: self.highest - self.base + 1, received: self.received }
    }

    fn packet(&mut self, sequence: u16) -> Arrival {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        let behind = ahead.wrapping_neg();
        if ahead != 0 && ahead < MAX_DROPOUT {
            self.advance(ahead)
        } else if behind < MAX_MISORDER {
            self.look_back(behind)
        } else if self.after_jump == Some(sequence) {
            Arrival::Restarted { sequence: 0 }
        } else {
            self.after_jump = Some(sequence.wrapping_add(1));
            Arrival::Jumped
        }
    }

    fn advance(&mut self, ahead: u16) -> Arrival {
        self.highest += u64::from(ahead);
        self.seen = self.seen.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
        self.received += 1;
        self.after_jump = None;
        Arrival::New { sequence: self.highest, missing: ahead - 1 }
    }

    fn look_back(&mut self, behind: u16) -> Arrival {
        let bit = 1_u128 << behind;
        if self.seen & bit != 0 {
            self.duplicates += 1;
            return Arrival::Duplicate;
        }
        self.seen |= bit;
        self.received += 1;
        let sequence = self.highest - u64::from(behind);
        self.base = self.base.min(sequence);
        Arrival::Late { sequence }
    }
}

/// RFC 3550 appendix A.8, in the fixed point of its last paragraph: 4 bits of fraction.
#[derive(Debug, Clone, Default)]
struct Jitter {
    last: Option<(Instant, u32)>,
    scaled: u32,
}

impl Jitter {
    fn packet(&mut self, timestamp: u32, arrival: Instant, clock: u32) {
        let Some((last_arrival, last_timestamp)) = self.last.replace((arrival, timestamp)) else { return };
        let elapsed = arrival.saturating_duration_since(last_arrival);
        let ticks = (elapsed.as_nanos() * u128::from(clock) / 1_000_000_000) as u32;
        let difference = (ticks.wrapping_sub(timestamp.wrapping_sub(last_timestamp)) as i32).unsigned_abs();
        // A jump of the timestamp (a change of source behind the same SSRC) is no jitter.
        if difference < clock {
            let decay = (self.scaled + 8) >> 4;
            self.scaled = (self.scaled + difference).saturating_sub(decay);
        }
    }

    fn ticks(&self) -> u32 {
        self.scaled >> 4
    }
}
