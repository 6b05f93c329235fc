//! One phone call on its worker: the bridge, its two sockets, and the queue back to the call's task.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use call::bridge::{
    Bridge, BridgeCommand, BridgeConfig, BridgeEvent, BridgeReport, Demand, Sink, TalkerPacket,
};
use call::rpc::RpcCall;
use media::dtmf::Digit;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use rand::RngCore;
use room::proto::{self, data_packet};
use room::{LocalEvent, ParticipantId, PhonePath, Room};
use tokio::sync::mpsc;
use tokio::sync::mpsc::OwnedPermit;
use tokio::sync::mpsc::error::TrySendError;

use super::call_media::MediaEvent;
use super::command::Place;
use super::ports::PortPair;
use super::rtc::is_about_a_peer;
use crate::metrics::Refused;

/// Events that wait beside a full queue. Beyond, requests of the room are refused by silence; what the call must know is
/// kept.
pub(super) const BACKLOG: usize = 64;
/// Events at the end of a call: why it left the room, and what was measured.
pub(super) const LAST_EVENTS: usize = 2;
/// Samples per second of a telephone; a phone whose codec has more hears more.
const TELEPHONE_RATE: u32 = 8_000;
/// Packets read from one socket before others have their turn.
const READ_AT_ONCE: usize = 32;

/// The sockets of one call.
#[derive(Debug)]
pub(super) struct PhoneSockets {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    /// The token of the RTP socket; RTCP has the next.
    pub(super) token: Token,
    /// Keeps the ports while the sockets are open.
    _ports: PortPair,
}

impl PhoneSockets {
    /// Takes the sockets of a pair and watches them.
    pub(super) fn new(mut ports: PortPair, registry: &Registry, token: Token) -> io::Result<Self> {
        let (Some(rtp), Some(rtcp)) = (ports.rtp.take(), ports.rtcp.take()) else {
            return Err(io::Error::other("the ports are not bound"));
        };
        let (rtp, rtcp) = (UdpSocket::from_std(rtp), UdpSocket::from_std(rtcp));
        let mut sockets = Self { rtp, rtcp, token, _ports: ports };
        sockets.watch(registry, token)?;
        Ok(sockets)
    }

    /// An event loop tells what comes to the sockets, from what has come already on.
    pub(super) fn watch(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.token = token;
        registry.register(&mut self.rtp, token, Interest::READABLE)?;
        registry.register(&mut self.rtcp, Token(token.0 + 1), Interest::READABLE)
    }

    /// It does so no longer.
    pub(super) fn unwatch(&mut self, registry: &Registry) {
        // A socket that was not watched is not watched now.
        let _ = registry.deregister(&mut self.rtp);
        let _ = registry.deregister(&mut self.rtcp);
    }
}

/// One call.
#[derive(Debug)]
pub(super) struct Phone {
    /// Where it came in, and is still known to be by its task.
    pub(super) known_at: Place,
    participant: ParticipantId,
    bridge: Bridge,
    pub(super) sockets: PhoneSockets,
    pub(super) events: EventQueue,
}

impl Phone {
    pub(super) fn new(
        place: Place,
        config: &BridgeConfig,
        sockets: PhoneSockets,
        events: EventQueue,
        rng: &mut impl RngCore,
        now: Instant,
    ) -> Self {
        let bridge = Bridge::new(config, rng, now);
        Self { known_at: place, participant: place.1, bridge, sockets, events }
    }

    /// It is a participant of another room now. The phone's side goes on as if nothing had happened.
    pub(super) fn moved(&mut self, participant: ParticipantId) {
        self.participant = participant;
    }

    /// Reads what has come. True when there may be more.
    pub(super) fn receive(&mut self, now: Instant, rtcp: bool, room: &mut Room, buffer: &mut [u8]) -> bool {
        for _ in 0..READ_AT_ONCE {
            let socket = if rtcp { &self.sockets.rtcp } else { &self.sockets.rtp };
            let (length, from) = match socket.recv_from(buffer) {
                Ok(received) => received,
                Err(error) if is_about_a_peer(&error) => continue,
                Err(_) => return false,
            };
            let packet = &buffer[..length];
            if rtcp {
                self.bridge.handle_rtcp(now, from, packet);
            } else {
                let (bridge, mut sink) = self.parts(now, Some(&mut *room));
                bridge.handle_rtp(now, from, packet, &mut sink);
            }
        }
        true
    }

