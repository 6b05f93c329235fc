//! Participants of one room that are seen and heard in another one as well, in simulated time.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod support;

use std::time::Duration;

use room::proto::DisconnectReason as Why;
use room::proto::participant_info::{KindDetail, State};
use room::proto::signal_request::Message as Request;
use room::{
    Codec, ForwardingId, JoinError, LocalEvent, ModerationError, MoveError, Output, ParticipantId,
    RoomConfig, Told, proto,
};
use str0m::media::{Mid, Rid};
use support::video::Shot;
use support::{FRAME, World, audio, demands, phone_track};

const STEP: Duration = Duration::from_millis(5);
const ID: ForwardingId = ForwardingId(7);

/// Two rooms at the same time, and what goes from one to the other.
struct Two {
    here: World,
    there: World,
    guest: Option<ParticipantId>,
}

impl Two {
    fn new(destination: RoomConfig) -> Self {
        let (mut here, there) =
            (World::new(), World::with(RoomConfig { name: "there".into(), ..destination }));
        here.run_for(there.now - here.now);
        Self { here, there, guest: None }
    }

    fn forward(&mut self, identity: &str) -> Result<ParticipantId, JoinError> {
        let likeness = self.here.room.forward_participant(self.here.now, identity, ID).unwrap();
        let (now, wallclock) = (self.there.now, self.there.wallclock());
        let guest = self.there.room.join_guest(now, wallclock, ID, &likeness)?;
        self.guest = Some(guest);
        self.carry();
        Ok(guest)
    }

    /// What both say to one another, until they have said it all.
    fn carry(&mut self) {
        self.here.settle();
        self.there.settle();
        while !(self.here.forwarded.is_empty() && self.there.forwarded.is_empty()) {
            for output in self.here.forwarded.drain(..) {
                let Output::Told { id, told } = output else { panic!("{output:?}") };
                assert_eq!(id, ID);
                self.there.room.guest_told(self.there.now, self.guest.unwrap(), &told);
            }
            for output in self.there.forwarded.drain(..) {
                let Output::Asked { id, asked } = output else { panic!("{output:?}") };
                self.here.room.forwarding_asked(self.here.now, id, asked);
            }
            self.here.settle();
            self.there.settle();
        }
    }

    fn run_for(&mut self, duration: Duration) {
        let end = self.here.now + duration;
        self.carry();
        while self.here.now < end {
            self.here.run_for(STEP);
            self.there.run_for(STEP);
            self.carry();
        }
    }

    fn until(&mut self, condition: impl Fn(&Self) -> bool) {
        let end = self.here.now + Duration::from_secs(10);
        self.carry();
        while !condition(self) {
            assert!(self.here.now < end, "nothing came of it within 10 s");
            self.run_for(STEP);
        }
    }

    /// A client of the source says so many packets of this byte.
    fn talk(&mut self, id: ParticipantId, mid: Mid, seqs: std::ops::Range<u64>, byte: u8) {
        for seq in seqs {
            let now = self.here.now;
            self.here.client(id).send_audio(now, mid, seq, 960 * seq as u32, &[byte; 40], -20);
            self.run_for(FRAME);
        }
    }

    fn seen(&self, watcher: ParticipantId, identity: &str) -> proto::ParticipantInfo {
        self.there.updates(watcher, identity).pop().unwrap()
    }

    fn has(&self, listener: ParticipantId, track: &str) -> bool {
        self.there.clients[&listener].mid_to_track.values().any(|sid| sid == track)
    }

    fn heard(&self, listener: ParticipantId, byte: u8) -> usize {
        self.there.clients[&listener].heard.iter().filter(|packet| packet.payload[0] == byte).count()
    }
}

fn update(identity: &str, metadata: &str) -> proto::UpdateParticipantRequest {
    proto::UpdateParticipantRequest {
        identity: identity.into(),
        metadata: metadata.into(),
        attributes: [("mood".to_owned(), "calm".to_owned())].into(),
        ..Default::default()
    }
}

