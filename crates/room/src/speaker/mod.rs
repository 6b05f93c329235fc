//! Active speakers, LiveKit's way: every 400 ms, who was loud for at least 40 % of the time.

mod g711;

use std::time::{Duration, Instant};

use livekit_protocol as proto;
use proto::signal_response::Message as Response;

use crate::ids::ParticipantId;
use crate::lifecycle::{Clock, Room};
use crate::output::Codec;
use crate::participant::Participant;

pub(crate) use g711::g711_level;

/// How often speakers are looked at, and over what time.
const INTERVAL: Duration = Duration::from_millis(400);
/// Rooms look together, in groups this far apart: one wake-up of the control plane then sends what all of a group have to tell.
const TOGETHER: Duration = Duration::from_millis(50);
/// A track without packets for so long is silent.
const STALE: Duration = Duration::from_millis(800);
/// Packets at least this loud count (-dBov).
const ACTIVE_LEVEL: u8 = 35;
/// 10^(-35/20): below, nobody speaks.
const THRESHOLD: f32 = 0.017_782_794;
/// A packet's time, where its timestamp does not tell it; and the longest there is.
const PACKET_MS: u32 = 20;
const LONGEST_MS: u32 = 120;
/// A track that is written in several codecs is measured by one, until that one has been silent for so long.
const FAITHFUL: Duration = Duration::from_millis(200);
/// 40 % of the interval.
const MIN_ACTIVE_MS: u32 = 160;
/// EMA over two intervals.
const SMOOTHING: f32 = 2.0 / 3.0;
/// How loud somebody is who only pretends to speak (LiveKit).
const PRETENDED_LEVEL: f32 = 0.9;
/// Levels are told in steps of 1/8.
const STEPS: f32 = 8.0;

/// The loudness of one track.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    active_ms: u32,
    /// Loudest packet of the interval, in -dBov.
    loudest: Option<u8>,
    smoothed: f32,
    last: Option<Measured>,
}

/// The last packet that counted.
#[derive(Debug)]
struct Measured {
    at: Instant,
    codec: Codec,
    timestamp: u32,
}

impl Meter {
    /// A packet at `level` -dBov.
    pub(crate) fn observe(&mut self, now: Instant, codec: Codec, timestamp: u32, level: u8) {
        if self.last.as_ref().is_some_and(|last| last.codec != codec && now < last.at + FAITHFUL) {
            return;
        }
        let last = self.last.replace(Measured { at: now, codec, timestamp });
        let time = last.map_or(PACKET_MS, |last| last.time_until(codec, timestamp));
        if level <= ACTIVE_LEVEL {
            self.active_ms += time;
            self.loudest = Some(self.loudest.map_or(level, |loudest| loudest.min(level)));
        }
    }

    /// The interval is over: the level others are told, 0 for silence.
    fn close_interval(&mut self, now: Instant) -> f32 {
        if self.last.as_ref().is_none_or(|last| now > last.at + STALE) {
            *self = Self::default();
            return 0.0;
        }
        let active_ms = std::mem::take(&mut self.active_ms).min(INTERVAL.as_millis() as u32);
        let linear = match self.loudest.take() {
            Some(loudest) if active_ms >= MIN_ACTIVE_MS => {
                let share = active_ms as f32 / INTERVAL.as_millis() as f32;
                10f32.powf(-(f32::from(loudest) - 20.0 * share.log10()) / 20.0)
            }
            _ => 0.0,
        };
        self.smoothed += (linear - self.smoothed) * SMOOTHING;
        if self.smoothed > THRESHOLD { (self.smoothed * STEPS).ceil().min(STEPS) / STEPS } else { 0.0 }
    }

    fn is_idle(&self) -> bool {
        self.last.is_none()
    }
}

impl Measured {
    /// The media time from this packet to the next, which is how long each lasts unless something is missing.
    fn time_until(&self, codec: Codec, timestamp: u32) -> u32 {
        let time = timestamp.wrapping_sub(self.timestamp) / (codec.clock() / 1_000);
        let is_told = self.codec == codec && (1..=LONGEST_MS).contains(&time);
        if is_told { time } else { PACKET_MS }
    }
}

impl Room {
    /// The interval is over: tells what changed to the speakers and their subscribers.
    pub(crate) fn update_speakers(&mut self, now: Instant) {
        if self.speakers_due.is_none_or(|due| now < due) {
            return;
        }
        let mut changed = Vec::new();
        let mut listening = false;
        for (id, participant) in self.participants.iter_mut() {
            let level = participant
                .tracks
                .iter_mut()
                .map(|track| track.meter.close_interval(now))
                .fold(0.0, f32::max);
            participant.pretends_until = participant.pretends_until.filter(|until| now < *until);
            let pretends = participant.pretends_until.is_some();
            let level = if pretends { PRETENDED_LEVEL } else { level };
            listening |= pretends || participant.tracks.iter().any(|track| !track.meter.is_idle());
            if (level - participant.told_level).abs() > f32::EPSILON {
                participant.told_level = level;
                changed.push((*id, speaker_info(participant)));
            }
        }
        self.speakers_due = listening.then(|| next_look(self.clock, now));
        self.tell_speakers(&changed);
    }

