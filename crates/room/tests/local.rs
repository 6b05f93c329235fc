//! Participants inside the server: in which codecs they are heard, and that they hear each other.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod support;

use std::time::Duration;

use room::proto::DisconnectReason as Why;
use room::proto::signal_response::Message as Response;
use room::{AudioPacket, Codec, LocalEvent, ParticipantId, PublishError, Quiet};
use support::client::Heard;
use support::{FRAME, World, audio, demands, phone_track, speak};

fn phone(world: &mut World, identity: &str) -> ParticipantId {
    let phone = world.join_phone(identity);
    world.room.publish_audio(world.now, phone, phone_track()).unwrap();
    phone
}

/// Waits until the client receives on as many sections.
fn placed(world: &mut World, client: ParticipantId, sections: usize) {
    world.until(|world| world.clients[&client].mid_to_track.len() == sections);
}

#[test]
fn each_client_gets_the_codec_it_negotiated_and_the_phone_learns_which_are_needed() {
    let mut world = World::new();
    let phone = phone(&mut world, "phone");
    let browser = world.join("browser");
    world.codecs = vec![Codec::Opus];
    let opus_only = world.join("opus only");
    placed(&mut world, browser, 1);
    placed(&mut world, opus_only, 1);
    assert_eq!(demands(&world, phone), [(true, false, false), (true, false, true)]);

    let packet = |byte| audio(9, byte);
    world.room.write_audio(world.now, phone, Codec::Pcmu, &packet(1));
    world.room.write_audio(world.now, phone, Codec::Opus, &packet(2));
    world.run_for(FRAME);
    let heard = |id| world.clients[&id].heard.iter().map(|packet| packet.payload[0]).collect::<Vec<_>>();
    assert_eq!((heard(browser), heard(opus_only)), (vec![1], vec![2]));

    world.room.remove(world.now, "browser", Why::ParticipantRemoved);
    world.settle();
    assert_eq!(demands(&world, phone).last(), Some(&(false, false, true)));
}

#[test]
fn a_phones_silence_is_described_to_who_takes_comfort_noise_and_sent_to_the_others() {
    let mut world = World::new();
    let phone = phone(&mut world, "phone");
    let browser = world.join("browser");
    placed(&mut world, browser, 1);
    let other = phone_that_listens(&mut world);
    let noise = || Some(Quiet::Described(vec![65; 9].into()));
    for (number, quiet) in
        [None, noise(), Some(Quiet::Unchanged), Some(Quiet::Unchanged), None, None].into_iter().enumerate()
    {
        let packet = AudioPacket { quiet, ..audio(40 + number as u64, number as u8) };
        world.room.write_audio(world.now, phone, Codec::Pcmu, &packet);
        world.run_for(FRAME);
    }
    let heard = &world.clients[&browser].heard;
    let first = heard[0].seq;
    let came = heard.iter().map(|packet| {
        let Heard { payload_type, payload, seq, marker, .. } = packet;
        (*payload_type, payload[0], seq - first, *marker)
    });
    let spoken = [(0, 0, 0, false), (13, 65, 1, false), (0, 4, 2, true), (0, 5, 3, false)];
    assert_eq!(came.collect::<Vec<_>>(), spoken, "nothing is missing between them");
    let ticks: Vec<_> = heard.iter().map(|packet| packet.timestamp).collect();
    assert_eq!(ticks.windows(2).map(|two| two[1] - two[0]).collect::<Vec<_>>(), [160, 480, 160]);
    let others = world
        .local_events
        .iter()
        .filter(|(to, event)| *to == other && matches!(event, LocalEvent::Audio { .. }));
    assert_eq!(others.count(), 6, "another phone gets every frame");
}

#[test]
fn what_a_phone_says_of_its_silence_is_passed_on_to_who_has_heard_it() {
    let mut world = World::new();
    let phone = phone(&mut world, "phone");
    let browser = world.join("browser");
    placed(&mut world, browser, 1);
    world.room.write_noise(world.now, phone, 40, &[70]);
    speak(&mut world, phone, 1..3, 0x11);
    world.room.write_noise(world.now, phone, 480, &[70]);
    world.run_for(FRAME);
    speak(&mut world, phone, 3..5, 0x11);
    let heard = &world.clients[&browser].heard;
    let first = heard[0].seq;
    let came: Vec<_> =
        heard.iter().map(|packet| (packet.payload_type, packet.seq - first, packet.marker)).collect();
    let expected = [(0, 0, false), (0, 1, false), (13, 2, false), (0, 3, true), (0, 4, false)];
    assert_eq!(came, expected, "there is nothing to describe to who has heard nothing");
}

