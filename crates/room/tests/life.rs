//! How long participants and rooms live, in simulated time.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod support;

use std::collections::HashMap;
use std::time::Duration;

use prost::Message;
use room::proto::DisconnectReason as Why;
use room::proto::participant_info::State;
use room::proto::signal_request::Message as Request;
use room::proto::signal_response::Message as Response;
use room::{JoinError, LocalEvent, ParticipantId, RoomConfig, proto};
use support::{World, phone_and_client, speak};

fn responses(world: &World, of: ParticipantId) -> Vec<proto::RequestResponse> {
    world.signals(of, |signal| match signal {
        Response::RequestResponse(response) => Some(response.clone()),
        _ => None,
    })
}

#[test]
fn a_client_that_leaves_is_answered_and_others_are_told_why() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    let leave = proto::LeaveRequest { reason: Why::ClientInitiated.into(), ..Default::default() };
    world.request(alice, Request::Leave(leave));
    assert_eq!(world.leaves(alice)[0].reason(), Why::ClientInitiated);
    assert!(world.clients[&alice].signal_closed);
    let last = world.updates(bob, "alice").pop().unwrap();
    assert_eq!((last.state(), last.disconnect_reason()), (State::Disconnected, Why::ClientInitiated));
    assert_eq!(world.left, [("alice".to_owned(), Why::ClientInitiated)]);
    assert_eq!(world.ufrags.len(), 1);
    assert_eq!(world.state("alice"), "GONE");
}

#[test]
fn a_client_may_say_that_the_user_was_busy() {
    let mut world = World::new();
    let alice = world.join("alice");
    let leave = proto::LeaveRequest { reason: Why::UserRejected.into(), ..Default::default() };
    world.request(alice, Request::Leave(leave));
    assert_eq!(world.left, [("alice".to_owned(), Why::UserRejected)]);
}

#[test]
fn a_phone_that_leaves_takes_its_track_along() {
    let mut world = World::new();
    let (phone, bob, _) = phone_and_client(&mut world);
    world.room.leave(world.now, phone, Why::ClientInitiated);
    world.until(|world| world.clients[&bob].mid_to_track.is_empty());
    let last = world.updates(bob, "phone").pop().unwrap();
    assert_eq!((last.state(), last.tracks.len()), (State::Disconnected, 0));
    let removed = |event: &LocalEvent| matches!(event, LocalEvent::Removed(Why::ClientInitiated));
    assert!(world.local_events.last().is_some_and(|(to, event)| *to == phone && removed(event)));
}

#[test]
fn a_newcomer_replaces_whoever_has_its_identity() {
    let mut world = World::new();
    let (old, bob) = (world.join("alice"), world.join("bob"));
    let old_sid = world.room.participant("alice").unwrap().sid;
    world.join("alice");
    let leave = world.leaves(old).remove(0);
    assert_eq!(
        (leave.reason(), leave.action()),
        (Why::DuplicateIdentity, proto::leave_request::Action::Disconnect)
    );
    let updates = world.updates(bob, "alice");
    assert!(updates.iter().all(|update| update.state() != State::Disconnected));
    let new = updates.iter().find(|update| update.sid != old_sid).unwrap();
    assert_eq!(new.state(), State::Joined);
}

#[test]
fn removal_tells_the_removed_and_the_others() {
    let mut world = World::new();
    let (phone, bob, _) = phone_and_client(&mut world);
    assert!(world.room.remove(world.now, "bob", Why::ParticipantRemoved));
    assert!(world.room.remove(world.now, "phone", Why::ParticipantRemoved));
    assert!(!world.room.remove(world.now, "nobody", Why::ParticipantRemoved));
    world.settle();
    assert_eq!(world.leaves(bob)[0].reason(), Why::ParticipantRemoved);
    assert!(matches!(
        world.local_events.last(),
        Some((to, LocalEvent::Removed(Why::ParticipantRemoved))) if *to == phone
    ));
}