#[test]
fn a_client_is_seen_and_heard_in_the_other_room_with_all_that_changes() {
    let mut two = Two::new(RoomConfig::default());
    let (bob, listener) = (two.here.join("bob"), two.there.join("listener"));
    two.here.run_for(two.there.now - two.here.now);
    let (mid, microphone) = two.here.publish(bob, "mic");
    two.there.run_for(two.here.now - two.there.now);
    two.forward("bob").unwrap();
    two.until(|two| two.has(listener, &microphone));

    let (original, seen) = (two.here.room.participant("bob").unwrap(), two.seen(listener, "bob"));
    assert_eq!(seen.kind_details, [i32::from(KindDetail::Forwarded)]);
    assert_eq!((seen.kind, seen.state()), (original.kind, State::Active));
    assert_ne!(seen.sid, original.sid);
    assert_eq!(seen.tracks, original.tracks);
    two.talk(bob, mid, 1..20, 5);
    let heard = &two.there.clients[&listener].heard;
    assert!(heard.len() > 15 && heard.iter().all(|packet| packet.payload[0] == 5), "{}", heard.len());
    assert!(heard.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1), "without a gap");

    // What it is called, and what it is muted.
    two.here.room.update_participant(two.here.now, &update("bob", "busy")).unwrap();
    two.here.room.mute_track(two.here.now, "bob", &microphone, true).unwrap();
    two.carry();
    let seen = two.seen(listener, "bob");
    assert_eq!((seen.metadata.as_str(), seen.attributes["mood"].as_str()), ("busy", "calm"));
    assert!(seen.tracks[0].muted);
    two.talk(bob, mid, 20..30, 6);
    assert_eq!(two.heard(listener, 6), 0);
    two.here.room.mute_track(two.here.now, "bob", &microphone, false).unwrap();
    two.talk(bob, mid, 30..40, 7);
    assert!(two.heard(listener, 7) > 5);
    let heard = &two.there.clients[&listener].heard;
    assert!(heard.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1), "a pause is no gap");

    // A track that is published later, one that ends, and the end.
    two.here.client(bob).publish("second");
    two.until(|two| two.seen(listener, "bob").tracks.len() == 2);
    two.here.client(bob).unpublish(mid);
    two.until(|two| two.seen(listener, "bob").tracks.len() == 1 && !two.has(listener, &microphone));
    two.here.room.remove(two.here.now, "bob", Why::ParticipantRemoved);
    two.carry();
    let seen = two.seen(listener, "bob");
    assert_eq!((seen.state(), seen.disconnect_reason()), (State::Disconnected, Why::ParticipantRemoved));
    assert!(two.there.room.participant("bob").is_none());
}

#[test]
fn a_phone_is_heard_in_the_codecs_of_both_rooms_and_hears_its_own_room_only() {
    let mut two = Two::new(RoomConfig::default());
    let phone = two.here.join_phone("phone");
    let track = two.here.room.publish_audio(two.here.now, phone, phone_track()).unwrap().to_string();
    two.here.room.subscribe_all(two.here.now, phone, true);
    two.there.codecs = vec![Codec::Opus];
    let opus_only = two.there.join("opus only");
    let other = two.there.join_phone("other");
    let others = two.there.room.publish_audio(two.there.now, other, phone_track()).unwrap();
    two.here.run_for(two.there.now - two.here.now);
    two.forward("phone").unwrap();
    assert!(demands(&two.here, phone).is_empty(), "nobody listens yet");
    two.until(|two| two.has(opus_only, &track));
    assert_eq!(demands(&two.here, phone), [(false, false, true)]);
    two.there.room.subscribe_all(two.there.now, other, true);
    two.carry();
    assert_eq!(demands(&two.here, phone).last(), Some(&(true, false, true)), "a phone listens, too");

    let packet = |byte| audio(9, byte);
    for (codec, byte) in [(Codec::Pcmu, 1), (Codec::Pcma, 3), (Codec::Opus, 2)] {
        two.here.room.write_audio(two.here.now, phone, codec, &packet(byte));
    }
    two.run_for(FRAME);
    let bytes = |(to, event): &(ParticipantId, LocalEvent)| match event {
        LocalEvent::Audio { payload, .. } if *to == other => Some(payload[0]),
        _ => None,
    };
    assert_eq!(
        two.there.local_events.iter().filter_map(bytes).collect::<Vec<_>>(),
        [1],
        "once, as it likes it"
    );
    assert_eq!(two.there.clients[&opus_only].heard.len(), 1);
    two.there.room.write_audio(two.there.now, other, Codec::Pcmu, &packet(4));
    two.run_for(FRAME);
    let hears = |(_, event): &(ParticipantId, LocalEvent)| match event {
        LocalEvent::Audio { track, .. } | LocalEvent::TrackAdded { track, .. } => *track == others,
        _ => false,
    };
    assert!(!two.here.local_events.iter().any(hears));

    // Taken out there, it goes on here.
    two.there.room.remove(two.there.now, "phone", Why::ParticipantRemoved);
    two.carry();
    assert_eq!(demands(&two.here, phone).last(), Some(&(false, false, false)));
    two.here.room.write_audio(two.here.now, phone, Codec::Pcmu, &packet(1));
    two.here.settle();
    assert!(two.here.forwarded.is_empty(), "nobody is told any more");
    assert!(two.here.room.participant("phone").is_some());
}

