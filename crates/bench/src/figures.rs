//! What comes out: all figures of one run.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::hearing::Counts;
use crate::machine::Machine;
use crate::workload::Workload;
use peers::server::ThreadShare;

/// What a run has measured.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum Outcome {
    Calls(Box<Figures>),
    Storm(Box<StormFigures>),
    Idle(Box<IdleFigures>),
}

impl Outcome {
    /// Calls or rooms that were not as they should be.
    pub(crate) fn failed(&self) -> usize {
        match self {
            Self::Calls(figures) => figures.failed,
            Self::Storm(figures) => figures.failed(),
            Self::Idle(_) => 0,
        }
    }
}

/// All figures of calls that were measured together.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    pub(crate) workload: Workload,
    /// Calls that were up.
    pub(crate) calls: usize,
    /// Calls that were not set up, or whose phone or participant heard nothing.
    pub(crate) failed: usize,
    /// Why the first of them failed.
    pub(crate) first_failure: Option<String>,
    pub(crate) cost: Option<Cost>,
    /// Calls answered per second, from the first request to the last answer.
    pub(crate) set_up_per_second: f64,
    pub(crate) delays: Delays,
    /// From one end's mouth to the other's ear, in milliseconds.
    pub(crate) audio: Audio,
    /// What the phones heard in the steady part, together.
    pub(crate) phone: Counts,
    /// Frames they should have heard.
    pub(crate) phone_expected: u64,
    /// Milliseconds between frames at the phones.
    pub(crate) phone_spacing: Spread,
    /// Interarrival jitter of each phone, in milliseconds.
    pub(crate) phone_jitter: Spread,
    /// What the participants heard of the phones in the steady part, together.
    pub(crate) agent: Counts,
    /// The codec they got it in.
    pub(crate) agent_codec: Option<&'static str>,
    /// Minute by minute, of runs that are longer than that.
    pub(crate) minutes: Vec<Minute>,
    pub(crate) machine: Machine,
}

impl Figures {
    /// Frames that did not come to the phones, in percent of those they should have heard.
    pub(crate) fn missing_percent(&self) -> f64 {
        let missing = self.phone_expected.saturating_sub(self.phone.frames);
        missing as f64 * 100.0 / self.phone_expected.max(1) as f64
    }

    /// Frames of the phones that the participants missed, in percent.
    pub(crate) fn agent_lost_percent(&self) -> f64 {
        let all = self.agent.frames + self.agent.lost;
        self.agent.lost as f64 * 100.0 / all.max(1) as f64
    }
}

/// What one minute of a long run used.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Minute {
    pub(crate) cpu_ms_per_call_second: f64,
    pub(crate) memory_mb: f64,
}

/// Delays of audio by its marks, in milliseconds.
///
/// Mouth to ear is from the moment a sound is made to the moment a listener hears it who plays each packet from its arrival
/// on. The added part is what is left of it without the 20 ms of packetisation and without the sending codec's own delay: the
/// server's buffers, codecs and turns, both ways over the loopback, and what the bench needs to send.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Audio {
    pub(crate) phone_to_room: Spread,
    pub(crate) phone_to_room_added: Spread,
    pub(crate) room_to_phone: Spread,
    pub(crate) room_to_phone_added: Spread,
    /// Marks that were said and never heard, phone to room and room to phone.
    pub(crate) marks_missed: (usize, usize),
}

/// What the server's processes used.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cost {
    /// CPU milliseconds per call and second, in the steady part.
    pub(crate) cpu_ms_per_call_second: f64,
    /// The same per room and second with the participants alone, before the calls.
    pub(crate) cpu_ms_per_room_second_alone: f64,
    /// Memory before anything joined, in MB.
    pub(crate) memory_before_mb: f64,
    /// Growth of memory per call, its room and participant included, in kB.
    pub(crate) memory_kb_per_call: f64,
    /// Per call and second, by the name of the thread.
    pub(crate) threads: Vec<ThreadShare>,
}

/// Figures of a storm of calls.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct StormFigures {
    pub(crate) workload: Workload,
    /// One for each rate that was tried.
    pub(crate) storms: Vec<StormStep>,
    /// What the phones heard that were there all the time, during the storm.
    pub(crate) established: Counts,
    pub(crate) established_expected: u64,
    pub(crate) established_calls: usize,
}

