//! The peer connections of one client: one for both ways (v1), or one for each (v0).

use std::sync::Arc;
use std::time::Instant;

use str0m::crypto::CryptoProvider;

use super::Peer;
use crate::config::Env;
use crate::lifecycle::Clock;

/// What a peer connection is for. A single one is the publisher's.
#[derive(Default, Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Role {
    /// The client publishes on it, and offers.
    #[default]
    Publisher,
    /// The client receives on it, and we offer.
    Subscriber,
}

/// A client's peer connections.
pub(crate) struct Transport {
    publisher: Peer,
    /// Boxed: a peer takes 10 KB, and most clients have but one.
    subscriber: Option<Box<Peer>>,
    /// The client counts as connected, and gets its data, with this one.
    primary: Role,
}

impl Transport {
    /// One connection for both ways, the client always offers.
    pub(crate) fn single(env: &Env, crypto: &Arc<CryptoProvider>, clock: Clock, now: Instant) -> Self {
        Self { publisher: Peer::new(env, crypto, clock, now), subscriber: None, primary: Role::Publisher }
    }

    /// A connection for each way; the subscriber's is the primary one if the client may subscribe at all.
    pub(crate) fn dual(
        env: &Env,
        crypto: &Arc<CryptoProvider>,
        clock: Clock,
        now: Instant,
        subscribes: bool,
    ) -> Self {
        Self {
            publisher: Peer::new(env, crypto, clock, now),
            subscriber: Some(Box::new(Peer::offering(env, crypto, clock, now, subscribes))),
            primary: if subscribes { Role::Subscriber } else { Role::Publisher },
        }
    }

    /// The connection the client publishes on and sends data on.
    pub(crate) fn publisher(&mut self) -> &mut Peer {
        &mut self.publisher
    }

    /// The connection the client receives tracks on.
    pub(crate) fn subscriber(&mut self) -> &mut Peer {
        match &mut self.subscriber {
            Some(subscriber) => subscriber,
            None => &mut self.publisher,
        }
    }

    /// The connection the client receives data on.
    pub(crate) fn primary(&mut self) -> &mut Peer {
        self.of(self.primary)
    }

    pub(crate) fn primary_role(&self) -> Role {
        self.primary
    }

    /// The connection of a role: the one there is, if there is but one.
    pub(crate) fn of(&mut self, role: Role) -> &mut Peer {
        match role {
            Role::Publisher => self.publisher(),
            Role::Subscriber => self.subscriber(),
        }
    }

    /// The roles that have a connection of their own.
    pub(crate) fn roles(&self) -> &'static [Role] {
        match self.subscriber {
            Some(_) => &[Role::Publisher, Role::Subscriber],
            None => &[Role::Publisher],
        }
    }

    /// When one of them wants its timeout.
    pub(crate) fn due(&self) -> Option<Instant> {
        let subscriber = self.subscriber.as_ref().and_then(|peer| peer.due());
        [self.publisher.due(), subscriber].into_iter().flatten().min()
    }
}
