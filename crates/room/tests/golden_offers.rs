//! The offers official clients really send, and how LiveKit's server answered them: our answers say the same, section
//! by section. Two things differ on purpose: RED is not negotiated, and video sections are refused.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use prost::Message;
use room::proto::signal_request::Message as Request;
use room::proto::signal_response::Message as Response;
use room::{JoinMode, Output, ParticipantId, proto};
use support::{World, phone_track};

/// What a client acts upon in one section of an answer.
#[derive(Debug, PartialEq, Eq)]
struct Section {
    mid: String,
    kind: String,
    direction: String,
    /// Whether it names a track.
    msid: bool,
    /// Payload types and codecs, RED left out.
    codecs: BTreeSet<String>,
    opus: Option<String>,
    extensions: BTreeSet<String>,
}

fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/sdp").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn sections(sdp: &str) -> Vec<Section> {
    sdp.split("\nm=").skip(1).map(section).collect()
}

fn section(text: &str) -> Section {
    let text = text.trim_end();
    let values = |prefix: &str| text.lines().filter_map(|line| line.strip_prefix(prefix)).collect::<Vec<_>>();
    let direction = ["sendonly", "recvonly", "sendrecv", "inactive"]
        .into_iter()
        .find(|direction| text.lines().any(|line| line == format!("a={direction}")));
    Section {
        mid: values("a=mid:")[0].to_owned(),
        kind: text.split(' ').next().unwrap().to_owned(),
        direction: direction.unwrap_or("none").to_owned(),
        msid: !values("a=msid:").is_empty(),
        codecs: values("a=rtpmap:")
            .into_iter()
            .filter(|map| !map.contains("red/"))
            .map(str::to_owned)
            .collect(),
        opus: values("a=fmtp:111 ").first().map(|fmtp| (*fmtp).to_owned()),
        extensions: values("a=extmap:").into_iter().map(str::to_owned).collect(),
    }
}