/// Calls at one rate.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct StormStep {
    /// Calls asked for per second.
    pub(crate) rate: f64,
    pub(crate) calls: usize,
    pub(crate) failed: usize,
    pub(crate) first_failure: Option<String>,
    /// Calls answered per second, from the first request to the last answer.
    pub(crate) set_up_per_second: f64,
    pub(crate) delays: Delays,
    /// From the participant's joining to the call being active, in milliseconds, where it joins for the call.
    pub(crate) join_to_active: Spread,
    /// CPU milliseconds of the server for each call: set up, 2 s of audio, taken down.
    pub(crate) cpu_ms_per_call: f64,
    pub(crate) machine: Machine,
}

impl StormStep {
    /// Whether all were set up, and none waited long.
    pub(crate) fn fine(&self) -> bool {
        self.failed == 0 && self.delays.api_to_return_less_ringing.p99 < 2000.0
    }
}

impl StormFigures {
    /// Calls that failed, those aside that show where it ends.
    pub(crate) fn failed(&self) -> usize {
        let tried = self.storms.len().saturating_sub(1);
        let counted = if self.storms.len() > 1 { &self.storms[..tried] } else { &self.storms[..] };
        counted.iter().map(|step| step.failed).sum()
    }

    /// Frames that the calls that were there all the time should have heard and did not.
    pub(crate) fn established_missing(&self) -> u64 {
        self.established_expected.saturating_sub(self.established.frames) + self.established.lost
    }
}

/// Figures of rooms without calls.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct IdleFigures {
    pub(crate) workload: Workload,
    /// CPU milliseconds of the server per second, for all of them.
    pub(crate) cpu_ms_per_second: f64,
    pub(crate) memory_kb_per_room: f64,
    /// How long making one took, joining included, in milliseconds.
    pub(crate) made: Spread,
    pub(crate) machine: Machine,
}

/// Where the calls become too many.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LimitFigures {
    pub(crate) workload: Workload,
    pub(crate) steps: Vec<Figures>,
    /// Why each step was too much, in their order.
    pub(crate) verdicts: Vec<Option<String>>,
    /// The most calls that were fine.
    pub(crate) most: usize,
}

/// How long each step took, in milliseconds.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Delays {
    /// Request begun (connection included) to INVITE at the phone.
    pub(crate) api_to_invite: Spread,
    /// Request begun to its answer, less the time the phone rang.
    pub(crate) api_to_return_less_ringing: Spread,
    /// 180 sent to `sip.callStatus` = `ringing` at the participant.
    pub(crate) ringing_to_attribute: Spread,
    /// 200 sent to `sip.callStatus` = `active` at the participant.
    pub(crate) answer_to_attribute: Spread,
    /// 200 sent to the first sound of the phone at the participant.
    pub(crate) answer_to_agent_audio: Spread,
    /// 200 sent to the first sound of the participant at the phone.
    pub(crate) answer_to_phone_audio: Spread,
}

/// The spread of some values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) count: usize,
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of values in any order, by the nearest rank.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let Some(&max) = values.last() else { return Self::default() };
        let at =
            |share: f64| values[((values.len() as f64 * share).ceil() as usize).clamp(1, values.len()) - 1];
        Self { count: values.len(), p50: at(0.5), p95: at(0.95), p99: at(0.99), max }
    }
}

impl Spread {
    /// Each value with `more` on top.
    pub(crate) fn plus(self, more: f64) -> Self {
        let Self { count, p50, p95, p99, max } = self;
        if count == 0 {
            return self;
        }
        Self { count, p50: p50 + more, p95: p95 + more, p99: p99 + more, max: max + more }
    }
}

/// Milliseconds from `from` to `to`; negative when it was the other way round.
pub(crate) fn ms_between(from: Instant, to: Instant) -> f64 {
    match to.checked_duration_since(from) {
        Some(time) => ms(time),
        None => -ms(from - to),
    }
}

pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_takes_the_nearest_rank() {
        let spread = Spread::of((1..=200).rev().map(f64::from));
        assert_eq!(spread, Spread { count: 200, p50: 100.0, p95: 190.0, p99: 198.0, max: 200.0 });
        let one = Spread::of([7.0]);
        assert_eq!(one, Spread { count: 1, p50: 7.0, p95: 7.0, p99: 7.0, max: 7.0 });
        assert_eq!(Spread::of([]), Spread::default());
    }
}
