//! What is measured. Each bench is set up first; then its operation runs, again and again.

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use call::bridge::{Bridge, BridgeCommand, BridgeEvent, Demand, Sink, TalkerPacket};
use call::{Call, CallInput, CallOutput, DialogIdentity, Plan, PlanDefaults, Waiting};
use livekit_protocol as proto;
use media::codec::AudioCodec;
use media::dtmf::Digit;
use peers::prepared::Coding;
use prost::Message as _;
use rand::SeedableRng;
use rand::rngs::StdRng;
use room::{Codec, TrackSid};
use sip::msg::Message;
use sip::{Agent, AgentConfig, Contacts, Destination, Inbound, Limits, Timers, Transport};

use crate::client::Client;
use crate::engine;
use crate::talk;
use crate::world::{self, FRAME, World};

/// Operations that every bench is ready for. A client that hears nothing from the server for longer than these take, at 20 ms
/// each, gives up.
pub const MOST: usize = 500;

/// What is done again and again. Returns how many things came out of it: datagrams, packets, messages.
pub type Operation = Box<dyn FnMut() -> usize>;

/// One thing that is measured.
#[derive(Debug)]
pub struct Bench {
    /// Its name on the command line.
    pub name: &'static str,
    /// What one operation is.
    pub about: &'static str,
    /// What comes out of one operation, all but a few of them; 0: nothing has to.
    pub makes: usize,
    /// Sets it up; the operation may be called [`MOST`] times.
    pub prepare: fn() -> anyhow::Result<Operation>,
}

/// All of them.
pub const BENCHES: &[Bench] = &[
    Bench {
        name: "phone-to-room",
        about: "20 ms of a phone into the room, passed on to one client",
        makes: 1,
        prepare: phone_to_room,
    },
    Bench {
        name: "engine-send",
        about: "of that, what the WebRTC engine does alone",
        makes: 1,
        prepare: engine::send,
    },
    Bench {
        name: "room-to-phone",
        about: "20 ms of a client's full-band Opus to the phone",
        makes: 1,
        prepare: || room_to_phone(&talk::voice(talk::FULL_BAND)?),
    },
    Bench {
        name: "room-to-phone-narrow",
        about: "the same where the client publishes narrowband",
        makes: 1,
        prepare: || room_to_phone(&talk::voice(talk::NARROWBAND)?),
    },
    Bench {
        name: "room-to-nobody",
        about: "20 ms of a client to whom nobody listens",
        makes: 0,
        prepare: unheard,
    },
    Bench {
        name: "engine-receive",
        about: "of each, what the WebRTC engine does alone",
        makes: 1,
        prepare: engine::receive,
    },
    Bench {
        name: "silence-to-phone",
        about: "20 ms in which nobody speaks to the phone",
        makes: 1,
        prepare: silence,
    },
    Bench {
        name: "mixer-tick",
        about: "20 ms of three G.711 talkers mixed for the phone",
        makes: 1,
        prepare: mixer,
    },
    Bench {
        name: "idle-client",
        about: "20 ms of a connected client that neither speaks nor hears",
        makes: 0,
        prepare: idle,
    },
    Bench { name: "sip-parse", about: "a 200 to an INVITE, read", makes: 1, prepare: parse },
    Bench { name: "join", about: "a client's join, to its answer", makes: 1, prepare: join },
    Bench {
        name: "create-sip-participant",
        about: "the request, to the participant in the room and the INVITE's bytes",
        makes: 1,
        prepare: create,
    },
];

fn phone_to_room() -> anyhow::Result<Operation> {
    let mut world = World::connected()?;
    let packets = world.phone_packets(&talk::hum(Coding::PCMU)?, MOST);
    let mut packets = packets.into_iter();
    Ok(Box::new(move || {
        let Some(packet) = packets.next() else { return 0 };
        world.phone_packet(&packet);
        world.settle();
        world.pass(FRAME);
        world.take_sent().0
    }))
}

fn room_to_phone(payloads: &[Vec<u8>]) -> anyhow::Result<Operation> {
    let mut world = World::connected()?;
    let packets = world.client_packets(payloads, MOST)?;
    let mut packets = packets.into_iter();
    Ok(Box::new(move || {
        let Some(packet) = packets.next() else { return 0 };
        world.packet(&packet);
        world.settle();
        world.pass_with_phone(FRAME);
        world.take_sent().1
    }))
}

