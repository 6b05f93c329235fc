//! Names of next hops that the agent asks for: looked up beside the driver, a bounded number at once.

use std::sync::Arc;

use sip::{LegId, NamedHop};
use tokio::sync::{Semaphore, mpsc};

use super::NetEvent;
use crate::resolve::{Resolver, named};
use crate::stats::Fill;
use crate::tls::Profiles;

/// Beyond it calls go on the way they began.
const AT_ONCE: usize = 256;

#[derive(Debug)]
pub(super) struct Names {
    resolver: Arc<Resolver>,
    profiles: Arc<Profiles>,
    events: mpsc::Sender<NetEvent>,
    places: Arc<Semaphore>,
    /// Names that were not looked up.
    refused: u64,
}

impl Names {
    pub(super) fn new(
        resolver: Arc<Resolver>,
        profiles: Arc<Profiles>,
        events: mpsc::Sender<NetEvent>,
    ) -> Self {
        Self { resolver, profiles, events, places: Arc::new(Semaphore::new(AT_ONCE)), refused: 0 }
    }

    pub(super) fn fill(&self) -> Fill {
        let held = AT_ONCE - self.places.available_permits();
        Fill { what: "sip_lookups", held, most: AT_ONCE, refused: self.refused }
    }

    /// Its answer comes as an event.
    pub(super) fn look_up(&mut self, leg: LegId, hop: NamedHop) {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            self.refused += 1;
            return;
        };
        let (resolver, profiles, events) =
            (self.resolver.clone(), self.profiles.clone(), self.events.clone());
        tokio::spawn(async move {
            // Until the driver has taken the answer: what waits for it is bounded too.
            let _place = place;
            let found = named::destinations(&resolver, &profiles, &hop).await;
            // The driver may have ended meanwhile.
            let _ = events.send(NetEvent::Resolved { leg, hop, found }).await;
        });
    }
}
