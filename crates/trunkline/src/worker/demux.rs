//! Which peer a datagram on the WebRTC socket belongs to.
//!
//! The first packet of a peer is a STUN request that names our ICE user fragment; from then on its source address tells.
//! A packet that is neither is dropped at the cost of one look-up.

use std::collections::HashMap;
use std::net::SocketAddr;

use room::peer::stun_username_ufrag;
use room::{ParticipantId, PeerId};

use super::command::RoomKey;

/// A peer connection in a room.
pub(super) type Peer = (RoomKey, PeerId);

/// Addresses that one peer may use at a time. A client with more interfaces than this loses its oldest paths.
const MAX_ADDRESSES: usize = 16;
/// User fragments that one peer may answer to: that of today, and those from before its last ICE restarts.
const MAX_FRAGMENTS: usize = 3;

#[derive(Debug, Default)]
struct Names {
    fragments: Vec<String>,
    addresses: Vec<SocketAddr>,
}

/// The peers of one worker.
#[derive(Debug, Default)]
pub(super) struct Demux {
    by_address: HashMap<SocketAddr, Peer>,
    by_fragment: HashMap<String, Peer>,
    names: HashMap<Peer, Names>,
}

impl Demux {
    /// The peer answers to this user fragment.
    pub(super) fn add(&mut self, peer: Peer, fragment: String) {
        let fragments = &mut self.names.entry(peer).or_default().fragments;
        if fragments.contains(&fragment) {
            return;
        }
        fragments.push(fragment.clone());
        if fragments.len() > MAX_FRAGMENTS {
            self.by_fragment.remove(&fragments.remove(0));
        }
        self.by_fragment.insert(fragment, peer);
    }

    /// The peer is gone.
    pub(super) fn remove(&mut self, peer: Peer) {
        let Some(names) = self.names.remove(&peer) else { return };
        for fragment in names.fragments {
            self.by_fragment.remove(&fragment);
        }
        for address in names.addresses {
            // The address may be another peer's by now.
            if self.by_address.get(&address) == Some(&peer) {
                self.by_address.remove(&address);
            }
        }
    }

    /// A peer has another name since its participant was moved: its addresses stay its own.
    pub(super) fn rename(&mut self, old: Peer, new: Peer) {
        let Some(names) = self.names.remove(&old) else { return };
        for fragment in &names.fragments {
            if let Some(peer) = self.by_fragment.get_mut(fragment) {
                *peer = new;
            }
        }
        for address in &names.addresses {
            if let Some(peer) = self.by_address.get_mut(address).filter(|peer| **peer == old) {
                *peer = new;
            }
        }
        self.names.insert(new, names);
    }

    /// The peers of a participant.
    pub(super) fn peers_of(&self, room: RoomKey, participant: ParticipantId) -> Vec<PeerId> {
        let of = |(key, peer): &&Peer| *key == room && peer.participant() == participant;
        self.names.keys().filter(of).map(|(_, peer)| *peer).collect()
    }

    /// Every peer of a room is gone.
    pub(super) fn remove_room(&mut self, room: RoomKey) {
        let peers: Vec<Peer> = self.names.keys().filter(|(of, _)| *of == room).copied().collect();
        for peer in peers {
            self.remove(peer);
        }
    }

    /// Whose packet this is.
    pub(super) fn find(&mut self, from: SocketAddr, packet: &[u8]) -> Option<Peer> {
        // STUN comes first: a client may use an address again for its next connection.
        if packet.first().is_some_and(|byte| *byte < 4)
            && let Some(peer) =
                stun_username_ufrag(packet).and_then(|fragment| self.by_fragment.get(fragment))
        {
            let peer = *peer;
            self.learn(from, peer);
            return Some(peer);
        }
        self.by_address.get(&from).copied()
    }

    fn learn(&mut self, from: SocketAddr, peer: Peer) {
        if self.by_address.insert(from, peer) == Some(peer) {
            return;
        }
        let addresses = &mut self.names.entry(peer).or_default().addresses;
        addresses.push(from);
        if addresses.len() > MAX_ADDRESSES {
            let oldest = addresses.remove(0);
            if self.by_address.get(&oldest) == Some(&peer) {
                self.by_address.remove(&oldest);
            }
        }
    }
}
