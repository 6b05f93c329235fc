//! Workers with real sockets on loopback.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::time::Duration;

use call::bridge::{BridgeCommand, BridgeEvent};
use media::codec::AudioCodec;
use media::sdp::{self, Direction, LocalAudio};
use prost::Message;
use room::LocalJoin;
use room::proto::participant_info::Kind;
use room::proto::{self, CreateRoomRequest, DisconnectReason};
use tokio::time::timeout;

use super::*;

const PATIENCE: Duration = Duration::from_secs(5);

fn start(ports: std::ops::RangeInclusive<u16>) -> (Workers, Threads) {
    Workers::start(WorkersConfig { rtp_ports: ports, ..WorkersConfig::loopback() }).unwrap()
}

fn phone(room: &str, identity: &str) -> CallOpen {
    CallOpen {
        room: room.into(),
        join: LocalJoin {
            identity: identity.into(),
            name: String::new(),
            metadata: String::new(),
            attributes: HashMap::from([("sip.callStatus".to_owned(), "dialing".to_owned())]),
            kind: Kind::Sip,
        },
        codecs: vec![AudioCodec::Pcmu],
        encryption: call::plan::Encryption::Disable,
        voice_isolation: false,
        media_timeout: None,
        over_ipv6: false,
    }
}

async fn next(call: &mut CallMedia) -> MediaEvent {
    timeout(PATIENCE, call.events.recv()).await.expect("an event").expect("the worker runs")
}

async fn wait_for(call: &mut CallMedia, wanted: impl Fn(&MediaEvent) -> bool) -> MediaEvent {
    loop {
        let event = next(call).await;
        if wanted(&event) {
            return event;
        }
    }
}

#[tokio::test]
async fn a_phone_joins_its_room_is_sent_audio_and_leaves() {
    let (workers, threads) = start(22_100..=22_199);
    let mut call = workers.open_call(phone("room", "phone")).await.unwrap();
    assert!(call.participant_sid.starts_with("PA_"));
    let seen = workers.get_participant("room", "phone").await.unwrap().unwrap();
    assert_eq!(seen.attributes["sip.callStatus"], "dialing");

    let far = UdpSocket::bind("127.0.0.1:0").unwrap();
    far.set_read_timeout(Some(PATIENCE)).unwrap();
    let offer = sdp::offer(&call.local);
    let theirs = LocalAudio {
        rtp: far.local_addr().unwrap(),
        session_id: 1,
        version: 1,
        codecs: vec![AudioCodec::Pcmu],
        dtmf: true,
        comfort_noise: false,
        direction: Direction::SendRecv,
        encryption: media::sdp::Encryption::Disabled,
    };
    let (answer, _) = sdp::answer(&offer, &theirs).unwrap();
    let terms = sdp::accept_answer(&offer, &answer).unwrap();
    call.commands.bridge(BridgeCommand::Connect(terms)).await.unwrap();
    let mut packet = [0; 2048];
    let (length, from) =
        tokio::task::spawn_blocking(move || far.recv_from(&mut packet)).await.unwrap().unwrap();
    assert_eq!((length, from.port()), (172, call.local.rtp.port()));

    call.commands.leave(DisconnectReason::UserRejected).await.unwrap();
    let removed = wait_for(&mut call, |event| !matches!(event, MediaEvent::Bridge(_))).await;
    assert!(matches!(removed, MediaEvent::Removed(DisconnectReason::UserRejected)), "{removed:?}");
    let MediaEvent::Closed(report) = next(&mut call).await else { panic!("no report") };
    assert!(report.leg.packets_sent > 0);
    workers.stop().await;
    timeout(PATIENCE, threads.all_ended()).await.expect("the worker ends");
}

#[tokio::test]
async fn a_deleted_room_takes_its_phone_along() {
    let (workers, _threads) = start(22_200..=22_299);
    let mut call = workers.open_call(phone("gone", "phone")).await.unwrap();
    assert!(workers.delete_room("gone").await.unwrap());
    let removed = wait_for(&mut call, |event| matches!(event, MediaEvent::Removed(_))).await;
    assert!(matches!(removed, MediaEvent::Removed(DisconnectReason::RoomDeleted)), "{removed:?}");
    assert!(!workers.delete_room("gone").await.unwrap());
    assert!(workers.list_participants("gone").await.unwrap().is_none());
}

