//! Next hops that failed lately: tried after the others for a while (RFC 3263 §4.3).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sip::{Destination, Transport};

/// How long a next hop that failed comes last.
const USUAL: Duration = Duration::from_secs(30);
/// A peer may ask for more (Retry-After), up to this.
const LONGEST: Duration = Duration::from_secs(600);
/// Next hops remembered.
const MAX: usize = 1024;

/// Who is to be tried last, and until when. Nobody is left out: the last one left may be the only one.
#[derive(Debug, Default)]
pub(crate) struct Penalties(Mutex<HashMap<(Transport, SocketAddr), Instant>>);

impl Penalties {
    pub(crate) fn add(&self, now: Instant, hop: Destination, retry_after: Option<Duration>) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if table.len() >= MAX {
            table.retain(|_, until| *until > now);
        }
        if table.len() < MAX {
            let pause = retry_after.unwrap_or(USUAL).clamp(USUAL, LONGEST);
            table.insert((hop.transport, hop.addr), now + pause);
        }
    }

    /// Moves those that failed lately behind the others; the order stays otherwise.
    pub(crate) fn sort(&self, now: Instant, hops: &mut [Destination]) {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hops.sort_by_key(|hop| table.get(&(hop.transport, hop.addr)).is_some_and(|until| *until > now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_failed_comes_last_for_a_while_and_the_order_stays_otherwise() {
        let hop = |port| Destination::new(Transport::Udp, SocketAddr::from(([192, 0, 2, 1], port)));
        let (start, penalties) = (Instant::now(), Penalties::default());
        penalties.add(start, hop(1), None);
        penalties.add(start, hop(3), Some(Duration::from_secs(120)));
        let order = |after| {
            let mut hops = [1, 2, 3, 4].map(hop);
            penalties.sort(start + Duration::from_secs(after), &mut hops);
            hops.map(|hop| hop.addr.port())
        };
        assert_eq!(order(0), [2, 4, 1, 3]);
        assert_eq!(order(31), [1, 2, 4, 3]);
        assert_eq!(order(121), [1, 2, 3, 4]);
        for port in 0..u16::MAX {
            penalties.add(start, hop(port), None);
        }
        assert!(penalties.0.lock().expect("not poisoned").len() <= MAX);
    }
}
