//! Participants that are moved from one room to another, on this worker or to another one, and where those are that were.
//!
//! A client's WebSocket and a phone's call know a participant by the place it came in by. They are not told of the move:
//! what they send is passed on from there, so nothing can overtake anything. Its packets come to the sockets that it knows and
//! are passed on as well (`demux`); what it is sent leaves from those sockets. A phone's sockets and a client's TCP connections
//! move along.

use std::collections::{BTreeMap, HashMap};

use room::proto::DisconnectReason;
use room::{ParticipantId, PeerId, Traveller};

use super::MoveError;
use super::command::{Place, Reply, RoomKey};
use super::demux::Names;
use super::directory::Placed;
use super::elsewhere::Elsewhere;
use super::execute::answer;
use super::ice_tcp::Connection;
use super::phone::Phone;
use super::post::Parcel;
use super::slot::{Now, Session};
use super::thread::{PhoneAt, Worker};

/// Where somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// In a room of this worker.
    Here(Place),
    /// With this worker, or on the way to it.
    With(usize),
}

/// Where participants are now, by the places at which they are still known. Each has one such place: that at which its session
/// or its call began.
#[derive(Debug, Default)]
pub(super) struct Moved {
    me: usize,
    here: HashMap<Place, Place>,
    /// The other way round.
    known_at: BTreeMap<Place, Place>,
    elsewhere: Elsewhere,
}

impl Moved {
    /// For the worker of this index.
    pub(super) fn new(me: usize, elsewhere: Elsewhere) -> Self {
        Self { me, elsewhere, ..Self::default() }
    }

    /// Where who is known at a place is now.
    pub(super) fn whereabouts(&self, known_at: Place) -> Whereabouts {
        if let Some(place) = self.here.get(&known_at) {
            return Whereabouts::Here(*place);
        }
        self.elsewhere.with(known_at).map_or(Whereabouts::Here(known_at), Whereabouts::With)
    }

    /// Somebody who is known at a place is at another one of this worker.
    fn arrived(&mut self, known_at: Place, place: Place) {
        self.here.insert(known_at, place);
        self.known_at.insert(place, known_at);
        if known_at.0.worker() == self.me {
            self.elsewhere.forget_place(known_at, self.me);
        }
    }

    /// Somebody who is known at a place has gone from one of this worker. It may have been known at yet another place before its
    /// client came back to it.
    fn departed(&mut self, known_at: Place, place: Place) {
        if let Some(before) = self.known_at.remove(&place) {
            self.here.remove(&before);
            if before != known_at {
                self.elsewhere.forget_place(before, self.me);
            }
        }
    }

    /// Somebody who is known at a place is with this worker.
    fn sent_to(&self, worker: usize, known_at: Place) {
        self.elsewhere.set_place(known_at, worker);
    }

    /// A participant has left.
    pub(super) fn forget(&mut self, place: Place) {
        if let Some(known_at) = self.known_at.remove(&place) {
            self.here.remove(&known_at);
            self.elsewhere.forget_place(known_at, self.me);
        }
    }

    /// A room is gone.
    pub(super) fn forget_room(&mut self, room: RoomKey) {
        let from = (room, ParticipantId::default());
        let places = self.known_at.range(from..).map(|(place, _)| *place).take_while(|place| place.0 == room);
        places.collect::<Vec<_>>().into_iter().for_each(|place| self.forget(place));
    }
}

/// A participant on its way, with everything that its worker has of it.
#[derive(Debug)]
struct Luggage {
    known_at: Place,
    traveller: Traveller,
    session: Option<Session>,
    phone: Option<Box<Phone>>,
    peers: Vec<(PeerId, Names)>,
    connections: Vec<(PeerId, Connection)>,
}

/// A participant that comes from another worker, and who waits for it to be in its room.
#[derive(Debug)]
pub(super) struct Arrival {
    luggage: Luggage,
    placed: Placed,
    reply: Reply<Result<(), MoveError>>,
}

