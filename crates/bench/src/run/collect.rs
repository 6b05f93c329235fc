//! From readings and times to figures.

use std::time::{Duration, Instant};

use media::codec::AudioCodec;
use peers::prepared::FRAME;
use peers::server::{ThreadShare, Usage};

use super::Bench;
use super::call::Call;
use super::meter::Part;
use super::steady::Steady;
use crate::figures::{Audio, Cost, Delays, Figures, Spread, ms, ms_between};
use crate::hearing::{Counts, Hearing};

/// A mark that is not heard for so long is missed: the next one is said soon after.
const MISSED_AFTER: Duration = Duration::from_millis(1900);
/// The beginning of a mark is found to a part of a sample, early ones too.
const EARLY: Duration = Duration::from_millis(1);

/// All figures of a run.
pub(super) fn figures(
    bench: &Bench,
    before: &Usage,
    alone: Option<&Part>,
    steady: &Steady,
    calls: &[Call],
) -> Figures {
    let workload = &bench.workload;
    let up: Vec<&Call> = calls.iter().filter(|call| call.failure.is_none()).collect();
    let fine = up.iter().filter(|call| call.is_heard(workload.subscribed)).count();
    let first_failure = calls.iter().find_map(|call| call.failure.clone());
    let deaf = (fine < up.len()).then(|| "a phone or a participant heard nothing".to_owned());
    let hearings =
        |look: fn(&mut Hearing) -> Vec<f64>| Spread::of(up.iter().flat_map(|call| call.line.hearing(look)));
    let Steady { part, minutes } = steady;
    let frames = part.time.as_secs_f64() / FRAME.as_secs_f64() * up.len() as f64;
    let (agent, agent_codec) = agents(&up);
    Figures {
        workload: workload.clone(),
        calls: up.len(),
        failed: calls.len() - fine,
        first_failure: first_failure.or(deaf),
        cost: (!bench.target.pids.is_empty()).then(|| cost(workload.rooms, up.len(), before, alone, part)),
        set_up_per_second: set_up_per_second(&up, workload.ring),
        delays: delays(&up),
        audio: audio(bench, &up, part),
        phone: phones(&up),
        // One frame of each call may be on its way at either end.
        phone_expected: (frames as u64).saturating_sub(up.len() as u64),
        phone_spacing: hearings(|hearing| hearing.spacings().iter().map(|&ms| f64::from(ms)).collect()),
        phone_jitter: hearings(|hearing| vec![hearing.jitter_ms()]),
        agent,
        agent_codec,
        minutes: minutes.clone(),
        machine: part.machine,
    }
}

/// What the phones heard, together.
pub(super) fn phones(calls: &[&Call]) -> Counts {
    let counts = calls.iter().map(|call| call.line.hearing(|hearing| hearing.counts()));
    counts.fold(Counts::default(), Counts::and)
}

/// What the participants heard of the phones, together.
fn agents(calls: &[&Call]) -> (Counts, Option<&'static str>) {
    let (mut sum, mut codec) = (Counts::default(), None);
    for call in calls {
        for ears in &call.ears {
            let heard = ears.hearing(&call.identity, |hearing| (hearing.counts(), hearing.codec()));
            let Some((counts, heard_in)) = heard else { continue };
            sum = sum.and(counts);
            codec = codec.or(heard_in.map(AudioCodec::name));
        }
    }
    (sum, codec)
}

fn cost(rooms: usize, calls: usize, before: &Usage, alone: Option<&Part>, steady: &Part) -> Cost {
    let of_thread = |thread: &ThreadShare| ThreadShare {
        name: thread.name.clone(),
        cpu_ms: thread.cpu_ms / (steady.time.as_secs_f64() * calls.max(1) as f64),
        runs: thread.runs,
    };
    Cost {
        cpu_ms_per_call_second: steady.cpu_ms_per_second(calls),
        cpu_ms_per_room_second_alone: alone.map_or(f64::NAN, |alone| alone.cpu_ms_per_second(rooms)),
        memory_before_mb: before.memory as f64 / 1e6,
        memory_kb_per_call: steady.memory_kb(before, calls),
        threads: steady.threads.iter().map(of_thread).collect(),
    }
}

