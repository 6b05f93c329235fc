//! One room on its worker, with everything in it: the sessions of its clients and its phones.

use std::collections::HashMap;
use std::time::{Instant, SystemTime};

use room::proto::DisconnectReason;
use room::{Asked, ForwardingId, LocalEvent, Output, ParticipantId, Protocol, Room, RpcId, Told};
use tokio::sync::mpsc;

use super::command::{CallCommand, Place, Reply, RoomKey, RpcAnswer};
use super::demux::Demux;
use super::ice_tcp::IceTcp;
use super::phone::Phone;
use super::rtc::RtcSockets;
use super::session::{ConnectionId, SignalOut};
use super::timers::SLACK;

/// Frames that a phone may be owed at once; a bridge that is later still starts its clock anew.
const MAX_OVERDUE: usize = 6;

/// The time of one turn of the worker, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) at: Instant,
    pub(super) wallclock: SystemTime,
}

impl Now {
    pub(super) fn take() -> Self {
        Self { at: Instant::now(), wallclock: SystemTime::now() }
    }
}

/// A client's signalling connection.
#[derive(Debug)]
pub(super) struct Session {
    /// Where the client was when the connection began, and is still known to be by those who read from it.
    pub(super) known_at: Place,
    connection: ConnectionId,
    outgoing: mpsc::Sender<SignalOut>,
}

/// A room.
pub(super) struct RoomSlot {
    pub(super) key: RoomKey,
    pub(super) name: String,
    pub(super) room: Room,
    pub(super) sessions: HashMap<ParticipantId, Session>,
    next_connection: u64,
    /// Boxed, as a map is larger than what it holds.
    pub(super) phones: HashMap<ParticipantId, Box<Phone>>,
    /// Whoever waits for what comes of the method calls that are under way.
    pub(super) rpcs: HashMap<RpcId, Reply<Option<RpcAnswer>>>,
    /// Something happened since the outputs were drained last.
    pub(super) dirty: bool,
}

/// What draining a room leaves to its worker.
#[derive(Debug, Default)]
pub(super) struct Drained {
    /// The room is closed: it goes.
    pub(super) closed: bool,
    /// Phones that are out of the room.
    pub(super) phones: Vec<Box<Phone>>,
    /// Who has left.
    pub(super) left: Vec<ParticipantId>,
    /// What is told of those who are forwarded, and asked for guests.
    pub(super) told: Vec<(ForwardingId, Told)>,
    pub(super) asked: Vec<(ForwardingId, Asked)>,
}

impl RoomSlot {
    pub(super) fn new(key: RoomKey, name: String, room: Room) -> Self {
        let (sessions, phones, rpcs) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { key, name, room, sessions, next_connection: 0, phones, rpcs, dirty: false }
    }

    /// Gives a client's session this signalling connection, in place of the one that it had.
    pub(super) fn connect(
        &mut self,
        participant: ParticipantId,
        outgoing: mpsc::Sender<SignalOut>,
    ) -> ConnectionId {
        let connection = ConnectionId(self.next_connection);
        self.next_connection += 1;
        let known_at = (self.key, participant);
        self.sessions.insert(participant, Session { known_at, connection, outgoing });
        connection
    }

    /// Takes over the session of a client that was in another room. Its connection keeps its number.
    pub(super) fn take_over(&mut self, participant: ParticipantId, session: Session) {
        self.next_connection = self.next_connection.max(session.connection.0 + 1);
        self.sessions.insert(participant, session);
    }

    /// Whether this is the connection that the session has now.
    pub(super) fn is_current(&self, participant: ParticipantId, connection: ConnectionId) -> bool {
        self.sessions.get(&participant).is_some_and(|session| session.connection == connection)
    }

    /// A signalling connection is closed.
    pub(super) fn disconnected(&mut self, now: Now, participant: ParticipantId, connection: ConnectionId) {
        if self.is_current(participant, connection) {
            self.sessions.remove(&participant);
            self.room.signal_closed(now.at, participant);
        }
    }

    /// When the room or one of its phones wants to be called.
    pub(super) fn next_timeout(&mut self) -> Option<Instant> {
        let phones = self.phones.values().filter_map(|phone| phone.next_timeout()).min();
        [self.room.next_timeout(), phones].into_iter().flatten().min()
    }

