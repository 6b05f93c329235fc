//! Clients with two peer connections (v0), in simulated time: they publish on one, which they offer, and receive on
//! the other, which the room offers.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod support;

use std::time::Duration;

use room::proto::data_packet::Value;
use room::proto::signal_request::Message as Request;
use room::proto::signal_response::Message as Response;
use room::{ParticipantId, proto};
use support::{FRAME, World, phone_track, speak};

/// Directions of the audio sections of the last offer, and whether they name a track.
fn sections_offered(world: &World, to: ParticipantId) -> Vec<(String, bool)> {
    let (_, sdp) = world.clients[&to].offers.last().unwrap();
    let audio = sdp.split("\nm=").filter(|section| section.starts_with("audio"));
    let describe = |section: &str| {
        let direction = ["sendonly", "inactive", "sendrecv", "recvonly"]
            .into_iter()
            .find(|direction| section.lines().any(|line| line == format!("a={direction}")));
        (direction.unwrap().to_owned(), section.contains("\na=msid:"))
    };
    audio.map(describe).collect()
}

fn want(world: &mut World, id: ParticipantId, track: &str, subscribe: bool) {
    let update =
        proto::UpdateSubscription { track_sids: vec![track.into()], subscribe, ..Default::default() };
    world.request(id, Request::Subscription(update));
}

fn phone_and_dual_client(world: &mut World) -> (ParticipantId, ParticipantId, String) {
    let bob = world.join_dual("bob");
    let phone = world.join_phone("phone");
    let track = world.room.publish_audio(world.now, phone, phone_track()).unwrap().to_string();
    world.until(|world| world.clients[&bob].mid_to_track.values().any(|sid| *sid == track));
    world.run_for(Duration::from_millis(200));
    (phone, bob, track)
}

#[test]
fn a_client_joins_in_livekits_order_and_becomes_active_with_the_connection_it_receives_on() {
    let mut world = World::new();
    let phone = world.join_phone("phone");
    world.room.publish_audio(world.now, phone, phone_track()).unwrap();
    let bob = world.join_dual("bob");
    let names: Vec<_> = world.signals(bob, |signal| {
        Some(match signal {
            Response::Join(_) => "join",
            Response::Offer(_) => "offer",
            Response::Answer(_) => "answer",
            Response::Update(_) => "update",
            _ => "other",
        })
    });
    assert_eq!(names[..4], ["join", "other", "offer", "answer"], "{names:?}");
    let joins = world.signals(bob, |s| if let Response::Join(join) = s { Some(join.clone()) } else { None });
    assert!(joins[0].subscriber_primary && joins[0].fast_publish);
    let (_, first) = &world.clients[&bob].offers[0];
    assert!(!first.contains("m=audio"), "tracks come once the connection is up: {first}");
    assert_eq!(world.ufrags.len(), 2);
    world.until(|world| world.clients[&bob].offers.len() == 2);
    assert_eq!(sections_offered(&world, bob), [("sendonly".into(), true)]);
    world.run_for(Duration::from_millis(100));
    speak(&mut world, phone, 0..5, 0x11);
    world.run_for(FRAME);
    assert_eq!(world.clients[&bob].heard.len(), 5);
}