#[tokio::test]
async fn the_same_identity_again_displaces_the_first_call() {
    let (workers, _threads) = start(22_300..=22_399);
    let mut first = workers.open_call(phone("room", "phone")).await.unwrap();
    let _second = workers.open_call(phone("room", "phone")).await.unwrap();
    let removed = wait_for(&mut first, |event| matches!(event, MediaEvent::Removed(_))).await;
    assert!(matches!(removed, MediaEvent::Removed(DisconnectReason::DuplicateIdentity)), "{removed:?}");
    assert_eq!(workers.list_participants("room").await.unwrap().unwrap().len(), 1);
}

#[tokio::test]
async fn a_call_whose_task_is_gone_leaves_the_room() {
    let (workers, _threads) = start(22_400..=22_499);
    drop(workers.open_call(phone("room", "phone")).await.unwrap());
    let left = async {
        while !workers.list_participants("room").await.unwrap().unwrap_or_default().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, left).await.expect("the participant leaves");
}

#[tokio::test]
async fn the_port_pool_is_exhausted_clearly_and_nobody_is_left_in_the_room() {
    let (workers, _threads) = start(22_500..=22_501);
    let _first = workers.open_call(phone("room", "one")).await.unwrap();
    let refused = workers.open_call(phone("room", "two")).await.unwrap_err();
    assert!(matches!(refused, OpenError::NoPort), "{refused}");
    assert_eq!(workers.list_participants("room").await.unwrap().unwrap().len(), 1);
}

#[tokio::test]
async fn a_room_of_hundreds_of_phones_is_joined_and_its_tracks_told_of() {
    const PHONES: usize = 300;
    let (workers, _threads) = start(23_000..=23_999);
    let mut phones = Vec::new();
    for number in 0..PHONES {
        phones.push(workers.open_call(phone("crowd", &format!("phone {number}"))).await.unwrap());
    }
    let join = room::Join {
        identity: "listener".into(),
        name: String::new(),
        kind: Kind::Standard,
        metadata: String::new(),
        attributes: HashMap::new(),
        grants: room::grants::VideoGrant { room: "crowd".into(), room_join: true, ..Default::default() },
        client: proto::ClientInfo { protocol: 16, ..Default::default() },
        mode: room::JoinMode::Dual,
        auto_subscribe: true,
        add_tracks: Vec::new(),
    };
    let mut session = workers.join(SignalJoin { room: "crowd".into(), config: None, join }).await.unwrap();
    let mut allowed = 0;
    while allowed < PHONES {
        let told = timeout(PATIENCE, session.outgoing.recv()).await.expect("a message");
        let SignalOut::Message(bytes) = told.expect("the session goes on") else { continue };
        let message = proto::SignalResponse::decode(bytes).unwrap().message;
        let is_one =
            |message| matches!(message, proto::signal_response::Message::SubscriptionPermissionUpdate(_));
        allowed += usize::from(message.is_some_and(is_one));
    }
}

#[tokio::test]
async fn rooms_are_made_told_of_and_ended() {
    let (workers, _threads) = start(22_600..=22_699);
    let request =
        CreateRoomRequest { name: "a".into(), metadata: "m".into(), ..CreateRoomRequest::default() };
    let made = workers.create_room(request.clone()).await.unwrap();
    assert!(made.sid.starts_with("RM_"));
    assert_eq!(workers.create_room(request).await.unwrap().sid, made.sid, "there is one already");
    assert_eq!(workers.list_rooms(vec![]).await.unwrap().len(), 1);
    assert!(workers.list_rooms(vec!["b".into()]).await.unwrap().is_empty());
    assert!(!workers.remove_participant("a", "nobody").await.unwrap());
    assert!(workers.delete_room("a").await.unwrap());
}

