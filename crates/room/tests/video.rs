//! Video in simulated time: who sees what, in which layer, and what publishers are asked for.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod support;

use std::time::Duration;

use room::proto::signal_request::Message as Request;
use room::proto::signal_response::Message as Response;
use room::{LocalEvent, ParticipantId, proto};
use str0m::media::{Mid, Rid};
use support::video::{Picture, Shot};
use support::{FRAME, World, phone_track, speak};

const LAYERS: [&str; 3] = ["q", "h", "f"];
/// Each layer counts for itself.
const STARTS: [(u64, u32, u16); 3] = [(900, 1_000, 10), (65_500, 4_294_960_000, 0x7ff0), (30_000, 90_000, 5)];

/// A camera that shows so many pictures on each of its layers, key frames where it was asked for them.
struct Camera {
    id: ParticipantId,
    mid: Mid,
    track: String,
    rids: Vec<Option<&'static str>>,
    shown: [u64; 3],
}

impl Camera {
    fn publish(world: &mut World, id: ParticipantId, rids: &[&'static str]) -> Self {
        let mid = world.client(id).publish_camera("cam-1", rids);
        world.run_for(Duration::from_millis(300));
        let published = world.signals(id, |signal| match signal {
            Response::TrackPublished(published) => published.track.clone(),
            _ => None,
        });
        let rids = if rids.is_empty() { vec![None] } else { rids.iter().copied().map(Some).collect() };
        Self { id, mid, track: published[0].sid.clone(), rids, shown: [0; 3] }
    }

    /// Shows pictures on these layers, 30 a second.
    fn show(&mut self, world: &mut World, pictures: usize, layers: &[usize]) {
        for _ in 0..pictures {
            for layer in layers {
                let rid = self.rids[*layer];
                let asked = &mut world.client(self.id).video.key_frames_asked;
                let key_frame = asked.iter().position(|asked| *asked == rid.map(Rid::from));
                let key_frame = key_frame.map(|at| asked.remove(at)).is_some();
                let shown = self.shown[*layer];
                self.shown[*layer] += 1;
                let (seq, timestamp, picture_id) = STARTS[*layer];
                let shot = Shot {
                    rid,
                    seq: seq + shown,
                    timestamp: timestamp.wrapping_add(3_000 * shown as u32),
                    picture_id: picture_id.wrapping_add(shown as u16) & 0x7fff,
                    key_frame,
                    layer: *layer as u8,
                };
                let now = world.now;
                world.client(self.id).shoot(now, self.mid, shot);
            }
            world.run_for(Duration::from_millis(33));
        }
    }
}

fn pictures(world: &mut World, id: ParticipantId) -> Vec<Picture> {
    world.run_for(FRAME);
    std::mem::take(&mut world.client(id).video.pictures)
}

/// Whether a decoder could show them: one stream, without a gap, that begins with a key frame.
fn assert_decodable(pictures: &[Picture]) {
    assert!(pictures.first().is_some_and(|first| first.key_frame), "begins with a key frame: {pictures:?}");
    assert_unbroken(pictures);
}

fn assert_unbroken(pictures: &[Picture]) {
    for pair in pictures.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        assert_eq!(
            (before.ssrc, before.mid, before.payload_type),
            (after.ssrc, after.mid, after.payload_type)
        );
        assert_eq!(after.seq, before.seq.wrapping_add(1));
        let id = |picture: &Picture| picture.picture_id.unwrap();
        assert_eq!(id(after), (id(before) + 1) & 0x7fff);
        let step = after.timestamp.wrapping_sub(before.timestamp);
        assert!((700..90_000).contains(&step), "{step}");
        assert!(before.layer == after.layer || after.key_frame, "layers change with key frames: {pair:?}");
    }
}

fn settings(track: &str, change: impl FnOnce(&mut proto::UpdateTrackSettings)) -> Request {
    let mut settings = proto::UpdateTrackSettings {
        track_sids: vec![track.to_owned()],
        quality: proto::VideoQuality::High.into(),
        ..Default::default()
    };
    change(&mut settings);
    Request::TrackSetting(settings)
}

fn layers(pictures: &[Picture]) -> Vec<u8> {
    let mut layers: Vec<_> = pictures.iter().map(|picture| picture.layer).collect();
    layers.dedup();
    layers
}

