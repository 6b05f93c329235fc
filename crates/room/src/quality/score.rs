//! How good a connection is, as a figure: the simplified E-model (after ITU-T G.107) with LiveKit's weights and
//! thresholds.
//!
//! From 100 are taken: a point per 40 ms of effective delay, a point per 10 ms beyond 120 ms once there are more than 160
//! ms of it, and for each percent of packets lost the weight of what they carried.

use std::time::Duration;

use livekit_protocol::ConnectionQuality as Quality;

use crate::output::Codec;

/// A connection without fault.
const BEST: f32 = 100.0;
/// A connection that works is no worse than this, whatever is lost.
const WORST: f32 = 30.0;
/// A connection whose path is gone.
const GONE: f32 = 20.0;
const EXCELLENT: f32 = 80.0;
const GOOD: f32 = 40.0;
/// The score follows what is measured: fast when it falls, slowly when it rises.
const FALLING: f32 = 0.7;
const RISING: f32 = 0.4;
/// Effective delay that is hardly noticed, in ms.
const NOTICED: f32 = 160.0;

/// What a stream carries, as far as losing some of it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// Audio in this codec.
    Audio(Codec),
    /// Opus with earlier packets in each (RED).
    Redundant,
    /// Pictures.
    Video,
}

impl Load {
    /// Points for each percent that is lost. Opus repairs single losses itself, redundant audio more of them: 3.75 and 7.5 %
    /// leave the connection good, three times as much makes it poor.
    const fn weight(self) -> f32 {
        match self {
            Self::Audio(Codec::Opus) => 16.0 / 3.0,
            Self::Audio(Codec::Pcmu | Codec::Pcma | Codec::G722) => 8.0,
            Self::Redundant => 8.0 / 3.0,
            Self::Video => 10.0,
        }
    }
}

/// What was measured of one stream over a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Window {
    pub(crate) load: Load,
    /// The share of its packets that got lost, 0 to 1.
    pub(crate) loss: f32,
    /// Interarrival jitter (RFC 3550 §6.4.1).
    pub(crate) jitter: Duration,
}

impl Window {
    /// Its score over a path with this round trip.
    pub(crate) fn score(&self, round_trip: Duration) -> f32 {
        let ms = |time: Duration| time.as_secs_f32() * 1000.0;
        let delay = ms(round_trip) / 2.0 + ms(self.jitter) * 2.0;
        let delayed = if delay > NOTICED { (delay - 120.0) / 10.0 } else { delay / 40.0 };
        let lost = self.loss.clamp(0.0, 1.0) * 100.0 * self.load.weight();
        (BEST - delayed - lost).max(WORST)
    }
}

/// How good a participant's connection is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Score {
    smoothed: f32,
    /// The path works.
    works: bool,
}

impl Default for Score {
    fn default() -> Self {
        Self { smoothed: BEST, works: true }
    }
}

impl Score {
    /// Takes in what was measured; the weakest stream counts. None: nothing speaks against the connection.
    pub(crate) fn measured(&mut self, streams: impl IntoIterator<Item = f32>) {
        let now = streams.into_iter().fold(BEST, f32::min);
        let share = if now < self.smoothed { FALLING } else { RISING };
        self.smoothed += (now - self.smoothed) * share;
    }

    /// The path works, or is gone. True if that is news.
    pub(crate) fn path(&mut self, works: bool) -> bool {
        std::mem::replace(&mut self.works, works) != works
    }

    /// In LiveKit's four words.
    pub(crate) fn quality(&self) -> Quality {
        match self.smoothed {
            _ if !self.works => Quality::Lost,
            score if score > EXCELLENT => Quality::Excellent,
            score if score > GOOD => Quality::Good,
            _ => Quality::Poor,
        }
    }

    /// As a mean opinion score, 1 to 4.5 (G.107 annex B).
    pub(crate) fn mean_opinion(&self) -> f32 {
        let r = if self.works { self.smoothed } else { GONE };
        (1.0 + 0.035 * r + 7e-6 * r * (r - 60.0) * (100.0 - r)).clamp(1.0, 4.5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(load: Load, loss: f32, jitter_ms: u64, round_trip_ms: u64) -> f32 {
        let window = Window { load, loss, jitter: Duration::from_millis(jitter_ms) };
        window.score(Duration::from_millis(round_trip_ms))
    }

    fn settled(streams: &[f32]) -> Quality {
        let mut score = Score::default();
        (0..20).for_each(|_| score.measured(streams.iter().copied()));
        score.quality()
    }

    #[test]
    fn each_kind_of_audio_bears_its_own_loss() {
        let opus = |loss| settled(&[score(Load::Audio(Codec::Opus), loss, 0, 0)]);
        assert_eq!([0.0, 0.036, 0.04, 0.11, 0.12, 1.0].map(opus), {
            use Quality::{Excellent, Good, Poor};
            [Excellent, Excellent, Good, Good, Poor, Poor]
        });
        let at_3_percent = |load| settled(&[score(load, 0.03, 0, 0)]);
        let loads = [Load::Redundant, Load::Audio(Codec::Opus), Load::Audio(Codec::Pcmu), Load::Video];
        assert_eq!(loads.map(at_3_percent), {
            use Quality::{Excellent, Good};
            [Excellent, Excellent, Good, Good]
        });
    }

    #[test]
    fn delay_and_jitter_cost_little_until_they_are_noticed() {
        let audio = Load::Audio(Codec::Opus);
        assert!(score(audio, 0.0, 20, 200) > 95.0);
        assert!((score(audio, 0.0, 100, 400) - 72.0).abs() < 0.01, "400 ms of effective delay");
        assert_eq!(settled(&[score(audio, 0.0, 100, 400)]), Quality::Good);
    }

    #[test]
    fn the_weakest_stream_counts_and_a_fall_is_faster_than_a_rise() {
        let mut score = Score::default();
        score.measured([100.0, WORST]);
        assert_eq!(score.quality(), Quality::Good);
        score.measured([WORST]);
        assert_eq!(score.quality(), Quality::Poor);
        let rises: Vec<_> = std::iter::from_fn(|| {
            score.measured([]);
            (score.quality() != Quality::Excellent).then_some(score.quality())
        })
        .collect();
        assert_eq!(rises, [Quality::Good, Quality::Good], "excellent with the third good window");
    }

    #[test]
    fn a_path_that_is_gone_is_lost_until_it_is_back() {
        let mut score = Score::default();
        assert!(score.path(false) && !score.path(false));
        assert_eq!(score.quality(), Quality::Lost);
        assert!(score.mean_opinion() < 1.5);
        assert!(score.path(true));
        assert_eq!((score.quality(), score.mean_opinion()), (Quality::Excellent, 4.5));
    }

    #[test]
    fn whatever_is_measured_the_figures_stay_within_bounds() {
        for loss in [f32::NAN, -1.0, 0.0, 2.0, f32::INFINITY] {
            for time in [Duration::ZERO, Duration::from_secs(10), Duration::MAX] {
                let mut rated = Score::default();
                rated.measured([Window { load: Load::Video, loss, jitter: time }.score(time)]);
                assert!((1.0..=4.5).contains(&rated.mean_opinion()), "{loss} {time:?} {rated:?}");
            }
        }
    }
}
