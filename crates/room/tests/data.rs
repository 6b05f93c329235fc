//! Data packets in simulated time: between clients, and between clients and phones.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]
#![allow(deprecated, reason = "the fields clients still send are what is tested")]

mod support;

use std::time::Duration;

use room::proto::data_packet::Value;
use room::{LocalEvent, ParticipantId, proto};
use support::World;

fn digit(code: u32, digit: &str) -> proto::DataPacket {
    let value = Some(Value::SipDtmf(proto::SipDtmf { code, digit: digit.into() }));
    proto::DataPacket { value, ..Default::default() }
}

fn chat(text: &[u8], sequence: u32, to: &[&str]) -> proto::DataPacket {
    proto::DataPacket {
        kind: 1,
        participant_identity: "somebody else".into(),
        sequence,
        destination_identities: to.iter().map(|to| (*to).to_owned()).collect(),
        value: Some(Value::User(proto::UserPacket { payload: text.to_vec(), ..Default::default() })),
        ..Default::default()
    }
}

fn send(world: &mut World, from: ParticipantId, label: &str, packet: &proto::DataPacket) {
    let now = world.now;
    world.client(from).send_data(now, label, packet);
    world.run_for(Duration::from_millis(50));
}

fn texts(world: &World, of: ParticipantId) -> Vec<Vec<u8>> {
    let users = world.clients[&of].data.iter().filter_map(|(_, packet)| match &packet.value {
        Some(Value::User(user)) => Some(user.payload.clone()),
        _ => None,
    });
    users.collect()
}

#[test]
fn digits_go_from_phone_to_client_and_back() {
    let mut world = World::new();
    let (alice, phone) = (world.join("alice"), world.join_phone("phone"));
    world.room.send_data(world.now, phone, &digit(11, "#"));
    world.run_for(Duration::from_millis(50));
    let (label, packet) = world.clients[&alice].data[0].clone();
    assert_eq!((label.as_str(), packet.participant_identity.as_str()), ("_reliable", "phone"));
    assert_eq!(packet.participant_sid, world.room.participant_sid(phone).unwrap());
    assert_eq!(packet.value, digit(11, "#").value);

    send(&mut world, alice, "_reliable", &digit(5, "5"));
    let got = world.local_events.iter().find_map(|(to, event)| match event {
        LocalEvent::Data { packet, from } if *to == phone => Some((packet.clone(), from.clone())),
        _ => None,
    });
    let (packet, from) = got.unwrap();
    assert_eq!((from.as_str(), packet.value), ("alice", digit(5, "5").value));
}

#[test]
fn clients_hear_the_others_true_identity_and_no_echo() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    send(&mut world, alice, "_reliable", &chat(b"hello", 1, &[]));
    send(&mut world, alice, "_lossy", &chat(b"fast", 0, &[]));
    let data = &world.clients[&bob].data;
    assert_eq!(data.iter().map(|(label, _)| label.as_str()).collect::<Vec<_>>(), ["_reliable", "_lossy"]);
    assert!(data.iter().all(|(_, packet)| packet.participant_identity == "alice"));
    assert_eq!(data.iter().map(|(_, packet)| packet.kind).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(data[0].1.sequence, 1);
    assert!(world.clients[&alice].data.is_empty());
}

#[test]
fn only_those_who_are_meant_get_it() {
    let mut world = World::new();
    let (alice, bob, carol) = (world.join("alice"), world.join("bob"), world.join("carol"));
    send(&mut world, alice, "_reliable", &chat(b"for carol", 1, &["carol"]));
    assert!(texts(&world, bob).is_empty());
    assert_eq!(texts(&world, carol), [b"for carol"]);
}

#[test]
fn repeated_packets_are_forwarded_once() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    for sequence in [1, 2, 2, 1, 3] {
        send(&mut world, alice, "_reliable", &chat(&[sequence as u8], sequence, &[]));
    }
    assert_eq!(texts(&world, bob), [[1], [2], [3]]);
}

#[test]
fn nobody_sends_data_without_permission() {
    let mut world = World::new();
    let bob = world.join("bob");
    let eve = world
        .join_with(|join| {
            join.identity = "eve".into();
            join.grants.can_publish_data = Some(false);
        })
        .unwrap();
    world.until(|world| world.clients[&eve].has_channels());
    send(&mut world, eve, "_reliable", &chat(b"psst", 1, &[]));
    assert!(texts(&world, bob).is_empty());
}

#[test]
fn hidden_senders_have_no_name() {
    let mut world = World::new();
    let bob = world.join("bob");
    let ghost = world
        .join_with(|join| {
            join.identity = "ghost".into();
            join.grants.hidden = true;
        })
        .unwrap();
    world.until(|world| world.clients[&ghost].has_channels());
    send(&mut world, ghost, "_reliable", &chat(b"boo", 1, &[]));
    assert_eq!(world.clients[&bob].data[0].1.participant_identity, "");
    assert!(world.updates(bob, "ghost").is_empty());
    assert!(!world.updates(ghost, "ghost").is_empty());
}