#[test]
fn a_deleted_room_ends_for_everybody_and_nobody_joins_it_again() {
    let mut world = World::new();
    let (_, bob, _) = phone_and_client(&mut world);
    world.room.close(world.now, Why::RoomDeleted);
    world.settle();
    assert!(world.closed);
    assert_eq!(world.leaves(bob)[0].reason(), Why::RoomDeleted);
    assert_eq!(world.left.len(), 2);
    let late = world.a_join(|join| join.identity = "late".into());
    assert_eq!(world.room.join(world.now, world.wallclock(), late), Err(JoinError::Closed));
}

#[test]
fn a_room_nobody_comes_to_closes_and_one_everybody_left_closes_sooner() {
    let mut world = World::new();
    world.run_for(Duration::from_secs(299));
    assert!(!world.closed);
    let alice = world.join("alice");
    world.run_for(Duration::from_secs(60));
    world.request(alice, Request::Leave(proto::LeaveRequest::default()));
    world.run_for(Duration::from_secs(19));
    assert!(!world.closed);
    world.run_for(Duration::from_secs(2));
    assert!(world.closed);

    let mut empty = World::new();
    empty.run_for(Duration::from_secs(301));
    assert!(empty.closed);
}

#[test]
fn an_agent_that_leaves_changes_nothing_of_how_long_an_empty_room_lives() {
    let mut world = World::new();
    let agent_comes_and_goes = |world: &mut World| {
        let agent = world.join_with(|join| {
            join.identity = "agent".into();
            join.kind = proto::participant_info::Kind::Agent;
        });
        world.run_for(Duration::from_secs(10));
        world.request(agent.unwrap(), Request::Leave(proto::LeaveRequest::default()));
    };
    agent_comes_and_goes(&mut world);
    world.run_for(Duration::from_secs(200));
    assert!(!world.closed, "nobody has joined yet: it waits for its first 300 s");

    let alice = world.join("alice");
    world.request(alice, Request::Leave(proto::LeaveRequest::default()));
    agent_comes_and_goes(&mut world);
    world.run_for(Duration::from_secs(11));
    assert!(world.closed, "20 s after the last person left");
}

#[test]
fn a_full_room_takes_nobody_but_agents_and_replacements() {
    let mut world = World::with(RoomConfig { max_participants: 1, ..Default::default() });
    world.join("alice");
    let refused = world.join_with(|join| join.identity = "bob".into());
    assert_eq!(refused, Err(JoinError::RoomFull));
    world.join("alice");
    let agent = world.join_with(|join| {
        join.identity = "agent".into();
        join.kind = proto::participant_info::Kind::Agent;
    });
    assert!(agent.is_ok());
    assert_eq!(world.room.info().num_participants, 1);
}

#[test]
fn empty_identities_are_refused() {
    let mut world = World::new();
    let nameless = world.a_join(|join| join.identity = String::new());
    assert_eq!(world.room.join(world.now, world.wallclock(), nameless), Err(JoinError::NoIdentity));
}

#[test]
fn without_signalling_a_client_stays_while_its_media_lives() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    world.room.signal_closed(world.now, alice);
    world.run_for(Duration::from_secs(30));
    assert_eq!(world.state("alice"), "ACTIVE");
    world.cut.push(alice);
    world.run_for(Duration::from_secs(60));
    assert_eq!(world.state("alice"), "GONE");
    let last = world.updates(bob, "alice").pop().unwrap();
    assert_eq!(last.disconnect_reason(), Why::ConnectionTimeout);
    assert!(world.leaves(alice).is_empty(), "nothing is sent on a closed connection");
}

#[test]
fn an_outage_of_twenty_seconds_is_survived() {
    let mut world = World::new();
    let (phone, bob, _) = phone_and_client(&mut world);
    speak(&mut world, phone, 0..3, 0x11);
    world.cut.push(bob);
    speak(&mut world, phone, 3..1003, 0x22);
    world.cut.clear();
    world.run_for(Duration::from_secs(5));
    speak(&mut world, phone, 1253..1256, 0x33);
    world.run_for(Duration::from_millis(20));
    assert_eq!(world.state("bob"), "ACTIVE");
    let heard = &world.clients[&bob].heard;
    assert!(heard.iter().rev().take(3).all(|packet| packet.payload == [0x33; 160]));
}

