//! Leaving: of one participant, for whatever reason, and of all when the room closes.

use std::time::Instant;

use livekit_protocol as proto;
use proto::DisconnectReason as Why;
use proto::leave_request::Action;

use super::Room;
use crate::forwarding::Asked;
use crate::ids::{ParticipantId, PeerId};
use crate::output::{LocalEvent, Output};
use crate::participant::{Link, Participant};
use crate::peer::{Peer, Polled};
use crate::signal::leave;

impl Room {
    /// The participant's signalling connection is closed, by whomever.
    pub fn signal_closed(&mut self, now: Instant, from: ParticipantId) {
        let Some(remote) = self.remote_mut(from) else { return };
        remote.signalling = false;
        // While its media lives it may come back; with nothing left it cannot.
        match (remote.connected, remote.closed) {
            (false, _) => self.end(now, from, Why::SignalClose, true),
            (true, true) => self.end(now, from, Why::ConnectionTimeout, true),
            (true, false) => {}
        }
        self.flush(now);
    }

    /// A local participant leaves; it is told nothing more but `Removed`.
    pub fn leave(&mut self, now: Instant, id: ParticipantId, reason: Why) {
        self.end(now, id, reason, true);
        self.flush(now);
    }

    /// Removes a participant; false when nobody has this identity.
    pub fn remove(&mut self, now: Instant, identity: &str, reason: Why) -> bool {
        let Some(id) = self.by_identity.get(identity).copied() else { return false };
        self.end(now, id, reason, true);
        self.flush(now);
        true
    }

    /// Ends the room for everybody.
    pub fn close(&mut self, now: Instant, reason: Why) {
        if self.closed {
            return;
        }
        self.closed = true;
        for id in self.everybody() {
            self.end(now, id, reason, false);
        }
        self.out.push_back(Output::Closed);
    }

    /// Takes a participant out of the room. Others hear of it if `announced`.
    pub(crate) fn end(&mut self, now: Instant, id: ParticipantId, reason: Why, announced: bool) {
        if announced {
            self.tell_departure(id, reason);
        }
        self.end_forwardings(id, reason);
        self.release_tracks(now, id);
        self.rpc_destination_gone(id);
        let Some(participant) = self.participants.remove(&id) else { return };
        if self.by_identity.get(&participant.identity) == Some(&id) {
            self.by_identity.remove(&participant.identity);
        }
        let dependent = participant.is_dependent();
        self.depart(now, participant, id, reason);
        self.one_left(now, dependent);
    }

    /// Tells the others that somebody is gone.
    pub(super) fn tell_departure(&mut self, id: ParticipantId, reason: Why) {
        let Some(participant) = self.participants.get(&id).filter(|p| !p.is_hidden()) else { return };
        let info = participant.departure(reason);
        self.publish_info(info, |to| to != id);
    }

    /// One is gone; if it was the last, the room's days are numbered. Whoever is there only for others, such as an agent,
    /// changes nothing of that by going.
    pub(super) fn one_left(&mut self, now: Instant, dependent: bool) {
        self.counts_changed(now);
        if dependent {
            return;
        }
        let anybody = self.participants.values().any(|participant| !participant.is_dependent());
        if !anybody && !self.closed {
            self.empty_due = Some(now + self.config.departure_timeout);
        }
    }

    /// Ends what it publishes, and its part in what others publish.
    pub(super) fn release_tracks(&mut self, now: Instant, id: ParticipantId) {
        let Some(participant) = self.participants.get_mut(&id) else { return };
        let tracks: Vec<_> = participant.tracks.iter().map(|track| track.sid.clone()).collect();
        let subscribed: Vec<_> =
            participant.remote().map(|r| r.subscriptions.keys().cloned().collect()).unwrap_or_default();
        for track in &tracks {
            self.withdraw(now, id, track);
        }
        for track in &subscribed {
            self.unsubscribe(now, id, track);
        }
        for other in self.others(id) {
            let Some(publisher) = self.participants.get_mut(&other) else { continue };
            publisher.tracks.iter_mut().for_each(|track| track.listeners.retain(|listener| *listener != id));
            self.update_demand(other);
        }
    }

    /// The last outputs of a participant.
    fn depart(&mut self, now: Instant, participant: Participant, id: ParticipantId, reason: Why) {
        match participant.link {
            Link::Local(_) => {
                self.out.push_back(Output::Local { to: id, event: LocalEvent::Removed(reason) });
            }
            Link::Guest(guest) => {
                self.out.push_back(Output::Asked { id: guest.forwarding, asked: Asked::Nothing });
            }
            Link::Remote(mut remote) => {
                if remote.signalling {
                    // Our own fault: the client shall start over. Anything else ends its session.
                    let fault = reason == Why::StateMismatch;
                    let action = if fault { Action::Reconnect } else { Action::Disconnect };
                    self.out.push_back(Output::Signal { to: id, bytes: leave(reason, action) });
                    self.out.push_back(Output::CloseSignal { to: id });
                }
                for role in remote.transport.roles() {
                    let peer = PeerId { participant: id, role: *role };
                    self.farewell(now, peer, remote.transport.of(*role));
                }
            }
        }
        let identity = participant.identity;
        self.out.push_back(Output::Left { participant: id, identity, reason });
    }

    fn farewell(&mut self, now: Instant, id: PeerId, peer: &mut Peer) {
        peer.close(now);
        loop {
            match peer.poll() {
                Polled::Transmit(transmit) => self.transmit(id, transmit),
                Polled::Event(_) => {}
                Polled::Idle => break,
            }
        }
        self.out.push_back(Output::PeerGone { peer: id });
    }
}