fn unheard() -> anyhow::Result<Operation> {
    let mut world = World::connected()?;
    world.phone_listens(false);
    let packets = world.client_packets(&talk::voice(talk::FULL_BAND)?, MOST)?;
    let mut packets = packets.into_iter();
    Ok(Box::new(move || {
        let Some(packet) = packets.next() else { return 0 };
        world.packet(&packet);
        world.settle();
        world.pass(FRAME);
        world.take_sent().0
    }))
}

fn silence() -> anyhow::Result<Operation> {
    let mut world = World::connected()?;
    Ok(Box::new(move || {
        world.pass_with_phone(FRAME);
        world.take_sent().1
    }))
}

fn idle() -> anyhow::Result<Operation> {
    let mut world = World::connected()?;
    Ok(Box::new(move || {
        world.pass(FRAME);
        world.take_sent().0
    }))
}

/// Takes what a bridge makes, counts the phone's packets and forgets everything.
#[derive(Default)]
struct Nowhere(usize);

impl Sink for Nowhere {
    fn rtp(&mut self, _to: SocketAddr, packet: &[u8]) {
        black_box(packet);
        self.0 += 1;
    }
    fn rtcp(&mut self, _to: SocketAddr, packet: &[u8]) {
        black_box(packet);
    }
    fn room_codec(&mut self, codec: Codec) {
        black_box(codec);
    }
    fn room_audio(&mut self, _codec: Codec, packet: room::AudioPacket) {
        black_box(packet);
    }
    fn room_noise(&mut self, _timestamp: u32, noise: &[u8]) {
        black_box(noise);
    }
    fn room_digit(&mut self, _digit: Digit) {}
    fn event(&mut self, event: BridgeEvent) {
        black_box(event);
    }
}

fn mixer() -> anyhow::Result<Operation> {
    let mut now = Instant::now();
    let mut rng = StdRng::seed_from_u64(7);
    let (ours, _) = world::terms()?;
    let mut bridge = Bridge::new(&world::bridge_config(), &mut rng, now);
    bridge.command(now, BridgeCommand::Connect(ours), &mut Nowhere::default());
    bridge.command(now, BridgeCommand::Open, &mut Nowhere::default());
    bridge.demand(now, Demand::default());
    let talkers = ["TR_a", "TR_b", "TR_c"].map(TrackSid::from);
    let frames = talk::voice(Coding::PCMU)?;
    let mut next = 0;
    let mut seq = 0_u16;
    Ok(Box::new(move || {
        seq = seq.wrapping_add(1);
        for track in &talkers {
            let payload = &frames[next % frames.len()];
            next += 1;
            let timestamp = u32::from(seq) * 160;
            let packet = TalkerPacket { track, codec: Codec::Pcmu, seq, timestamp, payload };
            bridge.room_audio(now, &packet);
        }
        let mut out = Nowhere::default();
        bridge.handle_timeout(now, world::wallclock(), &mut out);
        now += FRAME;
        out.0
    }))
}

/// As a carrier's border controller answers.
const ANSWER: &str = "SIP/2.0 200 OK\r\n\
    Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK7b1c0e4d9a63f2;received=192.0.2.1;rport=5060\r\n\
    Record-Route: <sip:edge-2.carrier.example.com;lr;ftag=SCL_abcdefghij>\r\n\
    From: \"+15550100\" <sip:+15550100@192.0.2.1>;tag=SCL_abcdefghij\r\n\
    To: <sip:+15550199@carrier.example.com>;tag=gK0c5b7d21\r\n\
    Call-ID: 4f1c2a7e9b0d4c55a1f6e3b29d7780aa\r\n\
    CSeq: 2 INVITE\r\n\
    Contact: <sip:+15550199@198.51.100.7:5060;transport=udp>\r\n\
    Allow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE, OPTIONS\r\n\
    Supported: timer, 100rel\r\n\
    Session-Expires: 1800;refresher=uac\r\n\
    Require: timer\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: 0\r\n\r\n";

fn parse() -> anyhow::Result<Operation> {
    Message::parse(ANSWER.as_bytes())?;
    Ok(Box::new(|| usize::from(black_box(Message::parse(black_box(ANSWER.as_bytes()))).is_ok())))
}