/// Joins with a captured offer; returns the answer.
fn join(world: &mut World, offer: &str, phone: bool) -> (ParticipantId, proto::SessionDescription) {
    if phone {
        let phone = world.join_phone("phone");
        world.room.publish_audio(world.now, phone, phone_track()).unwrap();
    }
    let offer =
        proto::SessionDescription { r#type: "offer".into(), sdp: offer.into(), id: 0, ..Default::default() };
    let join = world.a_join(|join| {
        join.identity = "bob".into();
        join.mode = JoinMode::Single { offer: Some(offer) };
    });
    let id = world.room.join(world.now, world.wallclock(), join).unwrap();
    (id, answers(world).pop().expect("an answer"))
}

fn offer_again(world: &mut World, id: ParticipantId, cid: &str, sdp: &str) -> proto::SessionDescription {
    let add = proto::AddTrackRequest {
        cid: cid.into(),
        source: proto::TrackSource::Microphone.into(),
        ..Default::default()
    };
    let offer =
        proto::SessionDescription { r#type: "offer".into(), sdp: sdp.into(), id: 3, ..Default::default() };
    for message in [Request::AddTrack(add), Request::Offer(offer)] {
        world.room.handle_signal(world.now, id, proto::SignalRequest { message: Some(message) });
    }
    answers(world).pop().expect("an answer")
}

fn answers(world: &mut World) -> Vec<proto::SessionDescription> {
    std::iter::from_fn(|| world.room.poll_output())
        .filter_map(|output| match output {
            Output::Signal { bytes, .. } => proto::SignalResponse::decode(bytes).unwrap().message,
            _ => None,
        })
        .filter_map(|message| if let Response::Answer(answer) = message { Some(answer) } else { None })
        .collect()
}

/// Compares everything but video, of which only the refusal is checked.
fn assert_like_the_servers(ours: &proto::SessionDescription, servers: &str) {
    assert_eq!(ours.r#type, "answer");
    let (our_sections, server_sections) = (sections(&ours.sdp), sections(servers));
    assert_eq!(our_sections.len(), server_sections.len());
    for (our, server) in our_sections.into_iter().zip(server_sections) {
        if server.kind == "video" {
            assert_eq!((&our.mid, &our.kind), (&server.mid, &server.kind));
            assert!(ours.sdp.contains("m=video 0 "));
        } else if server.kind == "application" {
            assert_eq!((our.mid, our.kind), (server.mid, server.kind));
        } else {
            assert_eq!(our, server);
        }
    }
    assert!(!ours.sdp.contains("a=sctp-init"), "SNAP is not answered");
}

#[test]
fn pythons_join_and_publication_are_answered_like_livekits() {
    let mut world = World::new();
    let (bob, answer) = join(&mut world, &golden("python-v1-0-client-offer.sdp"), true);
    assert_like_the_servers(&answer, &golden("python-v1-1-server-answer.sdp"));
    assert_eq!((answer.id, answer.mid_to_track_id.len()), (0, 1));
    assert!(answer.mid_to_track_id["0"].starts_with("TR_AM"));

    let cid = "32ac6b94-5595-4cdc-9e85-a5ed9453e04c";
    let answer = offer_again(&mut world, bob, cid, &golden("python-v1-4-client-offer.sdp"));
    assert_like_the_servers(&answer, &golden("python-v1-5-server-answer.sdp"));
    assert_eq!((answer.id, answer.mid_to_track_id.len()), (3, 1));
    let track = world.room.participant("bob").unwrap().tracks.remove(0);
    assert_eq!((track.mid.as_str(), track.mime_type.as_str()), ("7", "audio/opus"));
}

#[test]
fn chromiums_join_and_publication_are_answered_like_livekits() {
    let mut world = World::new();
    let (bob, answer) = join(&mut world, &golden("chromium-v1-0-client-offer.sdp"), true);
    assert_like_the_servers(&answer, &golden("chromium-v1-1-server-answer.sdp"));

    let cid = "12ad2780-e386-4030-bbde-d9327bc1f0d1";
    let answer = offer_again(&mut world, bob, cid, &golden("chromium-v1-6-client-offer.sdp"));
    assert_like_the_servers(&answer, &golden("chromium-v1-7-server-answer.sdp"));
}

#[test]
fn nodes_and_gos_offers_are_answered() {
    for offer in ["node-v1-0-client-offer.sdp", "go-v1-0-client-offer.sdp"] {
        let mut world = World::new();
        let (_, answer) = join(&mut world, &golden(offer), true);
        let audio: Vec<_> =
            sections(&answer.sdp).into_iter().filter(|section| section.kind == "audio").collect();
        assert!(audio.iter().all(|section| section.direction == "sendonly"), "{offer}");
        assert_eq!(audio.iter().filter(|section| section.msid).count(), 1, "{offer}");
        assert_eq!(answer.mid_to_track_id.len(), 1, "{offer}");
    }
}

#[test]
fn firefoxs_own_payload_type_for_opus_is_kept() {
    let renumber = |text: &str, from: &str, to: &str| {
        let text = text
            .replace(&format!(" {from} "), &format!(" {to} "))
            .replace(&format!(":{from} "), &format!(":{to} "));
        text.replace(&format!("{from}/{from}"), &format!("{to}/{to}"))
            .replace(&format!("apt={from}"), &format!("apt={to}"))
    };
    let offer = golden("python-v1-0-client-offer.sdp");
    let offer: Vec<_> = offer
        .split("\nm=")
        .map(|section| match section.starts_with("audio") {
            true => renumber(section, "111", "109"),
            false => renumber(section, "109", "106"),
        })
        .collect();
    let (_, answer) = join(&mut World::new(), &offer.join("\nm="), true);
    assert!(answer.sdp.contains("a=rtpmap:109 opus/48000/2"), "{}", answer.sdp);
    assert!(!answer.sdp.contains("111"));
}

#[test]
fn a_section_of_one_who_publishes_before_announcing_it_waits_for_the_announcement() {
    let mut world = World::new();
    let (bob, _) = join(&mut world, &golden("python-v1-0-client-offer.sdp"), false);
    let sdp = golden("python-v1-4-client-offer.sdp");
    let offer = proto::SessionDescription { r#type: "offer".into(), sdp, ..Default::default() };
    let offer = proto::SignalRequest { message: Some(Request::Offer(offer)) };
    world.room.handle_signal(world.now, bob, offer);
    assert!(world.room.participant("bob").unwrap().tracks.is_empty());
    // A browser may have changed the track's id: the first of its kind is meant.
    let add = proto::AddTrackRequest { cid: "another".into(), ..Default::default() };
    let add = proto::SignalRequest { message: Some(Request::AddTrack(add)) };
    world.room.handle_signal(world.now, bob, add);
    let bob = world.room.participant("bob").unwrap();
    assert_eq!((bob.tracks[0].mid.as_str(), bob.is_publisher), ("7", true));
}
