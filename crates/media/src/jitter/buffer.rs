use std::time::{Duration, Instant};

use super::delay::Delays;
use super::player::{self, Instead, MAX_CONCEALED, Player};
use super::shelf::Shelf;
use super::stretch;
use super::timeline::{Place, Timeline};
use super::{FRAME, Inserted, MAX_PAYLOAD, PlayoutStats, Pulled, TalkerCodec};

/// Microseconds in one sample at 8 kHz, and in one frame.
const SAMPLE: i64 = 125;
const FRAME_TIME: i64 = FRAME as i64 * SAMPLE;
/// More audio than this never waits: a second.
const MAX_WAITING: usize = 8_000;
/// So far from where it should be is the level left alone, or half the target where that is less.
const SLACK: i64 = 5_000;
/// Above this surplus every frame is shortened, below only now and then.
const HURRY: i64 = 100_000;
/// Frames between two stretches.
const REST: u32 = 3;
/// The least leftover of a packet that is worth leaving out, in samples.
const WORTHWHILE: usize = 40;
/// So many packets in a row behind a stream that has run dry are a new stream.
const BEHIND: u32 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Silence, until the next packet is due.
    Pausing,
    Playing,
    /// The next packet is not there, nor any after it: so many samples were made up meanwhile.
    Waiting {
        concealed: usize,
    },
}

/// A packet as it comes.
struct Arrival<'a> {
    seq: u16,
    timestamp: u32,
    samples: usize,
    payload: &'a [u8],
    codec: TalkerCodec,
}

/// One talker's playout buffer: some 20 KB, and 100 more for an Opus decoder. No memory of its own is taken per packet
/// once it runs.
#[derive(Debug)]
pub struct PlayoutBuffer {
    began: Option<Instant>,
    codec: Option<TalkerCodec>,
    player: Option<Player>,
    timeline: Timeline,
    shelf: Shelf,
    delays: Delays,
    state: State,
    /// Decoded samples that wait to be played, oldest first.
    ready: Vec<i16>,
    /// The packet to be decoded next, and the place its audio should have (samples at 8 kHz).
    next_seq: Option<i64>,
    next_at: i64,
    /// Samples in the last packet decoded: what a lost one is taken to hold.
    usual: usize,
    /// Which of the 64 packets before `next_seq` were played.
    played: u64,
    /// Packets in a row from behind a stream that has run dry.
    behind: u32,
    /// When audio was last there.
    heard: i64,
    /// Silent samples since sound gave out in mid-stream.
    silent: u64,
    /// Frames since time was last stretched.
    rested: u32,
    spare: i64,
    stats: PlayoutStats,
}

impl Default for PlayoutBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl PlayoutBuffer {
    /// A buffer that has heard nothing yet.
    pub fn new() -> Self {
        Self {
            began: None,
            codec: None,
            player: None,
            timeline: Timeline::default(),
            shelf: Shelf::new(),
            delays: Delays::new(),
            state: State::Pausing,
            ready: Vec::with_capacity(4 * player::MAX_SAMPLES),
            next_seq: None,
            next_at: 0,
            usual: FRAME,
            played: 0,
            behind: 0,
            heard: 0,
            silent: 0,
            rested: 0,
            spare: 0,
            stats: PlayoutStats::default(),
        }
    }

    /// Takes in a packet that arrived at `now`. `timestamp` counts in the codec's RTP clock; `payload` is what RTP
    /// carries, without header and padding.
    pub fn insert(
        &mut self,
        now: Instant,
        seq: u16,
        timestamp: u32,
        payload: &[u8],
        codec: TalkerCodec,
    ) -> Inserted {
        let now = self.since_began(now);
        let outcome = match player::samples_in(codec, payload) {
            Some(samples) if payload.len() <= MAX_PAYLOAD => {
                self.speak(codec);
                self.place(now, &Arrival { seq, timestamp, samples, payload, codec })
            }
            _ => Inserted::Unusable,
        };
        let counter = match outcome {
            Inserted::Queued => &mut self.stats.packets,
            Inserted::Late => &mut self.stats.late,
            Inserted::Duplicate => &mut self.stats.duplicates,
            Inserted::Unusable => &mut self.stats.unusable,
        };
        *counter += 1;
        outcome
    }

    /// Fills the frame that the phone is sent at `now`. To be called every 20 ms, whether or not anybody talks.
    pub fn pull(&mut self, now: Instant, out: &mut [i16; FRAME]) -> Pulled {
        let now = self.since_began(now);
        let surplus = self.surplus(now);
        let leftover = self.ready.len() % FRAME;
        let mut pulled = self.fill(now);
        if self.state == State::Playing && pulled == Pulled::Audio {
            self.stretch(surplus, leftover);
        }
        let filled = self.ready.len().min(FRAME);
        out[..filled].copy_from_slice(&self.ready[..filled]);
        out[filled..].fill(0);
        self.ready.drain(..filled);
        if filled == 0 {
            pulled = Pulled::Silence;
            self.silent += FRAME as u64;
        } else if pulled == Pulled::Audio {
            self.heard = now;
        }
        pulled
    }