    /// A client passes for a speaker for a while (LiveKit's `speaker_update`).
    pub(crate) fn pretend_to_speak(&mut self, now: Instant, id: ParticipantId, time: Duration) {
        if let Some(participant) = self.participants.get_mut(&id) {
            participant.pretends_until = Some(now + time);
            self.speakers_due.get_or_insert(now);
        }
    }

    fn tell_speakers(&mut self, changed: &[(ParticipantId, proto::SpeakerInfo)]) {
        if changed.is_empty() {
            return;
        }
        for to in self.everybody() {
            let Some(remote) = self.participants.get(&to).and_then(Participant::remote) else { continue };
            let hears = |id: &ParticipantId| remote.subscriptions.values().any(|s| s.publisher == *id);
            let speakers: Vec<_> = changed
                .iter()
                .filter(|(id, _)| *id == to || hears(id))
                .map(|(_, info)| info.clone())
                .collect();
            if !speakers.is_empty() {
                self.send(to, Response::SpeakersChanged(proto::SpeakersChanged { speakers }));
            }
        }
    }
}

/// When speakers are looked at next.
pub(crate) fn next_look(clock: Clock, now: Instant) -> Instant {
    clock.whole(now + INTERVAL, TOGETHER)
}

fn speaker_info(participant: &Participant) -> proto::SpeakerInfo {
    let level = participant.told_level;
    proto::SpeakerInfo { sid: participant.sid.clone(), level, active: level > 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(meter: &mut Meter, now: &mut Instant, levels: impl IntoIterator<Item = u8>) -> f32 {
        for level in levels {
            meter.observe(*now, Codec::Pcmu, 0, level);
            *now += Duration::from_millis(20);
        }
        meter.close_interval(*now)
    }

    #[test]
    fn a_loud_talker_speaks_within_one_interval_and_stops_within_three() {
        let (mut meter, mut now) = (Meter::default(), Instant::now());
        assert!(interval(&mut meter, &mut now, [10; 20]) > 0.0);
        let after: Vec<_> = (0..4).map(|_| interval(&mut meter, &mut now, [127; 20])).collect();
        assert_eq!(after[3], 0.0, "{after:?}");
    }

    #[test]
    fn long_packets_count_for_their_time_and_a_second_codec_for_nothing() {
        let level = |packet: u32, packets: u32, codecs: &[Codec]| {
            let (mut meter, start) = (Meter::default(), Instant::now());
            for n in 0..packets {
                let now = start + Duration::from_millis(u64::from(n * packet));
                for codec in codecs {
                    meter.observe(now, *codec, n * packet * codec.clock() / 1_000, 10);
                }
            }
            meter.close_interval(start + INTERVAL)
        };
        assert!(level(60, 6, &[Codec::Opus]) > 0.0, "360 ms in six packets");
        assert_eq!(level(20, 7, &[Codec::Pcmu, Codec::Opus, Codec::Pcma]), 0.0, "140 ms, thrice");
        assert!(level(20, 8, &[Codec::Pcmu]) > 0.0);
    }

    #[test]
    fn when_the_codec_that_was_measured_is_no_longer_written_another_one_is() {
        let (mut meter, start) = (Meter::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        meter.observe(at(0), Codec::Pcmu, 0, 127);
        for n in 0..20 {
            meter.observe(at(20 * n), Codec::Opus, 960 * n as u32, 10);
        }
        assert!(meter.close_interval(at(400)) > 0.0, "from 200 ms on");
    }

    #[test]
    fn quiet_sound_and_short_clicks_are_no_speech() {
        let (mut meter, mut now) = (Meter::default(), Instant::now());
        assert_eq!(interval(&mut meter, &mut now, [40; 20]), 0.0);
        assert_eq!(interval(&mut meter, &mut now, [5; 7].into_iter().chain([127; 13])), 0.0);
    }

    #[test]
    fn a_track_that_stops_sending_is_silent() {
        let (mut meter, mut now) = (Meter::default(), Instant::now());
        assert!(interval(&mut meter, &mut now, [10; 20]) > 0.0);
        assert_eq!(meter.close_interval(now + Duration::from_secs(1)), 0.0);
        assert!(meter.is_idle());
    }

    #[test]
    fn levels_come_in_eighths() {
        let (mut meter, mut now) = (Meter::default(), Instant::now());
        let level = interval(&mut meter, &mut now, [20; 20]);
        assert_eq!(level * 8.0, (level * 8.0).round());
    }
}
