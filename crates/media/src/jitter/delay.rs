//! How late packets come: a histogram of their delay against the quickest of the last two seconds, slowly forgotten.
//!
//! All times in microseconds since the buffer began, places in the stream likewise in microseconds of audio.

/// The least a buffer waits, and the most. Less than 8 ms, and each hiccup of a sender or of a busy worker is a frame made up.
pub(super) const MIN_TARGET: i64 = 8_000;
pub(super) const MAX_TARGET: i64 = 200_000;

const BUCKET: i64 = 5_000;
const BUCKETS: usize = 48;
/// The share of packets that the target lets come in time.
const QUANTILE: f32 = 0.98;
/// What remains of the past's weight after one more packet: half of it after two seconds of 20 ms packets.
const FORGET: f32 = 0.993;
/// Two seconds, in parts of a quarter, over which the quickest packet is looked for.
const PARTS: usize = 8;
const PART: i64 = 250_000;
/// A packet this far from its place tells of a clock that jumped or a talker that paused, not of the network.
const MAX_STRAY: i64 = 400_000;
/// After that long without audio a late packet is the end of a pause whose timestamps stood still.
const PAUSE: i64 = 200_000;

#[derive(Debug)]
pub(super) struct Delays {
    /// The quickest way (arrival less place) in each part of the last two seconds, and which part that was.
    quickest: [(i64, i64); PARTS],
    base: Option<i64>,
    weights: [f32; BUCKETS],
    seen: u32,
    target: i64,
}

impl Delays {
    pub(super) fn new() -> Self {
        let mut weights = [0.0; BUCKETS];
        // Before anything is known: 10 ms.
        weights[1] = 1.0;
        Self { quickest: [(i64::MIN, 0); PARTS], base: None, weights, seen: 0, target: 2 * BUCKET }
    }

    /// Learns from a packet for `place` that arrived at `now`; `dry` tells for how long nothing was there to play.
    pub(super) fn observe(&mut self, now: i64, place: i64, dry: i64) {
        let way = now - place;
        let late = way - self.base.unwrap_or(way);
        if late.abs() > MAX_STRAY || (dry > PAUSE && late > self.target) {
            self.rebase(now, way);
            return;
        }
        self.remember(now, way);
        let late = way - self.base.unwrap_or(way);
        self.count(late);
    }

    /// When audio for `place` that arrived at `arrived` is to be played so that almost all packets come in time.
    pub(super) fn due(&self, place: i64, arrived: i64) -> i64 {
        // Never later than if it had come by the quickest way: the clock may have jumped since it came.
        self.base.map_or(arrived, |base| arrived.min(base + place)) + self.target
    }

    /// How long audio for `place`, played at `now`, was here, had it come by the quickest way.
    pub(super) fn depth(&self, now: i64, place: i64) -> Option<i64> {
        self.base.map(|base| now - place - base)
    }

    pub(super) fn target(&self) -> i64 {
        self.target
    }

    /// Another stream: its timestamps have nothing to do with those so far. The network is the same.
    pub(super) fn forget_base(&mut self) {
        self.base = None;
        self.quickest = [(i64::MIN, 0); PARTS];
    }

    fn rebase(&mut self, now: i64, way: i64) {
        self.forget_base();
        self.remember(now, way);
    }

    fn remember(&mut self, now: i64, way: i64) {
        let part = now.div_euclid(PART);
        let slot = &mut self.quickest[part.rem_euclid(PARTS as i64) as usize];
        *slot = if slot.0 == part { (part, slot.1.min(way)) } else { (part, way) };
        let recent = self.quickest.iter().filter(|(of, _)| *of > part - PARTS as i64);
        self.base = recent.map(|(_, way)| *way).min();
    }

    fn count(&mut self, late: i64) {
        let bucket = (late / BUCKET).clamp(0, BUCKETS as i64 - 1) as usize;
        // The first packets weigh as much together as they would in a plain average.
        self.seen = self.seen.saturating_add(1);
        let keep = FORGET.min(1.0 - 1.0 / (self.seen as f32 + 1.0));
        self.weights.iter_mut().for_each(|weight| *weight *= keep);
        self.weights[bucket] += 1.0 - keep;
        let mut sum = 0.0;
        let within = self.weights.iter().position(|weight| {
            sum += weight;
            sum >= QUANTILE
        });
        let edge = (within.unwrap_or(BUCKETS - 1) as i64 + 1) * BUCKET;
        self.target = edge.clamp(MIN_TARGET, MAX_TARGET);
    }
}