#[test]
fn a_client_that_hangs_up_on_both_connections_is_gone_at_once() {
    let mut world = World::new();
    let alice = world.join("alice");
    world.client(alice).disconnect();
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.state("alice"), "ACTIVE", "its leave is awaited");
    world.room.signal_closed(world.now, alice);
    assert_eq!(world.state("alice"), "GONE");
}

#[test]
fn a_client_that_never_connects_fails_after_a_minute_or_with_its_signalling() {
    let mut world = World::new();
    let mute = world.join_with(|join| join.identity = "mute".into()).unwrap();
    world.cut.push(mute);
    world.run_for(Duration::from_secs(61));
    assert_eq!(world.leaves(mute)[0].reason(), Why::JoinFailure);

    let gone = world.a_join(|join| join.identity = "gone".into());
    let gone = world.room.join(world.now, world.wallclock(), gone).unwrap();
    world.room.signal_closed(world.now, gone);
    assert_eq!(world.state("gone"), "GONE");
}

#[test]
fn own_metadata_is_told_signed_and_acknowledged_in_that_order() {
    let mut world = World::new();
    let bob = world
        .join_with(|join| {
            join.identity = "bob".into();
            join.grants.can_update_own_metadata = Some(true);
            join.attributes = HashMap::from([("old".to_owned(), "x".to_owned())]);
        })
        .unwrap();
    let update = proto::UpdateParticipantMetadata {
        name: "Bobby".into(),
        attributes: HashMap::from([("old".to_owned(), String::new()), ("k".to_owned(), "v".to_owned())]),
        request_id: 9,
        ..Default::default()
    };
    world.request(bob, Request::UpdateMetadata(update.clone()));
    let info = world.updates(bob, "bob").pop().unwrap();
    assert_eq!((info.name.as_str(), info.attributes.get("k").map(String::as_str)), ("Bobby", Some("v")));
    assert!(!info.attributes.contains_key("old"));
    let token = world.clients[&bob].tokens.last().unwrap();
    assert_eq!((token.name.as_str(), &token.attributes), ("Bobby", &info.attributes));
    let response = responses(&world, bob).remove(0);
    assert_eq!((response.request_id, response.reason()), (9, proto::request_response::Reason::Ok));
    assert_eq!(response.request, Some(proto::request_response::Request::UpdateMetadata(update)));

    let long = proto::UpdateParticipantMetadata { name: "x".repeat(257), ..Default::default() };
    world.request(bob, Request::UpdateMetadata(long));
    assert_eq!(responses(&world, bob)[1].reason(), proto::request_response::Reason::LimitExceeded);
}

#[test]
fn own_metadata_needs_permission() {
    let mut world = World::new();
    let bob = world.join("bob");
    let update = proto::UpdateParticipantMetadata { name: "Bobby".into(), ..Default::default() };
    world.request(bob, Request::UpdateMetadata(update));
    assert_eq!(responses(&world, bob)[0].reason(), proto::request_response::Reason::NotAllowed);
    assert_eq!(world.room.participant("bob").unwrap().name, "");
}

#[test]
fn pings_are_answered_with_the_time_of_day() {
    let mut world = World::new();
    let bob = world.join("bob");
    let before = world.wallclock().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    world.request(bob, Request::PingReq(proto::Ping { timestamp: 42, rtt: 0 }));
    world.request(bob, Request::Ping(7));
    let pongs = world.signals(bob, |signal| match signal {
        Response::PongResp(pong) => Some((pong.last_ping_timestamp, pong.timestamp)),
        Response::Pong(time) => Some((0, *time)),
        _ => None,
    });
    let now = i64::try_from(before).unwrap();
    assert_eq!(pongs, [(42, now), (0, now)]);
}

#[test]
fn counts_and_quality_are_told_once_and_tokens_every_five_minutes() {
    let mut world = World::new();
    let (_, bob, _) = phone_and_client(&mut world);
    world.run_for(Duration::from_secs(20));
    let counts = world.signals(bob, |signal| match signal {
        Response::RoomUpdate(update) => update.room.as_ref().map(|r| (r.num_participants, r.num_publishers)),
        _ => None,
    });
    assert_eq!(counts, [(2, 1)]);
    let qualities: usize = world
        .signals(bob, |signal| match signal {
            Response::ConnectionQuality(update) => Some(update.updates.len()),
            _ => None,
        })
        .into_iter()
        .sum();
    assert_eq!(qualities, 2);
    world.run_for(Duration::from_secs(300));
    assert_eq!(world.clients[&bob].tokens.len(), 2);
}

