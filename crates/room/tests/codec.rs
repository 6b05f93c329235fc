//! In which codec those who listen to a telephone are sent it, as the telephone agrees on one.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod support;

use room::{AudioPacket, Codec, LocalEvent, ParticipantId};
use support::{FRAME, World, audio, demands, phone_track};

const PCMU: u8 = 0;
const PCMA: u8 = 8;
const G722: u8 = 9;
const ALL: &[Codec] = &[Codec::Opus, Codec::G722, Codec::Pcmu, Codec::Pcma];

/// A phone that offers PCMU first, and one who listens.
fn world(codecs: &[Codec], red: bool) -> (World, ParticipantId, ParticipantId) {
    let mut world = World::new();
    (world.codecs, world.red) = (codecs.to_vec(), red);
    let listener = world.join("listener");
    let phone = world.join_phone("phone");
    world.room.publish_audio(world.now, phone, phone_track()).unwrap();
    world.until(|world| world.clients[&listener].mid_to_track.len() == 1);
    world.run_for(FRAME);
    (world, phone, listener)
}

/// The codecs that the phone was told last that somebody wants.
fn demanded(world: &World, phone: ParticipantId) -> Vec<Codec> {
    let told = world.local_events.iter().rev().find_map(|(to, event)| match event {
        LocalEvent::Demand { pcmu, pcma, g722, opus } if *to == phone => Some([*pcmu, *pcma, *g722, *opus]),
        _ => None,
    });
    Codec::ALL.into_iter().zip(told.unwrap()).filter(|(_, wanted)| *wanted).map(|(codec, _)| codec).collect()
}

/// Half a second of the phone, in the codecs that somebody wants; the payload types that come of it.
fn heard(
    world: &mut World,
    phone: ParticipantId,
    listener: ParticipantId,
    seqs: std::ops::Range<u64>,
) -> Vec<u8> {
    for seq in seqs {
        for codec in demanded(world, phone) {
            let ticks = if codec == Codec::Opus { 960 } else { 160 };
            let packet = AudioPacket { timestamp: ticks * seq as u32, ..audio(seq, codec as u8) };
            world.room.write_audio(world.now, phone, codec, &packet);
        }
        world.run_for(FRAME);
    }
    world.run_for(FRAME);
    let heard = std::mem::take(&mut world.client(listener).heard);
    let mut kinds: Vec<u8> = heard.into_iter().map(|packet| packet.payload_type).collect();
    assert!(kinds.len() >= 24, "{}", kinds.len());
    kinds.dedup();
    kinds
}

#[test]
fn what_the_phone_agrees_on_before_it_speaks_is_what_everybody_gets_of_it() {
    let (mut world, phone, listener) = world(&[Codec::Opus, Codec::Pcmu, Codec::Pcma], false);
    assert_eq!(demands(&world, phone), [(true, false, false)]);
    world.room.prefer_codec(phone, Codec::Pcma);
    world.run_for(FRAME);
    assert_eq!(demands(&world, phone).last(), Some(&(false, true, false)));
    assert_eq!(heard(&mut world, phone, listener, 100..125), [PCMA]);
}

#[test]
fn in_mid_stream_only_who_has_a_media_engine_follows() {
    for (red, after) in [(true, PCMA), (false, PCMU)] {
        let (mut world, phone, listener) = world(&[Codec::Opus, Codec::Pcmu, Codec::Pcma], red);
        assert_eq!(heard(&mut world, phone, listener, 100..125), [PCMU]);
        world.room.prefer_codec(phone, Codec::Pcma);
        world.run_for(FRAME);
        assert_eq!(heard(&mut world, phone, listener, 125..150), [after], "with redundancy: {red}");
    }
}

#[test]
fn who_cannot_decode_it_keeps_what_it_has() {
    let (mut world, phone, listener) = world(&[Codec::Opus, Codec::Pcmu], true);
    world.room.prefer_codec(phone, Codec::Pcma);
    world.run_for(FRAME);
    assert_eq!(demands(&world, phone), [(true, false, false)]);
    assert_eq!(heard(&mut world, phone, listener, 100..125), [PCMU]);
}

#[test]
fn wideband_that_was_not_hoped_for_is_heard_as_opus() {
    let (mut world, phone, listener) = world(&[Codec::Opus, Codec::Pcmu, Codec::Pcma], false);
    world.room.prefer_codec(phone, Codec::Opus);
    world.run_for(FRAME);
    assert_eq!(demands(&world, phone).last(), Some(&(false, false, true)));
    let heard = heard(&mut world, phone, listener, 100..125);
    assert!(heard.len() == 1 && heard[0] > 95, "{heard:?}");
}

#[test]
fn a_phones_g722_is_passed_on_to_who_has_a_media_engine_and_is_opus_for_everybody_else() {
    let (mut world, phone, listener) = world(ALL, true);
    assert_eq!(heard(&mut world, phone, listener, 100..125), [PCMU]);
    world.room.prefer_codec(phone, Codec::G722);
    world.run_for(FRAME);
    assert_eq!(heard(&mut world, phone, listener, 125..150), [G722]);

    world.red = false;
    let other = world.join("other");
    world.until(|world| world.clients[&other].mid_to_track.len() == 1);
    assert_eq!(demanded(&world, phone), [Codec::G722, Codec::Opus]);
    world.room.remove(world.now, "other", room::proto::DisconnectReason::ParticipantRemoved);
    world.settle();
    assert_eq!(demanded(&world, phone), [Codec::G722]);
    let inside = world.join_phone("inside");
    world.room.subscribe_all(world.now, inside, true);
    world.settle();
    assert_eq!(demanded(&world, phone), [Codec::G722, Codec::Opus]);
    world.local_events.retain(|(to, _)| *to == phone);
    assert_eq!(heard(&mut world, phone, listener, 150..175), [G722]);
    let codecs = world.local_events.iter().filter_map(|(to, event)| match event {
        LocalEvent::Audio { codec, .. } if *to == inside => Some(*codec),
        _ => None,
    });
    assert_eq!(codecs.collect::<Vec<_>>(), [Codec::Opus; 25], "each frame once");

    // The phone goes on in another codec.
    world.room.prefer_codec(phone, Codec::Pcma);
    world.run_for(FRAME);
    assert_eq!(demanded(&world, phone), [Codec::Pcma]);
    assert_eq!(heard(&mut world, phone, listener, 175..200), [PCMA]);
}

#[test]
fn no_client_is_asked_to_send_g722() {
    let (mut world, _, listener) = world(ALL, true);
    world.publish(listener, "mic");
    let answer = world.client(listener).answers.last().unwrap().clone();
    let sections = answer.split("m=audio").skip(1);
    for section in sections {
        let sent = section.contains("a=sendonly") || section.contains("a=inactive");
        assert_eq!(section.contains("G722/8000"), sent, "{section}");
    }
}
