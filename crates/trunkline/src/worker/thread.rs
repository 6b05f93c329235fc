//! The loop of one worker.
//!
//! One turn: wait for sockets, commands or the next deadline; read everything that is ready; carry out commands; run what is
//! due; then let every room that was touched say what it wants done. Packets that arrive together are handled together.
//! A panic in a room ends that room and nothing else.

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Registry, Token};
use rand::rngs::StdRng;
use room::{Env, ParticipantId, Receive, Told};

use super::command::{Command, RoomKey};
use super::config::WorkersConfig;
use super::demux::{Demux, Found, Peer};
use super::directory::Directory;
use super::elsewhere::Elsewhere;
use super::farewell::Farewells;
use super::forwarding::Forwardings;
use super::handle::Lane;
use super::ice_tcp::{CONNECTIONS, Frame, IceTcp, LISTENERS};
use super::load::{Load, LoadMeter};
use super::moving::Moved;
use super::pacing::Pacing;
use super::ports::PortPool;
use super::post::{Inbox, Packet, Parcel, Post};
use super::rtc::RtcSockets;
use super::slot::{Now, RoomSlot};
use super::timers::Timers;
use super::wake;
use crate::metrics::Refused;

/// The token of the command queue's waker.
pub(super) const WAKER: Token = Token(0);
/// The first WebRTC socket's token.
pub(super) const RTC: Token = Token(1);
/// The first phone's token; far above those of the WebRTC sockets.
const PHONES: usize = 1024;
/// Packets read from a WebRTC socket before phones and commands have their turn.
const READ_AT_ONCE: usize = 256;
/// Commands carried out before packets have their turn.
const COMMANDS_AT_ONCE: usize = 128;
/// When commands that another worker had no room for are tried again.
const AGAIN: Duration = Duration::from_millis(2);
/// How often sessions without another end are looked for.
const SWEEP: Duration = Duration::from_secs(1);
/// The largest datagram that is taken; media stays below an Ethernet frame.
const DATAGRAM: usize = 2_048;

/// A phone's socket.
#[derive(Debug, Clone, Copy)]
pub(super) struct PhoneAt {
    pub(super) room: RoomKey,
    pub(super) participant: ParticipantId,
}

/// One worker.
pub(super) struct Worker {
    /// Its index.
    pub(super) me: usize,
    pub(super) config: Arc<WorkersConfig>,
    pub(super) env: Env,
    pub(super) directory: Directory,
    pub(super) ports: PortPool,
    /// Events of calls that found no place.
    pub(super) call_events: Refused,
    pub(super) rng: StdRng,
    pub(super) poll: Poll,
    inbox: Inbox,
    pub(super) post: Post,
    pub(super) rtc: RtcSockets,
    pub(super) ice_tcp: IceTcp,
    pub(super) demux: Demux,
    pub(super) rooms: HashMap<RoomKey, RoomSlot>,
    pub(super) names: HashMap<String, RoomKey>,
    pub(super) phones: HashMap<Token, PhoneAt>,
    /// Participants that were moved to other rooms.
    pub(super) moved: Moved,
    /// Participants that are forwarded to other rooms, and guests.
    pub(super) forwardings: Forwardings,
    timers: Timers,
    farewells: Farewells,
    /// Rooms to be drained in this turn.
    touched: Vec<RoomKey>,
    /// Sockets with more to read.
    unread: Vec<Token>,
    pub(super) next_room: u64,
    next_token: usize,
    next_sweep: Instant,
    pacing: Pacing,
    load: LoadMeter,
    /// Told to stop: rooms have until then to say goodbye.
    pub(super) stop_by: Option<Instant>,
}

/// What a worker is given by whoever starts it.
pub(super) struct Parts {
    pub(super) me: usize,
    pub(super) elsewhere: Elsewhere,
    pub(super) lanes: Arc<[Lane]>,
    pub(super) config: Arc<WorkersConfig>,
    pub(super) env: Env,
    pub(super) directory: Directory,
    pub(super) ports: PortPool,
    pub(super) call_events: Refused,
    pub(super) rng: StdRng,
    pub(super) poll: Poll,
    pub(super) inbox: Inbox,
    pub(super) rtc: RtcSockets,
    pub(super) ice_tcp: IceTcp,
    pub(super) load: Arc<Load>,
}