#[test]
fn only_agents_speak_for_others_and_what_they_say_is_marked() {
    let mut world = World::new();
    let bob = world.join("bob");
    let agent = world
        .join_with(|join| {
            join.identity = "agent".into();
            join.kind = proto::participant_info::Kind::Agent;
        })
        .unwrap();
    let alice = world.join("alice");
    world.until(|world| world.clients[&agent].has_channels());
    let chat = |identity: &str, sequence| proto::DataPacket {
        participant_identity: identity.into(),
        sequence,
        value: Some(Value::ChatMessage(proto::ChatMessage { message: "hi".into(), ..Default::default() })),
        ..Default::default()
    };
    send(&mut world, agent, "_reliable", &chat("alice", 1));
    send(&mut world, agent, "_reliable", &chat("agent", 2));
    send(&mut world, alice, "_reliable", &chat("agent", 1));
    let got = world.clients[&bob].data.iter().filter_map(|(_, packet)| match &packet.value {
        Some(Value::ChatMessage(chat)) => Some((packet.participant_identity.as_str(), chat.generated)),
        _ => None,
    });
    assert_eq!(got.collect::<Vec<_>>(), [("alice", true), ("agent", false), ("alice", false)]);
}

#[test]
fn reliable_data_waits_for_a_client_that_is_still_joining() {
    let mut world = World::new();
    let phone = world.join_phone("phone");
    let bob = world.join_with(|join| join.identity = "bob".into()).unwrap();
    for code in 0..3 {
        world.room.send_data(world.now, phone, &digit(code, "x"));
    }
    world.until(|world| world.clients[&bob].data.len() == 3);
    let codes: Vec<_> = world.clients[&bob].data.iter().map(|(_, packet)| packet.value.clone()).collect();
    assert_eq!(codes, [0, 1, 2].map(|code| digit(code, "x").value));
}

#[test]
fn large_reliable_messages_arrive_whole_and_in_order() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    for sequence in 1..=20u8 {
        let payload = vec![sequence; 60_000];
        let now = world.now;
        world.client(alice).send_data(now, "_reliable", &chat(&payload, u32::from(sequence), &[]));
        world.run_for(Duration::from_millis(200));
    }
    world.until(|world| texts(world, bob).len() == 20);
    for (index, text) in texts(&world, bob).iter().enumerate() {
        assert_eq!(text, &vec![index as u8 + 1; 60_000]);
    }
}

/// Sends a reliable packet as soon as the client's own buffer has room for it.
fn send_when_possible(world: &mut World, from: ParticipantId, packet: &proto::DataPacket) {
    let end = world.now + Duration::from_secs(120);
    loop {
        let now = world.now;
        if world.client(from).try_send_data(now, "_reliable", packet) {
            return;
        }
        assert!(now < end, "the sender is stopped for good");
        world.run_for(Duration::from_millis(20));
    }
}

/// Bob's path takes a fraction of what Alice sends, which is more than is kept for him: she is slowed down, and
/// everything arrives.
#[test]
fn a_sender_is_slowed_down_to_what_its_recipient_takes() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    world.narrow(bob, 60);
    let count = 900u32;
    for sequence in 1..=count {
        let payload = vec![sequence as u8; 14_000];
        send_when_possible(&mut world, alice, &chat(&payload, sequence, &[]));
    }
    let all = count as usize;
    world.until_within(Duration::from_secs(300), |world| world.clients[&bob].data.len() == all);
    let firsts: Vec<_> = texts(&world, bob).iter().map(|text| text[0]).collect();
    let sent: Vec<_> = (1..=count).map(|sequence| sequence as u8).collect();
    assert_eq!(firsts, sent, "in order, and none missing");
}

/// Nobody waits for one who is away; when it is back it is told to join anew, since not all data could be kept for it.
#[test]
fn who_is_away_slows_nobody_down_and_begins_anew() {
    let mut world = World::new();
    let (alice, bob, carol) = (world.join("alice"), world.join("bob"), world.join("carol"));
    world.cut.push(bob);
    world.room.signal_closed(world.now, bob);
    for sequence in 1..=800u32 {
        send_when_possible(&mut world, alice, &chat(&[0; 14_000], sequence, &[]));
    }
    world.until_within(Duration::from_secs(15), |world| world.clients[&carol].data.len() == 800);
    let participant_sid = world.room.participant_sid(bob).unwrap().to_owned();
    let resume = room::Resume { identity: "bob".into(), participant_sid, dual: false };
    let resumed = world.room.resume(world.now, world.wallclock(), &resume);
    assert_eq!(resumed, Err(room::ResumeError::DataLost));
}

/// The same where only the media path was cut: its signalling never noticed, and is told when the path is back.
#[test]
fn who_missed_data_while_its_path_was_cut_begins_anew() {
    let mut world = World::new();
    let (alice, bob, carol) = (world.join("alice"), world.join("bob"), world.join("carol"));
    world.cut.push(bob);
    for sequence in 1..=800u32 {
        send_when_possible(&mut world, alice, &chat(&[0; 14_000], sequence, &[]));
    }
    world.until_within(Duration::from_secs(15), |world| world.clients[&carol].data.len() == 800);
    assert!(world.leaves(bob).is_empty(), "nothing is known of it yet");
    world.cut.clear();
    world.until_within(Duration::from_secs(30), |world| !world.leaves(bob).is_empty());
    let leave = world.leaves(bob).remove(0);
    assert_eq!(leave.reason(), proto::DisconnectReason::StateMismatch);
    assert_eq!(leave.action(), proto::leave_request::Action::Reconnect);
}
