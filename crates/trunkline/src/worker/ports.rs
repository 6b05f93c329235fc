//! The ports of the phones' media: an even one for RTP and the odd one above it for RTCP (RFC 3550 §11).
//!
//! Which one a call gets is drawn at random, so that nobody can guess where the next call will be. A port that was in use drains and
//! rests before it is given out again: a phone that has not heard of the end yet must not be heard in another call. Its
//! sockets stay open, and are read once a second, until nobody has spoken for a while; who still speaks when a BYE has long
//! stopped being repeated (RFC 3261 §17.1.2.2, timer F) is no phone of ours, and keeps no port from anybody.

use std::collections::VecDeque;
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

/// Every RTP port is free, leased or at rest.
#[derive(Debug, Default)]
struct State {
    /// In no order.
    free: Vec<u16>,
    leased: usize,
    /// Those whose call ended first come first.
    resting: VecDeque<Resting>,
    looked: Option<Instant>,
    /// Calls that got none.
    refused: u64,
}

/// A port after its call.
#[derive(Debug)]
struct Resting {
    port: u16,
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
    pairs: usize,
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
        let even = ports.start().saturating_add(ports.start() % 2);
        let free: Vec<u16> = (even..*ports.end()).step_by(2).collect();
        Self { pairs: free.len(), state: Arc::new(Mutex::new(State { free, ..State::default() })) }
    }

    /// Binds a free pair of ports of this address; `None` when there is none.
    pub(super) fn lease(&self, bind: IpAddr, rng: &mut impl Rng, now: Instant) -> Option<PortPair> {
        // A port that somebody else has rests like any other.
        for _ in 0..self.pairs {
            let Some(port) = self.state().take(rng, now) else { break };
            let mut pair = PortPair { rtp: None, rtcp: None, port, bind, pool: self.clone() };
            if let Ok(Sockets { rtp, rtcp }) = Sockets::open(bind, port) {
                (pair.rtp, pair.rtcp) = (Some(rtp), Some(rtcp));
                return Some(pair);
            }
        }
        self.state().refused += 1;
        None
    }

    /// For the metrics: those at rest are not held.
    pub(super) fn bound(&self) -> Bound {
        let state = self.state();
        let (held, most) = (state.leased, self.pairs);
        Bound { what: "rtp_ports", held, most, refused: state.refused }
    }

    /// To be called about once a second: reads what still comes to those that drain, and lets the quiet ones go.
    pub(super) fn look(&self, now: Instant) {
        self.state().look(now);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A port that has rested, or else the one that has rested longest of those that are quiet.
    fn take(&mut self, rng: &mut impl Rng, now: Instant) -> Option<u16> {
        self.end_rests(now);
        let port = if self.free.is_empty() {
            self.look(now);
            let quiet = self.resting.iter().position(|resting| resting.sockets.is_none())?;
            self.resting.remove(quiet)?.port
        } else {
            self.free.swap_remove(rng.random_range(0..self.free.len()))
        };
        self.leased += 1;
        Some(port)
    }

    fn end_rests(&mut self, now: Instant) {
        let rested = |port: &Resting| now.saturating_duration_since(port.since) >= REST;
        let count = self.resting.iter().take_while(|port| rested(port)).count();
        self.free.extend(self.resting.drain(..count).map(|rested| rested.port));
    }

    fn look(&mut self, now: Instant) {
        if self.looked.is_some_and(|at| now.saturating_duration_since(at) < LOOK_EVERY) {
            return;
        }
        self.looked = Some(now);
        self.end_rests(now);
        self.resting.iter_mut().for_each(|port| port.look(now));
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
        state.leased -= 1;
        state.resting.push_back(Resting { port: self.port, since: now, heard: now, sockets });
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
        pool.state().resting[0].since = start.checked_sub(REST).unwrap();
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
