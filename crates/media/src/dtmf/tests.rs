use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use super::*;

/// What travels of one telephone-event packet.
#[derive(Debug, Clone, Copy)]
struct Sent {
    payload: EventPayload,
    timestamp: u32,
    marker: bool,
}

/// Runs a sender until it is idle, with the RTP clock going on 160 ticks a step, and returns each step's packet.
fn run(dial_string: &str, start: u32) -> Vec<Option<Sent>> {
    let mut sender = Sender::new();
    sender.push(&DialString::parse(dial_string).unwrap()).unwrap();
    let mut event_start = start;
    let mut steps = Vec::new();
    for n in 0..100_000_u32 {
        let now = start.wrapping_add(n * 160);
        match sender.step() {
            SenderStep::Idle => return steps,
            SenderStep::Audio => steps.push(None),
            SenderStep::Event(EventPacket { payload, first }) => {
                if first {
                    event_start = now;
                }
                steps.push(Some(Sent { payload, timestamp: event_start, marker: first }));
            }
        }
    }
    panic!("the sender never came to an end");
}

fn hear(packets: impl IntoIterator<Item = Sent>) -> String {
    let mut receiver = Receiver::new();
    let heard = packets
        .into_iter()
        .filter_map(|p| receiver.receive(p.payload, p.timestamp, p.marker))
        .map(|e| e.digit);
    heard.map(Digit::as_char).collect()
}

#[test]
fn all_sixteen_digits_are_read_in_either_case() {
    let dial_string = DialString::parse("0123456789*#ABCDabcdwW").unwrap();
    assert_eq!(dial_string.to_string(), "0123456789*#ABCDABCDww");
    assert_eq!(dial_string.digits().count(), 20);
    let codes: Vec<u8> = dial_string.digits().take(16).map(Digit::event_code).collect();
    assert_eq!(codes, (0..16).collect::<Vec<u8>>());
}

#[test]
fn a_wrong_character_is_named_with_its_place() {
    let error = DialString::parse("12é,").unwrap_err();
    assert_eq!(error, DtmfError::UnknownCharacter { character: 'é', position: 2 });
    assert!(error.to_string().contains("position 2"), "{error}");
    assert!(matches!(DialString::parse(&"1".repeat(257)), Err(DtmfError::TooLong { .. })));
    assert!(DialString::parse("").unwrap().is_empty());
}

#[test]
fn a_digit_is_told_by_growing_durations_and_three_end_packets() {
    let steps = run("5", 1000);
    let packets: Vec<Sent> = steps.iter().flatten().copied().collect();
    let durations: Vec<u16> = packets.iter().map(|p| p.payload.duration).collect();
    assert_eq!(durations, [160, 320, 480, 640, 800, 960, 1120, 1280, 1280, 1280]);
    assert!(packets.iter().all(|p| p.timestamp == 1000 && p.payload.event == 5));
    let markers: Vec<usize> = (0..packets.len()).filter(|&n| packets[n].marker).collect();
    let ends: Vec<usize> = (0..packets.len()).filter(|&n| packets[n].payload.end).collect();
    assert_eq!((markers, ends), (vec![0], vec![7, 8, 9]));
    assert_eq!(steps.len(), 13, "160 ms of tone and 100 ms of gap");
}

#[test]
fn a_pause_takes_half_a_second_and_leaves_the_line_to_the_audio() {
    assert_eq!(run("w", 0).len(), 25);
    assert!(run("w", 0).iter().all(Option::is_none));
    assert_eq!(run("*123#ww456", 0).len(), 8 * 13 + 2 * 25);
}

#[test]
fn a_sender_that_was_idle_goes_on_with_what_is_pushed_later() {
    let mut sender = Sender::new();
    assert_eq!(sender.step(), SenderStep::Idle);
    let text: String = "1".repeat(DialString::MAX_LEN);
    let long = DialString::parse(&text).unwrap();
    assert_eq!(
        [sender.push(&long), sender.push(&long), sender.push(&long)],
        [Ok(()), Ok(()), Err(QueueFull)]
    );
    assert!(!sender.is_idle());
    assert!(matches!(sender.step(), SenderStep::Event(EventPacket { first: true, .. })));
}

#[test]
fn what_is_dialled_is_heard() {
    let all = "0123456789*#ABCD112233";
    assert_eq!(hear(run(all, u32::MAX - 5000).into_iter().flatten()), all);
}

