//! Publishing, subscribing and hearing, in simulated time: clients (str0m as offerer) and phones.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod support;

use std::time::Duration;

use room::proto::signal_request::Message as Request;
use room::proto::signal_response::Message as Response;
use room::{Codec, LocalEvent, proto};
use support::{FRAME, World, demands, phone_and_client, phone_track, speak};

#[test]
fn a_client_joins_in_livekits_order_and_becomes_active() {
    let mut world = World::new();
    let bob = world.join("bob");
    let names: Vec<_> = world.signals(bob, |signal| {
        Some(match signal {
            Response::Join(_) => "join",
            Response::Answer(_) => "answer",
            Response::Update(_) => "update",
            _ => "other",
        })
    });
    assert_eq!(names, ["join", "answer", "update"]);
    let join = world.signals(bob, |s| if let Response::Join(join) = s { Some(join.clone()) } else { None });
    let own = join[0].participant.as_ref().unwrap();
    assert!(own.sid.starts_with("PA_") && own.identity == "bob" && own.version == 0);
    assert_eq!(own.state(), proto::participant_info::State::Joining);
    assert!(own.permission.as_ref().unwrap().can_publish);
    assert!(join[0].room.as_ref().unwrap().sid.starts_with("RM_"));
    assert!(!join[0].subscriber_primary && join[0].ping_interval > 0 && join[0].ping_timeout > 0);
    assert_eq!(join[0].server_info.as_ref().unwrap().protocol, 17);
    assert_eq!(world.clients[&bob].tokens[0].sub, "bob");
    assert_eq!(world.updates(bob, "bob")[0].version, 2);
    assert_eq!(world.ufrags.len(), 1);
}

#[test]
fn a_client_hears_a_phone_in_its_own_pcmu() {
    let mut world = World::new();
    let (phone, bob, track) = phone_and_client(&mut world);
    assert_eq!(demands(&world, phone), [(true, false, false)]);
    let phone_sid = world.room.participant_sid(phone).unwrap().to_owned();
    let answer = world.clients[&bob].answers.last().unwrap().clone();
    assert!(answer.contains(&format!("a=msid:{phone_sid}|{track} {track}")), "{answer}");

    // A stream that has run long: it must start anew for bob, and keep its gap and its timestamps.
    speak(&mut world, phone, 1_000_000..1_000_010, 0x55);
    speak(&mut world, phone, 1_000_012..1_000_020, 0x66);
    world.run_for(FRAME);
    let heard = &world.clients[&bob].heard;
    assert_eq!(heard.len(), 18);
    assert!(heard.iter().all(|packet| packet.payload_type == 0));
    assert!(heard[..10].iter().all(|packet| packet.payload == [0x55; 160]));
    assert_eq!(heard[10].payload, [0x66; 160]);
    assert_eq!(heard[10].seq - heard[9].seq, 3);
    assert_eq!(heard[10].timestamp - heard[9].timestamp, 480);
    assert_eq!(heard[0].timestamp, 160_000_000);
    assert_eq!(world.clients[&bob].mid_to_track[&heard[0].mid.to_string()], track);
}

#[test]
fn a_phone_is_active_at_once_and_known_before_its_track() {
    let mut world = World::new();
    let (phone, bob, track) = phone_and_client(&mut world);
    let updates = world.updates(bob, "phone");
    assert_eq!(updates[0].state(), proto::participant_info::State::Active);
    assert_eq!(updates[0].kind(), proto::participant_info::Kind::Sip);
    assert_eq!(updates[0].attributes["sip.callStatus"], "dialing");
    assert!(updates[0].tracks.is_empty());
    assert_eq!(updates[1].tracks[0].sid, track);
    assert_eq!(updates[1].tracks[0].mime_type, "audio/PCMU");
    assert!(track.starts_with("TR_AM") && updates[1].is_publisher);

    world.room.set_attributes(world.now, phone, &[("sip.callStatus".into(), "active".into())]);
    world.settle();
    let updates = world.updates(bob, "phone");
    assert_eq!(updates[2].attributes["sip.callStatus"], "active");
    assert!(updates.windows(2).all(|pair| pair[0].version < pair[1].version));
}

