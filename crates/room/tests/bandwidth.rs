//! Publishers are asked for a telephone's band while only telephones listen.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod support;

use std::time::Duration;

use room::ParticipantId;
use support::{World, phone_track};

const ROUND: Duration = Duration::from_secs(1);
const NARROW: &str = "maxplaybackrate=8000;maxaveragebitrate=24000";

fn narrow(world: &World, agent: ParticipantId) -> bool {
    world.clients[&agent].answers.last().is_some_and(|answer| answer.contains(NARROW))
}

/// An agent that publishes, and a phone that listens to it.
fn agent_and_phone(world: &mut World) -> (ParticipantId, ParticipantId) {
    let agent = world.join("agent");
    world.publish(agent, "mic");
    assert!(!narrow(world, agent), "nobody listens");
    let phone = world.join_phone("phone");
    world.room.publish_audio(world.now, phone, phone_track()).unwrap();
    world.room.subscribe_all(world.now, phone, true);
    world.run_for(ROUND);
    (agent, phone)
}

#[test]
fn only_a_phone_listens_until_somebody_else_does() {
    let mut world = World::narrowband();
    let (agent, _) = agent_and_phone(&mut world);
    assert!(narrow(&world, agent));
    let bob = world.join("bob");
    assert!(!narrow(&world, agent), "told before the newcomer's own connection is up");
    world.room.leave(world.now, bob, room::proto::DisconnectReason::ClientInitiated);
    world.run_for(ROUND);
    assert!(narrow(&world, agent));
    let answers = world.clients[&agent].answers.len();
    world.run_for(10 * ROUND);
    assert_eq!(world.clients[&agent].answers.len(), answers, "one round for each change");
}

#[test]
fn a_wideband_phone_is_given_all_there_is() {
    let mut world = World::narrowband();
    let (agent, phone) = agent_and_phone(&mut world);
    world.room.hears_wideband(world.now, phone, true);
    world.run_for(ROUND);
    assert!(!narrow(&world, agent));
}

#[test]
fn a_publisher_whose_phone_has_gone_is_left_in_peace() {
    let mut world = World::narrowband();
    let (agent, phone) = agent_and_phone(&mut world);
    let answers = world.clients[&agent].answers.len();
    world.room.leave(world.now, phone, room::proto::DisconnectReason::ClientInitiated);
    world.run_for(ROUND);
    let last = world.clients[&agent].answers.last().cloned().unwrap_or_default();
    assert!(last.contains(NARROW), "nobody hears the difference");
    assert!(
        world.clients[&agent].answers.len() <= answers + 1,
        "at most the phone's own section is shown as free"
    );
}

#[test]
fn it_can_be_switched_off() {
    let mut world = World::new();
    let (agent, _) = agent_and_phone(&mut world);
    assert!(!narrow(&world, agent));
}
