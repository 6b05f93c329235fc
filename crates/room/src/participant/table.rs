//! Everybody in the room, in the order they joined, and when each wants to be looked at.
//!
//! Only who was touched is asked again when that is: what a packet costs does not grow with those it is not for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::Participant;
use crate::ids::ParticipantId;

/// The participants of a room.
#[derive(Default)]
pub(crate) struct Participants {
    entries: BTreeMap<ParticipantId, Entry>,
    /// Those whose next time may be another than is known here.
    touched: Vec<ParticipantId>,
    /// Who wants to be looked at, the next first.
    due: BTreeSet<(Instant, ParticipantId)>,
}

struct Entry {
    /// Boxed: a node of the map has places for eleven.
    participant: Box<Participant>,
    due: Option<Instant>,
    touched: bool,
}

impl Participants {
    pub(crate) fn get(&self, id: &ParticipantId) -> Option<&Participant> {
        self.entries.get(id).map(|entry| &*entry.participant)
    }

    pub(crate) fn get_mut(&mut self, id: &ParticipantId) -> Option<&mut Participant> {
        let entry = self.entries.get_mut(id)?;
        if !std::mem::replace(&mut entry.touched, true) {
            self.touched.push(*id);
        }
        Some(&mut entry.participant)
    }

    pub(crate) fn insert(&mut self, id: ParticipantId, participant: Participant) {
        self.remove(&id);
        self.entries.insert(id, Entry { participant: Box::new(participant), due: None, touched: true });
        self.touched.push(id);
    }

    pub(crate) fn remove(&mut self, id: &ParticipantId) -> Option<Participant> {
        let entry = self.entries.remove(id)?;
        if let Some(due) = entry.due {
            self.due.remove(&(due, *id));
        }
        Some(*entry.participant)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &ParticipantId> {
        self.entries.keys()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &Participant> {
        self.entries.values().map(|entry| &*entry.participant)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&ParticipantId, &Participant)> {
        self.entries.iter().map(|(id, entry)| (id, &*entry.participant))
    }

    /// Everybody, each to be asked again.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&ParticipantId, &mut Participant)> {
        let touched = &mut self.touched;
        self.entries.iter_mut().map(|(id, entry)| {
            if !std::mem::replace(&mut entry.touched, true) {
                touched.push(*id);
            }
            (id, &mut *entry.participant)
        })
    }

    /// When the first of them wants to be looked at.
    pub(crate) fn next_due(&mut self) -> Option<Instant> {
        self.settle();
        self.due.first().map(|(at, _)| *at)
    }

    /// Those who want to be looked at by now, in the order they joined.
    pub(crate) fn overdue(&mut self, now: Instant, into: &mut Vec<ParticipantId>) {
        self.settle();
        into.extend(self.due.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id));
        into.sort_unstable();
    }

    fn settle(&mut self) {
        while let Some(id) = self.touched.pop() {
            // Who has gone meanwhile is not asked.
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            entry.touched = false;
            let due = entry.participant.remote().map(|remote| remote.next_timeout());
            if due == entry.due {
                continue;
            }
            let before = std::mem::replace(&mut entry.due, due);
            // In this order: a set that is empty for a moment gives its memory back.
            self.due.extend(due.map(|at| (at, id)));
            if let Some(before) = before {
                self.due.remove(&(before, id));
            }
        }
    }
}
