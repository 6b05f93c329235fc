//! Next hops inside a call that are named: resolved while the call goes on.

use std::sync::Arc;

use sip::msg::Host;
use sip::{Destination, NamedHop, TlsPeer, Transport};

use super::Resolver;
use crate::target::Target;
use crate::tls::Profiles;

/// Where a name leads, and over TLS whom the peer there must prove to be: what the name says, secured as the peer that
/// the call began with. Nothing when it leads nowhere.
pub(crate) async fn destinations(
    resolver: &Resolver,
    profiles: &Arc<Profiles>,
    hop: &NamedHop,
) -> Vec<Destination> {
    let target = Target { host: hop.host.clone(), port: hop.port, transport: hop.transport };
    let Ok(found) = resolver.resolve(&target, false).await else { return Vec::new() };
    if hop.transport != Transport::Tls {
        return found;
    }
    match proven(profiles.clone(), hop.peer, hop.host.clone()).await {
        Some(peer) => found.into_iter().map(|to| to.with_peer(peer)).collect(),
        None => Vec::new(),
    }
}

/// Certificates are read, which is not for a thread that serves calls.
async fn proven(profiles: Arc<Profiles>, peer: TlsPeer, host: Host) -> Option<TlsPeer> {
    tokio::task::spawn_blocking(move || profiles.renamed(peer, &host)).await.ok()?
}
