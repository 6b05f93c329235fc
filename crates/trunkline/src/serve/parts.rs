//! Each part's own settings, made from the configuration.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use call::PlanDefaults;
use call::plan::Codec;
use rand::Rng;
use sip::{AgentConfig, Contacts, Inbound, Limits, Timers};
use sip_io::{Stack, StackConfig};

use super::addresses::{Addresses, SipAddress};
use super::trunks;
use crate::calls::Stacks;
use crate::config::{Config, PortRange};
use crate::store::Store;
use crate::worker::{RtpAddress, WorkersConfig};

/// Where the store's key may come from instead of its file.
const STORE_KEY: &str = "TRUNKLINE_STORE_KEY";

/// One crypto provider for the whole process.
pub(super) fn install_crypto() {
    // It is there already when something else in the process was first.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

pub(super) fn store(config: &Config) -> anyhow::Result<Store> {
    let key = std::env::var(STORE_KEY).ok();
    Ok(Store::open(&config.data_dir, key.as_deref())?)
}

pub(super) fn node_id() -> String {
    call::ids::generate("ND_", &mut rand::rng())
}

/// The certificate of all WebRTC peers. Making one also pays for the crypto library's slow first use, so that the first
/// join does not; it is made beside the rest of the start.
pub(super) fn certificate() -> tokio::task::JoinHandle<Option<room::peer::Certificate>> {
    tokio::task::spawn_blocking(room::peer::new_certificate)
}

/// More would only be in each other's way.
const MOST_WORKERS: usize = 256;

pub(super) fn workers(
    config: &Config,
    addresses: &Addresses,
    node_id: String,
    certificate: Option<room::peer::Certificate>,
) -> WorkersConfig {
    let ports = config.rtc.udp_port;
    let room_for = if ports.first == 0 { usize::MAX } else { usize::from(ports.last - ports.first) + 1 };
    let workers = match usize::try_from(config.rtc.workers).unwrap_or(usize::MAX) {
        // One core is left to signalling.
        0 => std::thread::available_parallelism().map_or(1, usize::from).saturating_sub(1),
        wanted => wanted.min(MOST_WORKERS),
    };
    let workers = workers.clamp(1, room_for);
    WorkersConfig {
        workers,
        rtc_addresses: addresses.rtc.clone(),
        rtc_ports: ports.first..=ports.last,
        rtc_tcp_ports: config.rtc.tcp_port.map(|ports| tcp_ports(ports, workers)),
        rtp: rtp(&addresses.sip),
        rtp_v6: addresses.sip_v6.as_ref().map(rtp),
        rtp_ports: config.sip.rtp_port.first..=config.sip.rtp_port.last,
        symmetric_rtp: config.sip.symmetric_rtp,
        media_timeout_initial: config.sip.media_timeout_initial,
        media_timeout: config.sip.media_timeout,
        node_id,
        version: room::COMPATIBLE_VERSION.to_owned(),
        ice_servers: ice_servers(config),
        room_empty_timeout: config.room.empty_timeout,
        room_departure_timeout: config.room.departure_timeout,
        room_max_participants: config.room.max_participants,
        certificate,
        narrowband_for_phones: config.rtc.narrowband_for_phones,
        comfort_noise: config.rtc.comfort_noise,
        comfort_noise_to_phones: config.sip.codecs.get("CN/8000") == Some(&true),
        opus_when_lossy: config.rtc.opus_when_lossy,
        seed: rand::rng().random(),
    }
}

fn rtp(address: &SipAddress) -> RtpAddress {
    RtpAddress { bind: address.listen, announced: address.media }
}

/// A single port, as LiveKit has it, is the first of as many as there are workers.
fn tcp_ports(ports: PortRange, workers: usize) -> RangeInclusive<u16> {
    let more = u16::try_from(workers.saturating_sub(1)).unwrap_or(u16::MAX);
    ports.first..=ports.last.max(ports.first.saturating_add(more))
}

fn ice_servers(config: &Config) -> Vec<room::proto::IceServer> {
    let turn = config.rtc.turn_servers.iter().map(|server| {
        let (scheme, transport) = match server.protocol.as_str() {
            "tls" => ("turns", "tcp"),
            "tcp" => ("turn", "tcp"),
            _ => ("turn", "udp"),
        };
        room::proto::IceServer {
            urls: vec![format!("{scheme}:{}:{}?transport={transport}", server.host, server.port)],
            username: server.username.clone(),
            credential: server.credential.clone(),
        }
    });
    turn.collect()
}

/// A stack for each family of addresses.
pub(super) async fn sip(config: &Config, addresses: &Addresses) -> anyhow::Result<Stacks> {
    let usual = stack(config, &addresses.sip).await?;
    let v6 = match &addresses.sip_v6 {
        Some(address) => Some(stack(config, address).await?),
        None => None,
    };
    Ok(Stacks::new(usual, v6))
}

async fn stack(config: &Config, address: &SipAddress) -> anyhow::Result<Stack> {
    let port = config.sip.sip_port_listen.unwrap_or(config.sip.sip_port);
    let agent = AgentConfig {
        contacts: Contacts::default(),
        user_agent: format!("trunkline/{}", env!("CARGO_PKG_VERSION")),
        timers: Timers { last_silence_limit: Some(config.sip.no_response_timeout), ..Timers::default() },
        limits: Limits::default(),
        // This server places calls; it takes none.
        inbound: Inbound::Refuse(403),
    };
    let mut stack = StackConfig::new(SocketAddr::new(address.listen, port), agent);
    stack.announced = Some(address.announced.into());
    let other_port = config.sip.sip_port_listen.map(|_| config.sip.sip_port);
    stack.announced_port = other_port.filter(|port| *port != 0);
    stack.announced_over_tls = hostname(config, address.announced).map(|name| name.parse()).transpose()?;
    stack.tls = trunks::listen(&config.sip.tls, address.listen)?;
    stack.ping_every = config.sip.keep_alive;
    stack.name_servers.clone_from(&config.sip.name_servers);
    let (stack, _incoming) = Stack::bind(stack).await?;
    Ok(stack)
}

/// This server's name over TLS, where it has one.
fn hostname(config: &Config, announced: IpAddr) -> Option<String> {
    let name = config.sip.sip_hostname.replace("${IP}", &announced.to_string().replace(['.', ':'], "-"));
    Some(name).filter(|name| !name.is_empty())
}

pub(super) fn plan_defaults(config: &Config, addresses: &Addresses) -> PlanDefaults {
    // Wideband costs an encoder a call and sounds better only with phones that have it: offered where it is asked for.
    let all = [
        ("OPUS/48000", Codec::Opus, false),
        ("G722/8000", Codec::G722, false),
        ("PCMU/8000", Codec::Pcmu, true),
        ("PCMA/8000", Codec::Pcma, true),
    ];
    let enabled = |name: &str, default| *config.sip.codecs.get(name).unwrap_or(&default);
    let enabled = all.into_iter().filter(|(name, _, default)| enabled(name, *default));
    let codecs = enabled.map(|(_, codec, _)| codec).collect();
    let announced = addresses.sip.announced;
    let from_host_over_tls = hostname(config, announced);
    PlanDefaults {
        from_host: announced.to_string(),
        from_host_over_tls,
        from_host_over_ipv6: addresses.sip_v6.map(|address| address.announced.to_string()),
        codecs,
        early_media: config.sip.early_media,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_name_may_hold_its_address() {
        let mut config = Config::default();
        let address = IpAddr::from([203, 0, 113, 9]);
        assert_eq!(hostname(&config, address), None);
        config.sip.sip_hostname = "sip-${IP}.example.com".to_owned();
        assert_eq!(hostname(&config, address).as_deref(), Some("sip-203-0-113-9.example.com"));
    }
}
