//! What the server's API does to participants, in simulated time: what each of them is told, and in which order.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]
#![allow(deprecated, reason = "the fields older callers send are what is tested")]

mod support;

use std::collections::HashMap;

use room::proto::data_packet::Value;
use room::proto::participant_info::State;
use room::proto::signal_request::Message as Request;
use room::proto::signal_response::Message as Response;
use room::{LimitExceeded, LocalEvent, ModerationError, ParticipantId, proto};
use support::{FRAME, World, demands, phone_and_client, speak};

fn permission(
    change: impl FnOnce(&mut proto::ParticipantPermission),
) -> Option<proto::ParticipantPermission> {
    let mut permission = proto::ParticipantPermission {
        can_subscribe: true,
        can_publish: true,
        can_publish_data: true,
        ..Default::default()
    };
    change(&mut permission);
    Some(permission)
}

fn update(
    world: &mut World,
    identity: &str,
    change: impl FnOnce(&mut proto::UpdateParticipantRequest),
) -> Result<proto::ParticipantInfo, ModerationError> {
    let mut request = proto::UpdateParticipantRequest { identity: identity.into(), ..Default::default() };
    change(&mut request);
    let updated = world.room.update_participant(world.now, &request);
    world.settle();
    updated
}

/// Names of the signals a client got from here on.
fn names(world: &World, of: ParticipantId, from: usize) -> Vec<&'static str> {
    let name = |signal: &Response| match signal {
        Response::Update(_) => "update",
        Response::TrackUnpublished(_) => "track_unpublished",
        Response::Mute(_) => "mute",
        Response::RoomUpdate(_) => "room_update",
        _ => "other",
    };
    world.clients[&of].signals[from..].iter().map(name).collect()
}

/// Lets a client's microphone send for half a second; the payload is `byte`.
fn talk(world: &mut World, from: ParticipantId, mid: str0m::media::Mid, start: u32, byte: u8) {
    for seq in start..start + 25 {
        let now = world.now;
        world.client(from).send_audio(now, mid, u64::from(seq), 960 * seq, &[byte; 40], -20);
        world.run_for(FRAME);
    }
}

fn phone_hears(world: &World, phone: ParticipantId) -> Vec<u8> {
    let audio = |(to, event): &(ParticipantId, LocalEvent)| match event {
        LocalEvent::Audio { payload, .. } if *to == phone => Some(payload[0]),
        _ => None,
    };
    let mut heard: Vec<u8> = world.local_events.iter().filter_map(audio).collect();
    heard.dedup();
    heard
}

#[test]
fn a_participant_is_renamed_and_told_its_new_token() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    let tokens = world.clients[&alice].tokens.len();
    let updated = update(&mut world, "alice", |request| {
        request.name = "Alice".into();
        request.metadata = "m".into();
        request.attributes = HashMap::from([("a".into(), "1".into()), ("b".into(), "2".into())]);
    });
    assert_eq!(updated.unwrap().name, "Alice");
    let seen = world.updates(bob, "alice").pop().unwrap();
    assert_eq!(
        (seen.name.as_str(), seen.metadata.as_str(), seen.attributes["b"].as_str()),
        ("Alice", "m", "2")
    );
    let token = world.clients[&alice].tokens[tokens..].last().unwrap();
    assert_eq!((token.name.as_str(), token.attributes["a"].as_str()), ("Alice", "1"));

    let updated = update(&mut world, "alice", |request| {
        request.attributes = HashMap::from([("a".into(), String::new())]);
    });
    let updated = updated.unwrap();
    assert_eq!((updated.name.as_str(), updated.metadata.as_str()), ("Alice", "m"), "not named, not changed");
    assert_eq!(updated.attributes, HashMap::from([("b".to_owned(), "2".to_owned())]));
}

#[test]
fn nobody_is_not_found_and_what_is_too_long_changes_nothing() {
    let mut world = World::new();
    world.join("alice");
    assert_eq!(update(&mut world, "nobody", |_| ()), Err(ModerationError::NoParticipant));
    let before = world.room.participant("alice").unwrap();
    for (limit, request) in [
        (
            LimitExceeded::Name,
            proto::UpdateParticipantRequest { name: "x".repeat(257), ..Default::default() },
        ),
        (
            LimitExceeded::Metadata,
            proto::UpdateParticipantRequest { metadata: "x".repeat((512 << 10) + 1), ..Default::default() },
        ),
        (
            LimitExceeded::Attributes,
            proto::UpdateParticipantRequest {
                name: "Alice".into(),
                attributes: HashMap::from([("a".into(), "x".repeat(64 << 10))]),
                ..Default::default()
            },
        ),
    ] {
        let refused = update(&mut world, "alice", |wanted| {
            *wanted = proto::UpdateParticipantRequest { identity: "alice".into(), ..request };
        });
        assert_eq!(refused, Err(ModerationError::Limit(limit)));
    }
    assert_eq!(world.room.participant("alice").unwrap(), before);
}