impl Worker {
    /// Moves a participant to a room, of this worker or of another one.
    pub(super) fn move_participant(
        &mut self,
        now: Now,
        room: &str,
        identity: &str,
        placed: Placed,
        reply: Reply<Result<(), MoveError>>,
    ) {
        if placed.worker() != self.me {
            if let Err((reply, error)) = self.send_away(now, room, identity, placed, reply) {
                answer(reply, Err(error));
            }
        } else {
            answer(reply, self.move_here(now, room, identity, &placed));
        }
    }

    fn move_here(&mut self, now: Now, room: &str, identity: &str, placed: &Placed) -> Result<(), MoveError> {
        let from = self.open_room(now, room).ok_or(MoveError::NoRoom)?;
        let dependent =
            self.with_room(from, |slot| slot.room.movable(identity)).ok_or(MoveError::NoRoom)??;
        let to = self.ensure_room(now, placed.room(), None).ok_or(MoveError::Stopped)?;
        self.with_room(to, |slot| slot.room.admits(identity, dependent)).ok_or(MoveError::Stopped)??;
        let luggage = self.pack(now, from, identity)?;
        self.unpack(now, to, luggage);
        Ok(())
    }

    /// The participant is taken out of its room only when its place on the way is certain. Whoever asked has made sure that the
    /// other room takes it in.
    fn send_away(
        &mut self,
        now: Now,
        room: &str,
        identity: &str,
        placed: Placed,
        reply: Reply<Result<(), MoveError>>,
    ) -> Result<(), (Reply<Result<(), MoveError>>, MoveError)> {
        let ticket = match self.post.reserve(placed.worker()) {
            Ok(ticket) => ticket,
            Err(error) => return Err((reply, error)),
        };
        let from = self.open_room(now, room).ok_or(MoveError::NoRoom);
        let luggage = match from.and_then(|from| self.pack(now, from, identity)) {
            Ok(luggage) => luggage,
            Err(error) => return Err((reply, error)),
        };
        let (worker, known_at) = (ticket.worker(), luggage.known_at);
        for (_, names) in &luggage.peers {
            self.demux.sent_to(worker, names);
        }
        self.post.send(ticket, Parcel::Arrival(Box::new(Arrival { luggage, placed, reply })));
        // From here on what is passed on comes after it.
        self.moved.sent_to(worker, known_at);
        Ok(())
    }

    /// Takes in who comes from another worker. Its room may have ended meanwhile; there is another one then.
    pub(super) fn take_in(&mut self, now: Now, arrival: Arrival) {
        let Arrival { luggage, placed, reply } = arrival;
        match self.ensure_room(now, placed.room(), None) {
            Some(room) => {
                self.unpack(now, room, luggage);
                answer(reply, Ok(()));
            }
            // The worker stops, and everybody goes.
            None => answer(reply, Err(MoveError::Stopped)),
        }
    }

    fn pack(&mut self, now: Now, room: RoomKey, identity: &str) -> Result<Luggage, MoveError> {
        let taken = self.with_room(room, |slot| slot.room.take(now.at, identity));
        let (id, traveller) = taken.ok_or(MoveError::NoRoom)??;
        // What is left to tell it under its old name still reaches it.
        self.drain_room(now, room);
        let slot = self.rooms.get_mut(&room).ok_or(MoveError::NoRoom)?;
        let (session, mut phone) = (slot.sessions.remove(&id), slot.phones.remove(&id));
        let known_at = session.as_ref().map(|session| session.known_at);
        let known_at = known_at.or(phone.as_ref().map(|phone| phone.known_at)).unwrap_or((room, id));
        if let Some(phone) = &mut phone {
            self.phones.remove(&phone.sockets.token);
            phone.sockets.unwatch(self.poll.registry());
        }
        let (mut peers, mut connections) = (Vec::new(), Vec::new());
        for peer in self.demux.peers_of(room, id) {
            peers.extend(self.demux.take((room, peer)).map(|names| (peer, names)));
            connections
                .extend(self.ice_tcp.take((room, peer)).into_iter().map(|connection| (peer, connection)));
        }
        self.moved.departed(known_at, (room, id));
        Ok(Luggage { known_at, traveller, session, phone, peers, connections })
    }

