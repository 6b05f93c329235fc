//! Where a packet goes when it comes.

use super::{MAX_WAITING, PlayoutBuffer, SAMPLE, State};
use crate::jitter::player::Player;
use crate::jitter::timeline::Place;
use crate::jitter::{Inserted, TalkerCodec};

/// So many packets in a row behind a stream that has run dry are a new stream.
const BEHIND: u32 = 3;

/// A packet as it comes.
pub(super) struct Arrival<'a> {
    pub(super) seq: u16,
    pub(super) timestamp: u32,
    pub(super) samples: usize,
    pub(super) payload: &'a [u8],
    pub(super) codec: TalkerCodec,
}

impl PlayoutBuffer {
    /// Makes sure that the decoder is the one for `codec`; another one is another stream.
    pub(super) fn speak(&mut self, codec: TalkerCodec) {
        if self.codec == Some(codec) {
            return;
        }
        if self.codec.replace(codec).is_some() {
            self.stats.restarts += 1;
            self.reset();
        }
        self.player = Player::new(codec, self.width);
    }

    pub(super) fn place(&mut self, now: i64, arrival: &Arrival<'_>) -> Inserted {
        let mut place = self.timeline.place(arrival.seq, arrival.timestamp);
        if place == Place::Elsewhere {
            self.stats.restarts += 1;
            self.reset();
            place = self.timeline.place(arrival.seq, arrival.timestamp);
        }
        let Place::Here { seq, ticks } = place else {
            return Inserted::Unusable;
        };
        let at = if arrival.codec == TalkerCodec::Opus { ticks.div_euclid(6) } else { ticks };
        let old = self.next_seq.filter(|next| seq < *next);
        if self.shelf.get(seq).is_some() || old.is_some_and(|next| self.was_played(next - seq)) {
            return Inserted::Duplicate;
        }
        let dry = if self.state == State::Pausing { now - self.heard } else { 0 };
        self.delays.observe(now, at * SAMPLE, dry);
        if old.is_some() {
            return self.place_behind(now, arrival);
        }
        self.behind = 0;
        self.shelf.put(seq, at, now, arrival.samples, arrival.payload);
        self.bound();
        Inserted::Queued
    }

    /// A packet from before what was played. Several in a row, with nothing else to play, are a stream that began
    /// again a little lower.
    fn place_behind(&mut self, now: i64, arrival: &Arrival<'_>) -> Inserted {
        self.behind = if self.shelf.first().is_none() { self.behind + 1 } else { 0 };
        if self.behind < BEHIND {
            return Inserted::Late;
        }
        self.stats.restarts += 1;
        self.reset();
        self.place(now, arrival)
    }

    fn was_played(&self, ago: i64) -> bool {
        (1..=64).contains(&ago) && self.played & (1 << (ago - 1)) != 0
    }

    /// Throws the oldest audio away where more waits than may.
    fn bound(&mut self) {
        while self.shelf.samples() > MAX_WAITING {
            let Some(oldest) = self.shelf.first() else { return };
            let (seq, end) = (oldest.seq, oldest.at + oldest.samples as i64);
            self.shelf.remove(seq);
            self.stats.overflowed += 1;
            self.step_to(seq + 1, false);
            self.next_at = end;
        }
    }

    /// Makes `seq` the next packet; `played` tells whether the one before it was.
    pub(super) fn step_to(&mut self, seq: i64, played: bool) {
        let steps = seq - self.next_seq.unwrap_or(seq - 1);
        if steps == 0 {
            return;
        }
        self.played = if (1..64).contains(&steps) { self.played << steps } else { 0 } | u64::from(played);
        self.next_seq = Some(seq);
    }
}
