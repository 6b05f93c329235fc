//! Whose packets are believed.
//!
//! The first sender of a valid packet is latched, so that a phone behind NAT is heard at once. A sender that fits the
//! description better (its very address, else its host) always displaces one that fits worse: who can send from there
//! is the one we called. Anybody else displaces nobody until the latched sender has been silent: for a short time if the
//! newcomer goes on with the same source and sequence (a NAT that changed the port: only who has seen the stream knows
//! them), for a longer one if it is another stream from the described host or has the key of SRTP. Neither is enough, but for
//! the key, to take a call elsewhere that was at the described host: a phone that does not send silence is often quiet. Who
//! has nothing to show is a carrier that has moved the media and told nobody, or a thief: it waits so long that a call with a
//! media timeout is over before. A description with a new address opens the latch, but for a while not to whoever was latched
//! before: a fork that lost may go on talking until it has read its CANCEL. At the described host it is heard meanwhile, since
//! it may send on from where it did, but audio goes where the description says: its last packets from the old place must not
//! keep it there.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Silence after which a sender may continue the latched stream from elsewhere.
const MOVED_AFTER: Duration = Duration::from_millis(500);
/// Silence after which the latched sender is given up for another stream of the described host, or one with the key.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(5);
/// Silence after which it is given up for anybody.
const LOST_AFTER: Duration = Duration::from_secs(30);
/// How long the sender of a former description is not believed when it does not fit the new one.
const FORMER_SHUT_OUT: Duration = Duration::from_secs(3);

/// The sender whose packets are believed, and who was described.
#[derive(Debug, Default)]
pub(super) struct Latch {
    signalled: Option<SocketAddr>,
    latched: Option<Latched>,
    /// Who was latched under the description before, and when that ended.
    former: Option<(SocketAddr, Instant)>,
}

#[derive(Debug, Clone, Copy)]
struct Latched {
    from: SocketAddr,
    heard: Instant,
}

/// What speaks for a packet's sender besides its address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    /// It carries on the latched stream's SSRC and sequence.
    pub(super) continues: bool,
    /// It has the key of SRTP.
    pub(super) authentic: bool,
}

/// How well a sender fits the description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Elsewhere,
    SameHost,
    Exact,
}

impl Latch {
    /// Takes the address of a description. All zeros (hold) says nothing about where packets come from.
    pub(super) fn signalled(&mut self, now: Instant, address: SocketAddr) {
        if address.ip().is_unspecified() || self.signalled == Some(address) {
            return;
        }
        self.signalled = Some(address);
        self.former = self.latched.take().map(|latched| (latched.from, now));
    }

    /// The phone may speak again from now on: its silence until now does not count.
    pub(super) fn resumed(&mut self, now: Instant) {
        if let Some(latched) = &mut self.latched {
            latched.heard = now;
        }
    }

    /// The latched sender.
    pub(super) fn source(&self) -> Option<SocketAddr> {
        self.latched.map(|l| l.from)
    }

    /// Whether a valid packet from `from` is to be believed.
    pub(super) fn admit(&mut self, now: Instant, from: SocketAddr, claim: Claim) -> bool {
        match self.fit(from) {
            Fit::Elsewhere if self.is_former(now, from) => return false,
            Fit::SameHost if self.is_former(now, from) => return self.latched.is_none(),
            _ => {}
        }
        let admitted = self.latched.is_none_or(|latched| {
            let silent = now.saturating_duration_since(latched.heard);
            from == latched.from
                || self.fit(from) > self.fit(latched.from)
                || silent >= self.patience(latched.from, from, claim)
        });
        if admitted {
            self.latched = Some(Latched { from, heard: now });
        }
        admitted
    }

    /// How long `latched` must have been silent before `from` takes its place.
    fn patience(&self, latched: SocketAddr, from: SocketAddr, claim: Claim) -> Duration {
        let is_described = |address| self.fit(address) != Fit::Elsewhere;
        let stays_described = is_described(from) || !is_described(latched);
        match claim {
            Claim { continues: true, authentic } if authentic || stays_described => MOVED_AFTER,
            Claim { authentic: true, .. } => GIVEN_UP_AFTER,
            _ if is_described(from) => GIVEN_UP_AFTER,
            _ => LOST_AFTER,
        }
    }

    /// Whether an RTCP packet from `from` can be the phone's: it comes from the host that is latched or described.
    pub(super) fn knows_host(&self, from: SocketAddr) -> bool {
        let hosts = [self.source(), self.signalled];
        hosts.into_iter().flatten().any(|a| a.ip() == from.ip())
    }

    /// Whether it was latched under the description before, and that is not long ago.
    fn is_former(&self, now: Instant, from: SocketAddr) -> bool {
        self.former.is_some_and(|(former, ended)| {
            former == from && now.saturating_duration_since(ended) < FORMER_SHUT_OUT
        })
    }

    fn fit(&self, from: SocketAddr) -> Fit {
        match self.signalled {
            Some(address) if address == from => Fit::Exact,
            Some(address) if address.ip() == from.ip() => Fit::SameHost,
            _ => Fit::Elsewhere,
        }
    }
}