#[test]
fn a_camera_is_seen_by_clients_of_either_kind_and_never_by_a_phone() {
    let mut world = World::new();
    let (alice, bob, carol) = (world.join("alice"), world.join("bob"), world.join_dual("carol"));
    let phone = world.join_phone("phone");
    world.room.subscribe_all(world.now, phone, true);
    let mut camera = Camera::publish(&mut world, alice, &[]);
    assert!(camera.track.starts_with("TR_VC"));
    camera.show(&mut world, 20, &[0]);
    for viewer in [bob, carol] {
        let seen = pictures(&mut world, viewer);
        assert!(seen.len() >= 18, "{}", seen.len());
        assert_decodable(&seen);
        let mid = seen[0].mid.to_string();
        assert_eq!(world.clients[&viewer].mid_to_track[&mid], camera.track);
    }
    assert!(pictures(&mut world, alice).is_empty(), "nobody sees oneself");
    let told: Vec<_> = world.local_events.iter().filter(|(to, _)| *to == phone).collect();
    assert!(told.is_empty(), "{told:?}");

    let told = world.updates(bob, "alice").pop().unwrap().tracks.remove(0);
    assert_eq!((told.mime_type.as_str(), told.width, told.height), ("video/VP8", 1280, 720));
    assert_eq!(told.r#type(), proto::TrackType::Video);
    let subscribed = world.signals(alice, |signal| match signal {
        Response::TrackSubscribed(subscribed) => Some(subscribed.track_sid.clone()),
        _ => None,
    });
    assert_eq!(subscribed, [camera.track]);
}

#[test]
fn a_viewer_gets_the_layer_it_asks_for_as_one_stream() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    let mut camera = Camera::publish(&mut world, alice, &LAYERS);
    #[allow(deprecated, reason = "older clients read them there")]
    let told = |world: &World| {
        let info = world.updates(bob, "alice").pop().unwrap().tracks.remove(0);
        (
            info.simulcast,
            info.layers.len(),
            info.codecs[0].layers[0].rid.clone(),
            info.codecs[0].mime_type.clone(),
        )
    };
    assert_eq!(told(&world), (true, 3, "q".to_owned(), "video/VP8".to_owned()));

    camera.show(&mut world, 30, &[0, 1, 2]);
    let mut all = pictures(&mut world, bob);
    assert_eq!(all.last().unwrap().layer, 2, "the best there is: {:?}", layers(&all));
    for (change, expected) in [
        (settings(&camera.track, |s| s.quality = proto::VideoQuality::Low.into()), 0),
        (settings(&camera.track, |s| (s.width, s.height) = (600, 340)), 1),
        (settings(&camera.track, |s| (s.width, s.height) = (160, 90)), 0),
        (settings(&camera.track, |_| ()), 2),
    ] {
        world.request(bob, change);
        camera.show(&mut world, 30, &[0, 1, 2]);
        all.extend(pictures(&mut world, bob));
        assert_eq!(all.last().unwrap().layer, expected);
    }
    assert_decodable(&all);
    assert!(all.len() >= 145, "next to nothing is left out: {}", all.len());
}

#[test]
fn a_layer_that_stops_is_replaced_and_taken_again_when_it_is_back() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    let mut camera = Camera::publish(&mut world, alice, &LAYERS);
    camera.show(&mut world, 20, &[0, 1]);
    camera.show(&mut world, 20, &[0, 1, 2]);
    camera.show(&mut world, 40, &[0, 1]);
    camera.show(&mut world, 20, &[0, 1, 2]);
    let seen = pictures(&mut world, bob);
    assert_decodable(&seen);
    assert_eq!(layers(&seen)[layers(&seen).len() - 4..], [1, 2, 1, 2]);
}

#[test]
fn key_frames_are_asked_for_by_viewers_but_not_in_haste() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    let mut camera = Camera::publish(&mut world, alice, &[]);
    camera.show(&mut world, 30, &[0]);
    let seen = pictures(&mut world, bob);
    let now = world.now;
    for _ in 0..5 {
        world.client(bob).ask_key_frame(now, seen[0].ssrc);
        world.run_for(Duration::from_millis(20));
    }
    assert_eq!(world.client(alice).video.key_frames_asked.len(), 1);
    camera.show(&mut world, 20, &[0]);
    let seen = pictures(&mut world, bob);
    assert!((1..=2).contains(&seen.iter().filter(|picture| picture.key_frame).count()));
}