#[test]
fn a_client_that_wants_to_resume_is_told_to_reconnect() {
    let message = proto::SignalResponse::decode(room::signal::resume_refused()).unwrap().message;
    let Some(Response::Leave(leave)) = message else { panic!("no leave") };
    assert_eq!(
        (leave.reason(), leave.action()),
        (Why::StateMismatch, proto::leave_request::Action::Reconnect)
    );
    assert!(leave.can_reconnect);
}

/// What a client asks for to test itself: a lost session, a full reconnect, a server that leaves.
#[test]
fn a_client_can_ask_for_the_ends_of_its_session() {
    use proto::leave_request::Action;
    use proto::simulate_scenario::Scenario;
    let told = |scenario| {
        let mut world = World::new();
        let (bob, alice) = (world.join("bob"), world.join("alice"));
        let scenario = proto::SimulateScenario { scenario: Some(scenario) };
        world.request(bob, proto::signal_request::Message::Simulate(scenario));
        assert!(world.clients[&bob].signal_closed);
        assert_eq!(world.updates(alice, "bob").last().unwrap().state().as_str_name(), "DISCONNECTED");
        world.leaves(bob).iter().map(proto::LeaveRequest::action).collect::<Vec<_>>()
    };
    assert!(told(Scenario::NodeFailure(true)).is_empty());
    assert!(told(Scenario::Migration(true)).is_empty());
    assert_eq!(told(Scenario::ServerLeave(true)), [Action::Disconnect]);
    assert_eq!(told(Scenario::LeaveRequestFullReconnect(true)), [Action::Reconnect]);
}

/// A client asks for its next resume to fail, before it is told anything or after.
#[test]
fn a_client_can_have_its_next_resume_cut_off() {
    use proto::simulate_scenario::Scenario;
    let resume = |world: &mut World, bob| {
        world.room.signal_closed(world.now, bob);
        world.client(bob).signals.clear();
        world.client(bob).signal_closed = false;
        let resume = room::Resume { identity: "bob".into(), participant_sid: String::new(), dual: false };
        assert_eq!(world.room.resume(world.now, world.wallclock(), &resume), Ok(bob));
        world.settle();
        (world.clients[&bob].signals.len(), world.clients[&bob].signal_closed)
    };
    for told in [true, false] {
        let mut world = World::new();
        let bob = world.join("bob");
        let scenario = Some(match told {
            true => Scenario::DisconnectSignalOnResume(true),
            false => Scenario::DisconnectSignalOnResumeNoMessages(true),
        });
        let simulate = proto::signal_request::Message::Simulate(proto::SimulateScenario { scenario });
        world.request(bob, simulate.clone());
        assert!(!world.clients[&bob].signal_closed, "not before it resumes");
        let (messages, closed) = resume(&mut world, bob);
        assert_eq!((messages > 0, closed), (told, true));
        let (messages, closed) = resume(&mut world, bob);
        assert!(messages >= 3 && !closed, "once");

        world.request(bob, simulate);
        world.run_for(Duration::from_secs(6));
        assert!(!resume(&mut world, bob).1, "it took too long");
        assert_eq!(world.state("bob"), "ACTIVE");
    }
}

#[test]
fn a_client_can_pass_for_a_speaker() {
    let mut world = World::new();
    let (bob, alice) = (world.join("bob"), world.join("alice"));
    world.publish(bob, "mic");
    let scenario = Some(proto::simulate_scenario::Scenario::SpeakerUpdate(3));
    let simulate = proto::SimulateScenario { scenario };
    world.request(bob, proto::signal_request::Message::Simulate(simulate));
    world.run_for(Duration::from_secs(5));
    for to in [bob, alice] {
        let told = world.signals(to, |signal| match signal {
            Response::SpeakersChanged(changed) => {
                Some((changed.speakers[0].active, changed.speakers[0].level))
            }
            _ => None,
        });
        assert_eq!(told, [(true, 0.9), (false, 0.0)]);
    }
}

