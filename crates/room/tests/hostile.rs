//! Bad input: whatever clients send, nothing panics and nobody else is disturbed.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod support;

use std::path::Path;
use std::sync::OnceLock;

use proptest::prelude::*;
use prost::Message;
use room::grants::Claims;
use room::proto::signal_request::Message as Request;
use room::proto::signal_response::Message as Response;
use room::{JoinMode, Output, Protocol, Receive, Resume, proto};
use support::{World, phone_track};

fn captured_offers() -> &'static [String] {
    static OFFERS: OnceLock<Vec<String>> = OnceLock::new();
    let names = ["python-v1-0", "python-v1-4", "chromium-v1-6", "go-v1-0"];
    OFFERS.get_or_init(|| names.map(|name| captured(&format!("{name}-client-offer"))).into())
}

fn captured_answers() -> &'static [String] {
    static ANSWERS: OnceLock<Vec<String>> = OnceLock::new();
    ANSWERS
        .get_or_init(|| ["go-v0-1", "go-v0-5"].map(|name| captured(&format!("{name}-client-answer"))).into())
}

fn captured(name: &str) -> String {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/sdp");
    std::fs::read_to_string(golden.join(format!("{name}.sdp"))).unwrap()
}

/// A room with a phone, which must be there and well in the end.
fn with_phone(test: impl FnOnce(&mut World)) {
    let mut world = World::new();
    let phone = world.join_phone("phone");
    world.room.publish_audio(world.now, phone, phone_track()).unwrap();
    test(&mut world);
    while world.room.poll_output().is_some() {}
    assert_eq!(world.state("phone"), "ACTIVE");
}

/// An offer with lines left out, doubled, swapped and cut.
fn mangled() -> impl Strategy<Value = String> {
    mangled_of(captured_offers())
}

fn mangled_of(texts: &'static [String]) -> impl Strategy<Value = String> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..4u8, "[ -~]{0,12}"), 0..12);
    (0..texts.len(), edits).prop_map(|(text, edits)| {
        let mut lines: Vec<_> = texts[text].lines().map(str::to_owned).collect();
        for (at, edit, text) in edits {
            let at = at.index(lines.len().max(1)).min(lines.len().saturating_sub(1));
            match edit {
                0 => drop(lines.remove(at)),
                1 => lines.insert(at, lines[at].clone()),
                2 => lines[at].push_str(&text),
                _ => lines[at] = text,
            }
        }
        lines.join("\r\n") + "\r\n"
    })
}