/// One press held for `ms`, as a sender splits it into segments (RFC 4733 §2.5.1.3).
fn long_press(event: u8, start: u32, ms: u32) -> Vec<Sent> {
    let total = ms * 8;
    (160..=total)
        .step_by(160)
        .map(|lasted| {
            let segment = (lasted - 1) / 65_535;
            let duration = (lasted - segment * 65_535) as u16;
            let payload = EventPayload { event, end: lasted == total, volume: 10, duration };
            Sent { payload, timestamp: start.wrapping_add(segment * 65_535), marker: lasted == 160 }
        })
        .collect()
}

#[test]
fn a_key_held_for_half_a_minute_is_one_digit() {
    let press = long_press(3, u32::MAX - 100_000, 30_000);
    assert!(press.iter().map(|p| p.timestamp).collect::<std::collections::BTreeSet<_>>().len() > 3);
    assert_eq!(hear(press), "3");
}

#[test]
fn the_same_key_twice_is_two_digits_even_if_the_first_end_and_the_second_start_are_lost() {
    let packets: Vec<Sent> = run("77", 0).into_iter().flatten().collect();
    let kept = packets.iter().copied().filter(|p| !p.payload.end && !p.marker);
    assert_eq!(hear(kept), "77");
    // The shortest press and gap of ITU-T Q.24: 40 ms each.
    let twice = [long_press(7, 0, 40), long_press(7, 640, 40)].concat();
    let starts_only = twice.iter().filter(|p| !p.payload.end).map(|p| Sent { marker: false, ..*p });
    assert_eq!(hear(starts_only), "77");
}

#[test]
fn the_last_packets_of_a_digit_may_come_after_the_next_digits() {
    let packets: Vec<Sent> = run("121", 0).into_iter().flatten().collect();
    let (mut order, late) = (packets.clone(), [packets[8], packets[9], packets[18]]);
    order.extend(late);
    assert_eq!(hear(order), "121");
}

#[test]
fn a_phone_that_moves_the_timestamp_with_every_packet_is_understood() {
    let press = (0..10_u32).map(|n| Sent {
        payload: EventPayload { event: 4, end: n == 9, volume: 10, duration: (n as u16 + 1) * 160 },
        timestamp: 500 + n * 160,
        marker: n == 0,
    });
    assert_eq!(hear(press), "4");
}

#[test]
fn signals_that_are_no_digits_are_not_heard() {
    let flash = Sent {
        payload: EventPayload { event: 16, end: false, volume: 0, duration: 160 },
        timestamp: 1,
        marker: true,
    };
    assert_eq!(hear([flash]), "");
}

proptest! {
    #[test]
    fn any_dial_string_prints_and_reads_back(text in "[0-9*#A-Da-dwW]{0,256}") {
        let parsed = DialString::parse(&text).unwrap();
        prop_assert_eq!(DialString::parse(&parsed.to_string()).unwrap(), parsed);
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,300}") {
        let _ = DialString::parse(&text);
    }

    #[test]
    fn any_payload_is_read_or_refused_and_prints_back(bytes in proptest::collection::vec(any::<u8>(), 0..10)) {
        if let Ok(event) = EventPayload::parse(&bytes) {
            prop_assert_eq!(EventPayload::parse(&event.to_bytes()), Ok(event));
        } else {
            prop_assert!(bytes.len() < EventPayload::LEN);
        }
    }

    #[test]
    fn any_packets_give_at_most_one_digit_each(events in proptest::collection::vec((any::<u32>(), any::<u32>(), any::<bool>()), 0..200)) {
        let mut receiver = Receiver::new();
        for (bytes, timestamp, marker) in events {
            let payload = EventPayload::parse(&bytes.to_be_bytes()).unwrap();
            let _ = receiver.receive(payload, timestamp, marker);
        }
    }

    /// Each digit keeps one packet at least; any other may be lost, every one may come twice, markers may be missing, and
    /// packets overtake one another by up to 60 ms.
    #[test]
    fn each_digit_is_heard_once_through_loss_repetition_and_reordering(text in "[0-9*#A-D]{1,12}", seed: u64, start: u32) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut arrivals = Vec::new();
        for (n, step) in run(&text, start).into_iter().enumerate() {
            let Some(packet) = step else { continue };
            let spared = packet.payload.duration == 480;
            if !spared && rng.random_bool(0.4) {
                continue;
            }
            let packet = Sent { marker: packet.marker && rng.random_bool(0.5), ..packet };
            let copies = if rng.random_bool(0.2) { 2 } else { 1 };
            for _ in 0..copies {
                arrivals.push((n as u32 + rng.random_range(0..4), packet));
            }
        }
        arrivals.shuffle(&mut rng);
        arrivals.sort_by_key(|&(at, _)| at);
        let heard = hear(arrivals.into_iter().map(|(_, packet)| packet));
        prop_assert_eq!(heard, text, "seed {}", seed);
    }
}
