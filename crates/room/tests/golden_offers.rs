//! The offers official clients really send, and how LiveKit's server answered them: our answers say the same, section
//! by section. These things differ on purpose: of video only VP8 and H.264 are negotiated, absolute capture times are not
//! passed on, what we offer to send on is `sendonly`, never to receive, and on it comfort noise and G.722 are agreed on.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use prost::Message;
use room::proto::signal_request::Message as Request;
use room::proto::signal_response::Message as Response;
use room::{JoinMode, LocalEvent, Output, ParticipantId, proto};
use support::{World, phone_track};

/// What a client acts upon in one section of an answer.
#[derive(Debug, PartialEq, Eq)]
struct Section {
    mid: String,
    kind: String,
    direction: String,
    /// Whether it names a track.
    msid: bool,
    /// Payload types and codecs.
    codecs: BTreeSet<String>,
    opus: Option<String>,
    extensions: BTreeSet<String>,
}

/// What is only sent, and livekit-server sends not at all.
const ONLY_SENT: [&str; 2] = ["9 G722/8000", "13 CN/8000"];

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
        codecs: values("a=rtpmap:").into_iter().map(str::to_owned).collect(),
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

/// Compares everything but the codecs of video, of which there are fewer.
fn assert_like_the_servers(ours: &proto::SessionDescription, servers: &str) {
    assert_eq!(ours.r#type, "answer");
    let (our_sections, server_sections) = (sections(&ours.sdp), sections(servers));
    assert_eq!(our_sections.len(), server_sections.len());
    for (mut our, server) in our_sections.into_iter().zip(server_sections) {
        if server.kind == "video" {
            assert_eq!((&our.mid, &our.kind, our.msid), (&server.mid, &server.kind, server.msid));
            assert_eq!(our.direction, server.direction);
            let known = |codec: &str| ["VP8", "H264", "rtx"].iter().any(|known| codec.contains(known));
            assert!(our.codecs.iter().all(|codec| known(codec)), "{:?}", our.codecs);
            assert!(our.codecs.contains("96 VP8/90000") && our.extensions.is_subset(&server.extensions));
        } else if server.kind == "application" {
            assert_eq!((our.mid, our.kind), (server.mid, server.kind));
        } else {
            let sends = our.direction == "sendonly";
            for codec in ONLY_SENT {
                assert_eq!(our.codecs.remove(codec), sends, "what is published is sent as it is");
            }
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
    assert_eq!((track.mid.as_str(), track.mime_type.as_str()), ("7", "audio/red"));
    assert!(answer.sdp.contains("m=audio 9 UDP/TLS/RTP/SAVPF 63 111 "), "redundant audio is asked for");
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
    assert!(!answer.sdp.contains("a=rtpmap:111 ") && !answer.sdp.contains("a=fmtp:111 "));
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

/// A client with two peer connections; returns our first offer.
fn join_dual(world: &mut World) -> (ParticipantId, proto::SessionDescription) {
    let join = world.a_join(|join| {
        join.identity = "bob".into();
        join.mode = JoinMode::Dual;
    });
    let id = world.room.join(world.now, world.wallclock(), join).unwrap();
    (id, offers(world).pop().expect("an offer"))
}

fn offers(world: &mut World) -> Vec<proto::SessionDescription> {
    std::iter::from_fn(|| world.room.poll_output())
        .filter_map(|output| match output {
            Output::Signal { bytes, .. } => proto::SignalResponse::decode(bytes).unwrap().message,
            _ => None,
        })
        .filter_map(|message| if let Response::Offer(offer) = message { Some(offer) } else { None })
        .collect()
}

/// A captured answer to an offer of LiveKit's, as an answer to the same offer of ours: our mids are others.
fn answer_to(world: &mut World, id: ParticipantId, offer: &proto::SessionDescription, captured: &str) {
    let mut sdp = captured.to_owned();
    let mids: Vec<_> = sections(&offer.sdp).into_iter().map(|section| section.mid).collect();
    for (index, mid) in mids.iter().enumerate() {
        sdp = sdp.replace(&format!("a=mid:{index}\r\n"), &format!("a=mid:{mid}\r\n"));
    }
    let group: Vec<_> = (0..mids.len()).map(|index| index.to_string()).collect();
    sdp = sdp.replace(&format!("BUNDLE {}", group.join(" ")), &format!("BUNDLE {}", mids.join(" ")));
    let answer = proto::SessionDescription { r#type: "answer".into(), sdp, id: 0, ..Default::default() };
    let answer = proto::SignalRequest { message: Some(Request::Answer(answer)) };
    world.room.handle_signal(world.now, id, answer);
}

fn without_capture_time(mut section: Section) -> Section {
    section.extensions.retain(|extension| !extension.ends_with("abs-capture-time"));
    section
}

#[test]
fn gos_publication_on_the_first_of_two_connections_is_answered_like_livekits() {
    let mut world = World::new();
    let (bob, _) = join_dual(&mut world);
    let first = golden("go-v0-2-client-offer.sdp");
    let first = proto::SessionDescription { r#type: "offer".into(), sdp: first, ..Default::default() };
    let first = proto::SignalRequest { message: Some(Request::Offer(first)) };
    world.room.handle_signal(world.now, bob, first);
    let ours = sections(&answers(&mut world).pop().expect("an answer").sdp);
    let servers = sections(&golden("go-v0-3-server-answer.sdp"));
    assert_eq!((ours.len(), &ours[0].mid, &ours[0].kind), (1, &servers[0].mid, &servers[0].kind));

    let answer = offer_again(&mut world, bob, "TR_oAZWp8tKcxB9", &golden("go-v0-6-client-offer.sdp"));
    let ours = sections(&answer.sdp).pop().unwrap();
    let servers = sections(&golden("go-v0-7-server-answer.sdp")).pop().unwrap();
    assert_eq!(ours, without_capture_time(servers));
    let track = world.room.participant("bob").unwrap().tracks.remove(0);
    assert_eq!((track.mid.as_str(), track.mime_type.as_str()), ("1", "audio/PCMU"));
}

#[test]
fn what_go_receives_on_is_offered_like_livekits_and_its_answers_are_taken() {
    let mut world = World::new();
    let phone = world.join_phone("phone");
    let (bob, first) = join_dual(&mut world);
    let (ours, servers) = (sections(&first.sdp), sections(&golden("go-v0-0-server-offer.sdp")));
    assert_eq!((ours.len(), servers.len()), (1, 1));
    assert_eq!((&ours[0].kind, &ours[0].codecs), (&servers[0].kind, &servers[0].codecs));
    answer_to(&mut world, bob, &first, &golden("go-v0-1-client-answer.sdp"));

    world.room.publish_audio(world.now, phone, phone_track()).unwrap();
    world.room.handle_timeout(world.now + std::time::Duration::from_millis(200));
    let second = offers(&mut world).pop().expect("a second offer");
    assert_eq!(second.id, first.id + 1);
    let (mut ours, servers) = (sections(&second.sdp), sections(&golden("go-v0-4-server-offer.sdp")));
    let mut audio = ours.pop().unwrap();
    assert!(ONLY_SENT.iter().all(|codec| audio.codecs.remove(*codec)));
    assert_eq!(second.mid_to_track_id.keys().collect::<Vec<_>>(), [&audio.mid]);
    assert_eq!((ours[0].kind.as_str(), audio.direction.as_str()), ("application", "sendonly"));
    let server = &servers[1];
    assert_eq!((audio.msid, &audio.codecs, &audio.opus), (server.msid, &server.codecs, &server.opus));

    answer_to(&mut world, bob, &second, &golden("go-v0-5-client-answer.sdp"));
    let heard = std::iter::from_fn(|| world.room.poll_output()).any(|output| {
        matches!(output, Output::Local { to, event: LocalEvent::Demand { pcmu: true, .. } } if to == phone)
    });
    assert!(heard, "the track flows");
}
