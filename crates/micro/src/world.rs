//! One room with one client and one phone, in memory and in simulated time.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use call::bridge::{Bridge, BridgeCommand, BridgeConfig, BridgeEvent, Demand, Sink, TalkerPacket};
use livekit_protocol as proto;
use media::codec::AudioCodec;
use media::dtmf::Digit;
use media::sdp::{self, Direction, LocalAudio, Negotiated};
use media::session::{RtpSession, SessionConfig};
use prost::Message as _;
use proto::signal_response::Message as Response;
use rand::SeedableRng;
use rand::rngs::StdRng;
use room::grants::VideoGrant;
use room::{
    Codec, Datagram, Env, Join, JoinMode, LocalEvent, LocalJoin, LocalTrack, Output, ParticipantId, PeerId,
    Receive, Room, RoomConfig,
};

use crate::client::{CID, Client};

/// The time of one frame.
pub(crate) const FRAME: Duration = Duration::from_millis(20);
/// The room's candidate, the client's address, the phone's.
pub(crate) const SERVER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)), 7882);
pub(crate) const CLIENT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2)), 5000);
const PHONE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 3)), 20_000);
/// How long a connection may take to come up, in steps of a millisecond.
pub(crate) const STEPS: usize = 5_000;

/// What the bridge puts out, as the program's worker takes it.
struct Out<'a> {
    now: Instant,
    room: &'a mut Room,
    phone: ParticipantId,
    frames: &'a mut usize,
}

impl Sink for Out<'_> {
    fn rtp(&mut self, _to: SocketAddr, packet: &[u8]) {
        std::hint::black_box(packet);
        *self.frames += 1;
    }
    fn rtcp(&mut self, _to: SocketAddr, packet: &[u8]) {
        std::hint::black_box(packet);
    }
    fn room_codec(&mut self, codec: Codec) {
        self.room.prefer_codec(self.phone, codec);
    }
    fn room_audio(&mut self, codec: Codec, packet: room::AudioPacket) {
        self.room.write_audio(self.now, self.phone, codec, &packet);
    }
    fn room_noise(&mut self, timestamp: u32, noise: &[u8]) {
        self.room.write_noise(self.now, self.phone, timestamp, noise);
    }
    fn room_digit(&mut self, _digit: Digit) {}
    fn event(&mut self, event: BridgeEvent) {
        std::hint::black_box(event);
    }
}

/// A running call with its room.
pub(crate) struct World {
    pub(crate) room: Room,
    pub(crate) now: Instant,
    start: Instant,
    client: Client,
    peer: PeerId,
    phone: ParticipantId,
    bridge: Bridge,
    /// The phone's end of the line.
    line: RtpSession,
    /// Datagrams that the client was sent, and packets that the phone was.
    datagrams: usize,
    frames: usize,
}

pub(crate) fn env() -> Env {
    Env {
        node_id: "ND_micro".to_owned(),
        version: room::COMPATIBLE_VERSION.to_owned(),
        candidates: vec![SERVER],
        tcp_candidates: Vec::new(),
        ice_servers: Vec::new(),
        certificate: room::peer::new_certificate(),
        narrowband: true,
        comfort_noise: true,
        opus_when_lossy: true,
    }
}

pub(crate) fn wallclock() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

pub(crate) fn room(env: Env, now: Instant) -> Room {
    let config = RoomConfig { name: "room".to_owned(), ..RoomConfig::default() };
    Room::new(config, env, 7, now, wallclock())
}

pub(crate) fn local_audio(address: SocketAddr, codecs: Vec<AudioCodec>) -> LocalAudio {
    LocalAudio {
        rtp: address,
        session_id: 1,
        version: 1,
        codecs,
        dtmf: true,
        comfort_noise: false,
        direction: Direction::SendRecv,
        encryption: sdp::Encryption::Disabled,
    }
}

pub(crate) fn bridge_config() -> BridgeConfig {
    BridgeConfig {
        symmetric_rtp: true,
        media_timeout_initial: Duration::from_secs(30),
        media_timeout: Duration::from_secs(15),
        voice_isolation: false,
        cname: "micro".to_owned(),
    }
}

/// What both sides of a telephone line have agreed on: ours, the phone's.
pub(crate) fn terms() -> anyhow::Result<(Negotiated, Negotiated)> {
    let offer = sdp::offer(&local_audio(SERVER, AudioCodec::G711.to_vec()));
    let (answer, theirs) = sdp::answer(&offer, &local_audio(PHONE, vec![AudioCodec::Pcmu]))?;
    Ok((sdp::accept_answer(&offer, &answer)?, theirs))
}

