//! A bad network on this side of the socket: loses and delays datagrams, from a seed.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// Datagrams on their way at once; more are lost, as in a router's queue.
const MAX_HELD: usize = 256;

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trouble {
    /// The share of datagrams that are lost, 0 to 1, each by itself.
    pub loss: f64,
    /// Each takes up to so much longer, evenly spread. None overtakes another.
    pub jitter: Duration,
}

/// The way out of one socket.
#[derive(Debug)]
pub struct Path {
    trouble: Trouble,
    rng: StdRng,
    held: VecDeque<Held>,
    lost: u64,
}

#[derive(Debug)]
struct Held {
    at: Instant,
    to: SocketAddr,
    data: Vec<u8>,
}

impl Path {
    /// A way on which `trouble` happens as `seed` has it.
    #[must_use]
    pub fn new(trouble: Trouble, seed: u64) -> Self {
        Self { trouble, rng: StdRng::seed_from_u64(seed), held: VecDeque::new(), lost: 0 }
    }

    /// Puts a datagram on the way.
    pub fn push(&mut self, now: Instant, to: SocketAddr, data: &[u8]) {
        if self.held.len() >= MAX_HELD || self.rng.random_bool(self.trouble.loss.clamp(0.0, 1.0)) {
            self.lost += 1;
            return;
        }
        let arrival = now + self.trouble.jitter.mul_f64(self.rng.random_range(0.0..1.0));
        let at = self.held.back().map_or(arrival, |last| last.at.max(arrival));
        self.held.push_back(Held { at, to, data: data.to_vec() });
    }

    /// The next datagram that has passed by `now`.
    pub fn pop(&mut self, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        self.held.front().filter(|held| held.at <= now)?;
        self.held.pop_front().map(|held| (held.to, held.data))
    }

    /// When the next one will have passed.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.held.front().map(|held| held.at)
    }

    /// How many were lost.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_is_lost_and_the_rest_arrives_in_order_within_the_jitter() {
        let jitter = Duration::from_millis(40);
        let mut path = Path::new(Trouble { loss: 0.1, jitter }, 7);
        let (start, to) = (Instant::now(), SocketAddr::from(([127, 0, 0, 1], 9)));
        let mut arrived = Vec::new();
        for n in 0..2000_u32 {
            let now = start + Duration::from_millis(20) * n;
            while path.next_timeout().is_some_and(|at| at <= now) {
                let (_, data) = path.pop(now).unwrap();
                arrived.push(u32::from_be_bytes(data.try_into().unwrap()));
            }
            path.push(now, to, &n.to_be_bytes());
        }
        assert!((150..250).contains(&path.lost()), "{} of 2000 lost", path.lost());
        assert!(arrived.len() as u64 + path.lost() >= 1996, "two can be on the way at the end");
        assert!(arrived.is_sorted());
        assert!(path.pop(start).is_none(), "nothing passes before its time");
    }
}