#[test]
fn who_may_no_longer_subscribe_loses_its_tracks_and_has_them_back_with_the_permission() {
    let mut world = World::new();
    let (phone, bob, track) = phone_and_client(&mut world);
    let tokens = world.clients[&bob].tokens.len();
    update(&mut world, "bob", |request| request.permission = permission(|p| p.can_subscribe = false))
        .unwrap();
    assert_eq!(
        world.clients[&bob].tokens[tokens..].last().unwrap().video.as_ref().unwrap().can_subscribe,
        Some(false)
    );
    world.until(|world| world.clients[&bob].mid_to_track.is_empty());
    assert_eq!(demands(&world, phone).last(), Some(&(false, false, false)));
    let seen = world.updates(bob, "bob").pop().unwrap().permission.unwrap();
    assert!(!seen.can_subscribe && seen.can_publish);

    update(&mut world, "bob", |request| request.permission = permission(|_| ())).unwrap();
    world.until(|world| world.clients[&bob].mid_to_track.values().any(|sid| *sid == track));
    assert_eq!(demands(&world, phone).last(), Some(&(true, false, false)));
    let same = world.clients[&bob].tokens.len();
    update(&mut world, "bob", |request| request.permission = permission(|_| ())).unwrap();
    assert_eq!(world.clients[&bob].tokens.len(), same, "the same permission again changes nothing");
}

#[test]
fn who_may_no_longer_publish_is_told_of_the_end_of_each_track_and_publishes_no_other() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    let (_, track) = world.publish(alice, "mic");
    world.until(|world| world.clients[&bob].mid_to_track.values().any(|sid| *sid == track));
    let (told, seen) = (world.clients[&alice].signals.len(), world.updates(bob, "alice").len());
    update(&mut world, "alice", |request| request.permission = permission(|p| p.can_publish = false))
        .unwrap();
    assert_eq!(names(&world, alice, told), ["update", "track_unpublished", "update"]);
    let updates = &world.updates(bob, "alice")[seen..];
    assert!(updates.iter().all(|info| info.tracks.is_empty() && info.state() == State::Active));
    assert!(!updates.last().unwrap().is_publisher);
    world.until(|world| world.clients[&bob].mid_to_track.is_empty());
    assert_eq!(world.room.info().num_publishers, 0);

    let again = proto::AddTrackRequest { cid: "again".into(), ..Default::default() };
    world.request(alice, Request::AddTrack(again));
    let refused = world.signals(alice, |signal| match signal {
        Response::RequestResponse(response) => Some(response.reason()),
        _ => None,
    });
    assert_eq!(refused, [proto::request_response::Reason::NotAllowed]);
}

#[test]
fn a_permission_for_some_sources_leaves_their_tracks_alone() {
    let mut world = World::new();
    let alice = world.join("alice");
    let (_, track) = world.publish(alice, "mic");
    let source = world.room.participant("alice").unwrap().tracks[0].source;
    update(&mut world, "alice", |r| r.permission = permission(|p| p.can_publish_sources = vec![source]))
        .unwrap();
    assert_eq!(world.room.participant("alice").unwrap().tracks[0].sid, track);
    let other = proto::TrackSource::ScreenShareAudio.into();
    update(&mut world, "alice", |r| r.permission = permission(|p| p.can_publish_sources = vec![other]))
        .unwrap();
    assert!(world.room.participant("alice").unwrap().tracks.is_empty());
    assert!(world.room.participant("alice").unwrap().permission.unwrap().can_publish);
}

#[test]
fn who_is_hidden_from_now_on_leaves_to_the_others_and_comes_back_when_shown() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    let (_, track) = world.publish(alice, "mic");
    world.until(|world| world.clients[&bob].mid_to_track.values().any(|sid| *sid == track));
    update(&mut world, "alice", |request| request.permission = permission(|p| p.hidden = true)).unwrap();
    assert_eq!(world.updates(bob, "alice").pop().unwrap().state(), State::Disconnected);
    world.until(|world| world.clients[&bob].mid_to_track.is_empty());
    update(&mut world, "alice", |request| request.permission = permission(|_| ())).unwrap();
    assert_eq!(world.updates(bob, "alice").pop().unwrap().state(), State::Active);
    world.until(|world| world.clients[&bob].mid_to_track.values().any(|sid| *sid == track));
}