impl Worker {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { me, elsewhere, lanes, .. } = parts;
        let Parts {
            config, env, directory, ports, call_events, rng, poll, inbox, rtc, ice_tcp, load, ..
        } = parts;
        Self {
            me,
            config,
            env,
            directory,
            ports,
            call_events,
            rng,
            poll,
            inbox,
            post: Post::new(lanes),
            rtc,
            ice_tcp,
            demux: Demux::new(me, elsewhere.clone()),
            rooms: HashMap::new(),
            names: HashMap::new(),
            phones: HashMap::new(),
            moved: Moved::new(me, elsewhere),
            forwardings: Forwardings::new(me),
            timers: Timers::default(),
            farewells: Farewells::default(),
            touched: Vec::new(),
            unread: Vec::new(),
            next_room: 0,
            next_token: PHONES,
            next_sweep: Instant::now() + SWEEP,
            pacing: Pacing::new(Instant::now()),
            load: LoadMeter::new(load, Instant::now()),
            stop_by: None,
        }
    }

    /// Runs until it is told to stop, or nobody is left to tell it anything.
    pub(super) fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        let mut ready = Vec::new();
        let mut rested = false;
        while !self.is_done() {
            // Who has just rested takes what there is: to wait for more would be to wake once more.
            let wait = if rested { Some(Duration::ZERO) } else { self.wait() };
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            ready.clear();
            ready.append(&mut self.unread);
            ready.extend(events.iter().map(|event| event.token()).filter(|token| *token != WAKER));
            let woke = Instant::now();
            self.turn(&ready);
            let rest = self.pacing.rest(woke, Instant::now());
            rested = rest.is_some();
            if let Some(rest) = rest {
                wake::rest(rest);
            }
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.stop_by.is_some_and(|by| self.rooms.is_empty() || Instant::now() >= by)
    }

    /// How long to sleep if nothing comes.
    fn wait(&self) -> Option<Duration> {
        if !self.unread.is_empty() || self.inbox.has_more() {
            return Some(Duration::ZERO);
        }
        let now = Instant::now();
        let until = |at: Instant| at.saturating_duration_since(now);
        let timer = self.timers.until_next(now);
        let farewell = self.farewells.next_timeout().map(until);
        let post = self.post.has_backlog().then_some(AGAIN);
        [Some(until(self.next_sweep)), timer, farewell, post, self.stop_by.map(until)]
            .into_iter()
            .flatten()
            .min()
    }

    fn turn(&mut self, ready: &[Token]) {
        let now = Now::take();
        let read: usize = ready.iter().map(|token| self.read(now, *token)).sum();
        let passed = self.read_post(now);
        if self.obey(now) {
            // What follows from a command comes before what time brings: a phone's packets are in the codec that is asked for.
            self.drain(now);
        }
        let mut due = 0;
        while let Some((at, room)) = self.timers.pop_due(now.at) {
            due += 1;
            self.load.met(now.at.saturating_duration_since(at));
            self.with_room(room, |slot| slot.handle_timeout(now));
        }
        self.bid_farewell(|farewells| farewells.handle_timeout(now));
        self.pacing.happened(now.at, read + passed + due);
        if now.at >= self.next_sweep {
            self.sweep(now);
        }
        self.drain(now);
        self.post.flush();
    }

    /// Reads from a socket that is ready: how often there was something.
    fn read(&mut self, now: Now, token: Token) -> usize {
        match token.0 {
            ..LISTENERS => return self.read_rtc(now, token),
            LISTENERS..PHONES => self.accept(now, token),
            PHONES..CONNECTIONS => self.read_phone(now, token),
            CONNECTIONS.. => self.read_ice_tcp(now, token),
        }
        1
    }

    /// Executes the commands that wait; whether there were any.
    fn obey(&mut self, now: Now) -> bool {
        for count in 0..COMMANDS_AT_ONCE {
            let command = self.inbox.commands.try_recv();
            // Whoever a command was passed on for has arrived before it.
            self.take_parcels(now);
            let Ok(command) = command else { return count > 0 };
            self.execute_or_drop(now, command);
        }
        true
    }

    /// What other workers have for this one: how many packets.
    fn read_post(&mut self, now: Now) -> usize {
        self.take_parcels(now);
        let mut count = 0;
        while count < READ_AT_ONCE
            && let Some(packet) = self.inbox.packets.pop()
        {
            count += 1;
            match packet {
                Packet::Datagram { via, from, to, data } => {
                    let packet = Receive { proto: room::Protocol::Udp, src: from, dst: to, data: &data };
                    self.receive(now, via, packet);
                }
                Packet::Forwarded { id, packet } => self.guest_told(now, id, &Told::Packet(packet)),
            }
        }
        count
    }

    fn take_parcels(&mut self, now: Now) {
        while let Ok(parcel) = self.inbox.parcels.try_recv() {
            match parcel {
                Parcel::Arrival(arrival) => self.take_in(now, *arrival),
                Parcel::Visit(visit) => self.welcome(now, *visit),
                Parcel::Connection(connection) if !self.ice_tcp.is_full() => {
                    if let Some(token) = self.ice_tcp.give(connection) {
                        self.read_ice_tcp(now, token);
                    }
                }
                Parcel::Connection(_) => {}
            }
        }
    }

    fn read_rtc(&mut self, now: Now, token: Token) -> usize {
        let index = token.0 - RTC.0;
        let mut buffer = [0; DATAGRAM];
        for count in 0..READ_AT_ONCE {
            let Some((length, src, dst)) = self.rtc.receive(index, &mut buffer) else { return count };
            let packet = Receive { proto: room::Protocol::Udp, src, dst, data: &buffer[..length] };
            self.receive(now, self.me, packet);
        }
        self.unread.push(token);
        READ_AT_ONCE
    }

    /// A datagram that came to the sockets of a worker.
    fn receive(&mut self, now: Now, via: usize, packet: Receive<'_>) {
        let path = (via, packet.src);
        let (room, peer) = match self.demux.find(path, packet.data) {
            Found::Known(peer) => peer,
            Found::Claimed(peer) if self.is_proven(now, peer, &packet) => {
                self.demux.learn(path, peer);
                peer
            }
            Found::Elsewhere(worker) if via == self.me => {
                let Receive { src: from, dst: to, data, .. } = packet;
                let data = data.to_vec();
                return self.post.packet(worker, Packet::Datagram { via, from, to, data });
            }
            Found::Claimed(_) | Found::Elsewhere(_) | Found::Nobody => return,
        };
        self.with_room(room, |slot| slot.room.handle_packet(now.at, peer, packet));
    }

    /// Whether a packet is whose it says. Until then its address counts for nothing.
    fn is_proven(&mut self, now: Now, (room, id): Peer, packet: &Receive<'_>) -> bool {
        self.with_room(room, |slot| slot.room.accepts_packet(now.at, id, packet)) == Some(true)
    }

    /// Somebody connects for ICE over TCP.
    fn accept(&mut self, now: Now, listener: Token) {
        for token in self.ice_tcp.accept(now.at, listener) {
            self.read_ice_tcp(now, token);
        }
    }

    pub(super) fn read_ice_tcp(&mut self, now: Now, token: Token) {
        let mut buffer = [0; DATAGRAM];
        for _ in 0..READ_AT_ONCE {
            let Some(frame) = self.ice_tcp.receive(token, &mut buffer) else { return };
            let Frame { length, from, to, .. } = frame;
            let packet = Receive { proto: room::Protocol::Tcp, src: from, dst: to, data: &buffer[..length] };
            let Some((room, peer)) = frame.peer.or_else(|| self.introduced(now, token, &packet)) else {
                return self.hand_over(token, &packet);
            };
            self.with_room(room, |slot| slot.room.handle_packet(now.at, peer, packet));
        }
        self.unread.push(token);
    }

    /// Whose a connection is by its first packet, which has to prove it.
    fn introduced(&mut self, now: Now, token: Token, packet: &Receive<'_>) -> Option<Peer> {
        let peer = self.demux.named(packet.data)?;
        self.is_proven(now, peer, packet).then(|| {
            self.ice_tcp.belongs(token, peer);
            peer
        })
    }

    /// A connection of nobody here: of somebody who was moved to another worker, or it is closed.
    fn hand_over(&mut self, token: Token, packet: &Receive<'_>) {
        let worker = self.demux.named_elsewhere(packet.data, (self.me, packet.src));
        let Some(ticket) = worker.and_then(|worker| self.post.reserve(worker).ok()) else {
            return self.ice_tcp.close(token);
        };
        if let Some(connection) = self.ice_tcp.take_new(token, packet.data) {
            self.post.send(ticket, Parcel::Connection(connection));
        }
    }

    fn read_phone(&mut self, now: Now, token: Token) {
        let (base, rtcp) = (Token(token.0 & !1), token.0 & 1 == 1);
        let Some(PhoneAt { room, participant }) = self.phones.get(&base).copied() else { return };
        let mut more = false;
        let mut buffer = [0; DATAGRAM];
        self.with_room(room, |slot| {
            if let Some(phone) = slot.phones.get_mut(&participant) {
                more = phone.receive(now.at, rtcp, &mut slot.room, &mut buffer);
            }
        });
        if more {
            self.unread.push(token);
        }
    }

    fn sweep(&mut self, now: Now) {
        self.next_sweep = now.at + SWEEP;
        self.load.publish(now.at);
        self.ports.look(now.at);
        // Rooms in which nobody is missing are not touched.
        let lost = self.rooms.values().filter(|slot| slot.has_lost_ends());
        let keys: Vec<RoomKey> = lost.map(|slot| slot.key).collect();
        for key in keys {
            self.with_room(key, |slot| slot.sweep(now));
        }
        self.ice_tcp.sweep(now.at, |peer| self.demux.knows(peer));
    }

    /// Lets every touched room say what it wants done, and when it wants to be called next.
    fn drain(&mut self, now: Now) {
        while let Some(key) = self.touched.pop() {
            self.drain_room(now, key);
        }
    }

    pub(super) fn drain_room(&mut self, now: Now, key: RoomKey) {
        let Some(slot) = self.rooms.get_mut(&key) else { return };
        let drain = AssertUnwindSafe(|| {
            let drained = slot.drain(now, &self.rtc, &mut self.ice_tcp, &mut self.demux);
            (drained, slot.next_timeout())
        });
        match catch_unwind(drain) {
            Ok((drained, next_timeout)) => {
                for phone in drained.phones {
                    self.phones.remove(&phone.sockets.token);
                    self.bid_farewell(|farewells| farewells.take(now, phone));
                }
                if self.stop_by.is_some() {
                    self.bid_farewell(|farewells| farewells.close(now));
                }
                for participant in drained.left {
                    self.moved.forget((key, participant));
                }
                for (id, told) in drained.told {
                    self.carry(now, id, told);
                }
                for (id, asked) in drained.asked {
                    self.ask_back(now, id, asked);
                }
                if drained.closed {
                    self.remove_room(now, key);
                } else {
                    self.timers.set(key, next_timeout);
                }
            }
            Err(_) => self.crashed(now, key),
        }
    }

    /// Phones that fail inside while they are being left are let go of: their calls notice.
    fn bid_farewell(&mut self, act: impl FnOnce(&mut Farewells)) {
        if catch_unwind(AssertUnwindSafe(|| act(&mut self.farewells))).is_err() {
            tracing::error!("a phone failed inside while it was being left");
            self.farewells = Farewells::default();
        }
    }

    /// A command that fails outside of any room is dropped: whoever asked gets no answer, and everybody else goes on.
    fn execute_or_drop(&mut self, now: Now, command: Command) {
        if catch_unwind(AssertUnwindSafe(|| self.execute(now, command))).is_err() {
            tracing::error!("a command to a media worker failed inside and was dropped");
        }
    }

    /// Does something with a room; whatever follows from it is carried out at the end of the turn.
    pub(super) fn with_room<T>(&mut self, key: RoomKey, act: impl FnOnce(&mut RoomSlot) -> T) -> Option<T> {
        let slot = self.rooms.get_mut(&key)?;
        if !std::mem::replace(&mut slot.dirty, true) {
            self.touched.push(key);
        }
        match catch_unwind(AssertUnwindSafe(|| act(slot))) {
            Ok(value) => Some(value),
            Err(_) => {
                self.crashed(Now::take(), key);
                None
            }
        }
    }

    /// A room whose code panicked is not trusted any more: its sessions end when their queues do, its calls likewise.
    fn crashed(&mut self, now: Now, key: RoomKey) {
        let name = self.rooms.get(&key).map(|slot| slot.name.clone()).unwrap_or_default();
        tracing::error!(room = %name, "a room failed inside and was closed");
        self.remove_room(now, key);
    }

    fn remove_room(&mut self, now: Now, key: RoomKey) {
        let Some(slot) = self.rooms.remove(&key) else { return };
        for phone in slot.phones.values() {
            self.phones.remove(&phone.sockets.token);
        }
        self.moved.forget_room(key);
        self.end_forwardings(now, key);
        self.demux.remove_room(key);
        self.timers.remove(key);
        if self.names.get(&slot.name) == Some(&key) {
            self.names.remove(&slot.name);
            self.directory.closed(&slot.name);
        }
    }

    pub(super) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// A token for a phone's two sockets.
    pub(super) fn phone_token(&mut self) -> Token {
        let token = Token(self.next_token);
        self.next_token += 2;
        token
    }
}
