//! What talkers and their software do: pauses, wraps, restarts, duplicates, other codecs.

use std::time::{Duration, Instant};

use super::sim::*;
use crate::jitter::{FRAME, Inserted, PlayoutBuffer, Pulled, TalkerCodec};

/// Leaves out what is said between two times; the sequence goes on without a gap.
fn with_pause(packets: &[Packet], from: i64, to: i64) -> Vec<Packet> {
    let mut seq = packets[0].seq;
    let kept = packets.iter().filter(|packet| packet.at < from || packet.at >= to);
    kept.map(|packet| {
        let renumbered = Packet { seq, ..packet.clone() };
        seq = seq.wrapping_add(1);
        renumbered
    })
    .collect()
}

#[test]
fn a_pause_is_silence_and_the_words_after_it_are_whole() {
    let packets = with_pause(&pcmu(20, 6.0), 2_000_000, 4_000_000);
    let heard = play(&sent_over(&packets, 1, |_, _| Some(0)), 3_000, 0);
    let stats = heard.stats();
    // The talker fell silent without a word: the fade of concealment is heard, and no more.
    assert!(stats.concealed <= 960, "{stats:?}");
    assert_eq!((stats.lost, stats.inserted_silence), (0, 0));
    let silent =
        heard.audio.chunks_exact(FRAME).skip(108).take(90).all(|frame| frame.iter().all(|s| *s == 0));
    assert!(silent, "the pause is not silent");
    assert!(heard.purest_worst(0) < 0.1 && heard.count(Pulled::Audio, 0) >= 198);
    assert!(heard.depth(99, 1) <= 30.0);
}

#[test]
fn an_opus_talker_that_announces_its_pause_is_not_made_up_for() {
    let mut packets = with_pause(&opus(6.0), 2_000_000, 4_000_000);
    let last = packets.iter().rposition(|packet| packet.at < 2_000_000).unwrap();
    packets[last].payload.truncate(1);
    let heard = play(&sent_over(&packets, 1, |_, _| Some(0)), 3_000, 0);
    assert_eq!((heard.stats().concealed, heard.stats().lost), (0, 0), "{:?}", heard.stats());
    assert!(heard.count(Pulled::Silence, 0) >= 95);
}

#[test]
fn a_pause_whose_timestamps_stand_still_adds_no_delay() {
    let packets: Vec<Packet> = pcmu(20, 20.0)
        .into_iter()
        .map(|packet| Packet { at: packet.at + packet.at / 4_000_000 * 1_300_000, ..packet })
        .collect();
    let heard = play(&packets, 3_000, 0);
    println!("{:?}", heard.stats());
    assert!(heard.depth(99, 2) <= 35.0, "{:.0} ms", heard.depth(99, 2));
}

#[test]
fn a_pause_in_the_midst_of_waiting_packets_is_kept() {
    let packets = with_pause(&pcmu(20, 10.0), 5_000_000, 5_080_000);
    let jittery = sent_over(&packets, 4, |_, rng| Some(wobble(rng, 40_000)));
    let heard = play(&jittery, 3_000, 0);
    let around = heard.audio[5 * 8_000 - 800..6 * 8_000].chunks_exact(20);
    let zeros = around.filter(|piece| piece.iter().all(|s| *s == 0)).count() * 20;
    println!("{zeros} silent samples, {:?}", heard.stats());
    assert!((300..=1_000).contains(&zeros), "{zeros} silent samples for a pause of 640");
}

#[test]
fn duplicates_and_reordering_change_nothing() {
    let packets = pcmu(20, 10.0);
    let mut twice: Vec<Packet> =
        packets.iter().flat_map(|p| [p.clone(), Packet { at: p.at + 25_000, ..p.clone() }]).collect();
    for pair in twice.chunks_exact_mut(8) {
        // Two neighbours change places: the first comes 25 ms late.
        pair[0].at += 25_000;
    }
    twice.sort_by_key(|packet| packet.at);
    let heard = play(&twice, 3_000, 0);
    let stats = heard.stats();
    println!("{stats:?}");
    assert_eq!(stats.packets + stats.late, packets.len() as u64);
    assert!(stats.duplicates >= packets.len() as u64 - 5);
    assert_eq!(stats.concealed, heard.frames[150].1.concealed);
    assert!(heard.purest_worst(3) > 0.99);
}

