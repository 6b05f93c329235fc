//! Which peer a datagram on a WebRTC socket belongs to.
//!
//! The first packet of a peer is a STUN request that names our ICE user fragment and proves to know the password; from then
//! on its source address tells. A packet that is neither is dropped at the cost of one look-up, or of one digest.
//!
//! A peer whose participant was moved here from another worker stays reachable where it was: its packets come in there and are
//! passed on. It is found by the same names, and whoever it came from finds them in [`Elsewhere`].

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use room::peer::stun_username_ufrag;
use room::{ParticipantId, PeerId};

use super::command::RoomKey;
use super::elsewhere::{Elsewhere, Path};

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
    /// It may be for somebody who is with this worker.
    Elsewhere(usize),
    Nobody,
}

/// What one peer is found by.
#[derive(Debug)]
pub(super) struct Names {
    /// The worker whose sockets it knows.
    via: usize,
    fragments: Vec<String>,
    addresses: Vec<SocketAddr>,
}

/// The peers of one worker.
#[derive(Debug, Default)]
pub(super) struct Demux {
    me: usize,
    by_path: HashMap<Path, Peer>,
    by_fragment: HashMap<String, Peer>,
    names: BTreeMap<Peer, Names>,
    elsewhere: Elsewhere,
}

impl Demux {
    /// For the worker of this index.
    pub(super) fn new(me: usize, elsewhere: Elsewhere) -> Self {
        Self { me, elsewhere, ..Self::default() }
    }

    /// The peer answers to this user fragment.
    pub(super) fn add(&mut self, peer: Peer, fragment: String) {
        let new = Names { via: self.me, fragments: Vec::new(), addresses: Vec::new() };
        let names = self.names.entry(peer).or_insert(new);
        if names.fragments.contains(&fragment) {
            return;
        }
        let is_guest = names.via != self.me;
        names.fragments.push(fragment.clone());
        if names.fragments.len() > MAX_FRAGMENTS {
            let oldest = names.fragments.remove(0);
            self.by_fragment.remove(&oldest);
            if is_guest {
                self.elsewhere.forget_fragment(&oldest, self.me);
            }
        }
        if is_guest {
            self.elsewhere.set_fragment(&fragment, self.me);
        }
        self.by_fragment.insert(fragment, peer);
    }

    /// The peer is gone.
    pub(super) fn remove(&mut self, peer: Peer) {
        let Some(names) = self.take(peer) else { return };
        if names.via != self.me {
            names.fragments.iter().for_each(|fragment| self.elsewhere.forget_fragment(fragment, self.me));
            names.paths().for_each(|path| self.elsewhere.forget_path(path, self.me));
        }
    }

    /// The peer is moved: what it is found by goes along.
    pub(super) fn take(&mut self, peer: Peer) -> Option<Names> {
        let names = self.names.remove(&peer)?;
        for fragment in &names.fragments {
            self.by_fragment.remove(fragment);
        }
        for path in names.paths() {
            // The address may be another peer's by now.
            if self.by_path.get(&path) == Some(&peer) {
                self.by_path.remove(&path);
            }
        }
        Some(names)
    }

    /// Another worker has the peer from now on.
    pub(super) fn sent_to(&self, worker: usize, names: &Names) {
        names.fragments.iter().for_each(|fragment| self.elsewhere.set_fragment(fragment, worker));
        names.paths().for_each(|path| self.elsewhere.set_path(path, worker));
    }

    /// A peer that was taken is here now, under this name.
    pub(super) fn put(&mut self, peer: Peer, names: Names) {
        for fragment in &names.fragments {
            self.by_fragment.insert(fragment.clone(), peer);
        }
        for path in names.paths() {
            self.by_path.insert(path, peer);
        }
        if names.via == self.me {
            // It is home again, if it was away.
            names.fragments.iter().for_each(|fragment| self.elsewhere.forget_fragment(fragment, self.me));
            names.paths().for_each(|path| self.elsewhere.forget_path(path, self.me));
        }
        self.names.insert(peer, names);
    }

    /// The peers of a participant.
    pub(super) fn peers_of(&self, room: RoomKey, participant: ParticipantId) -> Vec<PeerId> {
        let of = |peer: &PeerId| peer.participant() == participant;
        self.peers_in(room).filter(of).collect()
    }

    /// Every peer of a room is gone.
    pub(super) fn remove_room(&mut self, room: RoomKey) {
        let peers: Vec<PeerId> = self.peers_in(room).collect();
        for peer in peers {
            self.remove((room, peer));
        }
    }

    fn peers_in(&self, room: RoomKey) -> impl Iterator<Item = PeerId> {
        let peers = self.names.range((room, PeerId::default())..);
        peers.map(|(peer, _)| *peer).take_while(move |(of, _)| *of == room).map(|(_, peer)| peer)
    }

    /// Whose packet this is by the user fragment it names, if it does.
    pub(super) fn named(&self, packet: &[u8]) -> Option<Peer> {
        stun_username_ufrag(packet).and_then(|fragment| self.by_fragment.get(fragment)).copied()
    }

    /// Which worker has whoever it names, if that is not one of these.
    pub(super) fn named_elsewhere(&self, packet: &[u8], path: Path) -> Option<usize> {
        self.elsewhere.find(path, Some(stun_username_ufrag(packet)?)).filter(|worker| *worker != self.me)
    }

