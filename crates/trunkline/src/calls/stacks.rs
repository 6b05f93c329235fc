//! The SIP stacks: one, and another for trunks of IPv6 where the server listens there too.

use std::net::IpAddr;
use std::time::Duration;

use sip_io::{CallOptions, Stack, StackStats, Target};

/// All of them. Clones are the same stacks.
#[derive(Debug, Clone)]
pub(crate) struct Stacks {
    usual: Stack,
    v6: Option<Stack>,
}

impl Stacks {
    pub(crate) fn new(usual: Stack, v6: Option<Stack>) -> Self {
        Self { usual, v6 }
    }

    /// The one that reaches, and is reached at, this address.
    pub(crate) fn of(&self, address: IpAddr) -> &Stack {
        self.v6.as_ref().filter(|_| address.is_ipv6()).unwrap_or(&self.usual)
    }

    /// Whether a call goes over the second stack: its trunk has an address of IPv6 and none that the first reaches.
    pub(crate) async fn is_for_v6(&self, target: &Target, options: &CallOptions) -> bool {
        let Some(v6) = &self.v6 else { return false };
        match target.host.ip() {
            Some(ip) => ip.is_ipv6(),
            None => !self.usual.reaches(target, options).await && v6.reaches(target, options).await,
        }
    }

    /// All of them, the usual one first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Stack> {
        std::iter::once(&self.usual).chain(&self.v6)
    }

    /// What they have together.
    pub(crate) async fn stats(&self) -> StackStats {
        let mut stats = StackStats::default();
        for stack in self.all() {
            stats = stats + stack.stats().await;
        }
        stats
    }

    /// See [`Stack::shutdown`].
    pub(crate) async fn shutdown(&self, grace: Duration) {
        match &self.v6 {
            Some(v6) => {
                tokio::join!(self.usual.shutdown(grace), v6.shutdown(grace));
            }
            None => self.usual.shutdown(grace).await,
        }
    }
}

impl From<Stack> for Stacks {
    fn from(usual: Stack) -> Self {
        Self::new(usual, None)
    }
}
