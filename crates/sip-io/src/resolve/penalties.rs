//! Next hops that failed lately: tried after the others for a while (RFC 3263 §4.3).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sip::{Destination, Transport};

use crate::stats::Fill;

/// How long a next hop that failed comes last.
const USUAL: Duration = Duration::from_secs(30);
/// A peer may ask for more (Retry-After), up to this.
const LONGEST: Duration = Duration::from_secs(600);
/// Next hops remembered.
const MAX: usize = 1024;

/// Who is to be tried last, and until when. Nobody is left out: the last one left may be the only one.
#[derive(Debug, Default)]
pub(crate) struct Penalties(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    until: HashMap<(Transport, SocketAddr), Instant>,
    /// Those that found no place.
    refused: u64,
}

impl Penalties {
    pub(crate) fn add(&self, now: Instant, hop: Destination, retry_after: Option<Duration>) {
        let mut table = self.lock();
        if table.until.len() >= MAX {
            table.until.retain(|_, until| *until > now);
        }
        if table.until.len() >= MAX {
            table.refused += 1;
            return;
        }
        let pause = retry_after.unwrap_or(USUAL).clamp(USUAL, LONGEST);
        table.until.insert((hop.transport, hop.addr), now + pause);
    }

    /// Moves those that failed lately behind the others; the order stays otherwise.
    pub(crate) fn sort(&self, now: Instant, hops: &mut [Destination]) {
        let table = self.lock();
        hops.sort_by_key(|hop| table.until.get(&(hop.transport, hop.addr)).is_some_and(|until| *until > now));
    }

    pub(crate) fn fill(&self) -> Fill {
        let table = self.lock();
        Fill { what: "sip_penalties", held: table.until.len(), most: MAX, refused: table.refused }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        let fill = penalties.fill();
        assert_eq!((fill.held, fill.most), (MAX, MAX));
        assert_eq!(fill.refused, u64::from(u16::MAX) - MAX as u64);
    }
}
