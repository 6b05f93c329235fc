//! Following a client whose address changes under the pair that ICE chose: its NAT has forgotten it, or its network has
//! changed and it has not restarted ICE (yet).
//!
//! A controlled agent sends on no pair that was not nominated (RFC 8445 §8.1.1), clients on pion nominate once only, and an
//! old pair is given up after 20 s. So ICE goes on with the address it knows, and here it is translated to the one that the
//! client has now: that from which a check with the connection's password came, after nothing had come from the old one for
//! a while. Only over UDP; a client that chooses another pair is followed by ICE itself.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::net::{Protocol, Transmit};

/// An address from which nothing has come for so long may have been left: clients check their pair every 2.5 s at the latest,
/// most send all the time.
const SILENCE: Duration = Duration::from_secs(2);

/// Where a client's packets come from and go to.
#[derive(Debug, Default)]
pub(super) struct Roaming {
    path: Option<Path>,
}

#[derive(Debug, Clone, Copy)]
struct Path {
    /// Where ICE sends to.
    chosen: SocketAddr,
    /// Where the client is.
    actual: SocketAddr,
    /// When something last came from there.
    heard: Option<Instant>,
}

impl Roaming {
    /// Whether a packet means that the client has moved to where it came from, if it is a check that proves the password.
    pub(super) fn may_have_moved(&self, now: Instant, source: SocketAddr, data: &[u8]) -> bool {
        let Some(Path { actual, heard: Some(heard), .. }) = self.path else { return false };
        source != actual && now >= heard + SILENCE && is_stun(data)
    }

    /// The client has moved.
    pub(super) fn moved(&mut self, to: SocketAddr) {
        if let Some(path) = &mut self.path {
            path.actual = to;
        }
    }

    /// Where ICE shall believe that a packet came from.
    pub(super) fn source(&mut self, now: Instant, source: SocketAddr) -> SocketAddr {
        let Some(path) = &mut self.path else { return source };
        let heard = path.heard.get_or_insert(now);
        if source != path.actual {
            return source;
        }
        *heard = now;
        path.chosen
    }

    /// Sends a packet to where the client is.
    pub(super) fn direct(&mut self, transmit: &mut Transmit) {
        let to = transmit.destination;
        if !is_stun(&transmit.contents) && self.path.is_none_or(|path| path.chosen != to) {
            let udp = transmit.proto == Protocol::Udp;
            self.path = udp.then_some(Path { chosen: to, actual: to, heard: None });
        }
        if let Some(path) = self.path.filter(|path| path.chosen == to) {
            transmit.destination = path.actual;
        }
    }
}

/// Whether a datagram is one of ICE's checks (RFC 7983 §7).
pub(super) fn is_stun(data: &[u8]) -> bool {
    data.first().is_some_and(|first| *first < 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECK: &[u8] = &[0, 1];
    const MEDIA: &[u8] = &[0x80];

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn sent(roaming: &mut Roaming, contents: &[u8], to: SocketAddr) -> SocketAddr {
        let mut transmit = Transmit {
            proto: Protocol::Udp,
            source: address(1),
            destination: to,
            contents: contents.to_vec().into(),
        };
        roaming.direct(&mut transmit);
        transmit.destination
    }

    #[test]
    fn a_client_is_followed_once_its_old_address_is_silent() {
        let (mut roaming, now) = (Roaming::default(), Instant::now());
        let (old, new) = (address(10), address(20));
        assert_eq!(sent(&mut roaming, MEDIA, old), old);
        assert_eq!(roaming.source(now, old), old);
        let soon = now + SILENCE / 2;
        assert!(!roaming.may_have_moved(soon, new, CHECK), "it may use both");
        let later = now + SILENCE;
        assert!(!roaming.may_have_moved(later, new, MEDIA), "whose it is nobody knows");
        assert!(!roaming.may_have_moved(later, old, CHECK));
        assert!(roaming.may_have_moved(later, new, CHECK));
        roaming.moved(new);
        assert_eq!((roaming.source(later, new), roaming.source(later, address(30))), (old, address(30)));
        assert_eq!((sent(&mut roaming, MEDIA, old), sent(&mut roaming, CHECK, old)), (new, new));
        assert_eq!(sent(&mut roaming, CHECK, address(30)), address(30));
        // It may come back.
        assert!(!roaming.may_have_moved(later, old, CHECK));
        assert!(roaming.may_have_moved(later + SILENCE, old, CHECK));
    }

    #[test]
    fn what_ice_chooses_itself_counts() {
        let (mut roaming, now) = (Roaming::default(), Instant::now());
        sent(&mut roaming, MEDIA, address(10));
        roaming.source(now, address(10));
        roaming.moved(address(20));
        assert_eq!(sent(&mut roaming, MEDIA, address(30)), address(30));
        assert_eq!(roaming.source(now, address(30)), address(30));
        assert_eq!(sent(&mut roaming, CHECK, address(10)), address(10));
    }
}