    /// Does what the call asks of its bridge.
    pub(super) fn command(&mut self, now: Instant, command: BridgeCommand, room: &mut Room) {
        if let BridgeCommand::Connect(terms) = &command {
            room.hears_wideband(now, self.participant, terms.codec.sample_rate() > TELEPHONE_RATE);
            room.subscribe_all(now, self.participant, true);
        }
        let (bridge, mut sink) = self.parts(now, Some(room));
        bridge.command(now, command, &mut sink);
    }

    /// What the room tells the participant; `Removed` is its holder's affair.
    pub(super) fn room_event(&mut self, now: Instant, event: LocalEvent, room: &mut Room) {
        match event {
            LocalEvent::Audio { track, codec, seq, timestamp, payload, .. } => {
                let packet = TalkerPacket { track: &track, codec, seq, timestamp, payload: &payload };
                self.bridge.room_audio(now, &packet);
            }
            LocalEvent::TrackRemoved { track, .. } => self.bridge.room_track_ended(&track),
            LocalEvent::Demand { pcmu, pcma, g722, opus } => {
                self.bridge.demand(now, Demand { pcmu, pcma, g722, opus })
            }
            LocalEvent::Data { packet, from } => self.data(&packet, &from),
            LocalEvent::Attributes(attributes) => self.events.push(MediaEvent::Attributes(attributes)),
            LocalEvent::MeasurePath => room.path_measured(now, self.participant, self.path()),
            _ => {}
        }
    }

    /// How the phone's side has fared so far.
    fn path(&self) -> PhonePath {
        let leg = self.bridge.report().leg;
        let ms = |ms: f64| Duration::try_from_secs_f64(ms / 1000.0).unwrap_or_default();
        PhonePath {
            received: leg.packets_received,
            lost: leg.lost,
            jitter: ms(leg.jitter_ms),
            sent: leg.packets_sent,
            // A phone that counts what came twice reports less than nothing lost.
            sent_lost: leg.remote_lost.map(|lost| u64::try_from(lost).unwrap_or_default()),
            round_trip: leg.rtt_ms.map(ms),
            expected: self.bridge.awaits_audio(),
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.bridge.next_timeout()
    }

    /// Without a room only the phone's side is served.
    pub(super) fn handle_timeout(&mut self, now: Instant, wallclock: SystemTime, room: Option<&mut Room>) {
        let (bridge, mut sink) = self.parts(now, room);
        bridge.handle_timeout(now, wallclock, &mut sink);
    }

    /// The participant is out of the room: the call is told why. The phone may still have something to hear.
    pub(super) fn removed(&mut self, now: Instant, reason: proto::DisconnectReason) {
        self.bridge.demand(now, Demand::default());
        self.events.push_last(MediaEvent::Removed(reason));
    }

    /// Whether the phone has yet to hear what the room said last.
    pub(super) fn has_last_words(&self) -> bool {
        self.bridge.has_last_words()
    }

    /// The phone's side is closed, and the call is told what was measured.
    pub(super) fn close(mut self, now: Instant, wallclock: SystemTime) {
        let (bridge, mut sink) = self.parts(now, None);
        let report: BridgeReport = bridge.close(now, wallclock, &mut sink);
        self.events.push_last(MediaEvent::Closed(Box::new(report)));
    }

    fn data(&mut self, packet: &proto::DataPacket, from: &str) {
        if let Some(data_packet::Value::SipDtmf(dtmf)) = &packet.value {
            self.bridge.room_digits(&digits(dtmf));
        } else if let Some(request) = RpcCall::from_packet(packet, from) {
            self.events.push(MediaEvent::Rpc(request));
        }
    }

    fn parts<'a>(&'a mut self, now: Instant, room: Option<&'a mut Room>) -> (&'a mut Bridge, PhoneSink<'a>) {
        let sink = PhoneSink {
            now,
            room,
            participant: self.participant,
            sockets: &self.sockets,
            events: &mut self.events,
        };
        (&mut self.bridge, sink)
    }
}

