//! Participants that are moved from one room to another, in simulated time.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod support;

use std::time::{Duration, UNIX_EPOCH};

use room::proto::DisconnectReason as Why;
use room::proto::participant_info::State;
use room::proto::signal_response::Message as Response;
use room::{JoinError, LocalEvent, MoveError, ParticipantId, Room, RoomConfig, proto};
use support::{FRAME, World, demands, phone_and_client, phone_track, speak};

/// A second room on the same server.
fn other(world: &World, config: RoomConfig) -> Room {
    let now = world.now;
    Room::new(RoomConfig { name: "other".into(), ..config }, support::env(), 8, now, UNIX_EPOCH)
}

fn updates(signals: &[Response], of: &str) -> Vec<proto::ParticipantInfo> {
    let updates = signals.iter().filter_map(|signal| match signal {
        Response::Update(update) => Some(update.participants.clone()),
        _ => None,
    });
    updates.flatten().filter(|info| info.identity == of).collect()
}

#[test]
fn a_client_that_is_moved_keeps_its_connection_and_its_tracks() {
    let mut world = World::new();
    let (_, bob, heard_before) = phone_and_client(&mut world);
    let (mid, microphone) = world.publish(bob, "mic");
    let sid = world.room.participant("bob").unwrap().sid;
    let mut there = other(&world, RoomConfig::default());
    let second = support::join_phone_of(&mut there, world.now, "second");
    let track = there.publish_audio(world.now, second, phone_track()).unwrap().to_string();
    there.subscribe_all(world.now, second, true);
    while there.poll_output().is_some() {}

    let (here, moved) = world.move_to("bob", there);
    assert!(here.participant("bob").is_none());
    let client = &world.clients[&moved];
    let at = client.signals.iter().position(|signal| matches!(signal, Response::RoomMoved(_))).unwrap();
    let Response::RoomMoved(told) = &client.signals[at] else { unreachable!() };
    let (room, me) = (told.room.as_ref().unwrap(), told.participant.as_ref().unwrap());
    assert_eq!((room.name.as_str(), me.identity.as_str(), me.state()), ("other", "bob", State::Active));
    assert_ne!(me.sid, sid, "a new session for those who number its packets");
    assert_eq!(me.tracks[0].sid, microphone, "its tracks are the same");
    assert_eq!(told.other_participants.len(), 1);
    assert_eq!(told.other_participants[0].identity, "second");
    let claims = client.moved_claims.as_ref().unwrap();
    assert_eq!(claims.video.as_ref().unwrap().room, "other");
    assert!(updates(&client.signals[at..], "phone").is_empty());

    // It hears who is there, over the connection that it has, and is heard.
    let offers = client.sections();
    world.until(|world| world.clients[&moved].mid_to_track.values().any(|sid| *sid == track));
    assert!(!world.clients[&moved].mid_to_track.values().any(|sid| *sid == heard_before));
    assert_eq!(world.clients[&moved].sections(), offers, "the section of the old room's track is used again");
    world.client(moved).heard.clear();
    speak(&mut world, second, 1..10, 9);
    assert!(world.clients[&moved].heard.iter().all(|packet| packet.payload[0] == 9));
    assert!(world.clients[&moved].heard.len() > 5);
    world.local_events.clear();
    for seq in 1..10u32 {
        let now = world.now;
        world.client(moved).send_audio(now, mid, u64::from(seq), 960 * seq, &[5; 40], -20);
        world.run_for(FRAME);
    }
    let reaches = |(to, event): &&(ParticipantId, LocalEvent)| {
        *to == second && matches!(event, LocalEvent::Audio { payload, .. } if payload[0] == 5)
    };
    assert!(world.local_events.iter().filter(reaches).count() > 5);
}

#[test]
fn those_who_stay_see_it_leave_and_those_who_are_there_see_it_come() {
    let mut world = World::new();
    let (alice, _) = (world.join("alice"), world.join("bob"));
    let mut there = other(&world, RoomConfig::default());
    support::join_phone_of(&mut there, world.now, "second");
    while there.poll_output().is_some() {}
    let (mut here, _) = world.move_to("bob", there);
    let seen = world.updates(alice, "bob").pop().unwrap();
    assert_eq!((seen.state(), seen.disconnect_reason()), (State::Disconnected, Why::Migration));
    assert_eq!(world.room.info().num_participants, 2);
    assert_eq!(here.info().num_participants, 1);
    assert!(world.left.is_empty(), "nobody has hung up");
    here.remove(world.now, "alice", Why::ParticipantRemoved);
    assert_eq!(here.info().num_participants, 0);
}

