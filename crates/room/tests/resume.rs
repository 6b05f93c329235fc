//! Resuming in simulated time: the signalling connection is cut and comes back; media does not stop.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]
#![allow(deprecated, reason = "the fields clients still send are what is tested")]

mod support;

use std::time::Duration;

use room::proto::signal_request::Message as Request;
use room::proto::signal_response::Message as Response;
use room::{ParticipantId, Resume, ResumeError, proto};
use support::{FRAME, World, phone_and_client, phone_track, speak};

fn kind(signal: &Response) -> &'static str {
    match signal {
        Response::Reconnect(_) => "reconnect",
        Response::Update(_) => "update",
        Response::RoomUpdate(_) => "room_update",
        Response::Offer(_) => "offer",
        _ => "other",
    }
}

/// The connection is cut, and the client is back after `away`; what it was sent while it was away is lost.
fn cut_and_resume(world: &mut World, id: ParticipantId, identity: &str, dual: bool, away: Duration) {
    world.room.signal_closed(world.now, id);
    world.run_for(away);
    world.client(id).signals.clear();
    let participant_sid = world.room.participant_sid(id).unwrap().to_owned();
    let resume = Resume { identity: identity.into(), participant_sid, dual };
    assert_eq!(world.room.resume(world.now, world.wallclock(), &resume), Ok(id));
    world.settle();
}

fn sync(world: &mut World, id: ParticipantId, state: proto::SyncState) {
    world.request(id, Request::SyncState(state));
}

#[test]
fn a_client_resumes_and_is_told_everything_again_in_livekits_order() {
    let mut world = World::new();
    let (_, bob, _) = phone_and_client(&mut world);
    let tokens = world.clients[&bob].tokens.len();
    world.room.signal_closed(world.now, bob);
    let phone2 = world.join_phone("phone2");
    world.room.publish_audio(world.now, phone2, phone_track()).unwrap();
    cut_and_resume(&mut world, bob, "bob", false, Duration::from_secs(1));
    let kinds = world.signals(bob, |signal| Some(kind(signal)));
    assert_eq!(kinds[..3], ["reconnect", "update", "room_update"], "{kinds:?}");
    assert_eq!(world.clients[&bob].tokens.len(), tokens + 1);
    let updates = world.signals(bob, |s| if let Response::Update(u) = s { Some(u.clone()) } else { None });
    let mut identities: Vec<_> = updates[0].participants.iter().map(|info| info.identity.as_str()).collect();
    identities.sort_unstable();
    assert_eq!(identities, ["bob", "phone", "phone2"]);
    let reconnect =
        world.signals(bob, |s| if let Response::Reconnect(r) = s { Some(r.clone()) } else { None });
    assert_eq!(reconnect[0].server_info.as_ref().unwrap().protocol, 17);

    // What came while it was away gets its section with the client's next offer.
    sync(&mut world, bob, proto::SyncState::default());
    world.client(bob).restart_ice();
    world.run_for(Duration::from_millis(500));
    assert_eq!(world.clients[&bob].mid_to_track.len(), 2);
    speak(&mut world, phone2, 0..5, 0x33);
    world.run_for(FRAME);
    assert_eq!(world.clients[&bob].heard.len(), 5);
    assert_eq!(world.state("bob"), "ACTIVE");
}

#[test]
fn audio_goes_on_while_the_connection_is_cut_and_while_ice_restarts() {
    for dual in [false, true] {
        let mut world = World::new();
        let bob = if dual { world.join_dual("bob") } else { world.join("bob") };
        let phone = world.join_phone("phone");
        world.room.publish_audio(world.now, phone, phone_track()).unwrap();
        world.until(|world| !world.clients[&bob].mid_to_track.is_empty());
        world.run_for(Duration::from_millis(300));
        let ufrags = world.ufrags.len();

        world.room.signal_closed(world.now, bob);
        speak(&mut world, phone, 0..50, 0x33);
        cut_and_resume(&mut world, bob, "bob", dual, Duration::ZERO);
        // By then the room's own offer is on its way, if it makes one.
        world.signal_latency = Duration::from_millis(5);
        world.run_for(Duration::from_millis(12));
        let answer = world.clients[&bob].last_answer.clone();
        sync(&mut world, bob, proto::SyncState { answer, ..Default::default() });
        world.client(bob).restart_ice();
        speak(&mut world, phone, 50..150, 0x33);
        world.run_for(FRAME);
        assert_eq!(world.clients[&bob].heard.len(), 150, "dual: {dual}");
        let restarted = if dual { 2 } else { 1 };
        assert_eq!(world.ufrags.len(), ufrags + restarted, "dual: {dual}");
        world.run_for(Duration::from_secs(60));
        assert_eq!(world.state("bob"), "ACTIVE", "dual: {dual}");
    }
}

