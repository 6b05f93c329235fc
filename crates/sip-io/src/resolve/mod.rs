//! From a host to addresses, in the order to try them (RFC 3263 §4.2): SRV where no port is named, then A and AAAA.
//!
//! NAPTR is not asked: the transport is the URI's, or UDP.

mod srv;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;
use sip::{Destination, Targets, Transport};
use tokio::time::timeout;

use crate::error::ResolveError;
use crate::target::Target;
use srv::Srv;

/// One question to one name server; asked twice at most.
const QUESTION_TIMEOUT: Duration = Duration::from_millis(1500);
/// SRV targets looked at; more are not worth more attempts.
const MAX_SRV: usize = 8;

/// Asks the system's name servers and `/etc/hosts`. Answers are cached as long as they allow, a bounded number.
#[derive(Debug)]
pub(crate) struct Resolver {
    dns: Result<TokioResolver, String>,
    /// Which family our sockets are of: the other's addresses are of no use.
    ipv4: bool,
    limit: Duration,
}

impl Resolver {
    pub(crate) fn new(ipv4: bool, limit: Duration, name_servers: &[SocketAddr]) -> Self {
        Self { dns: dns(ipv4, name_servers).map_err(|e| e.to_string()), ipv4, limit }
    }

    /// At least one address, in order.
    pub(crate) async fn resolve(&self, target: &Target) -> Result<Targets, ResolveError> {
        let host = target.host.to_string();
        let addresses = match timeout(self.limit, self.addresses(target)).await {
            Ok(addresses) => addresses?,
            Err(_) => return Err(ResolveError::Timeout { host }),
        };
        let usable = addresses.into_iter().filter(|a| a.is_ipv4() == self.ipv4);
        let hops = usable.map(|addr| Destination::new(target.transport, addr));
        Targets::new(hops).ok_or(ResolveError::NoAddress { host })
    }

    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, ResolveError> {
        let port = target.port.unwrap_or_else(|| target.transport.default_port());
        let Some(name) = target.host.name() else {
            return Ok(target.host.ip().map(|ip| SocketAddr::new(ip, port)).into_iter().collect());
        };
        if target.port.is_none() {
            let found = self.by_srv(name, target.transport).await;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(self.hosts(name).await?.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }

    /// Addresses by SRV records; none when there are none, whatever the reason: A and AAAA are asked then.
    async fn by_srv(&self, name: &str, transport: Transport) -> Vec<SocketAddr> {
        if is_localhost(name) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for srv in srv::in_order(self.srv_records(name, transport).await).into_iter().take(MAX_SRV) {
            let hosts = self.hosts(srv.host.trim_end_matches('.')).await.unwrap_or_default();
            found.extend(hosts.into_iter().map(|ip| SocketAddr::new(ip, srv.port)));
        }
        found
    }

    async fn srv_records(&self, name: &str, transport: Transport) -> Vec<Srv> {
        let prefix = match transport {
            Transport::Udp => "_sip._udp",
            Transport::Tcp => "_sip._tcp",
            Transport::Tls => "_sips._tcp",
        };
        let Ok(dns) = &self.dns else { return Vec::new() };
        let Ok(lookup) = dns.srv_lookup(format!("{prefix}.{}.", name.trim_end_matches('.'))).await else {
            return Vec::new();
        };
        let records = lookup.answers().iter().filter_map(|record| match &record.data {
            RData::SRV(srv) => Some(Srv {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                host: srv.target.to_ascii(),
            }),
            _ => None,
        });
        records.collect()
    }

    async fn hosts(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        if is_localhost(name) {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let host = name.to_owned();
        let dns = match &self.dns {
            Ok(dns) => dns,
            Err(detail) => return Err(ResolveError::Failed { host, detail: detail.clone() }),
        };
        match dns.lookup_ip(name).await {
            Ok(found) => Ok(found.iter().collect()),
            Err(error) if error.is_nx_domain() || error.is_no_records_found() => {
                Err(ResolveError::NoAddress { host })
            }
            Err(error) => Err(ResolveError::Failed { host, detail: error.to_string() }),
        }
    }
}

fn dns(ipv4: bool, name_servers: &[SocketAddr]) -> Result<TokioResolver, NetError> {
    let mut builder = match name_servers {
        [] => TokioResolver::builder_tokio()?,
        some => {
            let servers = ResolverConfig::from_name_servers(some.iter().map(name_server).collect());
            TokioResolver::builder_with_config(servers, TokioRuntimeProvider::default())
        }
    };
    let options = builder.options_mut();
    options.timeout = QUESTION_TIMEOUT;
    options.attempts = 2;
    options.ip_strategy = if ipv4 { LookupIpStrategy::Ipv4Only } else { LookupIpStrategy::Ipv6Only };
    builder.build()
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    for connection in &mut server.connections {
        connection.port = address.port();
    }
    server
}

/// RFC 6761 §6.3: never a question for a name server.
fn is_localhost(name: &str) -> bool {
    name.trim_end_matches('.').eq_ignore_ascii_case("localhost")
}