#[test]
fn a_client_that_joins_a_phone_call_gets_the_track_with_its_join_answer() {
    let mut world = World::new();
    let phone = world.join_phone("phone");
    let track = world.room.publish_audio(world.now, phone, phone_track()).unwrap().to_string();
    let bob = world.join("bob");
    let client = &world.clients[&bob];
    assert_eq!(client.answers.len(), 1);
    assert!(client.mid_to_track.values().any(|sid| *sid == track));
    let asked = world.signals(bob, |s| matches!(s, Response::MediaSectionsRequirement(_)).then_some(()));
    assert!(asked.is_empty());
    speak(&mut world, phone, 0..5, 0x11);
    world.run_for(FRAME);
    assert_eq!(world.clients[&bob].heard.len(), 5);
}

#[test]
fn the_go_sdk_gets_its_answer_a_moment_after_the_join() {
    let mut world = World::new();
    let bob = world
        .join_with(|join| {
            join.identity = "bob".into();
            join.client.sdk = proto::client_info::Sdk::Go.into();
        })
        .unwrap();
    assert!(world.clients[&bob].answers.is_empty());
    world.run_for(Duration::from_millis(49));
    assert!(world.clients[&bob].answers.is_empty());
    world.run_for(Duration::from_millis(1));
    assert_eq!(world.clients[&bob].answers.len(), 1);
    world.until(|world| world.state("bob") == "ACTIVE");
}

#[test]
fn a_client_that_offers_after_it_joined_gets_the_same() {
    let mut world = World::new();
    let phone = world.join_phone("phone");
    let track = world.room.publish_audio(world.now, phone, phone_track()).unwrap().to_string();
    let bob = world.join_and_offer_later("bob");
    world.until(|world| world.clients[&bob].has_channels());
    assert!(world.clients[&bob].mid_to_track.values().any(|sid| *sid == track));
    let asked = world.signals(bob, |s| matches!(s, Response::MediaSectionsRequirement(_)).then_some(()));
    assert!(asked.is_empty(), "there is nothing to ask for before its first offer");
}

#[test]
fn a_phone_hears_a_client_with_its_level_once_it_subscribes() {
    let mut world = World::new();
    let alice = world.join("alice");
    let phone = world.join_phone("phone");
    let (mid, track) = world.publish(alice, "cid-1");
    for seq in 0..10u32 {
        let now = world.now;
        world.client(alice).send_audio(now, mid, u64::from(seq), 960 * seq, &[seq as u8; 40], -20);
        if seq == 5 {
            world.room.subscribe_all(now, phone, true);
        }
        world.run_for(FRAME);
    }
    let heard: Vec<_> = world
        .local_events
        .iter()
        .filter_map(|(to, event)| match event {
            LocalEvent::Audio { track, from, codec, timestamp, payload, audio_level, .. } if *to == phone => {
                assert_eq!((*from, *codec, *audio_level), (alice, Codec::Opus, Some(20)));
                Some((track.to_string(), *timestamp, payload[0]))
            }
            _ => None,
        })
        .collect();
    assert_eq!(heard.first(), Some(&(track.clone(), 960 * 5, 5)));
    assert_eq!(heard.len(), 5);
    let told = world.signals(alice, |s| matches!(s, Response::TrackSubscribed(_)).then_some(()));
    assert_eq!(told.len(), 1);
    let added = world.local_events.iter().any(|(to, event)| {
        *to == phone && matches!(event, LocalEvent::TrackAdded { identity, .. } if identity == "alice")
    });
    assert!(added);
}

#[test]
fn clients_hear_each_other_and_publishers_learn_of_their_first_subscriber() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    let (mid, track) = world.publish(alice, "cid-1");
    world.until(|world| world.clients[&bob].mid_to_track.values().any(|sid| *sid == track));
    for seq in 0..60u32 {
        let now = world.now;
        world.client(alice).send_audio(now, mid, u64::from(seq), 960 * seq, &[7; 40], -10);
        world.run_for(FRAME);
    }
    let heard = &world.clients[&bob].heard;
    assert_eq!(heard.len(), 60);
    assert!(heard.iter().all(|packet| packet.payload == [7; 40]));
    let told = world
        .signals(alice, |s| matches!(s, Response::TrackSubscribed(t) if t.track_sid == track).then_some(()));
    assert_eq!(told.len(), 1);
    let seen = world.updates(bob, "alice").pop().unwrap();
    assert_eq!(seen.tracks[0].mime_type, "audio/opus");
    assert_eq!(seen.tracks[0].mid, mid.to_string());
    let allowed = world.signals(bob, |s| match s {
        Response::SubscriptionPermissionUpdate(update) => Some(update.allowed),
        _ => None,
    });
    assert_eq!(allowed, [true]);
    let speakers = |of| {
        world.signals(of, |s| match s {
            Response::SpeakersChanged(changed) => Some(changed.speakers[0].active),
            _ => None,
        })
    };
    assert_eq!(speakers(alice).first(), Some(&true));
    assert_eq!(speakers(bob).first(), Some(&true));
}

