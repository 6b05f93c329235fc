//! A room and its clients in simulated time: signals and packets travel in memory, 1 ms each way.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

pub(crate) mod client;
mod leg;
mod path;
mod told;
pub(crate) mod video;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use prost::Message;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use room::grants::VideoGrant;
use room::proto::signal_response::Message as Response;
use room::{
    AudioPacket, Codec, Env, Join, JoinError, JoinMode, LocalEvent, LocalJoin, LocalTrack, Output,
    ParticipantId, PeerId, Protocol, Receive, Room, RoomConfig, RpcFailure, RpcId, proto,
};

use client::Client;
use path::{Narrow, Nat};

const LATENCY: Duration = Duration::from_millis(1);
/// When packets that come again do: at once, a little later, and when half of all sequence numbers have been used since.
const REPEATED: [Duration; 3] = [Duration::from_millis(25), Duration::from_secs(3), Duration::from_secs(690)];
const SERVER: &str = "10.0.0.1:7882";

enum Travelling {
    ToRoom(ParticipantId, SocketAddr, Vec<u8>),
    ToClient(ParticipantId, SocketAddr, Vec<u8>),
    Signal(ParticipantId, Bytes),
    Request(ParticipantId, Box<proto::signal_request::Message>),
}

pub(crate) struct World {
    pub(crate) room: Room,
    pub(crate) now: Instant,
    start: Instant,
    pub(crate) clients: BTreeMap<ParticipantId, Client>,
    pub(crate) local_events: Vec<(ParticipantId, LocalEvent)>,
    pub(crate) left: Vec<(String, proto::DisconnectReason)>,
    pub(crate) ufrags: Vec<(PeerId, String)>,
    /// Which peer connection an address belongs to, as its first packet told.
    routes: HashMap<SocketAddr, PeerId>,
    pub(crate) closed: bool,
    /// What came of method calls.
    pub(crate) rpcs: Vec<(RpcId, Result<String, RpcFailure>)>,
    /// What is told of those who are forwarded, and asked for guests.
    pub(crate) forwarded: Vec<Output>,
    in_flight: VecDeque<(Instant, Travelling)>,
    /// How long signals take; zero: they are there at once.
    pub(crate) signal_latency: Duration,
    /// What clients negotiate that join from now on.
    pub(crate) codecs: Vec<Codec>,
    /// Whether they negotiate redundant Opus.
    pub(crate) red: bool,
    /// Packets of these clients get lost.
    pub(crate) cut: Vec<ParticipantId>,
    /// Media packets of these clients come again and again.
    pub(crate) repeated: Vec<ParticipantId>,
    /// Before each of these clients' media packets comes one that somebody has changed on the way.
    pub(crate) forged: Vec<ParticipantId>,
    /// The share of packets that get lost on the paths of these clients, each way.
    lossy: HashMap<ParticipantId, f64>,
    dice: StdRng,
    nat: Nat,
    /// Clients whose path takes so many packets in 20 ms; the rest is lost.
    narrow: HashMap<ParticipantId, Narrow>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(RoomConfig { name: "r".into(), ..Default::default() })
    }

    /// A room that asks publishers to whom only phones listen for narrowband.
    pub(crate) fn narrowband() -> Self {
        Self::of(RoomConfig { name: "r".into(), ..Default::default() }, true)
    }

    pub(crate) fn with(config: RoomConfig) -> Self {
        Self::of(config, false)
    }

    fn of(config: RoomConfig, narrowband: bool) -> Self {
        let env = Env { narrowband, ..env() };
        let now = Instant::now();
        let room = Room::new(config, env, 7, now, UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        Self {
            room,
            now,
            start: now,
            clients: BTreeMap::new(),
            local_events: Vec::new(),
            left: Vec::new(),
            ufrags: Vec::new(),
            routes: HashMap::new(),
            closed: false,
            rpcs: Vec::new(),
            forwarded: Vec::new(),
            in_flight: VecDeque::new(),
            signal_latency: Duration::ZERO,
            codecs: vec![Codec::Opus, Codec::Pcmu, Codec::Pcma],
            red: false,
            cut: Vec::new(),
            repeated: Vec::new(),
            forged: Vec::new(),
            lossy: HashMap::new(),
            dice: StdRng::seed_from_u64(7),
            nat: Nat::default(),
            narrow: HashMap::new(),
        }
    }

    pub(crate) fn wallclock(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000) + (self.now - self.start)
    }

    /// A join request without an offer.
    pub(crate) fn a_join(&self, change: impl FnOnce(&mut Join)) -> Join {
        let mut join = Join {
            identity: "someone".into(),
            name: String::new(),
            kind: proto::participant_info::Kind::Standard,
            metadata: String::new(),
            attributes: HashMap::default(),
            grants: VideoGrant { room_join: true, room: "r".into(), ..Default::default() },
            client: proto::ClientInfo { client_protocol: 2, protocol: 17, ..Default::default() },
            mode: JoinMode::Single { offer: None },
            auto_subscribe: true,
            add_tracks: Vec::new(),
        };
        change(&mut join);
        join
    }

    pub(crate) fn join_with(&mut self, change: impl FnOnce(&mut Join)) -> Result<ParticipantId, JoinError> {
        let number = u8::try_from(self.clients.len()).unwrap();
        let address = SocketAddr::from(([10, 0, 1, number], 5000));
        let mut client = Client::new(self.now, address, &self.codecs, self.red);
        let mut join = self.a_join(change);
        join.mode = JoinMode::Single { offer: Some(client.first_offer()) };
        self.join_client(client, join)
    }

    /// A client joins that offers only once it is told that it joined.
    pub(crate) fn join_and_offer_later(&mut self, identity: &str) -> ParticipantId {
        let client = Client::new(self.now, SocketAddr::from(([10, 0, 2, 1], 5000)), &self.codecs, self.red);
        let join = self.a_join(|join| join.identity = identity.into());
        let id = self.join_client(client, join).unwrap();
        let offer = self.client(id).first_offer();
        self.request(id, proto::signal_request::Message::Offer(offer));
        id
    }

    /// A client with two peer connections joins, and is connected when this returns.
    pub(crate) fn join_dual(&mut self, identity: &str) -> ParticipantId {
        let id = self.join_dual_with(|join| join.identity = identity.into());
        self.until(|world| world.clients[&id].has_channels() && world.state(identity) == "ACTIVE");
        id
    }

    pub(crate) fn join_dual_with(&mut self, change: impl FnOnce(&mut Join)) -> ParticipantId {
        let number = u8::try_from(self.clients.len()).unwrap();
        let client =
            Client::dual(self.now, SocketAddr::from(([10, 0, 3, number], 5000)), &self.codecs, self.red);
        let mut join = self.a_join(change);
        join.mode = JoinMode::Dual;
        let id = self.join_client(client, join).unwrap();
        let offer = self.client(id).first_publisher_offer();
        self.request(id, proto::signal_request::Message::Offer(offer));
        id
    }

    fn join_client(&mut self, client: Client, join: Join) -> Result<ParticipantId, JoinError> {
        let id = self.room.join(self.now, self.wallclock(), join)?;
        self.clients.insert(id, client);
        self.settle();
        Ok(id)
    }

    /// A client joins, and is connected when this returns.
    pub(crate) fn join(&mut self, identity: &str) -> ParticipantId {
        let id = self.join_with(|join| join.identity = identity.into()).unwrap();
        self.until(|world| world.clients[&id].has_channels() && world.state(identity) == "ACTIVE");
        id
    }

    pub(crate) fn join_phone(&mut self, identity: &str) -> ParticipantId {
        let id = join_phone_of(&mut self.room, self.now, identity);
        self.settle();
        id
    }

    /// Moves a participant to another room, which is this world's from then on; returns the room that it left and the
    /// id that it has now.
    pub(crate) fn move_to(&mut self, identity: &str, there: Room) -> (Room, ParticipantId) {
        let (old, traveller) = self.room.take(self.now, identity).unwrap();
        self.settle();
        let here = std::mem::replace(&mut self.room, there);
        let id = self.room.adopt(self.now, self.wallclock(), traveller);
        if let Some(client) = self.clients.remove(&old) {
            // A server renames what it knows of the connections.
            self.clients.insert(id, client);
            let renamed = |peer: PeerId| if peer.participant() == old { peer.belonging_to(id) } else { peer };
            self.routes.values_mut().for_each(|peer| *peer = renamed(*peer));
            self.ufrags.iter_mut().for_each(|(peer, _)| *peer = renamed(*peer));
        }
        self.settle();
        (here, id)
    }

    pub(crate) fn state(&self, identity: &str) -> &'static str {
        self.room.participant(identity).map_or("GONE", |info| info.state().as_str_name())
    }

    pub(crate) fn client(&mut self, id: ParticipantId) -> &mut Client {
        self.clients.get_mut(&id).unwrap()
    }

    /// Lets the client publish a microphone; returns its section and track sid once everybody could know.
    pub(crate) fn publish(&mut self, id: ParticipantId, cid: &str) -> (str0m::media::Mid, String) {
        let mid = self.client(id).publish(cid);
        self.settle();
        let published = self.signals(id, |signal| match signal {
            Response::TrackPublished(published) if published.cid == cid => published.track.clone(),
            _ => None,
        });
        self.run_for(Duration::from_millis(300));
        (mid, published[0].sid.clone())
    }

    pub(crate) fn request(&mut self, id: ParticipantId, message: proto::signal_request::Message) {
        self.room.handle_signal(self.now, id, proto::SignalRequest { message: Some(message) });
        self.settle();
    }

    /// Everything that happens now, and what follows from it at once.
    pub(crate) fn settle(&mut self) {
        loop {
            let mut quiet = self.drain_room();
            for id in self.clients.keys().copied().collect::<Vec<_>>() {
                quiet &= self.drain_client(id);
            }
            if quiet {
                return;
            }
        }
    }

    fn drain_room(&mut self) -> bool {
        let mut quiet = true;
        while let Some(output) = self.room.poll_output() {
            quiet = false;
            self.room_output(output);
        }
        quiet
    }

    fn room_output(&mut self, output: Output) {
        assert!(!self.closed, "nothing may follow Closed: {output:?}");
        match output {
            Output::Signal { to, bytes } => self.travel(self.signal_latency, Travelling::Signal(to, bytes)),
            Output::RefreshToken { to, claims } => self.client(to).tokens.push(*claims),
            Output::Moved { to, moved, claims } => {
                let client = self.client(to);
                client.moved_claims = Some(*claims);
                client.signal(Response::RoomMoved(*moved));
            }
            Output::RpcAnswered { id, result } => self.rpcs.push((id, result)),
            Output::Told { .. } | Output::Asked { .. } => self.forwarded.push(output),
            Output::CloseSignal { to } => self.client(to).signal_closed = true,
            Output::Transmit { peer, dst, data, .. } => {
                if let Some(to) = self.nat.inside(dst) {
                    self.travel(LATENCY, Travelling::ToClient(peer.participant(), to, data.to_vec()));
                }
            }
            Output::PeerUfrag { peer, ufrag } => self.ufrags.push((peer, ufrag)),
            Output::PeerGone { peer } => self.ufrags.retain(|(id, _)| *id != peer),
            Output::Local { to, event } => self.local_events.push((to, event)),
            Output::Left { identity, reason, .. } => self.left.push((identity, reason)),
            Output::Closed => self.closed = true,
        }
    }

    fn drain_client(&mut self, id: ParticipantId) -> bool {
        let now = self.now;
        let client = self.client(id);
        if client.due() <= now {
            client.timeout(now);
        }
        let packets = client.poll();
        let requests = std::mem::take(&mut client.outgoing);
        let quiet = packets.is_empty() && requests.is_empty();
        for packet in packets {
            if !self.cut.contains(&id) {
                let data = Vec::from(packet.contents);
                let source = self.nat.outside(packet.source);
                if self.forged.contains(&id) && data[0] >> 6 == 2 {
                    let mut forged = data.clone();
                    let at = self.dice.random_range(12..forged.len());
                    forged[at] ^= 1;
                    self.travel(LATENCY / 2, Travelling::ToRoom(id, source, forged));
                }
                if self.repeated.contains(&id) && data[0] >> 6 == 2 {
                    for after in REPEATED {
                        self.travel(after, Travelling::ToRoom(id, source, data.clone()));
                    }
                }
                self.travel(LATENCY, Travelling::ToRoom(id, source, data));
            }
        }
        for message in requests {
            self.travel(self.signal_latency, Travelling::Request(id, Box::new(message)));
        }
        quiet
    }

    fn travel(&mut self, latency: Duration, what: Travelling) {
        if latency.is_zero() {
            return self.deliver(what);
        }
        let at = self.now + latency;
        let place = self.in_flight.partition_point(|(other, _)| *other <= at);
        self.in_flight.insert(place, (at, what));
    }

    /// Advances to the next thing that happens, but not beyond `limit`.
    fn step(&mut self, limit: Instant) {
        let packets = self.in_flight.front().map(|(at, _)| *at);
        let clients = self.clients.values().map(|client| client.due()).min();
        let next = [packets, clients, self.room.next_timeout()].into_iter().flatten().min();
        self.now = next.unwrap_or(limit).clamp(self.now, limit);
        while self.in_flight.front().is_some_and(|(at, _)| *at <= self.now) {
            if let Some((_, packet)) = self.in_flight.pop_front() {
                self.deliver(packet);
                self.drain_room();
            }
        }
        if self.room.next_timeout().is_some_and(|due| due <= self.now) {
            self.room.handle_timeout(self.now);
        }
        self.settle();
    }

    /// Whose packet this is, found as a server does.
    fn route(&mut self, src: SocketAddr, packet: &[u8]) -> Option<PeerId> {
        let ufrag = room::peer::stun_username_ufrag(packet);
        if let Some((peer, _)) = self.ufrags.iter().find(|(_, known)| Some(known.as_str()) == ufrag) {
            self.routes.insert(src, *peer);
        }
        self.routes.get(&src).copied()
    }

    /// What clients have sent on their signalling connections and has not arrived is lost.
    pub(crate) fn drop_requests(&mut self) {
        self.in_flight.retain(|(_, what)| !matches!(what, Travelling::Request(..)));
    }

    fn deliver(&mut self, packet: Travelling) {
        let server: SocketAddr = SERVER.parse().unwrap();
        match packet {
            Travelling::Signal(to, bytes) => {
                let message = proto::SignalResponse::decode(bytes).unwrap().message.unwrap();
                self.client(to).signal(message);
            }
            Travelling::Request(from, message) => {
                self.room.handle_signal(self.now, from, proto::SignalRequest { message: Some(*message) });
            }
            Travelling::ToRoom(from, src, data) => {
                if self.is_lost(from, &data) {
                    return;
                }
                let packet = Receive { proto: Protocol::Udp, src, dst: server, data: &data };
                if let Some(peer) = self.route(src, &data) {
                    self.room.handle_packet(self.now, peer, packet);
                }
            }
            Travelling::ToClient(id, to, data) => {
                let now = self.now;
                let lost = self.is_lost(id, &data) || self.cut.contains(&id) || !self.passes(id);
                if !lost && self.clients.contains_key(&id) {
                    self.client(id).receive(now, server, to, &data);
                    self.drain_client(id);
                }
            }
        }
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.settle();
        while self.now < end {
            self.step(end);
        }
    }

    /// Runs until `condition` holds, which it must within 10 s of simulated time.
    pub(crate) fn until(&mut self, condition: impl Fn(&Self) -> bool) {
        self.until_within(Duration::from_secs(10), condition);
    }

    pub(crate) fn until_within(&mut self, limit: Duration, condition: impl Fn(&Self) -> bool) {
        let end = self.now + limit;
        self.settle();
        while !condition(self) {
            assert!(self.now < end, "nothing came of it within {limit:?}");
            self.step(end);
        }
    }
}

