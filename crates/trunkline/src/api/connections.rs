//! How many connections there may be, in all and from one place, so that no client keeps the others out.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics::{Bound, Refused};

/// Connections at a time, those of signalling included; more wait in the listener's backlog.
pub(super) const MOST: usize = 32 * 1024;
/// Of them from one address. Not of this machine: a proxy may stand there for everybody.
const MOST_OF_ONE: usize = MOST / 4;

/// The places for connections. Clones share them.
#[derive(Clone)]
pub(crate) struct Connections {
    free: Arc<Semaphore>,
    places: Arc<Mutex<HashMap<IpAddr, usize>>>,
    refused: Refused,
}

/// A place for one more connection, whoever it is.
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

/// A connection that is let in, until it is dropped.
pub(super) struct Admitted {
    _place: Place,
    of: IpAddr,
    places: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Connections {
    pub(crate) fn new() -> Self {
        Self { free: Arc::new(Semaphore::new(MOST)), places: Arc::default(), refused: Refused::default() }
    }

    /// Waits until there may be one more.
    pub(super) async fn place(&self) -> Option<Place> {
        let permit = self.free.clone().acquire_owned().await.ok()?;
        Some(Place { _permit: permit })
    }

    /// Gives the place to a client, unless it has too many already.
    pub(super) fn admit(&self, place: Place, client: IpAddr) -> Option<Admitted> {
        let client = network(client);
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let count = places.entry(client).or_default();
        if *count >= MOST_OF_ONE && !client.is_loopback() {
            self.refused.count();
            return None;
        }
        *count += 1;
        Some(Admitted { _place: place, of: client, places: self.places.clone() })
    }

    /// For the metrics.
    pub(crate) fn bound(&self) -> Bound {
        let held = MOST - self.free.available_permits();
        Bound { what: "http_connections", held, most: MOST, refused: self.refused.total() }
    }

    /// Ready when no connection is left.
    pub(crate) async fn none_left(&self) {
        let all = u32::try_from(MOST).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        drop(self.free.acquire_many(all).await);
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = places.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                places.remove(&self.of);
            }
        }
    }
}

/// One client of IPv6 has a whole /64 (RFC 6177).
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(ip) if !ip.is_loopback() => {
            let [a, b, c, d, ..] = ip.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn fill(connections: &Connections, client: IpAddr) -> Vec<Admitted> {
        let mut admitted = Vec::new();
        while admitted.len() < MOST - 1
            && let Some(one) = connections.admit(connections.place().await.unwrap(), client)
        {
            admitted.push(one);
        }
        admitted
    }

    #[tokio::test]
    async fn one_address_cannot_take_every_place() {
        let connections = Connections::new();
        let (greedy, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let mut held = fill(&connections, greedy).await;
        assert_eq!(held.len(), MOST_OF_ONE);
        assert!(connections.admit(connections.place().await.unwrap(), other).is_some());
        held.pop();
        assert!(
            connections.admit(connections.place().await.unwrap(), greedy).is_some(),
            "a place is free again"
        );
        drop(held);
        connections.none_left().await;
        assert!(connections.places.lock().unwrap().is_empty(), "nothing is kept of clients that have gone");
    }

    #[tokio::test]
    async fn a_proxy_on_this_machine_may_have_them_all() {
        let connections = Connections::new();
        assert_eq!(fill(&connections, IpAddr::from([127, 0, 0, 1])).await.len(), MOST - 1);
    }

    #[test]
    fn neighbours_in_one_network_of_ipv6_are_one_client() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