/// The digit is what counts; the code stands in for clients that send it alone.
fn digits(dtmf: &proto::SipDtmf) -> String {
    if !dtmf.digit.is_empty() {
        return dtmf.digit.clone();
    }
    let code = u8::try_from(dtmf.code).ok().and_then(Digit::from_event_code);
    code.map(|digit| digit.to_string()).unwrap_or_default()
}

/// Where the bridge's output goes.
struct PhoneSink<'a> {
    now: Instant,
    /// `None` once the participant has left.
    room: Option<&'a mut Room>,
    participant: ParticipantId,
    sockets: &'a PhoneSockets,
    events: &'a mut EventQueue,
}

impl Sink for PhoneSink<'_> {
    fn rtp(&mut self, to: SocketAddr, packet: &[u8]) {
        // What the network does not take is lost, as UDP is.
        let _ = self.sockets.rtp.send_to(packet, to);
    }

    fn rtcp(&mut self, to: SocketAddr, packet: &[u8]) {
        let _ = self.sockets.rtcp.send_to(packet, to);
    }

    fn room_codec(&mut self, codec: room::Codec) {
        if let Some(room) = &mut self.room {
            room.prefer_codec(self.participant, codec);
        }
    }

    fn room_audio(&mut self, codec: room::Codec, packet: room::AudioPacket) {
        if let Some(room) = &mut self.room {
            room.write_audio(self.now, self.participant, codec, &packet);
        }
    }

    fn room_noise(&mut self, timestamp: u32, noise: &[u8]) {
        if let Some(room) = &mut self.room {
            room.write_noise(self.now, self.participant, timestamp, noise);
        }
    }

    fn room_digit(&mut self, digit: Digit) {
        let dtmf = proto::SipDtmf {
            code: u32::from(digit.event_code()),
            digit: digit.as_char().to_ascii_lowercase().to_string(),
        };
        let packet = proto::DataPacket {
            value: Some(data_packet::Value::SipDtmf(dtmf)),
            ..proto::DataPacket::default()
        };
        if let Some(room) = &mut self.room {
            room.send_data(self.now, self.participant, &packet);
        }
    }

    fn event(&mut self, event: BridgeEvent) {
        self.events.push(MediaEvent::Bridge(event));
    }
}

/// Events on their way to a call's task. Never waits: what does not fit is kept, up to a bound.
#[derive(Debug)]
pub(super) struct EventQueue {
    sender: mpsc::Sender<MediaEvent>,
    backlog: VecDeque<MediaEvent>,
    /// Places that only the end of the call may take.
    kept: Vec<OwnedPermit<MediaEvent>>,
    refused: Refused,
}

impl EventQueue {
    pub(super) fn new(sender: mpsc::Sender<MediaEvent>, refused: Refused) -> Self {
        let kept = (0..LAST_EVENTS).filter_map(|_| sender.clone().try_reserve_owned().ok()).collect();
        Self { sender, backlog: VecDeque::new(), kept, refused }
    }

    /// Nobody listens any more.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    pub(super) fn has_backlog(&self) -> bool {
        !self.backlog.is_empty()
    }

    pub(super) fn push(&mut self, event: MediaEvent) {
        self.flush();
        let refused = if self.backlog.is_empty() {
            self.sender.try_send(event)
        } else {
            Err(TrySendError::Full(event))
        };
        if let Err(TrySendError::Full(event)) = refused {
            // The bridge reports each thing once, so only the room's requests and changes can be many.
            let many = matches!(event, MediaEvent::Rpc(_) | MediaEvent::Attributes(_));
            if self.backlog.len() < BACKLOG || !many {
                self.backlog.push_back(event);
            } else {
                self.refused.count();
            }
        }
    }

    /// Tells the end of the call, which arrives even when nobody has read for long: what still waits is then lost.
    pub(super) fn push_last(&mut self, event: MediaEvent) {
        self.flush();
        match self.kept.pop() {
            Some(place) => drop(place.send(event)),
            None => self.push(event),
        }
    }

    /// Tries again what did not fit.
    pub(super) fn flush(&mut self) {
        while let Some(event) = self.backlog.pop_front() {
            if let Err(TrySendError::Full(event)) = self.sender.try_send(event) {
                return self.backlog.push_front(event);
            }
        }
    }
}