#[test]
fn more_tracks_than_sections_are_asked_for_once() {
    let mut world = World::new();
    let phones: Vec<_> = (0..5)
        .map(|n| {
            let phone = world.join_phone(&format!("phone{n}"));
            world.room.publish_audio(world.now, phone, phone_track()).unwrap();
            phone
        })
        .collect();
    let bob = world.join("bob");
    world.until(|world| world.clients[&bob].mid_to_track.len() == 5);
    world.run_for(Duration::from_secs(1));
    let asked = world.signals(bob, |s| match s {
        Response::MediaSectionsRequirement(more) => Some(more.num_audios),
        _ => None,
    });
    assert_eq!(asked, [2]);
    for phone in phones {
        speak(&mut world, phone, 0..3, 0x22);
    }
    world.run_for(FRAME);
    assert_eq!(world.clients[&bob].heard.len(), 15);
}

#[test]
fn an_unsubscribed_section_is_freed_and_reused_with_a_new_ssrc() {
    let mut world = World::new();
    let (phone, bob, track) = phone_and_client(&mut world);
    speak(&mut world, phone, 0..3, 0x11);
    let before = world.clients[&bob].heard.last().unwrap().clone();

    let want = |subscribe| {
        Request::Subscription(proto::UpdateSubscription {
            track_sids: vec![track.clone()],
            subscribe,
            ..Default::default()
        })
    };
    world.request(bob, want(false));
    assert_eq!(demands(&world, phone).last(), Some(&(false, false, false)));
    world.until(|world| world.clients[&bob].mid_to_track.is_empty());
    let answer = world.clients[&bob].answers.last().unwrap().clone();
    assert!(answer.contains("a=inactive") && !answer.contains(&track));
    let count = world.clients[&bob].heard.len();
    speak(&mut world, phone, 3..6, 0x11);
    assert_eq!(world.clients[&bob].heard.len(), count);

    world.request(bob, want(true));
    world.until(|world| !world.clients[&bob].mid_to_track.is_empty());
    speak(&mut world, phone, 6..9, 0x33);
    world.run_for(FRAME);
    let after = world.clients[&bob].heard.last().unwrap();
    assert_eq!(after.payload, [0x33; 160]);
    assert_eq!(after.mid, before.mid);
    assert_ne!(after.ssrc, before.ssrc);
}

#[test]
fn a_client_that_does_not_subscribe_by_itself_gets_what_it_asks_for() {
    let mut world = World::new();
    let phone = world.join_phone("phone");
    let track = world.room.publish_audio(world.now, phone, phone_track()).unwrap().to_string();
    let bob = world
        .join_with(|join| {
            join.identity = "bob".into();
            join.auto_subscribe = false;
        })
        .unwrap();
    world.run_for(Duration::from_secs(1));
    assert!(world.clients[&bob].mid_to_track.is_empty());
    let participant_sid = world.room.participant_sid(phone).unwrap().to_owned();
    world.request(
        bob,
        Request::Subscription(proto::UpdateSubscription {
            subscribe: true,
            participant_tracks: vec![proto::ParticipantTracks {
                participant_sid,
                track_sids: vec![track.clone()],
            }],
            ..Default::default()
        }),
    );
    world.until(|world| world.clients[&bob].mid_to_track.values().any(|sid| *sid == track));
}

#[test]
fn a_paused_track_is_silent_and_goes_on_without_a_gap() {
    let mut world = World::new();
    let (phone, bob, track) = phone_and_client(&mut world);
    let pause = |disabled| {
        let track_sids = vec![track.clone()];
        Request::TrackSetting(proto::UpdateTrackSettings { track_sids, disabled, ..Default::default() })
    };
    speak(&mut world, phone, 0..3, 0x11);
    world.request(bob, pause(true));
    speak(&mut world, phone, 3..10, 0x22);
    world.request(bob, pause(false));
    speak(&mut world, phone, 10..13, 0x33);
    world.run_for(FRAME);
    let heard = &world.clients[&bob].heard;
    assert_eq!(heard.len(), 6);
    assert_eq!(heard[3].seq, heard[2].seq + 1);
    assert_eq!(heard[3].timestamp - heard[2].timestamp, 8 * 160);
}