/// Each time into a room of its own with a phone in it; the rooms are made beforehand.
fn join() -> anyhow::Result<Operation> {
    let now = Instant::now();
    let env = world::env();
    let offer = Client::new(now, SocketAddr::from(([10, 0, 0, 2], 5_000)))?.offer()?;
    let mut rooms = Vec::with_capacity(MOST);
    for _ in 0..MOST {
        let mut room = world::room(env.clone(), now);
        let phone = room.join_local(now, world::wallclock(), world::phone_join())?;
        room.publish_audio(now, phone, world::phone_track())?;
        while room.poll_output().is_some() {}
        rooms.push(room);
    }
    let mut next = 0;
    Ok(Box::new(move || {
        let Some(room) = rooms.get_mut(next) else { return 0 };
        next += 1;
        let joined = black_box(room.join(now, world::wallclock(), world::join(offer.clone())));
        while let Some(output) = room.poll_output() {
            black_box(output);
        }
        usize::from(joined.is_ok())
    }))
}

/// The cores' part of a call's beginning: no store, no sockets, no HTTP.
struct Beginning {
    now: Instant,
    request: Vec<u8>,
    trunk: proto::SipOutboundTrunkInfo,
    rooms: Vec<room::Room>,
    agent: Agent,
    rng: StdRng,
    count: u64,
}

fn create() -> anyhow::Result<Operation> {
    let now = Instant::now();
    let env = world::env();
    let request = proto::CreateSipParticipantRequest {
        sip_trunk_id: "ST_1".to_owned(),
        sip_call_to: "+15550199".to_owned(),
        room_name: "room".to_owned(),
        participant_identity: "phone".to_owned(),
        ..Default::default()
    };
    let trunk = proto::SipOutboundTrunkInfo {
        sip_trunk_id: "ST_1".to_owned(),
        address: "sip.example.com".to_owned(),
        numbers: vec!["+15550100".to_owned()],
        ..Default::default()
    };
    let config = AgentConfig {
        contacts: Contacts::udp_and_tcp(SocketAddr::from(([10, 0, 0, 1], 5060))),
        user_agent: "trunkline/micro".to_owned(),
        timers: Timers::default(),
        limits: Limits::default(),
        inbound: Inbound::Refuse(403),
    };
    let mut beginning = Beginning {
        now,
        request: request.encode_to_vec(),
        trunk,
        rooms: (0..MOST).map(|_| world::room(env.clone(), now)).collect(),
        agent: Agent::new(config, 7),
        rng: StdRng::seed_from_u64(7),
        count: 0,
    };
    Ok(Box::new(move || usize::from(black_box(beginning.place()).is_some())))
}

impl Beginning {
    /// The INVITE's bytes; `None` would mean that something refused.
    fn place(&mut self) -> Option<usize> {
        let request = proto::CreateSipParticipantRequest::decode(self.request.as_slice()).ok()?;
        let plan = Plan::new(&request, Some(&self.trunk), &PlanDefaults::default(), &mut self.rng).ok()?;
        self.count += 1;
        let identity = DialogIdentity { call_id: self.count.to_string(), from_tag: plan.call_id.clone() };
        let deadline = self.now + Duration::from_secs(80);
        let waiting = Waiting { received_at: self.now, deadline };
        let mut call = Call::new(plan, identity, waiting, self.now);
        while let Some(output) = call.poll_output() {
            black_box(output);
        }
        let participant_sid = self.participant()?;
        let address = SocketAddr::from(([10, 0, 0, 1], 10_000));
        let local = world::local_audio(address, AudioCodec::G711.to_vec());
        call.handle(self.now, CallInput::Joined { participant_sid, local });
        let mut bytes = None;
        while let Some(output) = call.poll_output() {
            if let CallOutput::Dial(invite) = output {
                bytes = self.dial(*invite);
            }
        }
        bytes
    }

    fn participant(&mut self) -> Option<String> {
        let mut room = self.rooms.pop()?;
        let phone = room.join_local(self.now, world::wallclock(), world::phone_join()).ok()?;
        black_box(Bridge::new(&world::bridge_config(), &mut self.rng, self.now));
        room.publish_audio(self.now, phone, world::phone_track()).ok()?;
        while let Some(output) = room.poll_output() {
            black_box(output);
        }
        room.participant_sid(phone).map(str::to_owned)
    }

    fn dial(&mut self, invite: sip::Invite) -> Option<usize> {
        let to = Destination::new(Transport::Udp, SocketAddr::from(([192, 0, 2, 1], 5060)));
        self.agent.call(self.now, invite, to).ok()?;
        let mut bytes = None;
        while let Some(output) = self.agent.poll_output() {
            if let sip::Output::Transmit(transmit) = output {
                bytes = Some(transmit.bytes.len());
            }
        }
        bytes
    }
}