#[test]
fn a_paused_or_muted_camera_goes_on_with_a_key_frame() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    let mut camera = Camera::publish(&mut world, alice, &[]);
    camera.show(&mut world, 20, &[0]);
    let mut all = pictures(&mut world, bob);

    world.request(bob, settings(&camera.track, |settings| settings.disabled = true));
    camera.show(&mut world, 20, &[0]);
    assert!(pictures(&mut world, bob).is_empty(), "paused");
    world.request(bob, settings(&camera.track, |_| ()));
    camera.show(&mut world, 20, &[0]);
    let again = pictures(&mut world, bob);
    assert!(again[0].key_frame && again.len() >= 18, "{}", again.len());
    all.extend(again);

    let sid = camera.track.clone();
    let mute = |muted| Request::Mute(proto::MuteTrackRequest { sid: sid.clone(), muted });
    world.request(alice, mute(true));
    assert!(world.updates(bob, "alice").last().unwrap().tracks[0].muted);
    camera.show(&mut world, 10, &[0]);
    assert!(pictures(&mut world, bob).is_empty(), "muted");
    world.request(alice, mute(false));
    camera.show(&mut world, 20, &[0]);
    all.extend(pictures(&mut world, bob));
    assert_unbroken(&all);
}

#[test]
fn a_fourth_camera_gets_a_section_of_its_own_and_a_freed_one_is_used_again() {
    let mut world = World::new();
    let viewer = world.join("viewer");
    let mut cameras: Vec<_> = (0..4)
        .map(|number| {
            let id = world.join(&format!("camera-{number}"));
            Camera::publish(&mut world, id, &[])
        })
        .collect();
    world.run_for(Duration::from_millis(500));
    assert_eq!(world.clients[&viewer].video_receivers, 4);
    for camera in &mut cameras {
        camera.show(&mut world, 15, &[0]);
        let seen = pictures(&mut world, viewer);
        assert_decodable(&seen);
        assert_eq!(world.clients[&viewer].mid_to_track[&seen[0].mid.to_string()], camera.track);
    }

    let gone = cameras.remove(0);
    world.client(gone.id).unpublish(gone.mid);
    world.run_for(Duration::from_millis(500));
    let mid = world.client(gone.id).publish_camera("cam-2", &[]);
    world.run_for(Duration::from_millis(500));
    assert_eq!(world.clients[&viewer].video_receivers, 4, "no more sections than tracks");
    let track = world.room.participant("camera-0").unwrap().tracks[0].sid.clone();
    let mut camera = Camera { mid, track, shown: [0; 3], ..gone };
    camera.show(&mut world, 15, &[0]);
    let seen = pictures(&mut world, viewer);
    assert_decodable(&seen);
    // What it reports on the section's new stream still finds it.
    let now = world.now;
    world.client(viewer).ask_key_frame(now, seen[0].ssrc);
    world.run_for(Duration::from_millis(600));
    assert!(!world.client(camera.id).video.key_frames_asked.is_empty());
}

#[test]
fn sizes_that_change_are_told_and_reckoned_with() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    let mut camera = Camera::publish(&mut world, alice, &LAYERS);
    let update = proto::UpdateLocalVideoTrack { track_sid: camera.track.clone(), width: 640, height: 360 };
    world.request(alice, Request::UpdateVideoTrack(update));
    let told = world.updates(bob, "alice").pop().unwrap().tracks.remove(0);
    assert_eq!((told.width, told.codecs[0].layers[1].width), (640, 320));
    world.request(bob, settings(&camera.track, |s| (s.width, s.height) = (320, 180)));
    camera.show(&mut world, 30, &[0, 1, 2]);
    assert_eq!(pictures(&mut world, bob).last().unwrap().layer, 1);

    let layer =
        |rid: &str, width, height| proto::VideoLayer { rid: rid.into(), width, height, ..Default::default() };
    let layers = vec![layer("q", 320, 180), layer("h", 640, 360), layer("f", 1280, 720)];
    let update = proto::UpdateVideoLayers { track_sid: camera.track.clone(), layers };
    #[allow(deprecated, reason = "older clients tell it so")]
    world.request(alice, Request::UpdateLayers(update));
    camera.show(&mut world, 60, &[0, 1, 2]);
    let switched = world.updates(bob, "alice").pop().unwrap().tracks.remove(0).codecs.remove(0);
    assert_eq!(switched.layers[0].width, 320);
}

