//! Methods of participants that the server's API calls, in simulated time.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod support;

use std::time::Duration;

use prost::Message as _;
use room::proto::data_packet::Value;
use room::{LocalEvent, ModerationError, ParticipantId, RpcFailure, proto};
use support::{FRAME, World, phone_track};

fn call(world: &mut World, identity: &str, timeout_ms: u32) -> room::RpcId {
    let request = proto::PerformRpcRequest {
        destination_identity: identity.into(),
        method: "greet".into(),
        payload: "hello".into(),
        response_timeout_ms: timeout_ms,
        ..Default::default()
    };
    let id = world.room.perform_rpc(world.now, &request).unwrap();
    world.run_for(FRAME);
    id
}

fn rpc_request(world: &World, of: ParticipantId) -> proto::RpcRequest {
    let last = world.clients[&of].data.last().unwrap();
    let Some(Value::RpcRequest(request)) = &last.1.value else { panic!("no request: {last:?}") };
    assert_eq!(last.1.participant_identity, request.id, "the request's id is who asks");
    request.clone()
}

fn reply(world: &mut World, from: ParticipantId, to: &str, value: Value) {
    let packet = proto::DataPacket {
        destination_identities: vec![to.to_owned()],
        value: Some(value),
        ..Default::default()
    };
    let now = world.now;
    world.client(from).send_data(now, "_reliable", &packet);
    world.run_for(FRAME);
}

fn acknowledge(world: &mut World, from: ParticipantId, id: &str) {
    reply(world, from, id, Value::RpcAck(proto::RpcAck { request_id: id.to_owned() }));
}

fn respond(world: &mut World, from: ParticipantId, id: &str, value: proto::rpc_response::Value) {
    let response = proto::RpcResponse { request_id: id.to_owned(), value: Some(value) };
    reply(world, from, id, Value::RpcResponse(response));
}

#[test]
fn a_method_is_called_and_its_answer_comes_back_to_the_server_alone() {
    use proto::rpc_response::Value as Outcome;
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    let first = call(&mut world, "alice", 5000);
    let request = rpc_request(&world, alice);
    assert_eq!((request.method.as_str(), request.payload.as_str()), ("greet", "hello"));
    assert_eq!((request.response_timeout_ms, request.version), (5000, 1));
    acknowledge(&mut world, alice, &request.id);
    // Somebody else cannot answer for it.
    respond(&mut world, bob, &request.id, Outcome::Payload("forged".into()));
    world.run_for(Duration::from_secs(4));
    respond(&mut world, alice, &request.id, Outcome::Payload("hi".into()));
    assert_eq!(world.rpcs, [(first, Ok("hi".to_owned()))]);
    assert!(world.clients[&bob].data.is_empty());

    let second = call(&mut world, "alice", 0);
    let request = rpc_request(&world, alice);
    let error = proto::RpcError { code: 1500, message: "no".into(), data: "more".into() };
    respond(&mut world, alice, &request.id, Outcome::Error(error));
    let failure = RpcFailure { code: 1500, message: "no".into(), data: "more".into() };
    assert_eq!(world.rpcs[1], (second, Err(failure)));
}

#[test]
fn a_call_that_is_not_answered_fails_and_says_at_what() {
    let mut world = World::new();
    let alice = world.join("alice");
    let code = |world: &World| world.rpcs.last().map(|(_, result)| result.as_ref().unwrap_err().code);
    call(&mut world, "alice", 0);
    world.run_for(Duration::from_millis(1900));
    assert_eq!(code(&world), None);
    world.run_for(Duration::from_millis(200));
    assert_eq!(code(&world), Some(RpcFailure::CONNECTION_TIMEOUT));

    call(&mut world, "alice", 0);
    let request = rpc_request(&world, alice);
    acknowledge(&mut world, alice, &request.id);
    world.run_for(Duration::from_millis(9900));
    assert_eq!(world.rpcs.len(), 1);
    world.run_for(Duration::from_millis(200));
    assert_eq!(code(&world), Some(RpcFailure::RESPONSE_TIMEOUT));

    call(&mut world, "alice", 0);
    world.room.remove(world.now, "alice", proto::DisconnectReason::ParticipantRemoved);
    world.settle();
    assert_eq!(code(&world), Some(RpcFailure::RECIPIENT_DISCONNECTED));

    let phone = world.join_phone("phone");
    let request = proto::PerformRpcRequest {
        destination_identity: "phone".into(),
        payload: "x".repeat(15 * 1024 + 1),
        ..Default::default()
    };
    world.room.perform_rpc(world.now, &request).unwrap();
    world.settle();
    assert_eq!(code(&world), Some(RpcFailure::REQUEST_TOO_LARGE));
    assert!(
        !world
            .local_events
            .iter()
            .any(|(to, event)| *to == phone && matches!(event, LocalEvent::Data { .. }))
    );
    let nobody = proto::PerformRpcRequest { destination_identity: "nobody".into(), ..Default::default() };
    assert_eq!(world.room.perform_rpc(world.now, &nobody), Err(ModerationError::NoParticipant));
}

#[test]
fn a_phone_answers_a_call_by_function_call() {
    let mut world = World::new();
    let phone = world.join_phone("phone");
    world.room.publish_audio(world.now, phone, phone_track()).unwrap();
    let id = call(&mut world, "phone", 0);
    let asked = world.local_events.iter().find_map(|(_, event)| match event {
        LocalEvent::Data { packet, from } => Some((packet.encode_to_vec(), from.clone())),
        _ => None,
    });
    let (packet, from) = asked.unwrap();
    let packet = proto::DataPacket::decode(packet.as_slice()).unwrap();
    let Some(Value::RpcRequest(request)) = packet.value else { panic!("no request") };
    assert_eq!(from, request.id);
    let value = Some(proto::rpc_response::Value::Payload("{}".into()));
    let response = proto::RpcResponse { request_id: request.id, value };
    let packet = proto::DataPacket {
        destination_identities: vec![from],
        value: Some(Value::RpcResponse(response)),
        ..Default::default()
    };
    world.room.send_data(world.now, phone, &packet);
    world.settle();
    assert_eq!(world.rpcs, [(id, Ok("{}".to_owned()))]);
}