/// The participant of a phone.
pub(crate) fn phone_join() -> LocalJoin {
    LocalJoin {
        identity: "phone".to_owned(),
        name: "Phone".to_owned(),
        metadata: String::new(),
        attributes: [("sip.callStatus".to_owned(), "dialing".to_owned())].into(),
        kind: proto::participant_info::Kind::Sip,
    }
}

/// Its track.
pub(crate) fn phone_track() -> LocalTrack {
    LocalTrack {
        name: "phone".to_owned(),
        source: proto::TrackSource::Microphone,
        stream: String::new(),
        codec: Codec::Pcmu,
    }
}

/// The join request of a client.
pub(crate) fn join(offer: proto::SessionDescription) -> Join {
    Join {
        identity: "agent".to_owned(),
        name: String::new(),
        kind: proto::participant_info::Kind::Standard,
        metadata: String::new(),
        attributes: Default::default(),
        grants: VideoGrant { room_join: true, room: "room".to_owned(), ..Default::default() },
        client: proto::ClientInfo { client_protocol: 2, protocol: 17, ..Default::default() },
        mode: JoinMode::Single { offer: Some(offer) },
        auto_subscribe: true,
        add_tracks: vec![proto::AddTrackRequest {
            cid: CID.to_owned(),
            name: CID.to_owned(),
            source: proto::TrackSource::Microphone.into(),
            ..Default::default()
        }],
    }
}

impl World {
    /// A phone that is up and a client that hears it and speaks, both connected.
    pub(crate) fn connected() -> anyhow::Result<Self> {
        let now = Instant::now();
        let mut rng = StdRng::seed_from_u64(7);
        let (ours, theirs) = terms()?;
        let mut room = room(env(), now);
        let phone = room.join_local(now, wallclock(), phone_join())?;
        room.publish_audio(now, phone, phone_track())?;
        let mut client = Client::new(now, CLIENT)?;
        room.join(now, wallclock(), join(client.offer()?))?;
        let (peer, demand) = first_messages(&mut room, &mut client)?;
        let mut line = RtpSession::new(SessionConfig::default(), &mut rng, now);
        line.negotiate(&theirs, now);
        let bridge = Bridge::new(&bridge_config(), &mut rng, now);
        let (datagrams, frames) = (0, 0);
        let mut world = Self { room, now, start: now, client, peer, phone, bridge, line, datagrams, frames };
        world.bridge.demand(now, demand);
        world.bridge_command(BridgeCommand::Connect(ours));
        world.bridge_command(BridgeCommand::Open);
        world.room.subscribe_all(now, phone, true);
        world.come_up()?;
        Ok(world)
    }

    fn come_up(&mut self) -> anyhow::Result<()> {
        for _ in 0..STEPS {
            let active = self.room.participant("agent").is_some_and(|info| info.state() == ACTIVE);
            if active && self.client.connected {
                return Ok(());
            }
            for (_, data) in self.client.poll(self.now)? {
                self.packet(&data);
            }
            for data in self.drain() {
                self.client.receive(self.now, SERVER, &data)?;
            }
            self.pass(Duration::from_millis(1));
        }
        bail!("the connection did not come up")
    }

    fn bridge_command(&mut self, command: BridgeCommand) {
        let now = self.now;
        let (bridge, mut out) = self.parts(now);
        bridge.command(now, command, &mut out);
    }

    fn parts(&mut self, now: Instant) -> (&mut Bridge, Out<'_>) {
        let out = Out { now, room: &mut self.room, phone: self.phone, frames: &mut self.frames };
        (&mut self.bridge, out)
    }

    /// How many datagrams the client was sent since this was asked last, and how many packets the phone.
    pub(crate) fn take_sent(&mut self) -> (usize, usize) {
        (std::mem::take(&mut self.datagrams), std::mem::take(&mut self.frames))
    }

    /// A datagram of the client, and what comes of it, except what it is sent.
    pub(crate) fn packet(&mut self, data: &[u8]) {
        let packet = Receive { proto: room::Protocol::Udp, src: self.client.address, dst: SERVER, data };
        self.room.handle_packet(self.now, self.peer, packet);
    }