#[test]
fn an_offer_that_got_lost_is_made_again() {
    let mut world = World::new();
    let bob = world.join_dual("bob");
    let phone = world.join_phone("phone");
    // The offer with the track is made, but its signalling connection is dead already.
    world.client(bob).mute = true;
    world.room.publish_audio(world.now, phone, phone_track()).unwrap();
    world.run_for(Duration::from_millis(300));
    world.client(bob).mute = false;
    cut_and_resume(&mut world, bob, "bob", true, Duration::from_secs(20));
    sync(&mut world, bob, proto::SyncState::default());
    world.run_for(Duration::from_millis(500));
    speak(&mut world, phone, 0..5, 0x33);
    world.run_for(FRAME);
    assert_eq!(world.clients[&bob].heard.len(), 5);
}

#[test]
fn an_answer_that_got_lost_is_told_by_the_client_again() {
    let mut world = World::new();
    let bob = world.join_dual("bob");
    let phone = world.join_phone("phone");
    world.room.publish_audio(world.now, phone, phone_track()).unwrap();
    world.run_for(Duration::from_millis(5));
    world.signal_latency = Duration::from_millis(100);
    world.until(|world| world.clients[&bob].offers.len() == 2);
    let answer = world.clients[&bob].last_answer.clone();
    assert!(answer.as_ref().is_some_and(|answer| answer.sdp.contains("m=audio")));
    world.drop_requests();
    world.signal_latency = Duration::ZERO;
    cut_and_resume(&mut world, bob, "bob", true, Duration::from_secs(1));
    sync(&mut world, bob, proto::SyncState { answer, ..Default::default() });
    world.run_for(Duration::from_millis(500));
    speak(&mut world, phone, 0..5, 0x33);
    world.run_for(FRAME);
    assert_eq!(world.clients[&bob].heard.len(), 5);
    assert_eq!(world.clients[&bob].offers.last().unwrap().1.matches("m=audio").count(), 1);
}

#[test]
fn what_cannot_be_resumed_is_refused() {
    let mut world = World::new();
    let bob = world.join("bob");
    world.join_phone("phone");
    let sid = world.room.participant_sid(bob).unwrap().to_owned();
    let mut resume = |identity: &str, sid: &str, dual| {
        let resume = Resume { identity: identity.into(), participant_sid: sid.into(), dual };
        world.room.resume(world.now, world.wallclock(), &resume)
    };
    assert_eq!(resume("nobody", "", false), Err(ResumeError::Gone));
    assert_eq!(resume("phone", "", false), Err(ResumeError::Gone));
    assert_eq!(resume("bob", "PA_another", false), Err(ResumeError::Replaced));
    assert_eq!(resume("bob", &sid, true), Err(ResumeError::OtherMode));
    assert_eq!(resume("bob", "", false), Ok(bob));
}

#[test]
fn a_client_that_thinks_it_publishes_what_nobody_knows_is_told_to_start_over() {
    let mut world = World::new();
    let bob = world.join("bob");
    let (_, track) = world.publish(bob, "cid-1");
    let published = |sid: &str| proto::SyncState {
        publish_tracks: vec![proto::TrackPublishedResponse {
            track: Some(proto::TrackInfo { sid: sid.into(), ..Default::default() }),
            ..Default::default()
        }],
        ..Default::default()
    };
    cut_and_resume(&mut world, bob, "bob", false, Duration::ZERO);
    sync(&mut world, bob, published(&track));
    assert_eq!(world.state("bob"), "ACTIVE");
    sync(&mut world, bob, published("TR_forgotten"));
    assert_eq!(world.state("bob"), "GONE");
    assert_eq!(world.leaves(bob)[0].action(), proto::leave_request::Action::Reconnect);
}

