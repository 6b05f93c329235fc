//! Telephones heard over lossy paths, in simulated time: who is sent Opus in place of the telephone's own codec, and until when.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod support;

use room::{AudioPacket, Codec, ParticipantId};
use support::{FRAME, World, audio, demands, phone_track};

const G711: (bool, bool, bool) = (true, false, false);
const PCMU: u8 = 0;
const PCMA: u8 = 8;
const RED: u8 = 63;

/// A phone, and two who listen to it: of the first much is lost.
fn world(red: bool) -> (World, [ParticipantId; 3]) {
    let mut world = World::new();
    world.red = red;
    let (lossy, other) = (world.join("lossy"), world.join("other"));
    let phone = world.join_phone("phone");
    world.room.publish_audio(world.now, phone, phone_track()).unwrap();
    for listener in [lossy, other] {
        world.until(|world| world.clients[&listener].mid_to_track.len() == 1);
    }
    (world, [phone, lossy, other])
}

/// The phone speaks for so long, in every codec.
fn speak(world: &mut World, phone: ParticipantId, seq: &mut u64, seconds: u64) {
    for _ in 0..seconds * 50 {
        *seq += 1;
        let opus = AudioPacket { timestamp: 960 * *seq as u32, ..audio(*seq, *seq as u8) };
        world.room.write_audio(world.now, phone, Codec::Pcmu, &audio(*seq, 0x11));
        world.room.write_audio(world.now, phone, Codec::Pcma, &audio(*seq, 0x22));
        world.room.write_audio(world.now, phone, Codec::Opus, &opus);
        world.run_for(FRAME);
    }
}

/// Payload types of what somebody heard since the last look.
fn heard(world: &mut World, listener: ParticipantId) -> Vec<(u8, usize)> {
    let heard = std::mem::take(&mut world.client(listener).heard);
    heard.into_iter().map(|packet| (packet.payload_type, packet.payload.len())).collect()
}

/// The payload types of what somebody heard since the last look, each once where it begins.
fn kinds(world: &mut World, listener: ParticipantId) -> Vec<u8> {
    let mut kinds: Vec<u8> =
        heard(world, listener).into_iter().map(|(payload_type, _)| payload_type).collect();
    kinds.dedup();
    kinds
}

/// What is on its way comes, and nobody looks at it.
fn forget(world: &mut World, phone: ParticipantId, seq: &mut u64) {
    speak(world, phone, seq, 1);
    world.clients.values_mut().for_each(|client| client.heard.clear());
}

#[test]
fn who_loses_much_of_a_phone_is_sent_opus_twice_until_it_loses_nothing_any_more() {
    let (mut world, [phone, lossy, other]) = world(true);
    let mut seq = 100;
    speak(&mut world, phone, &mut seq, 15);
    assert_eq!(demands(&world, phone), [G711]);
    world.lose(lossy, 0.1);
    speak(&mut world, phone, &mut seq, 25);
    assert_eq!(demands(&world, phone).last(), Some(&(true, false, true)), "the other one has what it had");
    heard(&mut world, lossy);
    speak(&mut world, phone, &mut seq, 5);
    assert!(heard(&mut world, lossy).iter().all(|packet| *packet == (RED, 5 + 160 + 160)));
    assert!(heard(&mut world, other).iter().all(|(payload_type, _)| *payload_type == PCMU));

    world.lose(lossy, 0.0);
    speak(&mut world, phone, &mut seq, 90);
    assert_eq!(demands(&world, phone).last(), Some(&G711));
    heard(&mut world, lossy);
    speak(&mut world, phone, &mut seq, 1);
    assert!(heard(&mut world, lossy).iter().all(|(payload_type, _)| *payload_type == PCMU));
}

#[test]
fn who_is_sent_opus_twice_stays_with_it_when_the_phone_changes_its_codec_and_returns_to_the_new_one() {
    let (mut world, [phone, lossy, other]) = world(true);
    let mut seq = 100;
    world.lose(lossy, 0.1);
    speak(&mut world, phone, &mut seq, 25);
    world.room.prefer_codec(phone, Codec::Pcma);
    forget(&mut world, phone, &mut seq);
    assert_eq!(demands(&world, phone).last(), Some(&(false, true, true)));
    speak(&mut world, phone, &mut seq, 5);
    assert_eq!([kinds(&mut world, lossy), kinds(&mut world, other)], [[RED], [PCMA]]);
    world.lose(lossy, 0.0);
    speak(&mut world, phone, &mut seq, 90);
    forget(&mut world, phone, &mut seq);
    speak(&mut world, phone, &mut seq, 1);
    assert_eq!(kinds(&mut world, lossy), [PCMA]);
    assert_eq!(demands(&world, phone).last(), Some(&(false, true, false)));
}

#[test]
fn who_takes_no_redundancy_keeps_what_it_has() {
    let (mut world, [phone, lossy, _]) = world(false);
    let mut seq = 100;
    world.lose(lossy, 0.1);
    speak(&mut world, phone, &mut seq, 30);
    assert_eq!(demands(&world, phone), [G711]);
    assert!(heard(&mut world, lossy).iter().all(|(payload_type, _)| *payload_type == PCMU));
}

#[test]
fn a_hole_now_and_then_changes_nothing() {
    let (mut world, [phone, lossy, _]) = world(true);
    let mut seq = 100;
    for share in [0.02, 0.0, 0.3, 0.0] {
        world.lose(lossy, share);
        speak(&mut world, phone, &mut seq, if share > 0.1 { 1 } else { 10 });
    }
    assert_eq!(demands(&world, phone), [G711]);
    assert!(heard(&mut world, lossy).iter().all(|(payload_type, _)| *payload_type == PCMU));
}
