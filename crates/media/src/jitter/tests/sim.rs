//! Simulated time: talkers that make packets, a network that delays and loses them, a phone that pulls every 20 ms.

use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::codec::g711;
use crate::codec::opus::{Encoder, MAX_PACKET};
use crate::jitter::{FRAME, PlayoutBuffer, PlayoutStats, Pulled, TalkerCodec};

/// The talker's tone: eight whole periods in 20 ms.
pub(super) const TONE: f64 = 400.0;
pub(super) const AMPLITUDE: f64 = 8_000.0;

/// A packet and when (microseconds) it was sent, or arrives.
#[derive(Debug, Clone)]
pub(super) struct Packet {
    pub(super) at: i64,
    pub(super) seq: u16,
    pub(super) timestamp: u32,
    pub(super) payload: Vec<u8>,
    pub(super) codec: TalkerCodec,
}

/// A steady tone in μ-law packets of `ms` milliseconds, for `seconds`.
pub(super) fn pcmu(ms: usize, seconds: f64) -> Vec<Packet> {
    let samples = ms * 8;
    let mut packets = Vec::new();
    for n in 0..(seconds * 1_000.0) as usize / ms {
        let pcm: Vec<i16> = (0..samples).map(|k| tone_at(n * samples + k)).collect();
        let mut payload = vec![0; samples];
        g711::encode_ulaw(&pcm, &mut payload);
        packets.push(Packet {
            at: (n * ms * 1_000) as i64,
            seq: (60_000 + n) as u16,
            timestamp: (u32::MAX - 40_000).wrapping_add((n * samples) as u32),
            payload,
            codec: TalkerCodec::Pcmu,
        });
    }
    packets
}

/// A voice-like buzz in Opus packets of 20 ms, with in-band error correction.
pub(super) fn opus(seconds: f64) -> Vec<Packet> {
    let mut encoder = Encoder::new(8_000, 32_000, 5).unwrap().with_fec();
    (0..(seconds * 50.0) as usize)
        .map(|n| {
            let pcm: Vec<i16> = (0..FRAME).map(|k| voice_at(n * FRAME + k)).collect();
            let mut payload = vec![0; MAX_PACKET];
            let length = encoder.encode(&pcm, &mut payload).unwrap();
            payload.truncate(length);
            Packet {
                at: n as i64 * 20_000,
                seq: (65_000 + n) as u16,
                timestamp: (u32::MAX - 100_000).wrapping_add(n as u32 * 960),
                payload,
                codec: TalkerCodec::Opus,
            }
        })
        .collect()
}

fn tone_at(n: usize) -> i16 {
    (AMPLITUDE * (std::f64::consts::TAU * TONE * n as f64 / 8_000.0).sin()) as i16
}

/// A pitch of 140 Hz, moving by 20 Hz, with its overtones, four syllables a second.
fn voice_at(n: usize) -> i16 {
    let t = n as f64 / 8_000.0;
    let turns = 140.0 * t + 20.0 / (3.0 * std::f64::consts::TAU) * (3.0 * std::f64::consts::TAU * t).sin();
    let wave: f64 =
        (1..12).map(|k| (std::f64::consts::TAU * turns * f64::from(k)).sin() / f64::from(k)).sum();
    let syllable = (4.0 * std::f64::consts::TAU / 2.0 * t).sin().abs();
    (wave * syllable * AMPLITUDE / 2.0) as i16
}

/// Lets each packet through with the delay (microseconds) that `network` gives it, or not at all.
pub(super) fn sent_over(
    packets: &[Packet],
    seed: u64,
    mut network: impl FnMut(&Packet, &mut SmallRng) -> Option<i64>,
) -> Vec<Packet> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut arrivals: Vec<Packet> = packets
        .iter()
        .filter_map(|packet| {
            network(packet, &mut rng).map(|delay| Packet { at: packet.at + delay, ..packet.clone() })
        })
        .collect();
    arrivals.sort_by_key(|packet| packet.at);
    arrivals
}

/// A delay around `mean` microseconds as the sum of four dice, never negative.
pub(super) fn wobble(rng: &mut SmallRng, mean: i64) -> i64 {
    (0..4).map(|_| rng.random_range(0..=mean / 2)).sum()
}

pub(super) struct Heard {
    pub(super) audio: Vec<i16>,
    pub(super) frames: Vec<(Pulled, PlayoutStats)>,
    pub(super) buffer: PlayoutBuffer,
}