#[test]
fn the_state_the_client_tells_is_applied() {
    let mut world = World::new();
    let (phone, bob, track) = phone_and_client(&mut world);
    world.run_for(Duration::from_millis(100));
    cut_and_resume(&mut world, bob, "bob", false, Duration::ZERO);
    sync(
        &mut world,
        bob,
        proto::SyncState { track_sids_disabled: vec![track.clone()], ..Default::default() },
    );
    speak(&mut world, phone, 0..5, 0x33);
    world.run_for(FRAME);
    assert!(world.clients[&bob].heard.is_empty(), "it has paused the track");
    let subscription = proto::UpdateSubscription { track_sids: vec![track.clone()], ..Default::default() };
    sync(&mut world, bob, proto::SyncState { subscription: Some(subscription), ..Default::default() });
    world.client(bob).restart_ice();
    world.run_for(Duration::from_secs(1));
    assert!(world.clients[&bob].mid_to_track.is_empty(), "it has left the track");
}

/// Go's SDK takes what it has no media of for not subscribed, what it has just been told of among it.
#[test]
fn what_go_has_not_heard_yet_is_no_track_that_it_does_not_want() {
    let mut world = World::new();
    let phone = world.join_phone("phone");
    let go = world
        .join_with(|join| {
            join.identity = "go".into();
            join.client.sdk = proto::client_info::Sdk::Go.into();
        })
        .unwrap();
    world.until(|world| world.clients[&go].has_channels());
    let track = world.room.publish_audio(world.now, phone, phone_track()).unwrap().to_string();
    world.settle();
    cut_and_resume(&mut world, go, "go", false, Duration::ZERO);
    let subscription = proto::UpdateSubscription { track_sids: vec![track.clone()], ..Default::default() };
    sync(&mut world, go, proto::SyncState { subscription: Some(subscription), ..Default::default() });
    world.client(go).restart_ice();
    world.until(|world| world.clients[&go].mid_to_track.values().any(|sid| *sid == track));
    world.run_for(Duration::from_millis(200));
    speak(&mut world, phone, 0..50, 0x33);
    assert_eq!(world.clients[&go].heard.len(), 50);
    let wish = proto::UpdateSubscription { track_sids: vec![track], ..Default::default() };
    world.request(go, Request::Subscription(wish));
    world.client(go).restart_ice();
    world.run_for(Duration::from_secs(1));
    assert!(world.clients[&go].mid_to_track.is_empty(), "what it asks for is another thing");
}

#[test]
fn a_client_whose_address_changes_hears_on_after_two_seconds() {
    for dual in [false, true] {
        let mut world = World::new();
        let phone = world.join_phone("phone");
        let bob = if dual { world.join_dual("bob") } else { world.join("bob") };
        let track = world.room.publish_audio(world.now, phone, phone_track()).unwrap().to_string();
        world.until(|world| world.clients[&bob].mid_to_track.values().any(|sid| *sid == track));
        world.run_for(Duration::from_millis(200));
        speak(&mut world, phone, 0..50, 0x33);
        assert_eq!(world.clients[&bob].heard.len(), 50);
        for address in [1, 2] {
            world.client(bob).heard.clear();
            world.move_to_another_address(bob, address);
            // Its next check comes after 2.5 s at the latest.
            let since = 1_000 * u64::from(address);
            speak(&mut world, phone, since..since + 250, 0x33);
            let heard = world.clients[&bob].heard.len();
            assert!((100..250).contains(&heard), "{heard} of 250");
        }
        assert_eq!(world.state("bob"), "ACTIVE");
        world.run_for(Duration::from_secs(60));
        world.client(bob).heard.clear();
        speak(&mut world, phone, 9_000..9_050, 0x33);
        assert_eq!(world.clients[&bob].heard.len(), 50, "and it stays so");
    }
}