fn offer(sdp: String) -> proto::SessionDescription {
    proto::SessionDescription { r#type: "offer".into(), sdp, id: 1, ..Default::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn mangled_offers_end_nobody_elses_session(first in mangled(), second in mangled()) {
        with_phone(|world| {
            let join = world.a_join(|join| {
                join.identity = "eve".into();
                join.mode = JoinMode::Single { offer: Some(offer(first)) };
            });
            let eve = world.room.join(world.now, world.wallclock(), join).unwrap();
            let request = proto::SignalRequest { message: Some(Request::Offer(offer(second))) };
            world.room.handle_signal(world.now, eve, request);
            world.room.handle_timeout(world.now);
        });
    }

    #[test]
    fn mangled_answers_end_nobody_elses_session(first in mangled_of(captured_answers()), second in mangled_of(captured_answers())) {
        with_phone(|world| {
            let join = world.a_join(|join| {
                join.identity = "eve".into();
                join.mode = JoinMode::Dual;
            });
            let eve = world.room.join(world.now, world.wallclock(), join).unwrap();
            let offer = std::iter::from_fn(|| world.room.poll_output()).find_map(|output| match output {
                Output::Signal { bytes, .. } => match proto::SignalResponse::decode(bytes).unwrap().message {
                    Some(Response::Offer(offer)) => Some(offer.sdp),
                    _ => None,
                },
                _ => None,
            });
            // Our section has another name than the captured one.
            let offer = offer.unwrap();
            let mid = offer.lines().find_map(|line| line.strip_prefix("a=mid:")).unwrap();
            let ours = |sdp: &str| {
                sdp.replace("a=mid:0\r\n", &format!("a=mid:{mid}\r\n")).replace("BUNDLE 0", &format!("BUNDLE {mid}"))
            };
            for sdp in [ours(&first), ours(&second)] {
                let answer = proto::SessionDescription { r#type: "answer".into(), sdp, ..Default::default() };
                let state = proto::SyncState { answer: Some(answer.clone()), ..Default::default() };
                for message in [Request::SyncState(state), Request::Answer(answer)] {
                    world.room.handle_signal(world.now, eve, proto::SignalRequest { message: Some(message) });
                    world.room.handle_timeout(world.now);
                }
                let resume = Resume { identity: "eve".into(), participant_sid: String::new(), dual: true };
                let _ = world.room.resume(world.now, world.wallclock(), &resume);
            }
        });
    }

    #[test]
    fn any_bytes_that_decode_are_no_danger(frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..40)) {
        with_phone(|world| {
            let join = world.a_join(|join| join.identity = "eve".into());
            let eve = world.room.join(world.now, world.wallclock(), join).unwrap();
            for frame in &frames {
                // Any oneof member, with this as its content.
                for tag in 1..=23u8 {
                    let mut bytes = Vec::new();
                    prost::encoding::encode_key(tag.into(), prost::encoding::WireType::LengthDelimited, &mut bytes);
                    prost::encoding::encode_varint(frame.len() as u64, &mut bytes);
                    bytes.extend(frame);
                    if let Ok(request) = proto::SignalRequest::decode(bytes.as_slice()) {
                        world.room.handle_signal(world.now, eve, request);
                    }
                }
            }
        });
    }

    #[test]
    fn any_packets_are_no_danger(packets in prop::collection::vec((0..3u8, prop::collection::vec(any::<u8>(), 0..200)), 0..40)) {
        with_phone(|world| {
            let sdp = captured_offers()[1].clone();
            let join = world.a_join(|join| {
                join.identity = "eve".into();
                join.mode = JoinMode::Single { offer: Some(offer(sdp)) };
            });
            world.room.join(world.now, world.wallclock(), join).unwrap();
            let peer = std::iter::from_fn(|| world.room.poll_output()).find_map(|output| match output {
                Output::PeerUfrag { peer, .. } => Some(peer),
                _ => None,
            });
            for (kind, mut data) in packets {
                if let Some(first) = data.first_mut() {
                    // STUN, DTLS or RTP by its first byte.
                    *first = [0, 22, 0x80][usize::from(kind)];
                }
                let (src, dst) = ("10.0.1.9:5000".parse().unwrap(), "10.0.0.1:7882".parse().unwrap());
                let packet = Receive { proto: Protocol::Udp, src, dst, data: &data };
                world.room.handle_packet(world.now, peer.unwrap(), packet);
            }
        });
    }

    #[test]
    fn any_candidate_is_no_danger(candidate in "\\PC{0,60}|candidate:[ -~]{0,60}") {
        with_phone(|world| {
            let join = world.a_join(|join| join.identity = "eve".into());
            let eve = world.room.join(world.now, world.wallclock(), join).unwrap();
            let init = format!(r#"{{"candidate":{},"sdpMid":"0","sdpMLineIndex":0}}"#, serde_json::json!(candidate));
            for candidate_init in [init, candidate] {
                let trickle = Request::Trickle(proto::TrickleRequest { candidate_init, ..Default::default() });
                world.room.handle_signal(world.now, eve, proto::SignalRequest { message: Some(trickle) });
            }
        });
    }

    #[test]
    fn any_claims_are_read_or_refused(text in "\\{(\"(sub|video|kind|exp|attributes)\":(null|1|\"x\"|\\{\\}|\\[\\]),?){0,4}\\}") {
        if let Ok(claims) = serde_json::from_str::<Claims>(&text) {
            let again: Claims = serde_json::from_str(&serde_json::to_string(&claims).unwrap()).unwrap();
            prop_assert_eq!(again, claims);
        }
    }
}

#[test]
fn a_token_of_the_python_sdk_is_read_with_livekits_defaults() {
    let text = r#"{"name": "Bob", "video": {"roomJoin": true, "room": "wire-room", "canPublishSources": ["microphone"]},
        "sub": "bob", "iss": "devkey", "nbf": 1795479799, "exp": 1795501399, "kind": "agent", "inference": {"x": 1}}"#;
    let claims: Claims = serde_json::from_str(text).unwrap();
    let permission = claims.video.as_ref().unwrap().permission();
    assert_eq!((claims.identity(), claims.kind()), ("bob", proto::participant_info::Kind::Agent));
    assert!(permission.can_subscribe && permission.can_publish && permission.can_publish_data);
    assert!(!permission.can_update_metadata && !permission.hidden);
    assert_eq!(permission.can_publish_sources, [i32::from(proto::TrackSource::Microphone)]);
    let printed = serde_json::to_string(&claims).unwrap();
    assert!(printed.contains(r#""roomJoin":true"#) && !printed.contains("roomAdmin"), "{printed}");
}

#[test]
fn data_follows_the_right_to_publish_unless_it_is_said() {
    let grants = |text: &str| serde_json::from_str::<room::grants::VideoGrant>(text).unwrap().permission();
    assert!(!grants(r#"{"canPublish": false}"#).can_publish_data);
    assert!(grants(r#"{"canPublish": false, "canPublishData": true}"#).can_publish_data);
}
