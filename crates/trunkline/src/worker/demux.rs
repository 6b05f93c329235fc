//! Which peer a datagram on the WebRTC socket belongs to.
//!
//! The first packet of a peer is a STUN request that names our ICE user fragment and proves to know the password; from then
//! on its source address tells. A packet that is neither is dropped at the cost of one look-up, or of one digest.

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

/// Whose a packet may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It comes from an address of this peer.
    Known(Peer),
    /// It names this peer, from an address that is not known as its own: to be proven, then [`Demux::learn`]ed.
    Claimed(Peer),
    Nobody,
}

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

    /// Whose packet this is by the user fragment it names, if it does.
    pub(super) fn named(&self, packet: &[u8]) -> Option<Peer> {
        stun_username_ufrag(packet).and_then(|fragment| self.by_fragment.get(fragment)).copied()
    }

    /// Whether the peer is still there.
    pub(super) fn knows(&self, peer: &Peer) -> bool {
        self.names.contains_key(peer)
    }

    /// Whose packet this is.
    pub(super) fn find(&self, from: SocketAddr, packet: &[u8]) -> Found {
        let known = self.by_address.get(&from).copied();
        // STUN comes first: a client may use an address again for its next connection.
        let named = if packet.first().is_some_and(|byte| *byte < 4) {
            stun_username_ufrag(packet).and_then(|fragment| self.by_fragment.get(fragment)).copied()
        } else {
            None
        };
        match (known, named) {
            (Some(known), Some(named)) if known == named => Found::Known(known),
            (_, Some(named)) => Found::Claimed(named),
            (Some(known), None) => Found::Known(known),
            (None, None) => Found::Nobody,
        }
    }

    /// The address is this peer's, whoever's it was before: a packet from there has proven it.
    pub(super) fn learn(&mut self, from: SocketAddr, peer: Peer) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(room: u64) -> Peer {
        (RoomKey(room), PeerId::default())
    }

    fn from(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    /// A binding request to this user fragment.
    fn check(fragment: &str) -> Vec<u8> {
        let mut packet = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        packet.resize(20, 7);
        let name = format!("{fragment}:xxxx");
        packet.extend([0, 6, 0, u8::try_from(name.len()).unwrap()]);
        packet.extend(name.as_bytes());
        packet.resize(packet.len().next_multiple_of(4), 0);
        packet
    }

    const MEDIA: [u8; 12] = [0x80; 12];

    #[test]
    fn a_name_alone_moves_no_address() {
        let mut demux = Demux::default();
        demux.add(peer(1), "aaaa".to_owned());
        demux.add(peer(2), "bbbb".to_owned());
        assert_eq!(demux.find(from(1), &check("aaaa")), Found::Claimed(peer(1)));
        assert_eq!(demux.find(from(1), &MEDIA), Found::Nobody, "not proven yet");
        demux.learn(from(1), peer(1));
        assert_eq!(demux.find(from(1), &check("aaaa")), Found::Known(peer(1)));

        assert_eq!(demux.find(from(1), &check("bbbb")), Found::Claimed(peer(2)), "somebody says so");
        assert_eq!(demux.find(from(1), &MEDIA), Found::Known(peer(1)), "its media goes where it went");
        demux.learn(from(1), peer(2));
        assert_eq!(demux.find(from(1), &MEDIA), Found::Known(peer(2)), "proven: a new connection from there");
        demux.remove(peer(1));
        assert_eq!(demux.find(from(1), &MEDIA), Found::Known(peer(2)));
        demux.remove(peer(2));
        assert_eq!(demux.find(from(1), &MEDIA), Found::Nobody);
        assert_eq!(demux.find(from(1), &check("bbbb")), Found::Nobody);
    }

    #[test]
    fn a_peer_has_so_many_addresses_and_names_and_no_more() {
        let mut demux = Demux::default();
        for name in ["a", "b", "c", "d"] {
            demux.add(peer(1), name.to_owned());
        }
        assert_eq!(demux.find(from(1), &check("a")), Found::Nobody);
        for port in 1..=100 {
            demux.learn(from(port), peer(1));
        }
        assert_eq!(demux.by_address.len(), MAX_ADDRESSES);
        assert_eq!(demux.find(from(100), &MEDIA), Found::Known(peer(1)));
        demux.remove_room(RoomKey(1));
        assert!(demux.by_address.is_empty() && demux.by_fragment.is_empty() && demux.names.is_empty());
    }
}
