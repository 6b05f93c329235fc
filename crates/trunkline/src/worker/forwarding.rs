//! Participants that are forwarded to other rooms: what their room tells is carried to the room where they are guests, and what
//! that asks is carried back, by function call or from worker to worker.
//!
//! Packets between workers go the way on which the oldest make way; everything else arrives, in order.

use std::collections::HashMap;

use room::{Asked, ForwardingId, Likeness, Told};

use super::MoveError;
use super::command::{Command, Place, Reply, RoomKey};
use super::directory::Placed;
use super::execute::answer;
use super::post::{Packet, Parcel};
use super::slot::Now;
use super::thread::Worker;

/// A worker's forwardings are numbered from its index times this on.
const EACH: u64 = 1 << 48;

/// A participant of a room here that is forwarded.
#[derive(Debug)]
struct Outgoing {
    room: RoomKey,
    identity: String,
    destination: String,
    /// Who has the other room.
    worker: usize,
}

/// A guest in a room here.
#[derive(Debug)]
struct Incoming {
    place: Place,
    /// Who has the room that it is in.
    worker: usize,
}

/// The forwardings that a worker has to do with.
#[derive(Debug, Default)]
pub(super) struct Forwardings {
    outgoing: HashMap<ForwardingId, Outgoing>,
    incoming: HashMap<ForwardingId, Incoming>,
    next: u64,
}

/// A participant that is to be a guest in a room of another worker, or of this one.
#[derive(Debug)]
pub(super) struct Visit {
    id: ForwardingId,
    likeness: Likeness,
    /// Who has the room that it is in.
    worker: usize,
    placed: Placed,
    reply: Reply<Result<(), MoveError>>,
}

impl Forwardings {
    /// For the worker of this index.
    pub(super) fn new(me: usize) -> Self {
        Self { next: EACH * u64::try_from(me).unwrap_or_default(), ..Self::default() }
    }

    fn is_there(&self, room: RoomKey, identity: &str, destination: &str) -> bool {
        let is_it =
            |it: &Outgoing| it.room == room && it.identity == identity && it.destination == destination;
        self.outgoing.values().any(is_it)
    }
}

impl Worker {
    /// Forwards a participant to another room, of this worker or another one. Once is enough.
    pub(super) fn forward_participant(
        &mut self,
        now: Now,
        room: &str,
        identity: &str,
        placed: Placed,
        reply: Reply<Result<(), MoveError>>,
    ) {
        let Some(key) = self.open_room(now, room) else { return answer(reply, Err(MoveError::NoRoom)) };
        if self.forwardings.is_there(key, identity, placed.room()) {
            return answer(reply, Ok(()));
        }
        let ticket = match self.post.reserve(placed.worker()) {
            Ok(ticket) => ticket,
            Err(error) => return answer(reply, Err(error)),
        };
        let id = ForwardingId(self.forwardings.next);
        self.forwardings.next += 1;
        let forwarded = self.with_room(key, |slot| slot.room.forward_participant(now.at, identity, id));
        let likeness = match forwarded {
            Some(Ok(likeness)) => likeness,
            Some(Err(error)) => return answer(reply, Err(error.into())),
            None => return answer(reply, Err(MoveError::NoRoom)),
        };
        let (destination, worker) = (placed.room().to_owned(), placed.worker());
        let outgoing = Outgoing { room: key, identity: identity.to_owned(), destination, worker };
        self.forwardings.outgoing.insert(id, outgoing);
        let visit = Visit { id, likeness, worker: self.me, placed, reply };
        self.post.send(ticket, Parcel::Visit(Box::new(visit)));
    }

    /// Takes in a guest.
    pub(super) fn welcome(&mut self, now: Now, visit: Visit) {
        let Visit { id, likeness, worker, placed, reply } = visit;
        let room = self.ensure_room(now, placed.room(), None);
        let joined = room.and_then(|room| {
            self.with_room(room, |slot| slot.room.join_guest(now.at, now.wallclock, id, &likeness))
                .map(|joined| joined.map(|participant| (room, participant)))
        });
        match joined.ok_or(MoveError::Stopped).and_then(|joined| Ok(joined?)) {
            Ok(place) => {
                self.forwardings.incoming.insert(id, Incoming { place, worker });
                answer(reply, Ok(()));
            }
            Err(refused) => {
                self.carry_back(now, worker, id, Asked::Nothing);
                answer(reply, Err(refused));
            }
        }
    }

    /// A room here tells something of somebody who is forwarded.
    pub(super) fn carry(&mut self, now: Now, id: ForwardingId, told: Told) {
        let Some(worker) = self.forwardings.outgoing.get(&id).map(|outgoing| outgoing.worker) else { return };
        if matches!(told, Told::Ended(_)) {
            self.forwardings.outgoing.remove(&id);
        }
        match told {
            told if worker == self.me => self.guest_told(now, id, &told),
            Told::Packet(packet) => self.post.packet(worker, Packet::Forwarded { id, packet }),
            told => self.post.pass_on(worker, Command::Told { id, told }),
        }
    }

    /// What the room says that a guest here is in.
    pub(super) fn guest_told(&mut self, now: Now, id: ForwardingId, told: &Told) {
        let Some(Incoming { place: (room, guest), .. }) = self.forwardings.incoming.get(&id) else { return };
        let guest = *guest;
        self.with_room(*room, |slot| slot.room.guest_told(now.at, guest, told));
    }

    /// A room here asks something of a guest's own room.
    pub(super) fn ask_back(&mut self, now: Now, id: ForwardingId, asked: Asked) {
        let Some(worker) = self.forwardings.incoming.get(&id).map(|incoming| incoming.worker) else { return };
        if asked == Asked::Nothing {
            self.forwardings.incoming.remove(&id);
        }
        self.carry_back(now, worker, id, asked);
    }

    fn carry_back(&mut self, now: Now, worker: usize, id: ForwardingId, asked: Asked) {
        if worker == self.me {
            self.forwarding_asked(now, id, asked);
        } else {
            self.post.pass_on(worker, Command::Asked { id, asked });
        }
    }

    /// The room where somebody of a room here is a guest asks something.
    pub(super) fn forwarding_asked(&mut self, now: Now, id: ForwardingId, asked: Asked) {
        let Some(room) = self.forwardings.outgoing.get(&id).map(|outgoing| outgoing.room) else { return };
        if asked == Asked::Nothing {
            self.forwardings.outgoing.remove(&id);
        }
        self.with_room(room, |slot| slot.room.forwarding_asked(now.at, id, asked));
    }

    /// A room is gone, perhaps without a word: nobody is forwarded from it, and its guests are not any more.
    pub(super) fn end_forwardings(&mut self, now: Now, room: RoomKey) {
        let outgoing = self.forwardings.outgoing.iter().filter(|(_, outgoing)| outgoing.room == room);
        for id in outgoing.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.carry(now, id, Told::Ended(room::proto::DisconnectReason::RoomClosed));
        }
        let incoming = self.forwardings.incoming.iter().filter(|(_, incoming)| incoming.place.0 == room);
        for id in incoming.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.ask_back(now, id, Asked::Nothing);
        }
    }
}