#[test]
fn a_stream_that_begins_anew_is_followed() {
    for (seq, timestamp) in [(40_000u16, 5u32), (60_400, 77_777_777), (59_900, 1_000_000_000)] {
        let first = pcmu(20, 4.0);
        let second = pcmu(20, 4.0).into_iter().enumerate().map(|(n, packet)| Packet {
            at: packet.at + 4_000_000,
            seq: seq.wrapping_add(n as u16),
            timestamp: timestamp.wrapping_add(n as u32 * 160),
            ..packet
        });
        let packets: Vec<Packet> = first.into_iter().chain(second).collect();
        let heard = play(&packets, 3_000, 0);
        println!("{seq}: {:?}", heard.stats());
        assert!(heard.count(Pulled::Audio, 0) >= 380, "{seq}: {}", heard.count(Pulled::Audio, 0));
        assert!(heard.purest_worst(5) > 0.99 && heard.depth(99, 5) <= 30.0, "{seq}");
    }
}

#[test]
fn timestamps_that_are_not_quite_steady_make_no_gaps() {
    let mut packets = pcmu(20, 10.0);
    for (n, packet) in packets.iter_mut().enumerate() {
        packet.timestamp = packet.timestamp.wrapping_add(n as u32 * 7 % 40);
    }
    let heard = play(&packets, 3_000, 0);
    println!("{:?}", heard.stats());
    assert_eq!((heard.count(Pulled::Silence, 3), heard.stats().concealed), (0, 0));
    assert!(heard.purest_worst(1) > 0.99 && heard.depth(99, 1) <= 35.0);
}

#[test]
fn timestamps_that_fall_back_while_a_packet_waits_hold_nothing_up() {
    let mut packets = pcmu(20, 4.0);
    for packet in &mut packets[1..] {
        packet.timestamp = packet.timestamp.wrapping_sub(500_000_000);
    }
    let heard = play(&packets, 3_000, 0);
    assert!(heard.count(Pulled::Audio, 0) >= 195, "{}", heard.count(Pulled::Audio, 0));
}

#[test]
fn a_stray_packet_ends_no_stream() {
    let mut packets = pcmu(20, 4.0);
    packets[100].seq ^= 0x8000;
    let heard = play(&packets, 3_000, 0);
    assert_eq!((heard.stats().unusable, heard.stats().restarts), (1, 0));
    assert!(heard.depth(99, 1) <= 30.0);
}

#[test]
fn another_codec_takes_over() {
    let second = opus(3.0).into_iter().map(|packet| Packet { at: packet.at + 3_000_000, ..packet });
    let packets: Vec<Packet> = pcmu(20, 3.0).into_iter().chain(second).collect();
    let heard = play(&packets, 3_000, 0);
    assert_eq!(heard.stats().restarts, 1);
    let alone = play(&packets[150..], 3_000, 0);
    assert!((heard.roughness(4) / alone.roughness(4) - 1.0).abs() < 0.3);
}

#[test]
fn more_than_a_second_never_waits() {
    let at_once: Vec<Packet> = pcmu(20, 60.0).into_iter().map(|packet| Packet { at: 0, ..packet }).collect();
    let heard = play(&at_once, 3_000, 3_000_000);
    let stats = heard.stats();
    assert_eq!(stats.packets, 3_000);
    assert!(stats.overflowed >= 2_900, "{stats:?}");
}

#[test]
fn what_is_no_packet_is_told() {
    let mut buffer = PlayoutBuffer::default();
    let now = Instant::now();
    for (payload, codec) in [
        (&[][..], TalkerCodec::Pcmu),
        (&[], TalkerCodec::Opus),
        (&[0xff, 0xff, 0xff], TalkerCodec::Opus),
        (&[0; 2_000], TalkerCodec::Pcma),
    ] {
        assert_eq!(buffer.insert(now, 1, 1, payload, codec), Inserted::Unusable);
    }
    let mut out = [1; FRAME];
    assert_eq!(buffer.pull(now, &mut out), Pulled::Silence);
    assert_eq!(out, [0; FRAME]);
    assert_eq!(buffer.spare(), Duration::ZERO);
}
