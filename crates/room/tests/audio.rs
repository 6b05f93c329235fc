//! Audio of clients, packet by packet: encryption, numbers, and what both sides report of it.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod support;

use std::time::Duration;

use room::{Codec, LocalEvent, ParticipantId};
use str0m::media::Mid;
use support::{FRAME, World, audio, phone_and_client, speak};

/// A client that publishes, and a phone that listens to it.
fn publisher_and_phone(world: &mut World) -> (ParticipantId, Mid, ParticipantId) {
    let bob = world.join("bob");
    let (mid, _) = world.publish(bob, "mic");
    let phone = world.join_phone("phone");
    world.room.subscribe_all(world.now, phone, true);
    world.settle();
    (bob, mid, phone)
}

fn talk(world: &mut World, id: ParticipantId, mid: Mid, seqs: std::ops::Range<u64>) {
    for seq in seqs {
        let now = world.now;
        let payload = (seq as u16).to_be_bytes();
        world.client(id).send_audio(now, mid, seq, 960 * seq as u32, &payload, -(seq as i8 & 0x3f));
        world.run_for(FRAME);
    }
}

/// What the phone was given: sequence number, what the packet says that it is, and its loudness.
fn given(world: &World) -> Vec<(u16, u16, Option<u8>)> {
    let given = world.local_events.iter().filter_map(|(_, event)| match event {
        LocalEvent::Audio { seq, payload, audio_level, .. } => {
            Some((*seq, u16::from_be_bytes([payload[0], payload[1]]), *audio_level))
        }
        _ => None,
    });
    given.collect()
}

#[test]
fn a_stream_goes_on_where_its_numbers_wrap() {
    let mut world = World::new();
    let (bob, mid, _) = publisher_and_phone(&mut world);
    talk(&mut world, bob, mid, 65_400..65_700);
    let expected: Vec<_> =
        (65_400..65_700_u64).map(|seq| (seq as u16, seq as u16, Some(seq as u8 & 0x3f))).collect();
    assert_eq!(given(&world), expected);
}

#[test]
fn what_comes_again_is_let_through_once() {
    let mut world = World::new();
    let (bob, mid, _) = publisher_and_phone(&mut world);
    world.repeated.push(bob);
    talk(&mut world, bob, mid, 5..300);
    world.run_for(Duration::from_secs(5));
    let seqs: Vec<_> = given(&world).into_iter().map(|(seq, ..)| seq).collect();
    assert_eq!(seqs, (5..300).collect::<Vec<_>>());
}

#[test]
fn what_comes_again_much_later_is_neither_let_through_nor_believed_to_be_new() {
    let mut world = World::new();
    let (bob, mid, _) = publisher_and_phone(&mut world);
    world.repeated.push(bob);
    talk(&mut world, bob, mid, 5..105);
    world.repeated.clear();
    talk(&mut world, bob, mid, 105..35_000);
    let seqs: Vec<_> = given(&world).into_iter().map(|(seq, ..)| seq).collect();
    assert_eq!(seqs, (5..35_000).collect::<Vec<_>>());
}

#[test]
fn a_forged_packet_is_not_let_through_nor_in_the_way_of_the_true_one() {
    let mut world = World::new();
    let (bob, mid, _) = publisher_and_phone(&mut world);
    world.forged.push(bob);
    talk(&mut world, bob, mid, 5..300);
    let expected: Vec<_> = (5..300_u16).map(|seq| (seq, seq, Some(seq as u8 & 0x3f))).collect();
    assert_eq!(given(&world), expected);
}

#[test]
fn a_client_is_sent_each_packet_where_the_numbers_wrap() {
    let mut world = World::new();
    let (phone, bob, _) = phone_and_client(&mut world);
    for seq in 0..66_000 {
        let packet = audio(seq, seq as u8);
        world.room.write_audio(world.now, phone, Codec::Pcmu, &packet);
        if seq % 50 == 0 {
            world.run_for(FRAME);
        }
    }
    world.run_for(FRAME);
    let heard: Vec<_> = world.clients[&bob].heard.iter().map(|packet| packet.payload[0]).collect();
    assert_eq!(heard, (0..66_000_u32).map(|seq| seq as u8).collect::<Vec<_>>());
}

#[test]
fn a_client_is_told_how_its_audio_arrives() {
    let mut world = World::new();
    let (bob, mid, _) = publisher_and_phone(&mut world);
    world.lose(bob, 0.2);
    talk(&mut world, bob, mid, 65_000..66_000);
    let arrived = given(&world).len() as u64;
    let reports = &world.clients[&bob].receiver_reports;
    let last = reports.last().and_then(|stats| stats.remote.as_ref()).unwrap();
    assert!((65_600..66_000).contains(&*last.maximum_sequence_number), "{}", *last.maximum_sequence_number);
    let (lost, expected) = (last.packets_lost, 1000 - arrived);
    assert!(lost > expected / 2 && lost <= expected, "{lost} of {expected}");
    // Packets are made every 20 ms and take 1 ms each.
    assert!(last.jitter < 48, "{}", last.jitter);
}

#[test]
fn a_client_is_told_what_it_is_sent() {
    let mut world = World::new();
    let (phone, bob, _) = phone_and_client(&mut world);
    let started = world.now;
    speak(&mut world, phone, 0..1000, 0x44);
    let reports = &world.clients[&bob].sender_reports;
    assert!((4..8).contains(&reports.len()), "{} in 20 s", reports.len());
    for report in reports {
        let (info, since) = (&report.sender_info, report.received_at - started);
        let packets = since.as_millis() / 20 + 1;
        assert!(u128::from(info.sender_packet_count).abs_diff(packets) <= 1, "{info:?} after {since:?}");
        assert_eq!(info.sender_octet_count, info.sender_packet_count * 160);
        // It was on its way for 1 ms.
        let ticks = since.as_secs_f64() * 8000.0;
        assert!((info.rtp_time.numer() as f64 - ticks).abs() < 16.0, "{info:?} after {since:?}");
    }
    for two in reports.windows(2) {
        let told = two[1].sender_info.ntp_time.duration_since(two[0].sender_info.ntp_time).unwrap();
        let passed = two[1].received_at - two[0].received_at;
        assert!(told.abs_diff(passed) < Duration::from_millis(1), "{told:?} in {passed:?}");
    }
    // In silence there is nothing to tell.
    world.run_for(Duration::from_secs(10));
    let told = world.clients[&bob].sender_reports.len();
    world.run_for(Duration::from_secs(30));
    assert_eq!(world.clients[&bob].sender_reports.len(), told);
    speak(&mut world, phone, 1000..1300, 0x44);
    assert!(world.clients[&bob].sender_reports.len() > told, "and then there is again");
}