#[test]
fn a_camera_is_forwarded_in_its_layers_and_shows_key_frames_that_are_needed_there() {
    let mut two = Two::new(RoomConfig::default());
    let (alice, viewer) = (two.here.join("alice"), two.there.join("viewer"));
    two.here.run_for(two.there.now - two.here.now);
    let mid = two.here.client(alice).publish_camera("cam", &["q", "h"]);
    two.here.run_for(Duration::from_millis(300));
    two.there.run_for(two.here.now - two.there.now);
    let track = two.here.room.participant("alice").unwrap().tracks[0].sid.clone();
    two.forward("alice").unwrap();
    two.until(|two| two.has(viewer, &track));
    let mut shown = 0;
    let mut show = |two: &mut Two, pictures: u64| {
        for _ in 0..pictures {
            shown += 1;
            for (layer, rid) in [(0, "q"), (1, "h")] {
                let asked = &mut two.here.client(alice).video.key_frames_asked;
                let at = asked.iter().position(|asked| *asked == Some(Rid::from(rid)));
                let key_frame = at.map(|at| asked.remove(at)).is_some();
                let (seq, timestamp) = (shown, 3_000 * shown as u32);
                let picture_id = shown as u16;
                let shot = Shot { rid: Some(rid), seq, timestamp, picture_id, key_frame, layer };
                let now = two.here.now;
                two.here.client(alice).shoot(now, mid, shot);
            }
            two.run_for(Duration::from_millis(33));
        }
    };
    show(&mut two, 60);
    let pictures = std::mem::take(&mut two.there.client(viewer).video.pictures);
    assert!(pictures.len() > 20 && pictures[0].key_frame, "begins with one that it asked for");
    assert!(pictures.iter().any(|picture| picture.layer == 1), "the better layer");
    let settings = proto::UpdateTrackSettings {
        track_sids: vec![track],
        quality: proto::VideoQuality::Low.into(),
        ..Default::default()
    };
    two.there.request(viewer, Request::TrackSetting(settings));
    show(&mut two, 60);
    let pictures = &two.there.clients[&viewer].video.pictures;
    assert_eq!(pictures.last().unwrap().layer, 0, "the layer that it asks for");
    assert!(pictures.windows(2).all(|pair| pair[1].seq == pair[0].seq.wrapping_add(1)), "one stream");
}

#[test]
fn a_guest_that_is_muted_there_is_heard_here() {
    let mut two = Two::new(RoomConfig::default());
    let (bob, here, there) = (two.here.join("bob"), two.here.join("here"), two.there.join("there"));
    two.here.run_for(two.there.now.saturating_duration_since(two.here.now));
    let (mid, microphone) = two.here.publish(bob, "mic");
    two.there.run_for(two.here.now - two.there.now);
    two.forward("bob").unwrap();
    two.until(|two| two.has(there, &microphone));
    let info = two.there.room.mute_track(two.there.now, "bob", &microphone, true).unwrap();
    assert!(info.muted);
    two.talk(bob, mid, 1..10, 5);
    assert_eq!(two.heard(there, 5), 0);
    assert!(two.here.clients[&here].heard.len() > 5);
    // It stays so, whatever it does where it is.
    for muted in [true, false] {
        two.here.room.mute_track(two.here.now, "bob", &microphone, muted).unwrap();
        two.carry();
        assert!(two.seen(there, "bob").tracks[0].muted);
    }
    two.there.room.mute_track(two.there.now, "bob", &microphone, false).unwrap();
    two.talk(bob, mid, 10..20, 6);
    assert!(two.heard(there, 6) > 5);
}

