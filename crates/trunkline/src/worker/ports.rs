//! The ports of the phones' media: an even one for RTP and the odd one above it for RTCP (RFC 3550 §11).
//!
//! The search begins at random, so that nobody can guess where the next call will be. A port that was in use drains and
//! rests before it is given out again: a phone that has not heard of the end yet must not be heard in another call. Its
//! sockets stay open, and are read once a second, until nobody has spoken for a while; who still speaks when a BYE has long
//! stopped being repeated (RFC 3261 §17.1.2.2, timer F) is no phone of ours, and keeps no port from anybody.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rand::Rng;

use crate::metrics::Bound;

/// How long a port rests: as long as a BYE is repeated.
const REST: Duration = Duration::from_secs(32);
/// How long nobody must have spoken to it, when no other is free.
const QUIET: Duration = Duration::from_secs(5);
/// How often those that drain are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Datagrams read from a socket in one look: more than a phone sends meanwhile.
const READ_AT_ONCE: usize = 128;

#[derive(Debug, Default)]
struct State {
    /// RTP ports in use.
    leased: HashSet<u16>,
    /// RTP ports at rest.
    resting: HashMap<u16, Resting>,
    looked: Option<Instant>,
    /// Calls that got none.
    refused: u64,
}

/// A port after its call.
#[derive(Debug)]
struct Resting {
    since: Instant,
    /// When somebody was last found to have spoken to it.
    heard: Instant,
    /// Open until it is drained.
    sockets: Option<Sockets>,
}

#[derive(Debug)]
struct Sockets {
    rtp: UdpSocket,
    rtcp: UdpSocket,
}

/// The ports of all workers.
#[derive(Debug, Clone)]
pub(super) struct PortPool {
    first: u16,
    pairs: u16,
    state: Arc<Mutex<State>>,
}

/// Two sockets and the right to their ports. The ports rest when this is dropped.
#[derive(Debug)]
pub(super) struct PortPair {
    pub(super) rtp: Option<UdpSocket>,
    pub(super) rtcp: Option<UdpSocket>,
    pub(super) port: u16,
    bind: IpAddr,
    pool: PortPool,
}

impl PortPool {
    pub(super) fn new(ports: &RangeInclusive<u16>) -> Self {
        let first = ports.start().saturating_add(ports.start() % 2);
        let pairs = (u32::from(*ports.end()) + 1).saturating_sub(u32::from(first)) / 2;
        Self { first, pairs: u16::try_from(pairs).unwrap_or(0), state: Arc::default() }
    }

    /// Binds a free pair of ports of this address; `None` when there is none.
    pub(super) fn lease(&self, bind: IpAddr, rng: &mut impl Rng, now: Instant) -> Option<PortPair> {
        let rested = |port: &Resting| now.saturating_duration_since(port.since) >= REST;
        let drained = |port: &Resting| port.sockets.is_none();
        let found = self.search(bind, rng, rested).or_else(|| {
            self.look(now);
            self.search(bind, rng, drained)
        });
        if found.is_none() {
            self.state().refused += 1;
        }
        found
    }

    /// For the metrics: those at rest are not held.
    pub(super) fn bound(&self) -> Bound {
        let state = self.state();
        let (held, most) = (state.leased.len(), usize::from(self.pairs));
        Bound { what: "rtp_ports", held, most, refused: state.refused }
    }

    /// To be called about once a second: reads what still comes to those that drain, and lets the quiet ones go.
    pub(super) fn look(&self, now: Instant) {
        let mut state = self.state();
        if state.looked.is_some_and(|at| now.saturating_duration_since(at) < LOOK_EVERY) {
            return;
        }
        state.looked = Some(now);
        state.resting.retain(|_, port| {
            port.look(now);
            now.saturating_duration_since(port.since) < REST
        });
    }

    fn search(
        &self,
        bind: IpAddr,
        rng: &mut impl Rng,
        is_free: impl Fn(&Resting) -> bool,
    ) -> Option<PortPair> {
        let start = rng.random_range(0..self.pairs.max(1));
        for step in 0..self.pairs {
            let index = (u32::from(start) + u32::from(step)) % u32::from(self.pairs);
            let port = self.first + 2 * u16::try_from(index).ok()?;
            if self.reserve(port, &is_free) {
                let mut pair = PortPair { rtp: None, rtcp: None, port, bind, pool: self.clone() };
                if let Ok(Sockets { rtp, rtcp }) = Sockets::open(bind, port) {
                    (pair.rtp, pair.rtcp) = (Some(rtp), Some(rtcp));
                    return Some(pair);
                }
                // Somebody else has the port: dropping the pair lets it rest.
            }
        }
        None
    }