#[test]
fn an_unpublished_track_ends_for_everybody() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    let (mid, track) = world.publish(alice, "cid-1");
    world.until(|world| world.clients[&bob].mid_to_track.values().any(|sid| *sid == track));
    world.client(alice).unpublish(mid);
    world.until(|world| world.clients[&bob].mid_to_track.is_empty());
    assert!(world.updates(bob, "alice").last().unwrap().tracks.is_empty());
    assert!(world.updates(alice, "alice").last().unwrap().tracks.is_empty());
}

#[test]
fn a_mute_is_told_and_silences() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    let (mid, track) = world.publish(alice, "cid-1");
    world.until(|world| world.clients[&bob].mid_to_track.values().any(|sid| *sid == track));
    world.request(alice, Request::Mute(proto::MuteTrackRequest { sid: track.clone(), muted: true }));
    assert!(world.updates(bob, "alice").last().unwrap().tracks[0].muted);
    let now = world.now;
    world.client(alice).send_audio(now, mid, 1, 960, &[7; 40], -10);
    world.run_for(FRAME);
    assert!(world.clients[&bob].heard.is_empty());
    world.request(alice, Request::Mute(proto::MuteTrackRequest { sid: "TR_no".into(), muted: true }));
    let refused = world.signals(alice, |s| match s {
        Response::RequestResponse(response) => Some(response.reason()),
        _ => None,
    });
    assert_eq!(refused, [proto::request_response::Reason::NotFound]);
}

#[test]
fn a_publisher_may_forbid_and_allow_its_subscribers() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    let (_, track) = world.publish(alice, "cid-1");
    world.until(|world| world.clients[&bob].mid_to_track.values().any(|sid| *sid == track));
    world.request(alice, Request::SubscriptionPermission(proto::SubscriptionPermission::default()));
    world.until(|world| world.clients[&bob].mid_to_track.is_empty());
    let all = proto::SubscriptionPermission { all_participants: true, ..Default::default() };
    world.request(alice, Request::SubscriptionPermission(all));
    world.until(|world| !world.clients[&bob].mid_to_track.is_empty());
    let allowed = world.signals(bob, |s| match s {
        Response::SubscriptionPermissionUpdate(update) => Some(update.allowed),
        _ => None,
    });
    assert_eq!(allowed, [true, false, true]);
}

#[test]
fn nobody_publishes_without_permission() {
    let mut world = World::new();
    let eve = world
        .join_with(|join| {
            join.identity = "eve".into();
            join.grants.can_publish = Some(false);
        })
        .unwrap();
    let request = proto::AddTrackRequest { cid: "x".into(), ..Default::default() };
    world.request(eve, Request::AddTrack(request.clone()));
    let refused = world.signals(eve, |s| match s {
        Response::RequestResponse(response) => Some(response.clone()),
        _ => None,
    });
    assert_eq!(refused[0].reason(), proto::request_response::Reason::NotAllowed);
    assert_eq!(refused[0].request, Some(proto::request_response::Request::AddTrack(request)));
}

/// A client publishes the same track again before its offer has ended the old one.
#[test]
fn a_track_whose_name_is_taken_is_announced_once_the_old_one_has_ended() {
    use proto::request_response::Reason;
    let mut world = World::new();
    let (bob, alice) = (world.join("bob"), world.join("alice"));
    let (mid, old) = world.publish(bob, "mic");
    world.client(bob).signals.clear();
    let again = proto::AddTrackRequest {
        cid: "mic".into(),
        source: proto::TrackSource::Microphone.into(),
        ..Default::default()
    };
    for _ in 0..30 {
        world.request(bob, proto::signal_request::Message::AddTrack(again.clone()));
    }
    let reasons = world.signals(bob, |signal| match signal {
        Response::RequestResponse(response) => Some(response.reason()),
        _ => None,
    });
    assert_eq!(reasons[..20], [Reason::Queued; 20]);
    assert_eq!(reasons[20..], [Reason::LimitExceeded; 10]);
    let published = |world: &World| {
        world.signals(bob, |signal| match signal {
            Response::TrackPublished(published) => published.track.as_ref().map(|track| track.sid.clone()),
            _ => None,
        })
    };
    assert!(published(&world).is_empty());
    world.client(bob).unpublish(mid);
    world.run_for(Duration::from_millis(300));
    let announced = published(&world);
    assert_eq!(announced.len(), 1, "the others wait for this one");
    assert_ne!(announced[0], old);
    assert!(world.updates(alice, "bob").last().unwrap().tracks.is_empty());
}