    /// Another stream begins (new SSRC, new track): what waits is dropped, what was learned of the network stays.
    pub fn reset(&mut self) {
        self.timeline.forget();
        self.shelf.clear();
        self.delays.forget_base();
        self.ready.clear();
        if let Some(player) = &mut self.player {
            player.reset();
        }
        self.state = State::Pausing;
        self.next_seq = None;
        self.played = 0;
        self.behind = 0;
        self.spare = 0;
        self.silent = 0;
    }

    /// How much earlier than at the last [`pull`](Self::pull) frames could be fetched without making the audio late:
    /// a bridge with one talker moves its 20 ms clock by it, to sit close behind the arrivals. Zero if nobody talks.
    pub fn spare(&self) -> Duration {
        micros(self.spare)
    }

    /// What was done so far, with the current depth and target.
    pub fn stats(&self) -> PlayoutStats {
        PlayoutStats { target: micros(self.delays.target()), ..self.stats }
    }

    #[cfg(test)]
    pub(super) fn ready_samples(&self) -> usize {
        self.ready.len()
    }

    fn since_began(&mut self, now: Instant) -> i64 {
        let began = *self.began.get_or_insert(now);
        i64::try_from(now.saturating_duration_since(began).as_micros()).unwrap_or(i64::MAX / 4)
    }

    /// Makes sure that the decoder is the one for `codec`; another one is another stream.
    fn speak(&mut self, codec: TalkerCodec) {
        if self.codec == Some(codec) {
            return;
        }
        if self.codec.replace(codec).is_some() {
            self.stats.restarts += 1;
            self.reset();
        }
        self.player = Player::new(codec);
    }