    /// Whether the peer is still there.
    pub(super) fn knows(&self, peer: &Peer) -> bool {
        self.names.contains_key(peer)
    }

    /// Whose packet this is.
    pub(super) fn find(&self, path: Path, packet: &[u8]) -> Found {
        let known = self.by_path.get(&path).copied();
        // STUN comes first: a client may use an address again for its next connection.
        let is_stun = packet.first().is_some_and(|byte| *byte < 4);
        let fragment = if is_stun { stun_username_ufrag(packet) } else { None };
        let named = fragment.and_then(|fragment| self.by_fragment.get(fragment)).copied();
        match (known, named) {
            (Some(known), Some(named)) if known == named => Found::Known(known),
            (_, Some(named)) => Found::Claimed(named),
            (Some(known), None) => Found::Known(known),
            (None, None) => match self.elsewhere.find(path, fragment) {
                Some(worker) if worker != self.me => Found::Elsewhere(worker),
                _ => Found::Nobody,
            },
        }
    }

    /// The path is this peer's, whoever's it was before: a packet from there has proven it.
    pub(super) fn learn(&mut self, path: Path, peer: Peer) {
        if self.by_path.insert(path, peer) == Some(peer) {
            return;
        }
        let Some(names) = self.names.get_mut(&peer) else { return };
        names.addresses.push(path.1);
        let is_guest = path.0 != self.me;
        if is_guest {
            self.elsewhere.set_path(path, self.me);
        }
        if names.addresses.len() > MAX_ADDRESSES {
            let oldest = (path.0, names.addresses.remove(0));
            if self.by_path.get(&oldest) == Some(&peer) {
                self.by_path.remove(&oldest);
            }
            if is_guest {
                self.elsewhere.forget_path(oldest, self.me);
            }
        }
    }
}

impl Names {
    fn paths(&self) -> impl Iterator<Item = Path> {
        self.addresses.iter().map(|address| (self.via, *address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first room of a worker.
    fn peer(room: u64) -> Peer {
        (RoomKey::new(0, room), PeerId::default())
    }

    fn from(port: u16) -> Path {
        (0, SocketAddr::from(([192, 0, 2, 1], port)))
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
        assert_eq!(demux.by_path.len(), MAX_ADDRESSES);
        assert_eq!(demux.find(from(100), &MEDIA), Found::Known(peer(1)));
        demux.add(peer(2), "other".to_owned());
        demux.remove_room(peer(1).0);
        assert!(demux.knows(&peer(2)), "the other room's");
        demux.remove_room(peer(2).0);
        assert!(demux.by_path.is_empty() && demux.by_fragment.is_empty() && demux.names.is_empty());
    }

    #[test]
    fn a_peer_that_was_moved_is_found_where_it_was_until_it_is_gone() {
        let table = Elsewhere::default();
        let [mut first, mut second, mut third] = [0, 1, 2].map(|me| Demux::new(me, table.clone()));
        let (here, there, then) = (peer(1), peer(8), peer(9));
        first.add(here, "aaaa".to_owned());
        first.learn(from(1), here);
        assert_eq!(table.len(), 0, "who was never moved is in no table");

        let names = first.take(here).unwrap();
        first.sent_to(1, &names);
        second.put(there, names);
        assert_eq!(first.find(from(1), &MEDIA), Found::Elsewhere(1));
        assert_eq!(second.find(from(1), &MEDIA), Found::Known(there));
        // A new path, and a new name after an ICE restart: the packets still come in at the first.
        assert_eq!(first.find(from(2), &check("aaaa")), Found::Elsewhere(1));
        assert_eq!(second.find(from(2), &check("aaaa")), Found::Claimed(there));
        assert_eq!(first.find(from(2), &MEDIA), Found::Nobody, "not proven yet");
        second.learn(from(2), there);
        second.add(there, "cccc".to_owned());
        assert_eq!(first.find(from(2), &MEDIA), Found::Elsewhere(1));
        assert_eq!(first.find(from(3), &check("cccc")), Found::Elsewhere(1));

        let names = second.take(there).unwrap();
        second.sent_to(2, &names);
        third.put(then, names);
        assert_eq!(first.find(from(2), &MEDIA), Found::Elsewhere(2), "and again elsewhere");
        let names = third.take(then).unwrap();
        third.sent_to(0, &names);
        first.put(here, names);
        assert_eq!(first.find(from(2), &MEDIA), Found::Known(here));
        assert_eq!(table.len(), 0, "home again");

        let names = first.take(here).unwrap();
        first.sent_to(1, &names);
        second.put(there, names);
        second.remove(there);
        assert_eq!((table.len(), first.find(from(1), &MEDIA)), (0, Found::Nobody));
    }

    #[test]
    fn a_path_that_somebody_else_has_proven_meanwhile_stays_his() {
        let table = Elsewhere::default();
        let [mut first, mut second, mut third] = [0, 1, 2].map(|me| Demux::new(me, table.clone()));
        for (number, to) in [(1, 1), (2, 2)] {
            first.add(peer(number), format!("peer{number}"));
            first.learn(from(1), peer(number));
            let names = first.take(peer(number)).unwrap();
            first.sent_to(to, &names);
            [&mut second, &mut third][to - 1].put(peer(number), names);
        }
        second.remove(peer(1));
        assert_eq!(first.find(from(1), &MEDIA), Found::Elsewhere(2));
    }
}