#[test]
fn a_phone_that_may_not_publish_is_silent_and_publishes_again_by_itself_when_it_may() {
    let mut world = World::new();
    let (phone, bob, _) = phone_and_client(&mut world);
    update(&mut world, "phone", |request| request.permission = permission(|p| p.can_publish = false))
        .unwrap();
    assert!(world.room.participant("phone").unwrap().tracks.is_empty());
    world.until(|world| world.clients[&bob].mid_to_track.is_empty());
    speak(&mut world, phone, 1..10, 1);
    assert!(world.clients[&bob].heard.is_empty());
    update(&mut world, "phone", |request| request.permission = permission(|_| ())).unwrap();
    let track = world.room.participant("phone").unwrap().tracks[0].sid.clone();
    world.until(|world| world.clients[&bob].mid_to_track.values().any(|sid| *sid == track));
    speak(&mut world, phone, 10..20, 2);
    assert!(world.clients[&bob].heard.iter().all(|packet| packet.payload[0] == 2));
    assert!(!world.clients[&bob].heard.is_empty());
}

#[test]
fn a_phone_without_permission_for_data_sends_none() {
    let mut world = World::new();
    let (phone, bob, _) = phone_and_client(&mut world);
    let digit = |text: &str| proto::DataPacket {
        value: Some(Value::SipDtmf(proto::SipDtmf { code: 1, digit: text.into() })),
        ..Default::default()
    };
    update(&mut world, "phone", |request| request.permission = permission(|p| p.can_publish_data = false))
        .unwrap();
    world.room.send_data(world.now, phone, &digit("1"));
    world.run_for(FRAME);
    assert!(world.clients[&bob].data.is_empty());
    update(&mut world, "phone", |request| request.permission = permission(|_| ())).unwrap();
    world.room.send_data(world.now, phone, &digit("2"));
    world.run_for(FRAME);
    assert_eq!(world.clients[&bob].data.len(), 1);
}

#[test]
fn attributes_set_on_a_phone_are_told_to_its_call() {
    let mut world = World::new();
    let phone = world.join_phone("phone");
    update(&mut world, "phone", |r| r.attributes = HashMap::from([("ticket".into(), "7".into())])).unwrap();
    let told = world.local_events.iter().any(|(to, event)| {
        *to == phone && matches!(event, LocalEvent::Attributes(set) if set["ticket"] == "7")
    });
    assert!(told);
    assert_eq!(world.room.participant("phone").unwrap().attributes["sip.callStatus"], "dialing");
}

#[test]
fn a_muted_phone_is_not_heard_and_everybody_is_told() {
    let mut world = World::new();
    let (phone, bob, track) = phone_and_client(&mut world);
    speak(&mut world, phone, 1..6, 1);
    let muted = world.room.mute_track(world.now, "phone", &track, true).unwrap();
    assert!(muted.muted);
    speak(&mut world, phone, 6..11, 2);
    assert!(world.updates(bob, "phone").pop().unwrap().tracks[0].muted);
    world.room.mute_track(world.now, "phone", &track, false).unwrap();
    speak(&mut world, phone, 11..16, 3);
    let mut heard: Vec<_> = world.clients[&bob].heard.iter().map(|packet| packet.payload[0]).collect();
    let (seqs, count): (Vec<_>, _) =
        (world.clients[&bob].heard.iter().map(|packet| packet.seq).collect(), heard.len());
    heard.dedup();
    assert_eq!((heard, count), (vec![1, 3], 10));
    assert!(seqs.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "no gap to conceal: {seqs:?}");
    let gone = world.room.mute_track(world.now, "phone", "TR_none", true);
    assert_eq!(gone, Err(ModerationError::NoTrack));
    let nobody = world.room.mute_track(world.now, "nobody", &track, true);
    assert_eq!(nobody, Err(ModerationError::NoParticipant));
}

#[test]
fn a_client_that_is_muted_is_told_to_mute_itself() {
    let mut world = World::new();
    let alice = world.join("alice");
    let (_, track) = world.publish(alice, "mic");
    world.room.mute_track(world.now, "alice", &track, true).unwrap();
    world.settle();
    let told = world.signals(alice, |signal| match signal {
        Response::Mute(mute) => Some((mute.sid.clone(), mute.muted)),
        _ => None,
    });
    assert_eq!(told, [(track.clone(), true)]);
    assert!(world.updates(alice, "alice").pop().unwrap().tracks[0].muted);
    // It does so, and is no longer muted when it says so.
    world.request(alice, Request::Mute(proto::MuteTrackRequest { sid: track.clone(), muted: true }));
    world.request(alice, Request::Mute(proto::MuteTrackRequest { sid: track, muted: false }));
    assert!(!world.room.participant("alice").unwrap().tracks[0].muted);
}