#[tokio::test]
async fn events_that_wait_are_told_in_order() {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1 + super::phone::LAST_EVENTS);
    let mut queue = super::phone::EventQueue::new(sender, crate::metrics::Refused::default());
    for _ in 0..3 {
        queue.push(MediaEvent::Bridge(BridgeEvent::DigitsSent));
    }
    queue.push(MediaEvent::Removed(DisconnectReason::RoomDeleted));
    for _ in 0..3 {
        assert!(matches!(receiver.recv().await, Some(MediaEvent::Bridge(_))));
        queue.flush();
    }
    assert!(matches!(receiver.recv().await, Some(MediaEvent::Removed(_))));
    assert!(!queue.has_backlog());
}

#[tokio::test]
async fn the_end_of_a_call_arrives_however_much_waits() {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1 + super::phone::LAST_EVENTS);
    let mut queue = super::phone::EventQueue::new(sender, crate::metrics::Refused::default());
    for _ in 0..5 {
        queue.push(MediaEvent::Bridge(BridgeEvent::DigitsSent));
    }
    queue.push_last(MediaEvent::Removed(DisconnectReason::RoomDeleted));
    queue.push_last(MediaEvent::Closed(Box::default()));
    drop(queue);
    assert!(matches!(receiver.recv().await, Some(MediaEvent::Bridge(_))));
    assert!(matches!(receiver.recv().await, Some(MediaEvent::Removed(_))));
    assert!(matches!(receiver.recv().await, Some(MediaEvent::Closed(_))));
    assert!(receiver.recv().await.is_none());
}

#[tokio::test]
async fn a_room_deleted_a_moment_ago_is_not_handed_out_again() {
    let (workers, _threads) = start(22_700..=22_799);
    let request = CreateRoomRequest { name: "a".into(), ..CreateRoomRequest::default() };
    let mut before = workers.create_room(request.clone()).await.unwrap().sid;
    for _ in 0..50 {
        let (deleted, made) = tokio::join!(workers.delete_room("a"), workers.create_room(request.clone()));
        let made = made.unwrap().sid;
        assert!(deleted.unwrap());
        assert_ne!(made, before);
        let (deleted, call) = tokio::join!(workers.delete_room("a"), workers.open_call(phone("a", "phone")));
        assert!(deleted.unwrap());
        let _call = call.unwrap();
        before = workers.create_room(request.clone()).await.unwrap().sid;
    }
}

#[tokio::test]
async fn a_worker_that_stops_tells_its_calls_and_says_when_it_has_ended() {
    let (workers, threads) = start(22_800..=22_899);
    let mut call = workers.open_call(phone("room", "phone")).await.unwrap();
    workers.stop().await;
    let removed = wait_for(&mut call, |event| matches!(event, MediaEvent::Removed(_))).await;
    assert!(matches!(removed, MediaEvent::Removed(DisconnectReason::ServerShutdown)), "{removed:?}");
    timeout(PATIENCE, threads.one_ended()).await.expect("one has ended");
    timeout(PATIENCE, threads.all_ended()).await.expect("all have ended");
}

/// Two workers, with a room on each.
async fn two_rooms(ports: std::ops::RangeInclusive<u16>) -> (Workers, Threads) {
    let config = WorkersConfig { workers: 2, rtp_ports: ports, ..WorkersConfig::loopback() };
    let (workers, threads) = Workers::start(config).unwrap();
    let here = workers.directory.place("here").unwrap();
    let there = workers.directory.place_beside("there", 1 - here.worker()).unwrap();
    for name in ["here", "there"] {
        let request = CreateRoomRequest { name: name.into(), ..CreateRoomRequest::default() };
        workers.create_room(request).await.unwrap();
    }
    drop((here, there));
    (workers, threads)
}

/// A phone that is talked to, and what it gets.
async fn talking(workers: &Workers, room: &str, identity: &str) -> (CallMedia, UdpSocket) {
    let call = workers.open_call(phone(room, identity)).await.unwrap();
    let far = UdpSocket::bind("127.0.0.1:0").unwrap();
    far.set_read_timeout(Some(PATIENCE)).unwrap();
    let offer = sdp::offer(&call.local);
    let theirs = LocalAudio {
        rtp: far.local_addr().unwrap(),
        session_id: 1,
        version: 1,
        codecs: vec![AudioCodec::Pcmu],
        dtmf: true,
        comfort_noise: false,
        direction: Direction::SendRecv,
        encryption: media::sdp::Encryption::Disabled,
    };
    let (answer, _) = sdp::answer(&offer, &theirs).unwrap();
    let terms = sdp::accept_answer(&offer, &answer).unwrap();
    call.commands.bridge(BridgeCommand::Connect(terms)).await.unwrap();
    call.commands.bridge(BridgeCommand::Open).await.unwrap();
    (call, far)
}

