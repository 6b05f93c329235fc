//! From a host to addresses, in the order to try them (RFC 3263 §4): NAPTR where the transport is open, SRV where no
//! port is named, then A and AAAA; next hops that failed lately come last.

pub(crate) mod named;
mod naptr;
mod penalties;
mod srv;

pub(crate) use penalties::Penalties;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use sip::{Destination, Transport};
use tokio::time::timeout;

use crate::config::StackConfig;
use crate::error::ResolveError;
use crate::target::Target;
use naptr::Service;
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
    penalties: Arc<Penalties>,
}

impl Resolver {
    pub(crate) fn new(ipv4: bool, config: &StackConfig, penalties: Arc<Penalties>) -> Self {
        let dns = dns(ipv4, &config.name_servers).map_err(|e| e.to_string());
        Self { dns, ipv4, limit: config.resolve_timeout, penalties }
    }

    /// At least one next hop, in order. With `discover` the domain's records decide about the transport.
    pub(crate) async fn resolve(
        &self,
        target: &Target,
        discover: bool,
    ) -> Result<Vec<Destination>, ResolveError> {
        let host = target.host.to_string();
        let mut hops = match timeout(self.limit, self.hops(target, discover)).await {
            Ok(hops) => hops?,
            Err(_) => return Err(ResolveError::Timeout { host }),
        };
        hops.retain(|hop| hop.addr.is_ipv4() == self.ipv4);
        if hops.is_empty() {
            return Err(ResolveError::NoAddress { host });
        }
        self.penalties.sort(Instant::now(), &mut hops);
        Ok(hops)
    }

    async fn hops(&self, target: &Target, discover: bool) -> Result<Vec<Destination>, ResolveError> {
        let transport = target.transport;
        let port = target.port.unwrap_or_else(|| transport.default_port());
        let Some(name) = target.host.name() else {
            let addr = target.host.ip().map(|ip| SocketAddr::new(ip, port));
            return Ok(addr.map(|addr| Destination::new(transport, addr)).into_iter().collect());
        };
        if target.port.is_none() && !is_localhost(name) {
            let services = match discover && transport != Transport::Tls {
                true => self.services(name).await,
                false => vec![service(name, transport)],
            };
            let found = self.by_srv(services).await;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        let hosts = self.hosts(name).await?;
        Ok(hosts.into_iter().map(|ip| Destination::new(transport, SocketAddr::new(ip, port))).collect())
    }

    /// The domain's transports by its NAPTR records; without any, those that we speak in the clear.
    async fn services(&self, name: &str) -> Vec<Service> {
        let Ok(dns) = &self.dns else { return Vec::new() };
        let found = match dns.lookup(absolute(name), RecordType::NAPTR).await {
            Ok(lookup) => naptr::services(lookup.answers().iter().filter_map(|record| match &record.data {
                RData::NAPTR(naptr) => Some(naptr),
                _ => None,
            })),
            Err(_) => Vec::new(),
        };
        if found.is_empty() {
            vec![service(name, Transport::Udp), service(name, Transport::Tcp)]
        } else {
            found
        }
    }

    /// Next hops by SRV records; none when there are none, whatever the reason: A and AAAA are asked then.
    async fn by_srv(&self, services: Vec<Service>) -> Vec<Destination> {
        let mut found = Vec::new();
        for Service { transport, name } in services {
            for srv in srv::in_order(self.srv_records(&name).await).into_iter().take(MAX_SRV) {
                let hosts = self.hosts(srv.host.trim_end_matches('.')).await.unwrap_or_default();
                let to = |ip| Destination::new(transport, SocketAddr::new(ip, srv.port));
                found.extend(hosts.into_iter().map(to));
            }
        }
        found
    }

    async fn srv_records(&self, name: &str) -> Vec<Srv> {
        let Ok(dns) = &self.dns else { return Vec::new() };
        let Ok(lookup) = dns.srv_lookup(absolute(name)).await else { return Vec::new() };
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

/// Where a domain's SRV records for a transport stand.
fn service(name: &str, transport: Transport) -> Service {
    let prefix = match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
    };
    Service { transport, name: format!("{prefix}.{name}") }
}

/// Never completed with the machine's own domain.
fn absolute(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

/// RFC 6761 §6.3: never a question for a name server.
fn is_localhost(name: &str) -> bool {
    name.trim_end_matches('.').eq_ignore_ascii_case("localhost")
}