    fn place(&mut self, now: i64, arrival: &Arrival<'_>) -> Inserted {
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
        self.shelf.put(seq, at, arrival.samples, arrival.payload);
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
    fn step_to(&mut self, seq: i64, played: bool) {
        let steps = seq - self.next_seq.unwrap_or(seq - 1);
        if steps == 0 {
            return;
        }
        self.played = if (1..64).contains(&steps) { self.played << steps } else { 0 } | u64::from(played);
        self.next_seq = Some(seq);
    }

    /// By how much more than needed the audio waits, in microseconds; `None` if nobody talks. A leftover of a packet
    /// does not count: it makes the audio older, but the next packet is needed no later for it.
    fn surplus(&mut self, now: i64) -> Option<i64> {
        self.spare = 0;
        self.stats.depth = Duration::ZERO;
        if self.state != State::Playing {
            return None;
        }
        let depth = self.delays.depth(now, (self.next_at - self.ready.len() as i64) * SAMPLE)?;
        let leftover = (self.ready.len() % FRAME) as i64 * SAMPLE;
        let surplus = depth - leftover - self.delays.target();
        self.stats.depth = micros(depth);
        self.spare = surplus.clamp(0, MAX_WAITING as i64 * SAMPLE);
        Some(surplus)
    }

    /// Brings a frame's worth of samples together, as far as sound is there or must be.
    fn fill(&mut self, now: i64) -> Pulled {
        let mut pulled = Pulled::Audio;
        // Every turn adds samples, takes a packet off, or ends it.
        while self.ready.len() < FRAME {
            if self.state == State::Pausing && !self.resume(now) {
                break;
            }
            if self.go_on() {
                pulled = Pulled::Concealed;
            }
        }
        pulled
    }

    /// Ends the pause if the first packet is due.
    fn resume(&mut self, now: i64) -> bool {
        let Some(first) = self.shelf.first() else {
            return false;
        };
        let (seq, at) = (first.seq, first.at);
        if self.delays.due(at * SAMPLE).is_some_and(|due| now < due) {
            return false;
        }
        if self.next_seq == Some(seq) && self.next_at == at && now - self.heard < MAX_WAITING as i64 * SAMPLE
        {
            self.stats.inserted_silence += self.silent;
        }
        self.step_to(seq, false);
        self.next_at = at;
        self.state = State::Playing;
        true
    }

    /// Decodes the next packet or makes up for it. Returns whether it was made up.
    fn go_on(&mut self) -> bool {
        let next = self.next_seq.unwrap_or_default();
        let concealed = if let State::Waiting { concealed } = self.state { concealed } else { 0 };
        if let Some(packet) = self.shelf.get(next) {
            let gap = packet.at - self.next_at;
            if gap > concealed as i64 {
                self.pause();
            } else {
                self.play_next(next);
            }
            return false;
        }
        match self.shelf.first() {
            Some(later) => {
                let (missing, gap) = (later.seq - next, later.at - self.next_at);
                self.replace(next, missing, gap, concealed)
            }
            None => self.wait(concealed),
        }
    }

    fn play_next(&mut self, seq: i64) {
        let (Some(packet), Some(player)) = (self.shelf.get(seq), self.player.as_mut()) else {
            return;
        };
        let (end, samples) = (packet.at + packet.samples as i64, packet.samples);
        if !player.play(&packet.payload, samples, &mut self.ready) {
            self.stats.concealed += samples as u64;
        }
        let pause_follows = self.codec.is_some_and(|codec| player::announces_pause(codec, &packet.payload));
        self.shelf.remove(seq);
        self.step_to(seq + 1, true);
        self.next_at = end;
        self.usual = samples;
        self.silent = 0;
        self.state = State::Playing;
        if pause_follows && self.shelf.first().is_none() {
            self.pause();
        }
    }

    /// Packets are missing and a later one is there. `gap` samples lie between what was played and that one.
    fn replace(&mut self, next: i64, missing: i64, gap: i64, concealed: usize) -> bool {
        self.stats.lost += 1;
        let usual = self.usual as i64;
        if gap > missing * usual + MAX_CONCEALED as i64 {
            // Far more time passed than the lost packets held: the talker paused among them.
            self.step_to(next + 1, false);
            self.pause();
            return false;
        }
        let share = if missing == 1 { gap } else { gap.min(usual) };
        self.step_to(next + 1, false);
        self.next_at += share;
        self.state = State::Playing;
        // What was made up while waiting stands for the first of what is missing.
        let share = share.clamp(0, MAX_CONCEALED as i64) as usize;
        if concealed >= share {
            if concealed > share {
                self.state = State::Waiting { concealed: concealed - share };
            }
            return false;
        }
        self.make_up(share - concealed, next + 1)
    }

    fn make_up(&mut self, samples: usize, after: i64) -> bool {
        let Some(player) = self.player.as_mut() else {
            return false;
        };
        let instead = self.shelf.get(after).map_or(Instead::Nothing, |packet| Instead::Next(&packet.payload));
        if player.conceal(samples, instead, &mut self.ready) {
            self.stats.recovered += 1;
        } else {
            self.stats.concealed += samples as u64;
        }
        true
    }

    /// Nothing is there at all: late, lost, or the talker stopped without a word.
    fn wait(&mut self, concealed: usize) -> bool {
        if concealed >= MAX_CONCEALED {
            self.pause();
            return false;
        }
        let samples = FRAME - self.ready.len();
        if let Some(player) = self.player.as_mut() {
            player.conceal(samples, Instead::Nothing, &mut self.ready);
        }
        self.stats.concealed += samples as u64;
        self.state = State::Waiting { concealed: concealed + samples };
        true
    }

    fn pause(&mut self) {
        self.state = State::Pausing;
        self.silent = 0;
        if let Some(player) = self.player.as_mut() {
            player.forget();
        }
    }

    /// Leaves out or repeats a pitch period where the level is away from the target. `leftover` samples of the packet
    /// before were ready when the frame was begun.
    fn stretch(&mut self, surplus: Option<i64>, leftover: usize) {
        let Some(surplus) = surplus else { return };
        self.rested = self.rested.saturating_add(1);
        if self.rested < REST && surplus < HURRY {
            return;
        }
        let slack = SLACK.min(self.delays.target() / 2);
        if surplus < -slack {
            let added = stretch::lengthen(&mut self.ready);
            self.stats.lengthened += added as u64;
            self.rest_after(added);
        } else if surplus >= FRAME_TIME + slack {
            self.top_up();
            self.shorten(stretch::LONGEST);
        } else if surplus >= 0 && leftover >= WORTHWHILE && self.packets_fit_frames() {
            self.shorten(leftover);
        }
    }

    fn shorten(&mut self, longest: usize) {
        // What is left must still fill the frame.
        let longest = longest.min(self.ready.len() - FRAME);
        let gone = stretch::shorten(&mut self.ready, longest);
        self.stats.shortened += gone as u64;
        self.rest_after(gone);
    }

    /// Whether packets always end at the same place in a frame, so that a leftover serves nothing.
    fn packets_fit_frames(&self) -> bool {
        FRAME.is_multiple_of(self.usual) || self.usual.is_multiple_of(FRAME)
    }

    fn rest_after(&mut self, samples: usize) {
        if samples > 0 {
            self.rested = 0;
        }
    }

    /// Decodes ahead what shortening needs to look at.
    fn top_up(&mut self) {
        while self.ready.len() < FRAME + stretch::needed(stretch::LONGEST) {
            let next = self.next_seq.and_then(|seq| self.shelf.get(seq));
            let Some(seq) = next.filter(|packet| packet.at <= self.next_at).map(|packet| packet.seq) else {
                return;
            };
            self.play_next(seq);
            if self.state != State::Playing {
                return;
            }
        }
    }
}

fn micros(time: i64) -> Duration {
    Duration::from_micros(time.max(0).unsigned_abs())
}
