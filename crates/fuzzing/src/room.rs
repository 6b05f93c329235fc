//! A room as a whole: clients that say anything, packets of anybody, phones that come and go.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use livekit_protocol as proto;
use prost::Message;
use room::grants::VideoGrant;
use room::{
    AudioPacket, Codec, Env, Join, JoinMode, LocalJoin, LocalTrack, Output, ParticipantId, PeerId, Protocol,
    Quiet, Receive, Resume, Room, RoomConfig,
};

use crate::Script;

/// A packet's user fragment is read, or there is none.
pub fn stun(data: &[u8]) {
    if let Some(fragment) = room::peer::stun_username_ufrag(data) {
        assert!(fragment.len() < data.len());
    }
}

/// What clients were seen to offer.
const OFFERS: [&str; 4] = [
    include_str!("../../../tests/golden/sdp/python-v1-0-client-offer.sdp"),
    include_str!("../../../tests/golden/sdp/python-v1-4-client-offer.sdp"),
    include_str!("../../../tests/golden/sdp/chromium-v1-6-client-offer.sdp"),
    include_str!("../../../tests/golden/sdp/go-v1-0-client-offer.sdp"),
];
/// What they were seen to answer.
const ANSWERS: [&str; 2] = [
    include_str!("../../../tests/golden/sdp/go-v0-1-client-answer.sdp"),
    include_str!("../../../tests/golden/sdp/go-v0-5-client-answer.sdp"),
];
const SERVER: ([u8; 4], u16) = ([10, 0, 0, 1], 7882);
/// Participants that a script may bring at once.
const MOST: usize = 6;
/// Steps of one script; more teach nothing.
const STEPS: usize = 60;

/// Whatever happens, a phone that is in the room stays there and is well, and the room closes when it is told to.
pub fn room(data: &[u8]) {
    let mut script = Script::new(data);
    let mut world = World::new();
    let phone = world.phone("the phone");
    for _ in 0..STEPS {
        if !script.goes_on() {
            break;
        }
        world.step(&mut script);
        world.drain();
    }
    let state = world.room.participant("the phone").map(|info| info.state());
    assert_eq!(state, Some(proto::participant_info::State::Active), "the phone is well");
    world.room.leave(world.now, phone, proto::DisconnectReason::ClientInitiated);
    world.room.close(world.now, proto::DisconnectReason::ServerShutdown);
    world.drain();
    world.pass(Duration::from_secs(60));
    assert!(world.closed, "a room that is told to close does so");
}

struct World {
    room: Room,
    now: Instant,
    started: Instant,
    clients: Vec<ParticipantId>,
    phones: Vec<ParticipantId>,
    peers: Vec<PeerId>,
    names: u32,
    closed: bool,
}

impl World {
    fn new() -> Self {
        let env = Env {
            node_id: "ND_fuzzing".into(),
            version: room::COMPATIBLE_VERSION.into(),
            candidates: vec![SocketAddr::from(SERVER)],
            ..Env::default()
        };
        let now = Instant::now();
        let config = RoomConfig { name: "r".into(), ..RoomConfig::default() };
        Self {
            room: Room::new(config, env, 7, now, UNIX_EPOCH + Duration::from_secs(1_800_000_000)),
            now,
            started: now,
            clients: Vec::new(),
            phones: Vec::new(),
            peers: Vec::new(),
            names: 0,
            closed: false,
        }
    }