#[test]
fn a_client_hears_a_phone_and_another_on_a_section_of_its_own() {
    let mut world = World::new();
    let (phone, bob, track) = phone_and_dual_client(&mut world);
    let phone_sid = world.room.participant_sid(phone).unwrap().to_owned();
    let (_, offer) = world.clients[&bob].offers.last().unwrap().clone();
    assert!(offer.contains(&format!("a=msid:{phone_sid}|{track} {track}")), "{offer}");
    speak(&mut world, phone, 0..5, 0x55);
    want(&mut world, bob, &track, false);
    speak(&mut world, phone, 5..30, 0x55);
    assert_eq!(sections_offered(&world, bob), [("inactive".into(), false)]);
    assert_eq!(world.clients[&bob].heard.len(), 5);

    let other = world.join_phone("another phone");
    world.room.publish_audio(world.now, other, phone_track()).unwrap();
    world.run_for(Duration::from_millis(200));
    assert_eq!(sections_offered(&world, bob), [("inactive".into(), false), ("sendonly".into(), true)]);
    speak(&mut world, other, 60..65, 0x66);
    world.run_for(FRAME);
    let heard = &world.clients[&bob].heard;
    assert_eq!(heard.len(), 10);
    assert!(heard.iter().all(|packet| packet.payload_type == 0));
    assert_ne!(heard[0].mid, heard[9].mid);
    assert_ne!(heard[0].ssrc, heard[9].ssrc);
    assert_eq!(heard[9].payload, [0x66; 160]);
}

#[test]
fn a_track_that_comes_again_gets_a_section_that_never_carried_it() {
    let mut world = World::new();
    let (phone, bob, track) = phone_and_dual_client(&mut world);
    let mut mids = Vec::new();
    for round in 0..4 {
        let heard = world.clients[&bob].heard.len();
        speak(&mut world, phone, 60 * round..60 * round + 5, 0x66);
        world.run_for(FRAME);
        assert_eq!(world.clients[&bob].heard.len(), heard + 5);
        mids.push(world.clients[&bob].heard[heard].mid);
        want(&mut world, bob, &track, false);
        world.run_for(Duration::from_millis(400));
        want(&mut world, bob, &track, true);
        world.run_for(Duration::from_millis(200));
    }
    assert!(mids.iter().all(|mid| mids.iter().filter(|other| *other == mid).count() == 1), "{mids:?}");
    // Whoever asks for it again and again gets no end of sections for it.
    for _ in 0..100 {
        want(&mut world, bob, &track, false);
        world.run_for(Duration::from_millis(400));
        want(&mut world, bob, &track, true);
        world.run_for(Duration::from_millis(400));
    }
    assert!(sections_offered(&world, bob).len() <= 64);
    let heard = world.clients[&bob].heard.len();
    speak(&mut world, phone, 600..605, 0x77);
    world.run_for(FRAME);
    assert_eq!(world.clients[&bob].heard.len(), heard + 5);
}

#[test]
fn a_track_wanted_again_before_its_section_is_shown_free_gets_another_section() {
    let mut world = World::new();
    let (phone, bob, track) = phone_and_dual_client(&mut world);
    want(&mut world, bob, &track, false);
    want(&mut world, bob, &track, true);
    world.run_for(Duration::from_millis(400));
    speak(&mut world, phone, 0..5, 0x66);
    world.run_for(FRAME);
    assert_eq!(world.clients[&bob].heard.len(), 5);
    assert_eq!(sections_offered(&world, bob), [("inactive".into(), false), ("sendonly".into(), true)]);
}

#[test]
fn one_offer_is_out_at_a_time_and_what_changes_meanwhile_comes_with_the_next() {
    let mut world = World::new();
    let (phone, bob, track) = phone_and_dual_client(&mut world);
    let before = world.clients[&bob].offers.len();
    world.signal_latency = Duration::from_millis(300);
    want(&mut world, bob, &track, false);
    world.run_for(Duration::from_millis(600));
    // The offer that frees the section is on its way; three more things happen.
    want(&mut world, bob, &track, true);
    let alice = world.join("alice");
    world.client(alice).publish("cid-1");
    world.run_for(Duration::from_millis(100));
    want(&mut world, bob, &track, false);
    want(&mut world, bob, &track, true);
    world.run_for(Duration::from_secs(4));
    let offers = &world.clients[&bob].offers;
    let ids: Vec<_> = offers.iter().map(|(id, _)| *id).collect();
    assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1), "{ids:?}");
    assert!(offers.len() > before && world.clients[&bob].mid_to_track.len() == 2);
    world.signal_latency = Duration::ZERO;
    speak(&mut world, phone, 0..5, 0x66);
    world.run_for(FRAME);
    assert_eq!(world.clients[&bob].heard.len(), 5);
}