    /// Does what the room wants done; returns what it sends.
    fn drain(&mut self) -> Vec<Datagram> {
        let mut sent = Vec::new();
        while let Some(output) = self.room.poll_output() {
            if let Some(data) = self.carry_out(output) {
                sent.push(data);
            }
        }
        sent
    }

    /// The same, with what it sends thrown away.
    pub(crate) fn settle(&mut self) {
        while let Some(output) = self.room.poll_output() {
            std::hint::black_box(self.carry_out(output));
        }
    }

    fn carry_out(&mut self, output: Output) -> Option<Datagram> {
        match output {
            Output::Transmit { data, .. } => {
                self.datagrams += 1;
                return Some(data);
            }
            Output::Local {
                event: LocalEvent::Audio { track, codec, seq, timestamp, payload, .. }, ..
            } => {
                let packet = TalkerPacket { track: &track, codec, seq, timestamp, payload: &payload };
                self.bridge.room_audio(self.now, &packet);
            }
            Output::Local { event: LocalEvent::Demand { pcmu, pcma, g722, opus }, .. } => {
                self.bridge.demand(self.now, Demand { pcmu, pcma, g722, opus });
            }
            _ => {}
        }
        None
    }

    /// Whether the phone hears the room.
    pub(crate) fn phone_listens(&mut self, listens: bool) {
        self.room.subscribe_all(self.now, self.phone, listens);
        self.settle();
    }

    /// A packet of the phone.
    pub(crate) fn phone_packet(&mut self, packet: &[u8]) {
        let now = self.now;
        let (bridge, mut out) = self.parts(now);
        bridge.handle_rtp(now, PHONE, packet, &mut out);
    }

    /// The phone's packets for these payloads, one every 20 ms from now on.
    pub(crate) fn phone_packets(&mut self, payloads: &[Vec<u8>], count: usize) -> Vec<Vec<u8>> {
        let mut packets = Vec::with_capacity(count);
        let mut at = self.now;
        for payload in payloads.iter().cycle().take(count) {
            let mut packet = Vec::new();
            self.line.send_audio(at, payload, &mut packet);
            packets.push(packet);
            at += FRAME;
        }
        packets
    }

    /// Lets time pass, with whatever falls due in the room; the bridge's clock stands still.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.room.next_timeout().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.room.handle_timeout(self.now);
            if self.client.connected {
                self.settle();
            } else {
                break;
            }
        }
        self.now = until;
    }

    /// The same, with the frames to the phone that fall due, each at its time.
    pub(crate) fn pass_with_phone(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.bridge.next_timeout().filter(|due| *due <= until) {
            self.pass(due.saturating_duration_since(self.now));
            self.tick();
        }
        self.pass(until.saturating_duration_since(self.now));
    }

    fn tick(&mut self) {
        let (now, wallclock) = (self.now, wallclock() + (self.now - self.start));
        let (bridge, mut out) = self.parts(now);
        bridge.handle_timeout(now, wallclock, &mut out);
    }

    /// The client's packets for these payloads, one every 20 ms from now on.
    pub(crate) fn client_packets(
        &mut self,
        payloads: &[Vec<u8>],
        count: usize,
    ) -> anyhow::Result<Vec<Vec<u8>>> {
        let packets = payloads.iter().cycle().take(count).enumerate();
        let now = self.now;
        let mut speak = |(index, payload): (usize, &Vec<u8>)| {
            let seq = 1_000 + index as u64;
            self.client.speak(now + FRAME * u32::try_from(index)?, seq, payload)
        };
        packets.map(&mut speak).collect()
    }
}

const ACTIVE: proto::participant_info::State = proto::participant_info::State::Active;

/// The answer to the client's offer goes to the client; the name of its connection comes back, and what it wants of the phone.
fn first_messages(room: &mut Room, client: &mut Client) -> anyhow::Result<(PeerId, Demand)> {
    let (mut named, mut demand) = (None, Demand::default());
    while let Some(output) = room.poll_output() {
        match output {
            Output::PeerUfrag { peer, .. } => named = Some(peer),
            Output::Signal { bytes, .. } => {
                if let Some(Response::Answer(answer)) = proto::SignalResponse::decode(bytes)?.message {
                    client.answered(&answer.sdp)?;
                }
            }
            Output::Local { event: LocalEvent::Demand { pcmu, pcma, g722, opus }, .. } => {
                demand = Demand { pcmu, pcma, g722, opus };
            }
            _ => {}
        }
    }
    Ok((named.context("the client has no connection")?, demand))
}
