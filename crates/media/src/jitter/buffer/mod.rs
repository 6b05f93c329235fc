//! The buffer itself: its state, and what its user may ask of it.

mod intake;
mod level;
mod playout;

use std::time::{Duration, Instant};

use crate::codec::opus;

use super::delay::Delays;
use super::player::{self, Player};
use super::shelf::Shelf;
use super::timeline::Timeline;
use super::{FRAME, Inserted, MAX_PAYLOAD, PlayoutStats, Pulled, TalkerCodec, Width};

/// Microseconds in one sample at 8 kHz: one tick, in which places and lengths are counted.
const SAMPLE: i64 = 125;
/// More audio than this never waits, in ticks: a second.
const MAX_WAITING: usize = 8_000;

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

/// One talker's playout buffer: some 20 KB, and 100 more for an Opus decoder. No memory of its own is taken per packet
/// once it runs.
#[derive(Debug)]
pub struct PlayoutBuffer {
    width: Width,
    began: Option<Instant>,
    codec: Option<TalkerCodec>,
    player: Option<Player>,
    timeline: Timeline,
    shelf: Shelf,
    delays: Delays,
    state: State,
    /// Decoded samples that wait to be played, oldest first, at the rate of the width.
    ready: Vec<i16>,
    /// The packet to be decoded next, and the place its audio should have (ticks).
    next_seq: Option<i64>,
    next_at: i64,
    /// Ticks in the last packet decoded: what a lost one is taken to hold.
    usual: usize,
    /// Which of the 64 packets before `next_seq` were played.
    played: u64,
    /// Packets in a row from behind a stream that has run dry.
    behind: u32,
    /// When audio was last there.
    heard: i64,
    /// Silent ticks since sound gave out in mid-stream.
    silent: u64,
    /// Frames since stretching was last tried, and whether no period was found then.
    rested: u32,
    aperiodic: bool,
    spare: i64,
    short: i64,
    /// So much of what is short is left to a clock that can be moved later.
    clock_helps: i64,
    stats: PlayoutStats,
}

impl Default for PlayoutBuffer {
    fn default() -> Self {
        Self::new(Width::default())
    }
}

impl PlayoutBuffer {
    /// A buffer that has heard nothing yet.
    pub fn new(width: Width) -> Self {
        Self {
            width,
            began: None,
            codec: None,
            player: None,
            timeline: Timeline::default(),
            shelf: Shelf::new(),
            delays: Delays::new(),
            state: State::Pausing,
            ready: Vec::with_capacity(4 * player::MAX_TICKS * width.per_tick()),
            next_seq: None,
            next_at: 0,
            usual: FRAME,
            played: 0,
            behind: 0,
            heard: 0,
            silent: 0,
            rested: 0,
            aperiodic: false,
            spare: 0,
            short: 0,
            clock_helps: 0,
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
        let outcome = match player::ticks_in(codec, payload) {
            Some(samples) if payload.len() <= MAX_PAYLOAD => {
                self.speak(codec);
                self.place(now, &intake::Arrival { seq, timestamp, samples, payload, codec })
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
        let narrow = codec == TalkerCodec::Opus && opus::is_narrowband(payload);
        self.stats.narrowband += u64::from(narrow && outcome == Inserted::Queued);
        outcome
    }

    /// Fills the frame that the phone is sent at `now`: [`Width::frame`] samples, what is behind them in `out` is left
    /// alone. To be called every 20 ms, whether or not anybody talks.
    pub fn pull(&mut self, now: Instant, out: &mut [i16]) -> Pulled {
        let now = self.since_began(now);
        let surplus = self.surplus(now);
        let leftover = self.ready_ticks() % FRAME;
        let mut pulled = self.fill(now);
        if self.state == State::Playing && pulled == Pulled::Audio {
            self.stretch(surplus, leftover);
        }
        let frame = out.len().min(self.width.frame());
        let out = &mut out[..frame];
        let filled = self.ready.len().min(frame);
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
        self.short = 0;
        self.silent = 0;
    }

    /// How much earlier than at the last [`pull`](Self::pull) frames could be fetched without making the audio late:
    /// a bridge with one talker moves its 20 ms clock by it, to sit close behind the arrivals. Zero if nobody talks.
    pub fn spare(&self) -> Duration {
        micros(self.spare)
    }

    /// How much later than at the last [`pull`](Self::pull) frames are better fetched, so that packets are there in time. Zero
    /// if nobody talks, and where it is too little to matter.
    pub fn short(&self) -> Duration {
        micros(self.short)
    }

    /// Frames can be fetched later by so much: that is done instead of lengthening the audio.
    pub fn clock_helps(&mut self, by: Duration) {
        self.clock_helps = i64::try_from(by.as_micros()).unwrap_or(0);
    }

    /// Whether sound waits that was not played yet: a frame of it at least.
    pub fn has_more(&self) -> bool {
        !self.shelf.is_empty() || self.ready_ticks() >= FRAME
    }

    /// What was done so far, with the current depth and target.
    pub fn stats(&self) -> PlayoutStats {
        PlayoutStats { target: micros(self.delays.target()), ..self.stats }
    }

    /// The phone takes more or less of the sound from now on. What was decoded for it before is not played any more.
    pub fn set_width(&mut self, width: Width) {
        if self.width == width {
            return;
        }
        self.width = width;
        self.ready.clear();
        self.player = self.codec.and_then(|codec| Player::new(codec, width));
    }

    fn ready_ticks(&self) -> usize {
        self.ready.len() / self.width.per_tick()
    }

    #[cfg(test)]
    pub(super) fn ready_samples(&self) -> usize {
        self.ready.len()
    }

    fn since_began(&mut self, now: Instant) -> i64 {
        let began = *self.began.get_or_insert(now);
        i64::try_from(now.saturating_duration_since(began).as_micros()).unwrap_or(i64::MAX / 4)
    }
}

fn micros(time: i64) -> Duration {
    Duration::from_micros(time.max(0).unsigned_abs())
}