#[test]
fn clients_of_both_kinds_hear_each_other() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join_dual("bob"));
    let (alices, alices_track) = world.publish(alice, "cid-a");
    let (bobs, bobs_track) = world.publish(bob, "cid-b");
    world.until(|world| world.clients[&alice].mid_to_track.values().any(|sid| *sid == bobs_track));
    world.until(|world| world.clients[&bob].mid_to_track.values().any(|sid| *sid == alices_track));
    world.run_for(Duration::from_millis(200));
    for seq in 0..10u32 {
        let now = world.now;
        world.client(alice).send_audio(now, alices, u64::from(seq), 960 * seq, &[1; 40], -20);
        world.client(bob).send_audio(now, bobs, u64::from(seq), 960 * seq, &[2; 40], -20);
        world.run_for(FRAME);
    }
    assert!(world.clients[&alice].heard.iter().all(|packet| packet.payload == [2; 40]));
    assert!(world.clients[&bob].heard.iter().all(|packet| packet.payload == [1; 40]));
    assert_eq!((world.clients[&alice].heard.len(), world.clients[&bob].heard.len()), (10, 10));

    world.client(bob).unpublish(bobs);
    world.run_for(Duration::from_millis(300));
    assert!(world.room.participant("bob").unwrap().tracks.is_empty());
}

#[test]
fn data_reaches_it_on_the_rooms_channels_and_comes_on_its_own() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join_dual("bob"));
    let packet = |text: &[u8]| proto::DataPacket {
        value: Some(Value::User(proto::UserPacket { payload: text.to_vec(), ..Default::default() })),
        ..Default::default()
    };
    let now = world.now;
    world.client(alice).send_data(now, "_reliable", &packet(b"to bob"));
    world.client(bob).send_data(now, "_lossy", &packet(b"to alice"));
    world.run_for(Duration::from_millis(50));
    let got = |id| {
        let (label, packet) = &world.clients[&id].data[0];
        (label.clone(), packet.participant_identity.clone())
    };
    assert_eq!(got(bob), ("_reliable".into(), "alice".into()));
    assert_eq!(got(alice), ("_lossy".into(), "bob".into()));
}

#[test]
fn one_that_may_not_subscribe_is_connected_with_the_connection_it_publishes_on() {
    let mut world = World::new();
    let bob = world.join_dual_with(|join| {
        join.identity = "bob".into();
        join.grants.can_subscribe = Some(false);
    });
    world.until(|world| world.state("bob") == "ACTIVE");
    let joins = world.signals(bob, |s| if let Response::Join(join) = s { Some(join.clone()) } else { None });
    assert!(!joins[0].subscriber_primary);
    assert!(world.clients[&bob].offers.is_empty());
}

#[test]
fn one_that_stops_answering_offers_is_told_to_start_over() {
    let mut world = World::new();
    let (_, bob, track) = phone_and_dual_client(&mut world);
    world.client(bob).mute = true;
    want(&mut world, bob, &track, false);
    world.run_for(Duration::from_secs(16));
    assert_eq!(world.state("bob"), "GONE");
    assert_eq!(world.leaves(bob)[0].action(), proto::leave_request::Action::Reconnect);
}

#[test]
fn answers_nobody_asked_for_are_ignored() {
    let mut world = World::new();
    let (_, bob, _) = phone_and_dual_client(&mut world);
    let single = world.join("alice");
    for (id, sdp) in [(0, "v=0\r\n"), (1, "nonsense"), (77, "")] {
        let answer =
            proto::SessionDescription { r#type: "answer".into(), sdp: sdp.into(), id, ..Default::default() };
        world.request(bob, Request::Answer(answer.clone()));
        world.request(single, Request::Answer(answer));
    }
    assert_eq!((world.state("bob"), world.state("alice")), ("ACTIVE", "ACTIVE"));
}