impl Heard {
    pub(super) fn stats(&self) -> PlayoutStats {
        self.buffer.stats()
    }

    /// The delay that so many per cent of the frames from second `from` on stay within, in milliseconds.
    pub(super) fn depth(&self, percent: usize, from: usize) -> f64 {
        let mut depths: Vec<Duration> = self
            .frames
            .iter()
            .skip(from * 50)
            .filter(|f| f.0 != Pulled::Silence)
            .map(|f| f.1.depth)
            .collect();
        depths.sort();
        depths
            .get((depths.len() * percent / 100).min(depths.len().saturating_sub(1)))
            .map_or(0.0, |d| d.as_secs_f64() * 1e3)
    }

    pub(super) fn count(&self, what: Pulled, from_frame: usize) -> usize {
        self.frames.iter().skip(from_frame).filter(|frame| frame.0 == what).count()
    }

    /// The part of the energy that is the talker's tone, by its projection on sine and cosine, over 100 ms pieces from
    /// second `from` on: the worst of them.
    pub(super) fn purest_worst(&self, from: usize) -> f64 {
        let end = self.audio.len() / 800 * 800;
        self.audio[from * 8_000..end].chunks_exact(800).map(purity).fold(1.0, f64::min)
    }

    /// Where it is faintest against what `whole` is there, from second `from` on, among the 40 ms pieces that are loud
    /// in `whole`.
    pub(super) fn faintest(&self, whole: &Self, from: usize) -> f64 {
        let level = |piece: &[i16]| piece.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>().sqrt();
        let pieces =
            |heard: &Self| heard.audio[from * 8_000..].chunks_exact(320).map(level).collect::<Vec<_>>();
        let loudest = pieces(whole).into_iter().fold(0.0, f64::max);
        let pairs = pieces(whole).into_iter().zip(pieces(self));
        pairs
            .filter(|(whole, _)| *whole > loudest / 3.0)
            .map(|(whole, heard)| heard / whole)
            .fold(1.0, f64::min)
    }

    /// The largest step from one sample to the next, against the tone's own largest.
    pub(super) fn roughness(&self, from: usize) -> f64 {
        let own = AMPLITUDE * std::f64::consts::TAU * TONE / 8_000.0;
        let steps = self.audio[from * 8_000..].windows(2).map(|w| (f64::from(w[1]) - f64::from(w[0])).abs());
        steps.fold(0.0, f64::max) / own
    }
}

fn purity(pcm: &[i16]) -> f64 {
    let (mut re, mut im, mut all) = (0.0, 0.0, 0.0);
    for (n, s) in pcm.iter().enumerate() {
        let (sin, cos) = (std::f64::consts::TAU * TONE * n as f64 / 8_000.0).sin_cos();
        re += f64::from(*s) * cos;
        im += f64::from(*s) * sin;
        all += f64::from(*s).powi(2);
    }
    if all == 0.0 { 0.0 } else { 2.0 * (re * re + im * im) / pcm.len() as f64 / all }
}

/// Plays arrivals (in order) to a phone whose first pull is at `phase` microseconds, until the last one is `tail`
/// microseconds old.
pub(super) fn play(arrivals: &[Packet], phase: i64, tail: i64) -> Heard {
    play_by(arrivals, tail, |tick, _| phase + tick * 20_000)
}

/// The same with a clock that tells when each pull is.
pub(super) fn play_by(
    arrivals: &[Packet],
    tail: i64,
    mut clock: impl FnMut(i64, &PlayoutBuffer) -> i64,
) -> Heard {
    let start = Instant::now();
    let end = arrivals.last().map_or(0, |packet| packet.at) + tail;
    let mut heard = Heard { audio: Vec::new(), frames: Vec::new(), buffer: PlayoutBuffer::default() };
    let mut coming = arrivals.iter().peekable();
    for tick in 0.. {
        let now = clock(tick, &heard.buffer);
        if now > end {
            break;
        }
        while let Some(packet) = coming.next_if(|packet| packet.at <= now) {
            let at = start + Duration::from_micros(packet.at.max(0) as u64);
            heard.buffer.insert(at, packet.seq, packet.timestamp, &packet.payload, packet.codec);
        }
        let mut frame = [0; FRAME];
        let pulled = heard.buffer.pull(start + Duration::from_micros(now as u64), &mut frame);
        heard.audio.extend_from_slice(&frame);
        heard.frames.push((pulled, heard.buffer.stats()));
    }
    heard
}