/// What cannot be done is answered, with LiveKit's reasons.
#[test]
fn requests_that_come_to_nothing_are_answered() {
    use proto::request_response::Reason;
    use proto::signal_request::Message as Request;
    let mut world = World::new();
    let bob = world.join("bob");
    let (_, mic) = world.publish(bob, "mic");
    world.client(bob).signals.clear();
    let add = |change: fn(&mut proto::AddTrackRequest)| {
        let mut request = proto::AddTrackRequest { cid: "other".into(), ..Default::default() };
        change(&mut request);
        request
    };
    let further = proto::AddTrackRequest { sid: mic.clone(), ..add(|_| ()) };
    let named = |name: &str| proto::UpdateLocalVideoTrack { track_sid: name.into(), ..Default::default() };
    for request in [
        Request::AddTrack(further),
        Request::AddTrack(add(|request| request.sid = "TR_none".into())),
        Request::AddTrack(add(|request| request.name = "n".repeat(2000))),
        Request::AddTrack(add(|request| request.simulcast_codecs = vec![Default::default(); 50])),
        Request::Mute(proto::MuteTrackRequest { sid: "TR_none".into(), muted: true }),
        Request::UpdateVideoTrack(named("TR_none")),
        Request::UpdateVideoTrack(named(&mic)),
        Request::UpdateAudioTrack(proto::UpdateLocalAudioTrack::default()),
        Request::PublishDataTrackRequest(proto::PublishDataTrackRequest::default()),
        Request::UnpublishDataTrackRequest(proto::UnpublishDataTrackRequest::default()),
        Request::StoreDataBlobRequest(proto::StoreDataBlobRequest { request_id: 7, ..Default::default() }),
    ] {
        world.request(bob, request);
    }
    let answered = world.signals(bob, |signal| match signal {
        Response::RequestResponse(response) => Some(response.reason()),
        _ => None,
    });
    use Reason::{InvalidHandle, LimitExceeded, NotAllowed, NotFound, UnsupportedType};
    assert_eq!(answered[..4], [UnsupportedType, NotFound, LimitExceeded, LimitExceeded]);
    assert_eq!(answered[4..8], [NotFound; 4]);
    assert_eq!(answered[8..], [NotAllowed, InvalidHandle, NotAllowed]);
}

#[test]
fn a_subscription_to_no_track_is_refused() {
    let mut world = World::new();
    let bob = world.join("bob");
    let mut update = proto::UpdateSubscription {
        track_sids: vec!["TR_none".into(); 3000],
        subscribe: true,
        ..Default::default()
    };
    world.request(bob, proto::signal_request::Message::Subscription(update.clone()));
    let refused = |world: &World| {
        world.signals(bob, |signal| match signal {
            Response::SubscriptionResponse(response) => Some((response.track_sid.clone(), response.err())),
            _ => None,
        })
    };
    let told = refused(&world);
    assert_eq!(told[0], ("TR_none".to_owned(), proto::SubscriptionError::SeTrackNotfound));
    assert_eq!(told.len(), 1000, "as many as it may have");
    update.subscribe = false;
    world.request(bob, proto::signal_request::Message::Subscription(update));
    assert_eq!(refused(&world).len(), 1000, "there is nothing to end");
}

#[test]
fn nobody_is_told_more_of_a_track_than_clients_need() {
    use proto::signal_request::Message as Request;
    let mut world = World::new();
    let (bob, alice) = (world.join("bob"), world.join("alice"));
    let (_, mic) = world.publish(bob, "mic");
    let features = [vec![0, 1, 77], vec![3; 100_000]].concat();
    world.request(bob, Request::UpdateAudioTrack(proto::UpdateLocalAudioTrack { track_sid: mic, features }));
    let told = world.updates(alice, "bob").pop().unwrap().tracks.remove(0);
    assert_eq!(told.audio_features, [0, 1, 3]);
}
