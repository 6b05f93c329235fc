//! What comes out: all figures of one run.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::machine::Machine;
use crate::phone::Counts;
use crate::workload::Workload;
use peers::server::ThreadShare;

/// All figures of one run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    pub(crate) workload: Workload,
    /// Calls that were not set up, or whose phone or participant heard nothing.
    pub(crate) failed: usize,
    /// Why the first of them failed.
    pub(crate) first_failure: Option<String>,
    pub(crate) cost: Option<Cost>,
    /// Calls answered per second, from the first request to the last answer.
    pub(crate) set_up_per_second: f64,
    pub(crate) delays: Delays,
    /// What the phones heard in the steady part, together.
    pub(crate) phone: Counts,
    /// Milliseconds between frames at the phones.
    pub(crate) phone_spacing: Spread,
    /// Interarrival jitter of each phone, in milliseconds.
    pub(crate) phone_jitter: Spread,
    /// What the participants heard in the steady part, together.
    pub(crate) agent: AgentCounts,
    pub(crate) machine: Machine,
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

/// What the participants counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct AgentCounts {
    pub(crate) packets: u64,
    pub(crate) lost: u64,
    pub(crate) damaged: u64,
    /// The codec in which they got the phone.
    pub(crate) codec: Option<&'static str>,
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
