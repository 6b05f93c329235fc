//! Connection quality in simulated time: who is told what of whom, as paths lose packets and recover.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod support;

use std::time::Duration;

use room::proto::ConnectionQuality::{self as Quality, Excellent, Good, Lost, Poor};
use room::proto::signal_response::Message as Response;
use room::{LocalEvent, ParticipantId, PhonePath};
use str0m::media::Mid;
use support::{FRAME, World, phone_and_client};

const TICK: Duration = Duration::from_secs(5);

/// A client that sends audio, 20 ms a packet.
struct Talker {
    id: ParticipantId,
    mid: Mid,
    seq: u64,
}

impl Talker {
    fn join(world: &mut World, identity: &str) -> Self {
        let id = world.join(identity);
        let (mid, _) = world.publish(id, identity);
        Self { id, mid, seq: 1 }
    }
}

fn talk(world: &mut World, talkers: &mut [Talker], time: Duration) {
    let end = world.now + time;
    while world.now < end {
        for Talker { id, mid, seq } in talkers.iter_mut() {
            let now = world.now;
            world.client(*id).send_audio(now, *mid, *seq, 960 * *seq as u32, &[0x11; 80], -20);
            *seq += 1;
        }
        world.run_for(FRAME);
    }
}

/// What a client was told of somebody's connection, in its order.
fn told(world: &World, to: ParticipantId, of: ParticipantId) -> Vec<Quality> {
    let sid = world.room.participant_sid(of).unwrap();
    let updates = world.signals(to, |signal| match signal {
        Response::ConnectionQuality(update) => Some(update.updates.clone()),
        _ => None,
    });
    let of_it = updates.into_iter().flatten().filter(|update| update.participant_sid == sid);
    of_it.map(|update| update.quality()).collect()
}

#[test]
fn a_publisher_that_loses_packets_is_told_of_itself_and_its_listeners_of_it() {
    let mut world = World::new();
    let mut talkers = [Talker::join(&mut world, "alice"), Talker::join(&mut world, "bob")];
    let (alice, bob) = (talkers[0].id, talkers[1].id);
    talk(&mut world, &mut talkers, 3 * TICK);
    for (to, of) in [(alice, alice), (alice, bob), (bob, alice), (bob, bob)] {
        assert_eq!(told(&world, to, of), [Excellent], "once, while nothing changes");
    }

    // Both ways, but bob's packets and what is sent to alice fare well: only alice is to blame.
    world.lose(alice, 0.3);
    talk(&mut world, &mut talkers, 5 * TICK);
    for to in [alice, bob] {
        assert_eq!(told(&world, to, alice).last(), Some(&Poor), "{:?}", told(&world, to, alice));
        assert_eq!(told(&world, to, bob), [Excellent], "its stream had gaps when it came to us");
    }

    world.lose(alice, 0.0);
    talk(&mut world, &mut talkers, 6 * TICK);
    let heard = told(&world, bob, alice);
    assert_eq!(heard.first(), Some(&Excellent));
    assert_eq!(heard[heard.len() - 3..], [Poor, Good, Excellent], "{heard:?}");
}

#[test]
fn a_listener_that_loses_packets_is_rated_by_its_own_reports() {
    for dual in [false, true] {
        let mut world = World::new();
        let mut talkers = [Talker::join(&mut world, "alice")];
        let alice = talkers[0].id;
        let bob = if dual { world.join_dual("bob") } else { world.join("bob") };
        talk(&mut world, &mut talkers, 3 * TICK);
        world.lose(bob, 0.07);
        talk(&mut world, &mut talkers, 6 * TICK);
        assert_eq!(told(&world, bob, bob), [Excellent, Good]);
        assert_eq!(told(&world, bob, alice), [Excellent]);
        assert!(told(&world, alice, bob).is_empty(), "it is subscribed to nothing of it");
        world.lose(bob, 0.0);
        talk(&mut world, &mut talkers, 6 * TICK);
        assert_eq!(told(&world, bob, bob), [Excellent, Good, Excellent]);
    }
}

#[test]
fn a_path_that_is_gone_is_told_as_lost_but_not_to_the_lost_one() {
    let mut world = World::new();
    let mut talkers = [Talker::join(&mut world, "alice")];
    let (alice, bob) = (talkers[0].id, world.join("bob"));
    talk(&mut world, &mut talkers, 2 * TICK);
    world.cut.push(alice);
    world.until_within(Duration::from_secs(30), |world| told(world, bob, alice).contains(&Lost));
    assert_eq!(world.state("alice"), "ACTIVE", "it may come back");
    assert!(!told(&world, alice, alice).contains(&Lost));
    world.cut.clear();
    world.client(alice).restart_ice();
    world.until_within(Duration::from_secs(10), |world| told(world, bob, alice).last() == Some(&Excellent));
}

/// The room asks every 5 s what the phone's session has measured; whether it did since.
fn asked(world: &mut World, phone: ParticipantId) -> bool {
    let asked =
        |(to, event): &(ParticipantId, LocalEvent)| *to == phone && matches!(event, LocalEvent::MeasurePath);
    let found = world.local_events.iter().any(asked);
    world.local_events.retain(|event| !asked(event));
    found
}

#[test]
fn a_phone_is_rated_by_its_rtp_session() {
    let mut world = World::new();
    let (phone, bob, _) = phone_and_client(&mut world);
    let mut path = PhonePath { expected: true, ..PhonePath::default() };
    let tick = |world: &mut World, path: &mut PhonePath, received: u64, lost: u64, sent_lost: u64| {
        world.run_for(TICK);
        assert!(asked(world, phone));
        (path.received, path.lost, path.sent) = (path.received + received, path.lost + lost, path.sent + 250);
        path.sent_lost = Some(path.sent_lost.unwrap_or_default() + sent_lost);
        path.round_trip = Some(Duration::from_millis(30));
        world.room.path_measured(world.now, phone, *path);
        world.settle();
    };
    for _ in 0..3 {
        tick(&mut world, &mut path, 250, 0, 0);
    }
    assert_eq!(told(&world, bob, phone), [Excellent]);
    for _ in 0..2 {
        tick(&mut world, &mut path, 237, 13, 0);
    }
    assert_eq!(told(&world, bob, phone), [Excellent, Good], "5 % of G.711 from the phone");
    for _ in 0..2 {
        tick(&mut world, &mut path, 250, 0, 50);
    }
    assert_eq!(told(&world, bob, phone), [Excellent, Good, Poor], "20 % to the phone");
    for _ in 0..4 {
        tick(&mut world, &mut path, 250, 0, 0);
    }
    assert_eq!(told(&world, bob, phone)[3..], [Good, Excellent]);

    path.expected = false;
    for _ in 0..4 {
        tick(&mut world, &mut path, 0, 0, 0);
    }
    assert_eq!(told(&world, bob, phone).len(), 5, "a phone on hold owes nothing");
    path.expected = true;
    for _ in 0..3 {
        tick(&mut world, &mut path, 0, 0, 0);
    }
    assert_eq!(told(&world, bob, phone)[5..], [Lost]);
    tick(&mut world, &mut path, 100, 0, 0);
    assert_eq!(told(&world, bob, phone)[5..], [Lost, Excellent]);
}

#[test]
fn an_idle_room_rates_nobody() {
    let mut world = World::new();
    world.join("alice");
    world.join("bob");
    world.run_for(3 * TICK);
    let phone = world.join_phone("phone");
    world.run_for(TICK);
    assert!(asked(&mut world, phone));
    world.run_for(3 * TICK);
    assert!(!asked(&mut world, phone), "nothing is published");
}