    fn reserve(&self, port: u16, is_free: impl Fn(&Resting) -> bool) -> bool {
        let mut state = self.state();
        if state.resting.get(&port).is_some_and(|resting| !is_free(resting)) {
            return false;
        }
        // What it may still have open closes here, before it is opened anew.
        state.resting.remove(&port);
        state.leased.insert(port)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resting {
    fn look(&mut self, now: Instant) {
        let Some(sockets) = &self.sockets else { return };
        if sockets.drain() {
            self.heard = now;
        } else if now.saturating_duration_since(self.heard) >= QUIET {
            self.sockets = None;
        }
    }
}

impl Sockets {
    fn open(address: IpAddr, port: u16) -> io::Result<Self> {
        let open = |port| {
            let socket = UdpSocket::bind(SocketAddr::new(address, port))?;
            socket.set_nonblocking(true)?;
            Ok::<_, io::Error>(socket)
        };
        Ok(Self { rtp: open(port)?, rtcp: open(port + 1)? })
    }

    /// Reads what has come; whether anything had.
    fn drain(&self) -> bool {
        let mut came = false;
        for socket in [&self.rtp, &self.rtcp] {
            // Of a datagram nothing is left behind, however little of it is read.
            came |= (0..READ_AT_ONCE).take_while(|_| socket.recv_from(&mut [0]).is_ok()).count() > 0;
        }
        came
    }
}

impl Drop for PortPair {
    /// Whoever had the sockets has closed them. They are opened again here, known to no event loop.
    fn drop(&mut self) {
        (self.rtp, self.rtcp) = (None, None);
        let (sockets, now) = (Sockets::open(self.bind, self.port).ok(), Instant::now());
        let mut state = self.pool.state();
        state.leased.remove(&self.port);
        state.resting.insert(self.port, Resting { since: now, heard: now, sockets });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn pool(ports: RangeInclusive<u16>) -> PortPool {
        PortPool::new(&ports)
    }

    #[test]
    fn rtp_ports_are_even_and_each_pair_is_given_out_once() {
        let pool = pool(42_001..=42_009);
        let mut rng = StdRng::seed_from_u64(1);
        let now = Instant::now();
        let pairs: Vec<_> = std::iter::from_fn(|| pool.lease(LOOPBACK, &mut rng, now)).collect();
        assert!(pairs.len() <= 4);
        assert!(pairs.iter().all(|pair| pair.port % 2 == 0 && (42_002..=42_008).contains(&pair.port)));
    }

    #[test]
    fn a_port_rests_before_it_is_used_again() {
        let pool = pool(42_020..=42_021);
        let mut rng = StdRng::seed_from_u64(1);
        let now = Instant::now();
        let pair = pool.lease(LOOPBACK, &mut rng, now).unwrap();
        assert!(pool.lease(LOOPBACK, &mut rng, now).is_none(), "in use");
        drop(pair);
        assert!(pool.lease(LOOPBACK, &mut rng, now + Duration::from_secs(4)).is_none(), "at rest");
        let _pair = pool.lease(LOOPBACK, &mut rng, now + Duration::from_secs(6)).unwrap();
        assert_eq!(pool.bound(), Bound { what: "rtp_ports", held: 1, most: 1, refused: 2 });
    }

    #[test]
    fn a_port_that_is_spoken_to_is_kept_back_for_as_long_as_a_phone_may_not_know_of_the_end() {
        for port in [42_060, 42_061] {
            let pool = pool(42_060..=42_061);
            let mut rng = StdRng::seed_from_u64(1);
            let start = Instant::now();
            let pair = pool.lease(LOOPBACK, &mut rng, start).unwrap();
            drop(pair);
            let phone = UdpSocket::bind((LOOPBACK, 0)).unwrap();
            let after = |seconds| start + Duration::from_secs(seconds);
            for second in 1..31 {
                // By the kernel's loopback it is there when this returns.
                phone.send_to(b"hum", (LOOPBACK, port)).unwrap();
                assert!(pool.lease(LOOPBACK, &mut rng, after(second)).is_none(), "after {second} s");
            }
            assert!(pool.lease(LOOPBACK, &mut rng, after(34)).is_some(), "nobody keeps it for ever");
        }
    }

    #[test]
    fn a_port_whose_phone_falls_silent_is_free_when_it_has_been_for_a_while() {
        let pool = pool(42_080..=42_081);
        let mut rng = StdRng::seed_from_u64(1);
        let start = Instant::now();
        drop(pool.lease(LOOPBACK, &mut rng, start).unwrap());
        let phone = UdpSocket::bind((LOOPBACK, 0)).unwrap();
        for second in 1..4 {
            phone.send_to(b"hum", (LOOPBACK, 42_080)).unwrap();
            pool.look(start + Duration::from_secs(second));
        }
        assert!(pool.lease(LOOPBACK, &mut rng, start + Duration::from_secs(7)).is_none());
        assert!(pool.lease(LOOPBACK, &mut rng, start + Duration::from_secs(9)).is_some());
    }

    #[test]
    fn a_port_that_has_rested_comes_before_one_that_is_only_quiet() {
        let pool = pool(42_100..=42_103);
        let mut rng = StdRng::seed_from_u64(1);
        let start = Instant::now();
        let both = [(); 2].map(|()| pool.lease(LOOPBACK, &mut rng, start).unwrap());
        let [first, second] = both;
        let rested = first.port;
        drop(first);
        pool.state().resting.get_mut(&rested).unwrap().since = start.checked_sub(REST).unwrap();
        drop(second);
        let pair = pool.lease(LOOPBACK, &mut rng, start + Duration::from_secs(6)).unwrap();
        assert_eq!(pair.port, rested);
    }

    #[test]
    fn a_port_is_in_use_whatever_the_family() {
        let pool = pool(42_040..=42_041);
        let mut rng = StdRng::seed_from_u64(1);
        let v6 = IpAddr::from(std::net::Ipv6Addr::LOCALHOST);
        let pair = pool.lease(v6, &mut rng, Instant::now()).unwrap();
        assert!(pair.rtp.as_ref().unwrap().local_addr().unwrap().is_ipv6());
        assert!(pool.lease(LOOPBACK, &mut rng, Instant::now()).is_none());
    }

    #[test]
    fn a_range_without_a_whole_pair_gives_none() {
        let mut rng = StdRng::seed_from_u64(1);
        assert!(pool(42_031..=42_032).lease(LOOPBACK, &mut rng, Instant::now()).is_none());
        #[allow(clippy::reversed_empty_ranges, reason = "a range that a wrong configuration could give")]
        let empty = pool(9..=3);
        assert!(empty.lease(LOOPBACK, &mut rng, Instant::now()).is_none());
    }
}