/// The server around the rooms.
pub(crate) fn env() -> Env {
    Env {
        node_id: "ND_test".into(),
        version: "1.13.5".into(),
        candidates: vec![SERVER.parse().unwrap()],
        comfort_noise: true,
        opus_when_lossy: true,
        ..Default::default()
    }
}

pub(crate) fn join_phone_of(room: &mut Room, now: Instant, identity: &str) -> ParticipantId {
    let join = LocalJoin {
        identity: identity.into(),
        name: "Phone".into(),
        metadata: String::new(),
        attributes: [("sip.callStatus".to_owned(), "dialing".to_owned())].into(),
        kind: proto::participant_info::Kind::Sip,
    };
    room.join_local(now, UNIX_EPOCH + Duration::from_secs(1_800_000_000), join).unwrap()
}

pub(crate) const FRAME: Duration = Duration::from_millis(20);

pub(crate) fn phone_track() -> LocalTrack {
    LocalTrack {
        name: "phone".into(),
        source: proto::TrackSource::Microphone,
        stream: String::new(),
        codec: Codec::Pcmu,
    }
}

pub(crate) fn audio(seq: u64, byte: u8) -> AudioPacket {
    AudioPacket {
        seq,
        timestamp: 160 * seq as u32,
        marker: false,
        payload: vec![byte; 160].into(),
        level: None,
        quiet: None,
    }
}

/// A phone publishes while a client is in the room; returns both and the phone's track.
pub(crate) fn phone_and_client(world: &mut World) -> (ParticipantId, ParticipantId, String) {
    let bob = world.join("bob");
    let phone = world.join_phone("phone");
    let track = world.room.publish_audio(world.now, phone, phone_track()).unwrap().to_string();
    world.until(|world| world.clients[&bob].mid_to_track.values().any(|sid| *sid == track));
    (phone, bob, track)
}

pub(crate) fn demands(world: &World, phone: ParticipantId) -> Vec<(bool, bool, bool)> {
    let of = world.local_events.iter().filter(|(to, _)| *to == phone);
    of.filter_map(|(_, event)| match event {
        LocalEvent::Demand { pcmu, pcma, opus, .. } => Some((*pcmu, *pcma, *opus)),
        _ => None,
    })
    .collect()
}

pub(crate) fn speak(world: &mut World, phone: ParticipantId, seqs: std::ops::Range<u64>, byte: u8) {
    for seq in seqs {
        world.room.write_audio(world.now, phone, Codec::Pcmu, &audio(seq, byte));
        world.run_for(FRAME);
    }
}
