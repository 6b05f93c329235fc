//! Moving packets: into the peer connections, and whatever comes out of them to where it belongs.

use std::time::Instant;

use livekit_protocol as proto;
use proto::participant_info::State;
use str0m::net::Transmit;

use super::Room;
use crate::ids::{ParticipantId, PeerId};
use crate::output::{Output, Receive};
use crate::peer::{PeerEvent, Polled};

impl Room {
    /// A datagram for a peer connection.
    pub fn handle_packet(&mut self, now: Instant, to: PeerId, packet: Receive<'_>) {
        if self.is_too_fast(now, to.participant, packet.data) {
            return;
        }
        let Some(remote) = self.remote_mut(to.participant) else { return };
        remote.transport.of(to.role).receive(now, packet);
        self.drain_peer(now, to);
        self.flush(now);
    }

    /// Whether a packet that names a client's connection was made by that client: a user fragment is no secret, and a
    /// source address is easily forged (RFC 8445 §7.3, RFC 8489 §9.1.3).
    #[must_use]
    pub fn accepts_packet(&mut self, now: Instant, to: PeerId, packet: &Receive<'_>) -> bool {
        let Some(remote) = self.remote_mut(to.participant) else { return false };
        remote.transport.of(to.role).accepts(now, packet)
    }

    /// Something was queued in a client's peer connection: it is sent by the next [`Room::flush`].
    pub(crate) fn touch(&mut self, id: ParticipantId) {
        if let Some(remote) = self.remote_mut(id)
            && !std::mem::replace(&mut remote.dirty, true)
        {
            self.dirty.push(id);
        }
    }

    /// Sends what is queued in the peer connections, and what comes of it.
    pub(crate) fn flush(&mut self, now: Instant) {
        while let Some(id) = self.dirty.pop() {
            let Some(remote) = self.remote_mut(id) else { continue };
            remote.dirty = false;
            for role in remote.transport.roles() {
                remote.transport.of(*role).flush(now);
            }
            self.drain(now, id);
        }
    }

    /// Takes everything out of a client's peer connections.
    pub(super) fn drain(&mut self, now: Instant, participant: ParticipantId) {
        let Some(remote) = self.remote_mut(participant) else { return };
        for role in remote.transport.roles() {
            self.drain_peer(now, PeerId { participant, role: *role });
        }
    }

    fn drain_peer(&mut self, now: Instant, id: PeerId) {
        loop {
            // An event may have ended the participant.
            let Some(remote) = self.remote_mut(id.participant) else { return };
            match remote.transport.of(id.role).poll() {
                Polled::Transmit(transmit) => self.transmit(id, transmit),
                Polled::Event(event) => self.peer_event(now, id, event),
                Polled::Idle => return,
            }
        }
    }

    pub(super) fn transmit(&mut self, peer: PeerId, transmit: Transmit) {
        self.out.push_back(Output::Transmit {
            peer,
            proto: transmit.proto,
            src: transmit.source,
            dst: transmit.destination,
            data: Vec::from(transmit.contents).into(),
        });
    }

    fn peer_event(&mut self, now: Instant, from: PeerId, event: PeerEvent) {
        let id = from.participant;
        match event {
            PeerEvent::Audio(packet) => self.forward_from_client(now, from, &packet),
            PeerEvent::Video(packet) => self.forward_video(now, from, &packet),
            PeerEvent::KeyFrameWanted(section) => self.key_frame_wanted(now, id, section),
            PeerEvent::Data { reliable, data } => self.data_from_client(now, id, reliable, &data),
            PeerEvent::Broken => self.peer_broken(now, id),
            PeerEvent::Writable => self.flush_outbox(now, id),
            _ if !self.is_primary(from) => {}
            PeerEvent::Connected => self.activate(now, id),
            PeerEvent::Path { works } => {
                // Before it is connected, the time to join is all that limits it.
                if let Some(remote) = self.remote_mut(id).filter(|remote| remote.connected) {
                    remote.path_lost = (!works).then_some(remote.path_lost.unwrap_or(now));
                    self.path_changed(id, works);
                }
            }
            PeerEvent::Closed => self.peer_closed(now, id),
        }
    }

    /// The other connection of two comes and goes unnoticed: its client sees to it.
    fn is_primary(&mut self, peer: PeerId) -> bool {
        self.remote_mut(peer.participant).is_some_and(|remote| remote.transport.primary_role() == peer.role)
    }

    /// Media flows: the participant is ACTIVE.
    fn activate(&mut self, now: Instant, id: ParticipantId) {
        let Some(participant) = self.participants.get_mut(&id) else { return };
        participant.state = State::Active;
        if let Some(remote) = participant.remote_mut() {
            remote.connected = true;
            let unplaced = remote.unplaced();
            remote.negotiation.connected(now, unplaced);
        }
        self.announce(id);
        self.negotiate(now, id);
        self.flush_outbox(now, id);
    }

    /// The peer connection is of no more use: the client shall start over, or did not even start.
    pub(crate) fn peer_broken(&mut self, now: Instant, id: ParticipantId) {
        let connected = self.remote_mut(id).is_some_and(|remote| remote.connected);
        let reason = if connected {
            proto::DisconnectReason::StateMismatch
        } else {
            proto::DisconnectReason::JoinFailure
        };
        self.end(now, id, reason, true);
    }

    /// A client that leaves says so on its signalling connection as well, sooner or later.
    fn peer_closed(&mut self, now: Instant, id: ParticipantId) {
        let Some(remote) = self.remote_mut(id) else { return };
        remote.closed = true;
        remote.path_lost.get_or_insert(now);
        if !remote.signalling {
            self.end(now, id, proto::DisconnectReason::ConnectionTimeout, true);
        }
    }
}