    /// Runs what is due, or as good as: it is then told the time it asked for.
    pub(super) fn handle_timeout(&mut self, now: Now) {
        let due = |at: &Instant| *at <= now.at + SLACK;
        for phone in self.phones.values_mut() {
            // More than once after a long turn: the phone still gets every frame it was owed.
            for _ in 0..MAX_OVERDUE {
                let Some(at) = phone.next_timeout().filter(due) else { break };
                phone.handle_timeout(at.max(now.at), now.wallclock, Some(&mut self.room));
            }
            if phone.events.has_backlog() {
                phone.events.flush();
            }
        }
        if let Some(at) = self.room.next_timeout().filter(due) {
            self.room.handle_timeout(at.max(now.at));
        }
    }

    /// Carries out everything the room wants done.
    pub(super) fn drain(
        &mut self,
        now: Now,
        rtc: &RtcSockets,
        ice_tcp: &mut IceTcp,
        demux: &mut Demux,
    ) -> Drained {
        let mut drained = Drained::default();
        self.dirty = false;
        while let Some(output) = self.room.poll_output() {
            match output {
                Output::Transmit { proto: Protocol::Tcp, src, dst, data, .. } => {
                    ice_tcp.send(src, dst, &data)
                }
                Output::Transmit { src, dst, data, .. } => rtc.send(src, dst, &data),
                Output::Local { to, event } => self.local(now, to, event, &mut drained),
                Output::Signal { to, bytes } => self.signal(now, to, SignalOut::Message(bytes)),
                Output::RefreshToken { to, claims } => self.signal(now, to, SignalOut::RefreshToken(claims)),
                Output::CloseSignal { to } => {
                    self.signal(now, to, SignalOut::Close);
                    self.sessions.remove(&to);
                }
                Output::PeerUfrag { peer, ufrag } => demux.add((self.key, peer), ufrag),
                Output::PeerGone { peer } => demux.remove((self.key, peer)),
                Output::Moved { to, moved, claims } => self.signal(now, to, SignalOut::Moved(moved, claims)),
                Output::Told { id, told } => drained.told.push((id, told)),
                Output::Asked { id, asked } => drained.asked.push((id, asked)),
                Output::RpcAnswered { id, result } => self.rpc_answered(id, result),
                Output::Left { participant, reason, .. } => {
                    drained.left.push(participant);
                    tracing::debug!(room = %self.name, ?participant, reason = reason.as_str_name(), "left");
                }
                Output::Closed => drained.closed = true,
            }
        }
        drained
    }

    /// Does what a call asks.
    pub(super) fn call(&mut self, now: Now, id: ParticipantId, command: CallCommand) {
        match command {
            CallCommand::Bridge(command) => {
                if let Some(phone) = self.phones.get_mut(&id) {
                    phone.command(now.at, *command, &mut self.room);
                }
            }
            CallCommand::Attributes(attributes) => self.room.set_attributes(now.at, id, &attributes),
            CallCommand::Data(packet) => self.room.send_data(now.at, id, &packet),
            CallCommand::Leave(reason) => self.room.leave(now.at, id, reason),
        }
    }

    /// Whether the other end of a session or of a call has gone without a word.
    pub(super) fn has_lost_ends(&self) -> bool {
        self.sessions.values().any(|session| session.outgoing.is_closed())
            || self.phones.values().any(|phone| phone.events.is_closed())
    }

    /// Finds sessions and calls whose other end has gone without a word.
    pub(super) fn sweep(&mut self, now: Now) {
        let closed: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.outgoing.is_closed())
            .map(|(id, _)| *id)
            .collect();
        for id in closed {
            self.sessions.remove(&id);
            self.room.signal_closed(now.at, id);
        }
        let closed: Vec<_> =
            self.phones.iter().filter(|(_, phone)| phone.events.is_closed()).map(|(id, _)| *id).collect();
        for id in closed {
            self.room.leave(now.at, id, DisconnectReason::ClientInitiated);
        }
    }

    fn local(&mut self, now: Now, to: ParticipantId, event: LocalEvent, drained: &mut Drained) {
        if let LocalEvent::Removed(reason) = event {
            if let Some(mut phone) = self.phones.remove(&to) {
                phone.removed(now.at, reason);
                drained.phones.push(phone);
            }
        } else if let Some(phone) = self.phones.get_mut(&to) {
            phone.room_event(now.at, event, &mut self.room);
        }
    }

    /// A WebSocket that does not take its messages in time is given up: the room must not wait for it.
    fn signal(&mut self, now: Now, to: ParticipantId, message: SignalOut) {
        let Some(session) = self.sessions.get(&to) else { return };
        if session.outgoing.try_send(message).is_err() {
            self.sessions.remove(&to);
            self.room.signal_closed(now.at, to);
        }
    }
}