#[test]
fn a_camera_and_a_phone_share_the_room() {
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    let phone = world.join_phone("phone");
    world.room.publish_audio(world.now, phone, phone_track()).unwrap();
    let mut camera = Camera::publish(&mut world, alice, &LAYERS);
    camera.show(&mut world, 10, &[0, 1, 2]);
    speak(&mut world, phone, 1..50, 0x55);
    world.run_for(FRAME);
    assert_eq!(world.clients[&bob].heard.len(), 49);
    assert!(!pictures(&mut world, bob).is_empty());
    assert!(!world.local_events.iter().any(|(_, event)| matches!(event, LocalEvent::Audio { .. })));
}

/// Which qualities a publisher was told last that somebody watches.
fn sought(world: &World, publisher: ParticipantId, track: &str) -> Vec<[bool; 3]> {
    world.signals(publisher, |signal| match signal {
        Response::SubscribedQualityUpdate(update) if update.track_sid == track => {
            assert_eq!(update.subscribed_codecs.len(), 1);
            assert_eq!(update.subscribed_codecs[0].codec, "vp8", "as livekit-client names it");
            let qualities = &update.subscribed_codecs[0].qualities;
            Some([0, 1, 2].map(|quality: usize| {
                assert_eq!(usize::try_from(qualities[quality].quality), Ok(quality));
                qualities[quality].enabled
            }))
        }
        _ => None,
    })
}

#[test]
fn a_publisher_is_told_which_layers_are_watched() {
    const OFF: [bool; 3] = [false; 3];
    const LOW: [bool; 3] = [true, false, false];
    const MEDIUM: [bool; 3] = [true, true, false];
    const ALL: [bool; 3] = [true; 3];
    let mut world = World::new();
    let (alice, bob) = (world.join("alice"), world.join("bob"));
    let mut camera = Camera::publish(&mut world, alice, &LAYERS);
    let track = camera.track.clone();
    camera.show(&mut world, 30, &[0, 1, 2]);
    world.run_for(Duration::from_secs(11));
    assert!(sought(&world, alice, &track).is_empty(), "all is watched, and it began with all");

    world.request(bob, settings(&track, |s| s.quality = proto::VideoQuality::Low.into()));
    camera.show(&mut world, 30, &[0, 1, 2]);
    assert!(sought(&world, alice, &track).is_empty(), "it may be watched again soon");
    world.run_for(Duration::from_secs(11));
    assert_eq!(sought(&world, alice, &track), [LOW]);
    let carol = world.join_dual("carol");
    world.request(carol, settings(&track, |s| (s.width, s.height) = (640, 360)));
    world.run_for(Duration::from_secs(11));
    assert_eq!(sought(&world, alice, &track)[1..], [ALL, MEDIUM], "a newcomer wants the best at first");

    // What stopped is taken again as soon as it flows.
    pictures(&mut world, bob);
    camera.show(&mut world, 30, &[0]);
    world.request(bob, settings(&track, |_| ()));
    assert_eq!(sought(&world, alice, &track).last(), Some(&ALL));
    camera.show(&mut world, 60, &[0, 1, 2]);
    let seen = pictures(&mut world, bob);
    assert_eq!(seen.last().unwrap().layer, 2, "{:?}", layers(&seen));

    world.request(bob, settings(&track, |s| s.disabled = true));
    world.room.leave(world.now, carol, proto::DisconnectReason::ClientInitiated);
    world.run_for(Duration::from_secs(11));
    assert_eq!(sought(&world, alice, &track).last(), Some(&OFF));
    world.request(bob, settings(&track, |s| s.quality = proto::VideoQuality::Medium.into()));
    assert_eq!(sought(&world, alice, &track).last(), Some(&MEDIUM));
}

#[test]
fn a_publisher_that_resumes_is_told_again() {
    let mut world = World::new();
    let alice = world.join("alice");
    let camera = Camera::publish(&mut world, alice, &LAYERS);
    world.run_for(Duration::from_secs(11));
    assert_eq!(sought(&world, alice, &camera.track), [[false; 3]], "nobody is there");
    world.room.signal_closed(world.now, alice);
    world.client(alice).signals.clear();
    let resume = room::Resume { identity: "alice".into(), participant_sid: String::new(), dual: false };
    world.room.resume(world.now, world.wallclock(), &resume).unwrap();
    world.settle();
    assert_eq!(sought(&world, alice, &camera.track), [[false; 3]]);
}
