//! Redundant audio (RED) in simulated time: who gets it as it is, who gets what is theirs of it.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod support;

use room::proto::signal_request::Message as Request;
use room::{LocalEvent, ParticipantId, proto};
use support::{FRAME, World};

/// What a phone got: sequence numbers and payloads.
fn handed_over(world: &World, to: ParticipantId) -> Vec<(u16, u32, Vec<u8>)> {
    let audio = world.local_events.iter().filter_map(|(whom, event)| match event {
        LocalEvent::Audio { seq, timestamp, payload, .. } if *whom == to => {
            Some((*seq, *timestamp, payload.to_vec()))
        }
        _ => None,
    });
    audio.collect()
}

fn payload(seq: u64) -> Vec<u8> {
    vec![seq as u8; 40]
}

/// Two who negotiate RED, one who does not, and a phone.
fn world() -> (World, [ParticipantId; 4]) {
    let mut world = World::new();
    world.red = true;
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    world.red = false;
    let carol = world.join("carol");
    let phone = world.join_phone("phone");
    world.room.subscribe_all(world.now, phone, true);
    (world, [alice, bob, carol, phone])
}

#[test]
fn redundant_audio_is_passed_on_as_it_is_and_taken_apart_for_those_without() {
    let (mut world, [alice, bob, carol, phone]) = world();
    let (mid, _) = world.publish(alice, "mic");
    let told = world.updates(bob, "alice").pop().unwrap().tracks.remove(0);
    assert_eq!((told.mime_type.as_str(), told.disable_red), ("audio/red", false));
    for seq in 1..=20 {
        let now = world.now;
        world.client(alice).send_redundantly(now, mid, seq, &payload(seq - 1), &payload(seq));
        world.run_for(FRAME);
    }
    let heard = |world: &World, id| world.clients[&id].heard.clone();
    let (bobs, carols) = (heard(&world, bob), heard(&world, carol));
    assert_eq!((bobs.len(), carols.len()), (20, 20));
    assert!(bobs.iter().all(|packet| packet.payload_type == 63 && packet.payload.len() == 85));
    assert!(carols.iter().all(|packet| packet.payload_type == 111));
    assert_eq!(carols[19].payload, payload(20));
    let phones = handed_over(&world, phone);
    assert_eq!(phones.len(), 20);
    assert_eq!(phones[19], (20, 960 * 20, payload(20)));
}

#[test]
fn a_phone_gets_lost_audio_from_the_packet_after_it() {
    let (mut world, [alice, _, carol, phone]) = world();
    let (mid, _) = world.publish(alice, "mic");
    for seq in (1..=20).filter(|seq| seq % 5 != 0) {
        let now = world.now;
        world.client(alice).send_redundantly(now, mid, seq, &payload(seq - 1), &payload(seq));
        world.run_for(FRAME);
    }
    let phones = handed_over(&world, phone);
    let expected: Vec<_> = (1u16..20).map(|seq| (seq, 960 * u32::from(seq), payload(seq.into()))).collect();
    assert_eq!(phones, expected);
    assert_eq!(world.clients[&carol].heard.len(), 16, "others see the gaps and conceal them by themselves");
}

#[test]
fn a_publisher_may_do_without() {
    let (mut world, [alice, bob, ..]) = world();
    let add = proto::AddTrackRequest { cid: "plain".into(), disable_red: true, ..Default::default() };
    world.request(alice, Request::AddTrack(add));
    let mid = world.client(alice).publish("plain");
    world.run_for(20 * FRAME);
    let told = world.updates(bob, "alice").pop().unwrap().tracks.remove(0);
    assert_eq!((told.mime_type.as_str(), told.disable_red), ("audio/opus", true));
    let answer = world.clients[&alice].answers.last().unwrap();
    let line = answer.lines().rfind(|line| line.starts_with("m=audio")).unwrap();
    assert!(line.ends_with("111 0 8 63"), "RED is not asked for: {line}");
    let now = world.now;
    world.client(alice).send_audio(now, mid, 1, 960, &payload(1), -20);
    world.run_for(FRAME);
    assert_eq!(world.clients[&bob].heard[0].payload_type, 111);
}

#[test]
fn rubbish_in_place_of_redundant_audio_reaches_nobody() {
    let (mut world, [alice, bob, _, phone]) = world();
    let (mid, _) = world.publish(alice, "mic");
    for seq in 1..=5 {
        let now = world.now;
        // Its own audio is missing.
        world.client(alice).send_redundantly(now, mid, seq, &payload(1), &[]);
        world.run_for(FRAME);
    }
    assert!(handed_over(&world, phone).is_empty());
    assert!(world.clients[&bob].heard.is_empty());
}
