//! The ports of the phones' media: an even one for RTP and the odd one above it for RTCP (RFC 3550 §11).
//!
//! The search begins at random, so that nobody can guess where the next call will be. A port that was in use rests before
//! it is given out again: a phone that has not heard of the end yet must not be heard in another call.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rand::Rng;

use crate::metrics::Bound;

/// How long a port rests.
const REST: Duration = Duration::from_secs(30);
/// How long at least, when no other is free.
const SHORT_REST: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct State {
    /// RTP ports in use.
    leased: HashSet<u16>,
    /// RTP ports at rest, since when.
    resting: HashMap<u16, Instant>,
    /// Calls that got none.
    refused: u64,
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
    pool: PortPool,
}

impl PortPool {
    pub(super) fn new(ports: &RangeInclusive<u16>) -> Self {
        let first = ports.start().saturating_add(ports.start() % 2);
        let pairs = (u32::from(*ports.end()) + 1).saturating_sub(u32::from(first)) / 2;
        let state = State { leased: HashSet::new(), resting: HashMap::new(), refused: 0 };
        Self { first, pairs: u16::try_from(pairs).unwrap_or(0), state: Arc::new(Mutex::new(state)) }
    }

    /// Binds a free pair of ports of this address; `None` when there is none.
    pub(super) fn lease(&self, bind: IpAddr, rng: &mut impl Rng, now: Instant) -> Option<PortPair> {
        let found = self.search(bind, rng, now, REST).or_else(|| self.search(bind, rng, now, SHORT_REST));
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

    fn search(&self, bind: IpAddr, rng: &mut impl Rng, now: Instant, rest: Duration) -> Option<PortPair> {
        let start = rng.random_range(0..self.pairs.max(1));
        for step in 0..self.pairs {
            let index = (u32::from(start) + u32::from(step)) % u32::from(self.pairs);
            let port = self.first + 2 * u16::try_from(index).ok()?;
            if self.reserve(port, now, rest) {
                let mut pair = PortPair { rtp: None, rtcp: None, port, pool: self.clone() };
                if pair.bind(bind).is_ok() {
                    return Some(pair);
                }
                // Somebody else has the port: dropping the pair lets it rest.
            }
        }
        None
    }

    fn reserve(&self, port: u16, now: Instant, rest: Duration) -> bool {
        let mut state = self.state();
        if let Some(since) = state.resting.get(&port)
            && now.saturating_duration_since(*since) < rest
        {
            return false;
        }
        state.resting.remove(&port);
        state.leased.insert(port)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PortPair {
    fn bind(&mut self, address: IpAddr) -> std::io::Result<()> {
        let open = |port| {
            let socket = UdpSocket::bind(SocketAddr::new(address, port))?;
            socket.set_nonblocking(true)?;
            Ok::<_, std::io::Error>(socket)
        };
        let (rtp, rtcp) = (open(self.port)?, open(self.port + 1)?);
        self.rtp = Some(rtp);
        self.rtcp = Some(rtcp);
        Ok(())
    }
}

impl Drop for PortPair {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        state.leased.remove(&self.port);
        state.resting.insert(self.port, Instant::now());
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
        let _pair = pool.lease(LOOPBACK, &mut rng, now + Duration::from_secs(31)).unwrap();
        assert_eq!(pool.bound(), Bound { what: "rtp_ports", held: 1, most: 1, refused: 2 });
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
