//! Whatever comes, in whatever order, at whatever time: nothing panics, nothing grows, and the talker is heard again.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::sim::pcmu;
use crate::jitter::{FRAME, PlayoutBuffer, TalkerCodec};

#[derive(Debug, Clone)]
enum Step {
    Packet { seq: u16, timestamp: u32, payload: Vec<u8>, codec: TalkerCodec },
    Next { seq: i16, ticks: i32 },
    Pull,
    Wait(u32),
    Reset,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let codec = prop_oneof![Just(TalkerCodec::Opus), Just(TalkerCodec::Pcmu), Just(TalkerCodec::Pcma)];
    let payload = proptest::collection::vec(any::<u8>(), 0..400);
    let step = prop_oneof![
        2 => (any::<u16>(), any::<u32>(), payload, codec)
            .prop_map(|(seq, timestamp, payload, codec)| Step::Packet { seq, timestamp, payload, codec }),
        8 => (-4i16..6, prop_oneof![Just(160), any::<i32>(), -1_000..1_000i32]).prop_map(|(seq, ticks)| Step::Next { seq, ticks }),
        8 => Just(Step::Pull),
        2 => (0u32..2_000_000).prop_map(Step::Wait),
        1 => Just(Step::Reset),
    ];
    proptest::collection::vec(step, 1..300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_that_comes_hurts_and_the_talker_is_heard_afterwards(steps in steps()) {
        let mut now = Instant::now();
        let mut buffer = PlayoutBuffer::default();
        let (mut seq, mut timestamp) = (0u16, 0u32);
        let mut out = [0; FRAME];
        for step in steps {
            match step {
                Step::Packet { seq, timestamp, payload, codec } => {
                    buffer.insert(now, seq, timestamp, &payload, codec);
                }
                Step::Next { seq: by, ticks } => {
                    seq = seq.wrapping_add_signed(by);
                    timestamp = timestamp.wrapping_add_signed(ticks);
                    buffer.insert(now, seq, timestamp, &[0x42; 160], TalkerCodec::Pcmu);
                }
                Step::Pull => {
                    now += Duration::from_millis(20);
                    buffer.pull(now, &mut out);
                }
                Step::Wait(micros) => now += Duration::from_micros(u64::from(micros)),
                Step::Reset => buffer.reset(),
            }
            prop_assert!(buffer.ready_samples() <= 4 * 960);
        }
        let mut loud = 0;
        for packet in pcmu(20, 4.0) {
            now += Duration::from_millis(20);
            buffer.insert(now, packet.seq, packet.timestamp, &packet.payload, packet.codec);
            buffer.pull(now, &mut out);
            loud = if out.iter().any(|s| s.abs() > 4_000) { loud + 1 } else { 0 };
        }
        prop_assert!(loud >= 50, "the talker was heard only in the last {loud} frames");
    }
}