/// Calls answered per second, one ringing left out.
pub(super) fn set_up_per_second(calls: &[&Call], ring: Duration) -> f64 {
    let first = calls.iter().map(|call| call.asked).min();
    let last = calls.iter().map(|call| call.returned).max();
    let (Some(first), Some(last)) = (first, last) else { return 0.0 };
    let time = (last - first).saturating_sub(ring).as_secs_f64();
    calls.len() as f64 / time.max(f64::EPSILON)
}

pub(super) fn delays(calls: &[&Call]) -> Delays {
    let spread = |delay: fn(&Call) -> Option<f64>| Spread::of(calls.iter().filter_map(|call| delay(call)));
    let first_sound = |call: &Call| call.line.hearing(|hearing| hearing.first_sound());
    Delays {
        api_to_invite: spread(|call| Some(ms_between(call.asked, *call.line.invited.get()?))),
        api_to_return_less_ringing: spread(|call| Some(ms_between(call.asked, call.returned) - call.rang()?)),
        ringing_to_attribute: spread(|call| {
            Some(ms_between(*call.line.ringing.get()?, call.statuses.at(&call.identity, "ringing")?))
        }),
        answer_to_attribute: spread(|call| {
            Some(ms_between(*call.line.answered.get()?, call.statuses.at(&call.identity, "active")?))
        }),
        answer_to_agent_audio: spread(|call| {
            Some(ms_between(*call.line.answered.get()?, call.heard_in_room()?))
        }),
        answer_to_phone_audio: Spread::of(
            calls.iter().filter_map(|call| Some(ms_between(*call.line.answered.get()?, first_sound(call)?))),
        ),
    }
}

/// Delays of the marks that were said in the steady part.
fn audio(bench: &Bench, calls: &[&Call], part: &Part) -> Audio {
    let end = (part.begin + part.time).checked_sub(MISSED_AFTER).unwrap_or(part.begin);
    let (mut to_room, mut to_phone) = (Marks::default(), Marks::default());
    for call in calls {
        let said = call.line.said();
        for ears in &call.ears {
            let heard = ears.hearing(&call.identity, |hearing| hearing.marks().to_vec());
            to_room.compare(&said, &heard.unwrap_or_default(), (part.begin, end));
        }
        let said = call.ears.first().map(|ears| ears.said()).unwrap_or_default();
        let heard = call.line.hearing(|hearing| hearing.marks().to_vec());
        to_phone.compare(&said, &heard, (part.begin, end));
    }
    let packet = ms(FRAME);
    let (room, phone) = (Spread::of(to_room.delays), Spread::of(to_phone.delays));
    Audio {
        phone_to_room: room.plus(packet + ms(bench.phones.codec_delay())),
        phone_to_room_added: room,
        room_to_phone: phone.plus(packet + ms(bench.speech.codec_delay)),
        room_to_phone_added: phone,
        marks_missed: (if bench.workload.subscribed { to_room.missed } else { 0 }, to_phone.missed),
    }
}

/// Marks of one direction.
#[derive(Debug, Default)]
struct Marks {
    delays: Vec<f64>,
    missed: usize,
}

impl Marks {
    /// Finds each mark that was said between two times among those heard, both in the order of time.
    fn compare(&mut self, said: &[Instant], heard: &[Instant], (begin, end): (Instant, Instant)) {
        for &said in said.iter().filter(|said| (begin..end).contains(*said)) {
            let from = said.checked_sub(EARLY).unwrap_or(said);
            let found = heard.iter().find(|heard| (from..said + MISSED_AFTER).contains(*heard));
            match found {
                Some(&heard) => self.delays.push(ms_between(said, heard)),
                None => self.missed += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_compared_one_by_one_and_lost_ones_missed() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut marks = Marks::default();
        let said = [at(0), at(2000), at(4000), at(9000)];
        marks.compare(&said, &[at(15), at(4030)], (start, at(8000)));
        assert_eq!(marks.missed, 1);
        assert_eq!(marks.delays.len(), 2);
        assert!((marks.delays[0] - 15.0).abs() < 1e-6 && (marks.delays[1] - 30.0).abs() < 1e-6);
    }
}