fn phone_that_listens(world: &mut World) -> ParticipantId {
    let other = world.join_phone("other");
    world.room.subscribe_all(world.now, other, true);
    world.settle();
    other
}

#[test]
fn a_client_with_a_law_only_gets_a_law() {
    let mut world = World::new();
    world.codecs = vec![Codec::Pcma];
    let phone = phone(&mut world, "phone");
    let client = world.join("client");
    placed(&mut world, client, 1);
    assert_eq!(demands(&world, phone), [(false, true, false)]);
}

#[test]
fn a_client_that_cannot_decode_a_track_is_told() {
    let mut world = World::new();
    let alice = world.join("alice");
    world.publish(alice, "cid");
    world.codecs = vec![Codec::Pcmu];
    let old = world.join("old");
    world.run_for(Duration::from_secs(1));
    let refused = world.signals(old, |s| matches!(s, Response::SubscriptionResponse(_)).then_some(()));
    assert_eq!(refused.len(), 1);
    assert!(world.clients[&old].mid_to_track.is_empty());
}

#[test]
fn phones_in_one_room_hear_each_other_until_one_leaves() {
    let mut world = World::new();
    let (one, two) = (phone(&mut world, "one"), phone(&mut world, "two"));
    world.room.subscribe_all(world.now, two, true);
    world.settle();
    assert_eq!(demands(&world, one), [(true, false, false)]);
    assert!(demands(&world, two).is_empty());
    speak(&mut world, one, 70_000..70_003, 0x00);
    let heard: Vec<_> = world
        .local_events
        .iter()
        .filter_map(|(to, event)| match event {
            LocalEvent::Audio { from, codec, seq, audio_level, .. } if *to == two => {
                Some((*from, *codec, *seq, *audio_level))
            }
            _ => None,
        })
        .collect();
    assert_eq!(heard, [4464, 4465, 4466].map(|seq| (one, Codec::Pcmu, seq, Some(0))));

    world.room.leave(world.now, two, Why::ClientInitiated);
    world.settle();
    assert_eq!(demands(&world, one).last(), Some(&(false, false, false)));
    assert!(world.left.contains(&("two".to_owned(), Why::ClientInitiated)));
}

#[test]
fn a_phone_that_no_longer_listens_hears_nothing() {
    let mut world = World::new();
    let (one, two) = (phone(&mut world, "one"), phone(&mut world, "two"));
    world.room.subscribe_all(world.now, two, true);
    world.room.subscribe_all(world.now, two, false);
    speak(&mut world, one, 0..3, 0x11);
    let audio = world.local_events.iter().filter(|(_, event)| matches!(event, LocalEvent::Audio { .. }));
    assert_eq!(audio.count(), 0);
}

#[test]
fn a_phone_that_speaks_is_shown_as_speaking() {
    let mut world = World::new();
    let bob = world.join("bob");
    let phone = phone(&mut world, "phone");
    placed(&mut world, bob, 1);
    speak(&mut world, phone, 0..50, 0x00);
    speak(&mut world, phone, 50..150, 0xff);
    let told = world.signals(bob, |signal| match signal {
        Response::SpeakersChanged(changed) => Some(changed.speakers[0].active),
        _ => None,
    });
    assert_eq!((told.first(), told.last()), (Some(&true), Some(&false)));
}

#[test]
fn a_phone_that_speaks_opus_is_shown_as_speaking_by_the_level_it_tells() {
    let mut world = World::new();
    world.codecs = vec![Codec::Opus];
    let bob = world.join("bob");
    let phone = phone(&mut world, "phone");
    placed(&mut world, bob, 1);
    for seq in 0..150 {
        let level = Some(if seq < 50 { 26 } else { 127 });
        let packet = AudioPacket { level, timestamp: 960 * seq as u32, ..audio(seq, 0x11) };
        world.room.write_audio(world.now, phone, Codec::Opus, &packet);
        world.run_for(FRAME);
    }
    let told = world.signals(bob, |signal| match signal {
        Response::SpeakersChanged(changed) => Some(changed.speakers[0].active),
        _ => None,
    });
    assert_eq!((told.first(), told.last()), (Some(&true), Some(&false)));
}

#[test]
fn only_local_participants_publish_by_call_and_only_once() {
    let mut world = World::new();
    let (bob, phone) = (world.join("bob"), phone(&mut world, "phone"));
    assert_eq!(world.room.publish_audio(world.now, bob, phone_track()), Err(PublishError::NotLocal));
    assert_eq!(
        world.room.publish_audio(world.now, phone, phone_track()),
        Err(PublishError::AlreadyPublished)
    );
}