#[test]
fn a_phone_that_is_moved_loses_who_it_heard_and_gets_who_is_there() {
    let mut world = World::new();
    let alice = world.join("alice");
    let phone = world.join_phone("phone");
    let own = world.room.publish_audio(world.now, phone, phone_track()).unwrap().to_string();
    let (_, microphone) = world.publish(alice, "mic");
    world.room.subscribe_all(world.now, phone, true);
    world.until(|world| world.clients[&alice].mid_to_track.values().any(|sid| *sid == own));
    assert_eq!(demands(&world, phone).last(), Some(&(true, false, false)));
    world.settle();

    let mut there = other(&world, RoomConfig::default());
    let second = support::join_phone_of(&mut there, world.now, "second");
    let track = there.publish_audio(world.now, second, phone_track()).unwrap();
    while there.poll_output().is_some() {}
    world.local_events.clear();
    let (_here, moved) = world.move_to("phone", there);
    let of = |id: ParticipantId| {
        world.local_events.iter().filter(move |(to, _)| *to == id).map(|(_, event)| event)
    };
    let lost: Vec<_> = of(phone)
        .filter_map(|event| match event {
            LocalEvent::TrackRemoved { track, .. } => Some(track.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(lost, [microphone]);
    let nobody = LocalEvent::Demand { pcmu: false, pcma: false, g722: false, opus: false };
    assert!(of(phone).any(|event| format!("{event:?}") == format!("{nobody:?}")));
    assert!(!of(phone).any(|event| matches!(event, LocalEvent::Removed(_))), "the call goes on");
    let got = of(moved)
        .any(|event| matches!(event, LocalEvent::TrackAdded { track: added, .. } if *added == track));
    assert!(got, "it still wants everything there is");
    let attributes = world.room.participant("phone").unwrap().attributes;
    assert_eq!(attributes["sip.callStatus"], "dialing", "what was said of it goes along");
}

#[test]
fn not_everybody_can_be_moved_and_not_everywhere() {
    let mut world = World::new();
    let early = world.join_with(|join| join.identity = "early".into()).unwrap();
    assert_eq!(world.room.movable("nobody"), Err(MoveError::NoParticipant));
    assert_eq!(world.room.movable("early"), Err(MoveError::NotConnected), "it is still joining");
    world.until(|world| world.state("early") == "ACTIVE");
    assert_eq!(world.room.movable("early"), Ok(false));
    world.room.signal_closed(world.now, early);
    assert_eq!(world.room.movable("early"), Err(MoveError::NotConnected), "it could not be told");

    let full = RoomConfig { max_participants: 1, ..RoomConfig::default() };
    let mut there = other(&world, full);
    assert_eq!(there.admits("phone", false), Ok(()));
    support::join_phone_of(&mut there, world.now, "second");
    assert_eq!(there.admits("phone", false), Err(JoinError::RoomFull));
    assert_eq!(there.admits("agent", true), Ok(()), "agents do not count");
    assert_eq!(there.admits("second", false), Ok(()), "it would take its place");
    there.close(world.now, Why::RoomDeleted);
    assert_eq!(there.admits("agent", true), Err(JoinError::Closed));
}

#[test]
fn a_room_that_was_left_by_the_last_closes_in_its_time() {
    let mut world = World::new();
    world.join_phone("phone");
    let there = other(&world, RoomConfig::default());
    let (mut here, _) = world.move_to("phone", there);
    let due = here.next_timeout().unwrap();
    assert!(due <= world.now + Duration::from_secs(20));
    here.handle_timeout(world.now + Duration::from_secs(20));
    let mut closed = false;
    while let Some(output) = here.poll_output() {
        closed |= matches!(output, room::Output::Closed);
    }
    assert!(closed);
}