#[test]
fn whoever_may_not_have_its_tracks_here_may_not_there() {
    let mut two = Two::new(RoomConfig::default());
    let bob = two.here.join("bob");
    let (friend, stranger) = (two.there.join("friend"), two.there.join("stranger"));
    two.here.run_for(two.there.now - two.here.now);
    let (_, microphone) = two.here.publish(bob, "mic");
    two.there.run_for(two.here.now - two.there.now);
    two.forward("bob").unwrap();
    two.until(|two| two.has(friend, &microphone) && two.has(stranger, &microphone));
    let granted = proto::TrackPermission {
        participant_identity: "friend".into(),
        all_tracks: true,
        ..Default::default()
    };
    let permission =
        proto::SubscriptionPermission { all_participants: false, track_permissions: vec![granted] };
    two.here.request(bob, Request::SubscriptionPermission(permission));
    two.until(|two| !two.has(stranger, &microphone));
    assert!(two.has(friend, &microphone));
}

#[test]
fn a_participant_that_is_moved_is_forwarded_no_longer() {
    let mut two = Two::new(RoomConfig::default());
    two.here.join("bob");
    let watcher = two.there.join("watcher");
    two.here.run_for(two.there.now.saturating_duration_since(two.here.now));
    two.forward("bob").unwrap();
    two.carry();
    let (_, _traveller) = two.here.room.take(two.here.now, "bob").unwrap();
    two.carry();
    let seen = two.seen(watcher, "bob");
    assert_eq!((seen.state(), seen.disconnect_reason()), (State::Disconnected, Why::Migration));
}

#[test]
fn guests_are_changed_moved_and_forwarded_where_they_are() {
    let mut two = Two::new(RoomConfig::default());
    two.here.join_phone("phone");
    two.forward("phone").unwrap();
    let (room, now) = (&mut two.there.room, two.there.now);
    assert_eq!(room.movable("phone"), Err(MoveError::Guest));
    assert_eq!(room.take(now, "phone").unwrap_err(), MoveError::Guest);
    assert_eq!(room.forward_participant(now, "phone", ForwardingId(9)).unwrap_err(), MoveError::Guest);
    assert_eq!(room.update_participant(now, &update("phone", "x")), Err(ModerationError::Guest));
    // A client that comes under its name takes its place.
    two.there.join("phone");
    two.carry();
    assert!(two.there.room.participant("phone").unwrap().kind_details.is_empty());
    let likeness = two.here.room.forward_participant(two.here.now, "phone", ID);
    assert!(likeness.is_ok(), "it was told that it is no guest any more");
}

#[test]
fn what_cannot_be_forwarded_is_refused() {
    let mut two = Two::new(RoomConfig { max_participants: 1, ..RoomConfig::default() });
    let now = two.here.now;
    assert_eq!(two.here.room.forward_participant(now, "nobody", ID).unwrap_err(), MoveError::NoParticipant);
    two.here.join_with(|join| join.identity = "joining".into()).unwrap();
    assert_eq!(two.here.room.forward_participant(now, "joining", ID).unwrap_err(), MoveError::NotConnected);
    two.here.join_phone("phone");
    two.there.join_phone("somebody");
    assert_eq!(two.forward("phone"), Err(JoinError::RoomFull));
    for number in 1..16 {
        two.here.room.forward_participant(now, "phone", ForwardingId(number)).unwrap();
    }
    assert_eq!(two.here.room.forward_participant(now, "phone", ID).unwrap_err(), MoveError::TooMany);
    two.here.room.close(now, Why::RoomDeleted);
    two.here.settle();
    let ended = |output: &&Output| matches!(output, Output::Told { told: Told::Ended(Why::RoomDeleted), .. });
    assert_eq!(two.here.forwarded.iter().filter(ended).count(), 16);
}