    fn unpack(&mut self, now: Now, room: RoomKey, luggage: Luggage) {
        let Luggage { known_at, traveller, session, phone, peers, connections } = luggage;
        let adopted = self.with_room(room, |slot| {
            let id = slot.room.adopt(now.at, now.wallclock, traveller);
            if let Some(session) = session {
                slot.take_over(id, session);
            }
            id
        });
        let Some(id) = adopted else { return };
        self.moved.arrived(known_at, (room, id));
        if let Some(phone) = phone {
            self.seat(now, (room, id), phone);
        }
        for (peer, names) in peers {
            self.demux.put((room, peer.belonging_to(id)), names);
        }
        for (peer, connection) in connections {
            if let Some(token) = self.ice_tcp.give(connection.of((room, peer.belonging_to(id)))) {
                self.read_ice_tcp(now, token);
            }
        }
    }

    /// Goes on with a phone's call in a room where its participant is already.
    fn seat(&mut self, now: Now, place: Place, mut phone: Box<Phone>) {
        let (room, participant) = place;
        let token = self.phone_token();
        phone.moved(participant);
        let watched = phone.sockets.watch(self.poll.registry(), token);
        self.phones.insert(token, PhoneAt { room, participant });
        self.with_room(room, |slot| {
            slot.phones.insert(participant, phone);
            if let Err(error) = watched {
                tracing::error!(%error, "a phone that was moved cannot be heard any more");
                slot.room.leave(now.at, participant, DisconnectReason::MediaFailure);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(worker: usize, room: u64, number: u32) -> Place {
        (RoomKey::new(worker, room), ParticipantId::from_number(number))
    }

    #[test]
    fn whoever_was_moved_twice_is_found_by_the_name_it_had_until_it_leaves() {
        let mut moved = Moved::default();
        let (first, second, third) = (place(0, 1, 1), place(0, 2, 5), place(0, 3, 9));
        assert_eq!(moved.whereabouts(first), Whereabouts::Here(first));
        moved.arrived(first, second);
        moved.departed(first, second);
        moved.arrived(first, third);
        assert_eq!(moved.whereabouts(first), Whereabouts::Here(third));
        moved.forget(third);
        assert_eq!(moved.whereabouts(first), Whereabouts::Here(first));
        assert!(moved.here.is_empty() && moved.known_at.is_empty());
    }

    #[test]
    fn whoever_was_moved_between_workers_is_found_from_each_of_them() {
        let table = Elsewhere::default();
        let [mut first, mut second] = [0, 1].map(|me| Moved::new(me, table.clone()));
        let (home, away, back) = (place(0, 1, 1), place(1, 1, 1), place(0, 2, 1));
        first.sent_to(1, home);
        assert_eq!(first.whereabouts(home), Whereabouts::With(1));
        assert_eq!(
            second.whereabouts(home),
            Whereabouts::With(1),
            "it is on the way here: to be asked again"
        );
        second.arrived(home, away);
        assert_eq!(second.whereabouts(home), Whereabouts::Here(away));
        second.departed(home, away);
        second.sent_to(0, home);
        assert_eq!(second.whereabouts(home), Whereabouts::With(0));
        first.arrived(home, back);
        assert_eq!(first.whereabouts(home), Whereabouts::Here(back));
        assert_eq!(table.len(), 0, "who is home again is in no table");
        first.departed(home, back);
        first.sent_to(1, home);
        second.arrived(home, away);
        second.forget_room(away.0);
        assert_eq!((first.whereabouts(home), table.len()), (Whereabouts::Here(home), 0), "forgotten");

        // Its client comes back to it there, and is known there from then on.
        first.sent_to(1, home);
        second.arrived(home, away);
        second.departed(away, away);
        second.sent_to(0, away);
        first.arrived(away, back);
        first.forget(back);
        assert_eq!(table.len(), 0);
    }
}
