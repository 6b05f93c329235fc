//! Participants that are moved from one room to another, and where those are that were.
//!
//! A client's WebSocket and a phone's call know a participant by the room it came in by. They are not told of the move:
//! what they send is passed on from there, so nothing can overtake anything.

use std::collections::HashMap;

use room::{ParticipantId, Traveller};

use super::MoveError;
use super::command::RoomKey;
use super::directory::Placed;
use super::phone::Phone;
use super::slot::{Now, Session};
use super::thread::{PhoneAt, Worker};

/// A participant as a room of this worker knows it.
type Place = (RoomKey, ParticipantId);

/// Where participants are now, by the places at which others still know them.
#[derive(Debug, Default)]
pub(super) struct Moved(HashMap<Place, Place>);

impl Moved {
    /// Where a participant is now.
    pub(super) fn whereabouts(&self, room: RoomKey, participant: ParticipantId) -> Place {
        self.0.get(&(room, participant)).copied().unwrap_or((room, participant))
    }

    fn moved(&mut self, from: Place, to: Place) {
        self.0.values_mut().filter(|place| **place == from).for_each(|place| *place = to);
        self.0.insert(from, to);
    }

    /// A participant has left.
    pub(super) fn forget(&mut self, room: RoomKey, participant: ParticipantId) {
        self.0.retain(|_, place| *place != (room, participant));
    }

    /// A room is gone.
    pub(super) fn forget_room(&mut self, room: RoomKey) {
        self.0.retain(|_, place| place.0 != room);
    }
}

/// A participant on its way, with what its worker has of it.
struct Luggage {
    from: Place,
    traveller: Traveller,
    session: Option<Session>,
    phone: Option<Phone>,
}

impl Worker {
    /// Moves a participant to a room of this worker.
    pub(super) fn move_participant(
        &mut self,
        now: Now,
        room: &str,
        identity: &str,
        placed: &Placed,
    ) -> Result<(), MoveError> {
        let from = self.open_room(now, room).ok_or(MoveError::NoRoom)?;
        let dependent =
            self.with_room(from, |slot| slot.room.movable(identity)).ok_or(MoveError::NoRoom)??;
        let to = self.ensure_room(now, placed.room(), None).ok_or(MoveError::Stopped)?;
        self.with_room(to, |slot| slot.room.admits(identity, dependent)).ok_or(MoveError::Stopped)??;
        let luggage = self.take(now, from, identity)?;
        self.adopt(now, to, luggage);
        Ok(())
    }

    fn take(&mut self, now: Now, room: RoomKey, identity: &str) -> Result<Luggage, MoveError> {
        let taken = self.with_room(room, |slot| slot.room.take(now.at, identity));
        let (id, traveller) = taken.ok_or(MoveError::NoRoom)??;
        // What is left to tell it under its old name still reaches it.
        self.drain_room(now, room);
        let slot = self.rooms.get_mut(&room).ok_or(MoveError::NoRoom)?;
        let (session, phone) = (slot.sessions.remove(&id), slot.phones.remove(&id));
        Ok(Luggage { from: (room, id), traveller, session, phone })
    }

    fn adopt(&mut self, now: Now, room: RoomKey, luggage: Luggage) {
        let Luggage { from, traveller, session, phone } = luggage;
        let token = phone.as_ref().map(|phone| phone.sockets.token);
        let adopted = self.with_room(room, |slot| {
            let id = slot.room.adopt(now.at, now.wallclock, traveller);
            if let Some(session) = session {
                slot.take_over(id, session);
            }
            if let Some(phone) = phone {
                slot.phones.insert(id, phone.moved(id));
            }
            id
        });
        let Some(id) = adopted else { return };
        if let Some(token) = token {
            self.phones.insert(token, PhoneAt { room, participant: id });
        }
        for peer in self.demux.peers_of(from.0, from.1) {
            let (old, new) = ((from.0, peer), (room, peer.belonging_to(id)));
            self.demux.rename(old, new);
            self.ice_tcp.rename(old, new);
        }
        self.moved.moved(from, (room, id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_moved_twice_is_found_by_every_name_it_had_until_it_leaves() {
        let place = |room: u64, number: u32| (RoomKey(room), ParticipantId::from_number(number));
        let mut moved = Moved::default();
        let (first, second, third) = (place(1, 1), place(2, 5), place(3, 9));
        assert_eq!(moved.whereabouts(first.0, first.1), first);
        moved.moved(first, second);
        moved.moved(second, third);
        assert_eq!(moved.whereabouts(first.0, first.1), third);
        assert_eq!(moved.whereabouts(second.0, second.1), third);
        moved.forget(third.0, third.1);
        assert!(moved.0.is_empty());
    }
}