/// The next packets that a phone gets: their SSRC and sequence numbers.
async fn packets(far: &UdpSocket, count: usize) -> Vec<(u32, u16)> {
    let far = far.try_clone().unwrap();
    let read = move || {
        let one = |_| {
            let mut packet = [0; 2048];
            far.recv_from(&mut packet).unwrap();
            let [_, _, s1, s0, _, _, _, _, a, b, c, d, ..] = packet;
            (u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([s1, s0]))
        };
        (0..count).map(one).collect()
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

fn is_unbroken(packets: &[(u32, u16)]) -> bool {
    packets.windows(2).all(|pair| pair[1] == (pair[0].0, pair[0].1.wrapping_add(1)))
}

async fn who_is_in(workers: &Workers, room: &str) -> Vec<String> {
    let participants = workers.list_participants(room).await.unwrap().unwrap_or_default();
    participants.into_iter().map(|participant| participant.identity).collect()
}

#[tokio::test]
async fn a_phone_is_moved_between_workers_and_back_and_its_stream_is_not_broken() {
    let (workers, _threads) = two_rooms(43_100..=43_199).await;
    let (mut call, far) = talking(&workers, "here", "phone").await;
    let mut heard = packets(&far, 10).await;
    for (from, to) in [("here", "there"), ("there", "here"), ("here", "there")] {
        assert_eq!(workers.move_participant(from, "phone", to).await.unwrap(), Ok(()));
        assert_eq!(
            (who_is_in(&workers, from).await, who_is_in(&workers, to).await),
            (vec![], vec!["phone".into()])
        );
        heard.extend(packets(&far, 10).await);
        // Its task says what it says where the call began.
        call.commands.attributes(vec![("where".into(), to.into())]).await.unwrap();
        let seen = async {
            while workers.get_participant(to, "phone").await.unwrap().unwrap().attributes.get("where")
                != Some(&to.into())
            {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, seen).await.expect("what its call says reaches the room it is in");
    }
    assert!(is_unbroken(&heard), "{heard:?}");
    assert!(workers.elsewhere.len() > 0);
    call.commands.leave(DisconnectReason::UserRejected).await.unwrap();
    let removed = wait_for(&mut call, |event| !matches!(event, MediaEvent::Bridge(_))).await;
    assert!(matches!(removed, MediaEvent::Removed(DisconnectReason::UserRejected)), "{removed:?}");
    let forgotten = async {
        while workers.elsewhere.len() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, forgotten).await.expect("whoever has left is in no table");
}

#[tokio::test]
async fn whoever_finds_no_place_on_the_way_to_another_worker_stays_where_it_is() {
    let (workers, threads) = two_rooms(43_200..=43_299).await;
    let (call, far) = talking(&workers, "here", "phone").await;
    let to = workers.directory.find("there").unwrap();
    let lane = workers.lanes[to].clone();
    let taken: Vec<_> = std::iter::from_fn(|| lane.parcels.clone().try_reserve_owned().ok()).collect();
    assert_eq!(workers.move_participant("here", "phone", "there").await.unwrap(), Err(MoveError::Busy));
    drop(taken);
    assert_eq!(
        workers.move_participant("here", "nobody", "there").await.unwrap().unwrap_err().to_string(),
        "participant does not exist"
    );

    // The other worker is gone, but the room is still said to be there.
    let placed = workers.directory.place_beside("there", to).unwrap();
    lane.send(command::Command::Stop).await.unwrap();
    timeout(PATIENCE, threads.one_ended()).await.expect("one has ended");
    let here = &workers.lanes[1 - to];
    let refused = handle::ask(here, |reply| command::Command::Move {
        room: "here".into(),
        identity: "phone".into(),
        placed,
        reply,
    });
    assert_eq!(refused.await.unwrap(), Err(MoveError::Stopped));
    assert_eq!(who_is_in(&workers, "here").await, ["phone"]);
    assert!(is_unbroken(&packets(&far, 10).await));
    assert_eq!(workers.elsewhere.len(), 0);
    drop(call);
}

#[tokio::test]
async fn a_full_room_on_another_worker_takes_nobody_in() {
    let (workers, _threads) = two_rooms(43_300..=43_399).await;
    let there = workers.directory.find("there").unwrap();
    let placed = workers.directory.place_beside("small", there).unwrap();
    let request =
        CreateRoomRequest { name: "small".into(), max_participants: 1, ..CreateRoomRequest::default() };
    workers.create_room(request).await.unwrap();
    drop(placed);
    let _first = workers.open_call(phone("small", "first")).await.unwrap();
    let _second = workers.open_call(phone("here", "second")).await.unwrap();
    let refused = workers.move_participant("here", "second", "small").await.unwrap();
    assert_eq!(refused, Err(MoveError::Enter(room::JoinError::RoomFull)));
    assert_eq!(who_is_in(&workers, "here").await, ["second"]);
}

/// A phone's packet of this number, all of one loud sample.
fn loud(seq: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(seq.to_be_bytes());
    packet.extend((u32::from(seq) * 160).to_be_bytes());
    packet.extend(7u32.to_be_bytes());
    packet.extend([0x00; 160]);
    packet
}

/// Whether a phone hears another one that talks loudly, within so many frames.
async fn hears(listener: &UdpSocket, talker: &UdpSocket, to: std::net::SocketAddr, frames: u16) -> bool {
    let (listener, talker) = (listener.try_clone().unwrap(), talker.try_clone().unwrap());
    let talk = move || {
        (0..frames).any(|seq| {
            let mut packet = [0; 2048];
            talker.send_to(&loud(seq), to).unwrap();
            let (length, _) = listener.recv_from(&mut packet).unwrap();
            // Silence is 0xff in PCMU, and a loud sample is far from it.
            packet[12..length].iter().filter(|byte| **byte & 0x7f < 0x20).count() > 100
        })
    };
    tokio::task::spawn_blocking(talk).await.unwrap()
}

#[tokio::test]
async fn a_phone_is_forwarded_to_a_room_of_another_worker_until_it_leaves() {
    let (workers, _threads) = two_rooms(43_400..=43_499).await;
    let (call, far) = talking(&workers, "here", "phone").await;
    let (_other, listener) = talking(&workers, "there", "other").await;
    let to = call.local.rtp;
    for _ in 0..2 {
        assert_eq!(workers.forward_participant("here", "phone", "there").await.unwrap(), Ok(()));
        assert_eq!(who_is_in(&workers, "there").await, ["other", "phone"], "once is enough");
    }
    assert!(hears(&listener, &far, to, 400).await);
    let guest = workers.get_participant("there", "phone").await.unwrap().unwrap();
    assert_eq!(guest.kind_details, [i32::from(room::proto::participant_info::KindDetail::Forwarded)]);
    call.commands.attributes(vec![("mood".into(), "calm".into())]).await.unwrap();
    let changed = async {
        while !workers
            .get_participant("there", "phone")
            .await
            .unwrap()
            .unwrap()
            .attributes
            .contains_key("mood")
        {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, changed).await.expect("what changes is seen there");

    // It is taken out there, and forwarded anew.
    assert!(workers.remove_participant("there", "phone").await.unwrap());
    assert_eq!(who_is_in(&workers, "here").await, ["phone"]);
    let forwarded = async {
        while who_is_in(&workers, "there").await != ["other", "phone"] {
            assert_eq!(workers.forward_participant("here", "phone", "there").await.unwrap(), Ok(()));
        }
    };
    timeout(PATIENCE, forwarded).await.expect("it is forwarded anew");
    assert!(hears(&listener, &far, to, 400).await);
    call.commands.leave(DisconnectReason::UserRejected).await.unwrap();
    let left = async {
        while who_is_in(&workers, "there").await != ["other"] {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, left).await.expect("who has left is no guest any more");
}