#[test]
fn subscriptions_end_and_begin_for_clients_and_for_phones() {
    let mut world = World::new();
    let (phone, bob, track) = phone_and_client(&mut world);
    let alice = world.join("alice");
    let (mid, microphone) = world.publish(alice, "mic");
    world.room.subscribe_all(world.now, phone, true);
    talk(&mut world, alice, mid, 1, 1);
    let of = |sid: &str, subscribe| proto::UpdateSubscription {
        track_sids: vec![sid.to_owned(), "TR_none".to_owned()],
        subscribe,
        participant_tracks: Vec::new(),
    };
    world.room.update_subscriptions(world.now, "bob", &of(&track, false)).unwrap();
    world.room.update_subscriptions(world.now, "phone", &of(&microphone, false)).unwrap();
    world.until(|world| !world.clients[&bob].mid_to_track.values().any(|sid| *sid == track));
    talk(&mut world, alice, mid, 100, 2);
    assert_eq!(phone_hears(&world, phone), [1], "the phone no longer hears alice");
    let by_participant = proto::UpdateSubscription {
        track_sids: Vec::new(),
        subscribe: true,
        participant_tracks: vec![proto::ParticipantTracks {
            participant_sid: String::new(),
            track_sids: vec![track.clone(), microphone],
        }],
    };
    world.room.update_subscriptions(world.now, "bob", &by_participant).unwrap();
    world.room.update_subscriptions(world.now, "phone", &by_participant).unwrap();
    world.until(|world| world.clients[&bob].mid_to_track.values().any(|sid| *sid == track));
    talk(&mut world, alice, mid, 200, 3);
    assert_eq!(phone_hears(&world, phone), [1, 3]);
    let nobody = world.room.update_subscriptions(world.now, "nobody", &by_participant);
    assert_eq!(nobody, Err(ModerationError::NoParticipant));
}

fn sent(world: &World, of: ParticipantId) -> Vec<(String, String, Option<String>)> {
    let user = |(label, packet): &(String, proto::DataPacket)| match &packet.value {
        Some(Value::User(user)) => {
            assert!(packet.participant_identity.is_empty() && packet.participant_sid.is_empty());
            assert_eq!(packet.sequence, 0);
            let text = String::from_utf8(user.payload.clone()).unwrap();
            Some((label.clone(), text, user.topic.clone()))
        }
        _ => None,
    };
    world.clients[&of].data.iter().filter_map(user).collect()
}

#[test]
fn the_server_sends_data_to_all_or_to_some_and_each_message_once() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    let bobs_sid = world.room.participant("bob").unwrap().sid;
    let message = |text: &str| proto::SendDataRequest { data: text.into(), ..Default::default() };
    for request in [
        message("all"),
        proto::SendDataRequest { topic: Some("t".into()), kind: 1, ..message("lossy") },
        proto::SendDataRequest { destination_identities: vec!["alice".into()], ..message("alice") },
        proto::SendDataRequest { destination_sids: vec![bobs_sid], ..message("bob") },
        proto::SendDataRequest { nonce: vec![7; 16], ..message("once") },
        proto::SendDataRequest { nonce: vec![7; 16], ..message("twice") },
        proto::SendDataRequest { destination_identities: vec!["nobody".into()], ..message("nobody") },
    ] {
        world.room.send_message(world.now, request);
        world.run_for(FRAME);
    }
    let plain = |label: &str, text: &str| (label.to_owned(), text.to_owned(), None);
    let lossy = ("_lossy".to_owned(), "lossy".to_owned(), Some("t".to_owned()));
    let (all, once) = (plain("_reliable", "all"), plain("_reliable", "once"));
    assert_eq!(sent(&world, alice), [all.clone(), lossy.clone(), plain("_reliable", "alice"), once.clone()]);
    assert_eq!(sent(&world, bob), [all, lossy, plain("_reliable", "bob"), once]);
}

#[test]
fn the_rooms_metadata_is_told_to_everybody() {
    let mut world = World::new();
    let alice = world.join("alice");
    let from = world.clients[&alice].signals.len();
    assert_eq!(world.room.update_metadata("hello").unwrap().metadata, "hello");
    world.settle();
    assert_eq!(names(&world, alice, from), ["room_update"]);
    let too_long = "x".repeat((512 << 10) + 1);
    assert_eq!(world.room.update_metadata(&too_long), Err(LimitExceeded::Metadata));
    assert_eq!(world.room.info().metadata, "hello");
}