    fn wallclock(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000) + (self.now - self.started)
    }

    fn phone(&mut self, identity: &str) -> ParticipantId {
        let join = LocalJoin {
            identity: identity.into(),
            name: "Phone".into(),
            metadata: String::new(),
            attributes: HashMap::new(),
            kind: proto::participant_info::Kind::Sip,
        };
        let wallclock = self.wallclock();
        let Ok(id) = self.room.join_local(self.now, wallclock, join) else { panic!("the phone cannot join") };
        let track = LocalTrack {
            name: "phone".into(),
            source: proto::TrackSource::Microphone,
            stream: String::new(),
            codec: Codec::Pcmu,
        };
        let _ = self.room.publish_audio(self.now, id, track);
        self.drain();
        id
    }

    fn step(&mut self, script: &mut Script<'_>) {
        match script.byte() % 12 {
            0 | 1 => self.join(script),
            2..=4 => self.signal(script),
            5 => self.describe(script),
            6 | 7 => self.packet(script),
            8 => self.pass(Duration::from_millis(script.word().into())),
            9 => self.leave(script),
            10 => self.come_back(script),
            _ => self.speak(script),
        }
    }

    fn join(&mut self, script: &mut Script<'_>) {
        if self.clients.len() + self.phones.len() >= MOST {
            return;
        }
        self.names += 1;
        let kind = script.byte();
        if kind & 1 == 1 {
            let identity = format!("phone-{}", self.names);
            let phone = self.phone(&identity);
            self.phones.push(phone);
            return;
        }
        let mode = match kind >> 1 & 3 {
            0 => JoinMode::Dual,
            1 => JoinMode::Single { offer: None },
            _ => JoinMode::Single { offer: Some(description("offer", bent(script, &OFFERS))) },
        };
        let join = Join {
            identity: format!("client-{}", self.names % 4),
            name: String::new(),
            kind: proto::participant_info::Kind::Standard,
            metadata: String::new(),
            attributes: HashMap::new(),
            grants: VideoGrant { room_join: true, room: "r".into(), ..VideoGrant::default() },
            client: proto::ClientInfo { client_protocol: 2, protocol: 17, ..proto::ClientInfo::default() },
            mode,
            auto_subscribe: kind & 8 == 0,
            add_tracks: Vec::new(),
        };
        let wallclock = self.wallclock();
        if let Ok(id) = self.room.join(self.now, wallclock, join) {
            self.clients.push(id);
        }
    }

    /// Bytes as one member of a request.
    fn signal(&mut self, script: &mut Script<'_>) {
        let Some(from) = script.pick(&self.clients) else { return };
        let (member, content) = (u32::from(script.byte() % 24) + 1, script.bytes());
        let mut bytes = Vec::new();
        prost::encoding::encode_key(member, prost::encoding::WireType::LengthDelimited, &mut bytes);
        prost::encoding::encode_varint(content.len() as u64, &mut bytes);
        bytes.extend(content);
        if let Ok(request) = proto::SignalRequest::decode(bytes.as_slice()) {
            self.room.handle_signal(self.now, from, request);
        }
    }

    fn describe(&mut self, script: &mut Script<'_>) {
        use proto::signal_request::Message as Request;
        let Some(from) = script.pick(&self.clients) else { return };
        let message = match script.byte() % 3 {
            0 => Request::Offer(description("offer", bent(script, &OFFERS))),
            1 => Request::Answer(description("answer", bent(script, &ANSWERS))),
            _ => Request::Trickle(proto::TrickleRequest {
                candidate_init: script.text(),
                ..Default::default()
            }),
        };
        self.room.handle_signal(self.now, from, proto::SignalRequest { message: Some(message) });
    }

    fn packet(&mut self, script: &mut Script<'_>) {
        let Some(peer) = script.pick(&self.peers) else { return };
        let mut data = script.bytes().to_vec();
        if let (Some(first), Some(kind)) = (data.first_mut(), script.pick(&[0, 22, 0x80])) {
            *first = kind;
        }
        let (src, dst) = (SocketAddr::from(([10, 0, 1, 9], 5_000)), SocketAddr::from(SERVER));
        let packet = Receive { proto: Protocol::Udp, src, dst, data: &data };
        assert!(!self.room.accepts_packet(self.now, peer, &packet), "a packet of nobody was believed");
        self.room.handle_packet(self.now, peer, packet);
    }

    fn leave(&mut self, script: &mut Script<'_>) {
        let reason = proto::DisconnectReason::ClientInitiated;
        if script.byte() & 1 == 0 {
            if let Some(phone) = self.phones.pop() {
                self.room.leave(self.now, phone, reason);
            }
        } else if let Some(client) = script.pick(&self.clients) {
            self.room.signal_closed(self.now, client);
        }
    }

    fn come_back(&mut self, script: &mut Script<'_>) {
        let (identity, dual) = (format!("client-{}", script.byte() % 4), script.byte() & 1 == 0);
        let resume = Resume { identity, participant_sid: String::new(), dual };
        let wallclock = self.wallclock();
        let _ = self.room.resume(self.now, wallclock, &resume);
    }

    fn speak(&mut self, script: &mut Script<'_>) {
        let Some(phone) = script.pick(&self.phones) else { return };
        let (seq, payload) = (script.word().into(), script.bytes());
        let quiet = match script.byte() % 4 {
            0 => Some(Quiet::Described(vec![60; 9].into())),
            1 => Some(Quiet::Unchanged),
            _ => None,
        };
        let (timestamp, payload) = (script.long(), payload.to_vec().into());
        let packet = AudioPacket { seq, timestamp, marker: false, payload, level: None, quiet };
        let codec = script.pick(&Codec::ALL).unwrap_or(Codec::Pcmu);
        self.room.write_audio(self.now, phone, codec, &packet);
        if script.byte().is_multiple_of(4) {
            self.room.write_noise(self.now, phone, timestamp, &[60; 9]);
        }
        if let Ok(packet) = proto::DataPacket::decode(script.bytes()) {
            self.room.send_data(self.now, phone, &packet);
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.room.next_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.room.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        while let Some(output) = self.room.poll_output() {
            assert!(!self.closed, "nothing may follow the end: {output:?}");
            match output {
                Output::PeerUfrag { peer, .. } => {
                    self.peers.retain(|known| *known != peer);
                    self.peers.push(peer);
                }
                Output::PeerGone { peer } => self.peers.retain(|known| *known != peer),
                Output::Left { participant, .. } => self.clients.retain(|known| *known != participant),
                Output::Closed => self.closed = true,
                Output::Signal { bytes, .. } => {
                    assert!(proto::SignalResponse::decode(bytes).is_ok());
                }
                _ => {}
            }
        }
    }
}

fn description(kind: &str, sdp: String) -> proto::SessionDescription {
    proto::SessionDescription { r#type: kind.into(), sdp, id: 1, ..proto::SessionDescription::default() }
}

/// One of the texts with lines left out, doubled and replaced, as the script says.
fn bent(script: &mut Script<'_>, texts: &[&str]) -> String {
    let text = script.pick(texts).unwrap_or_default();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..script.byte() % 6 {
        let at = usize::from(script.byte()) % lines.len().max(1);
        let Some(line) = lines.get(at).cloned() else { break };
        match script.byte() % 4 {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, line),
            2 => lines[at] = line + &script.text(),
            _ => lines[at] = script.text(),
        }
    }
    lines.join("\r\n") + "\r\n"
}
