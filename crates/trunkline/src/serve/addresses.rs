//! Which of the machine's addresses are used for what.
//!
//! WebRTC sockets are bound to single addresses: loopback always, so that clients on the same machine connect without a
//! setting, and the addresses by which the machine reaches the world, of IPv4 and of IPv6. Phones are told one address, for
//! signalling and media; those behind trunks of IPv6 another, where `sip.listen_ip_v6` is given.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use anyhow::Context;

use super::stun;
use crate::config::{Config, Network};
use crate::worker::RtcAddress;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The addresses of this server.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    /// Of the WebRTC sockets.
    pub(super) rtc: Vec<RtcAddress>,
    /// Of the phones' side.
    pub(super) sip: SipAddress,
    /// The same for trunks of IPv6, where there is another one for them.
    pub(super) sip_v6: Option<SipAddress>,
}

/// Where SIP and RTP are, in one family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SipAddress {
    /// Where both listen.
    pub(super) listen: IpAddr,
    /// What Via and Contact say.
    pub(super) announced: IpAddr,
    /// What our SDP says.
    pub(super) media: IpAddr,
}

impl Addresses {
    pub(super) async fn find(config: &Config) -> anyhow::Result<Self> {
        let outward = outward();
        let external = external(config).await;
        let sip = SipAddress::find(config, outward, external)?;
        let sip_v6 = config.sip.listen_ip_v6.map(|listen| {
            let own = if listen.is_unspecified() { outward_v6() } else { Some(listen) };
            let own = own.unwrap_or(Ipv6Addr::LOCALHOST.into());
            SipAddress { listen, announced: own, media: own }
        });
        let node_ip = config.rtc.node_ip.or(external.filter(|_| config.rtc.use_external_ip));
        Ok(Self { rtc: rtc(node_ip, outward, outward_v6()), sip, sip_v6 })
    }
}

impl SipAddress {
    fn find(config: &Config, outward: Option<IpAddr>, external: Option<IpAddr>) -> anyhow::Result<Self> {
        let sip = &config.sip;
        let listen = sip.listen_ip;
        let local = match sip.local_net {
            Some(net) => Some(own_address_in(net).with_context(|| {
                format!(
                    "sip.local_net: this machine has no address in {net}; name one of its networks, or none"
                )
            })?),
            None if listen.is_ipv4() && listen.is_unspecified() => outward,
            None if listen.is_unspecified() => outward_v6(),
            None => Some(listen),
        };
        // STUN is asked over IPv4.
        let public = external.filter(|_| sip.use_external_ip && listen.is_ipv4());
        let loopback = if listen.is_ipv4() { LOOPBACK } else { Ipv6Addr::LOCALHOST.into() };
        let seen = public.or(local).unwrap_or(loopback);
        let announced = sip.nat_1_to_1_ip.unwrap_or(seen);
        let media = sip.media_nat_1_to_1_ip.unwrap_or(announced);
        Ok(Self { listen, announced, media })
    }
}

/// The address that the world sees of this machine, when one is to be asked for. Without an answer the server starts all
/// the same: it may be reached from its own network.
async fn external(config: &Config) -> Option<IpAddr> {
    let for_rtc = config.rtc.use_external_ip && config.rtc.node_ip.is_none();
    let for_sip = config.sip.use_external_ip && config.sip.nat_1_to_1_ip.is_none();
    if !for_rtc && !for_sip {
        return None;
    }
    let external = stun::public_address(&config.rtc.stun_servers, stun::PATIENCE).await;
    match external {
        Some(ip) => tracing::info!(%ip, "the public address, by STUN"),
        None => tracing::warn!(
            "use_external_ip: none of rtc.stun_servers answered, so the machine's own address is announced; \
             rtc.node_ip and sip.nat_1_to_1_ip set the public one by hand"
        ),
    }
    external
}

fn rtc(node_ip: Option<IpAddr>, outward: Option<IpAddr>, outward_v6: Option<IpAddr>) -> Vec<RtcAddress> {
    let mut addresses = vec![RtcAddress { bind: LOOPBACK, announced: LOOPBACK }];
    let public = match (node_ip, outward) {
        (Some(ip), _) if is_local(ip) => Some(RtcAddress { bind: ip, announced: ip }),
        // The address is a NAT's: packets for it arrive at the machine's own.
        (Some(ip), Some(own)) => Some(RtcAddress { bind: own, announced: ip }),
        (None, Some(own)) => Some(RtcAddress { bind: own, announced: own }),
        (_, None) => None,
    };
    addresses.extend(public.filter(|address| address.bind != LOOPBACK));
    // Whoever names one address means it; IPv6 needs no NAT that one would have to tell of.
    let v6 = outward_v6.filter(|_| node_ip.is_none_or(|ip| ip.is_ipv4() && !ip.is_loopback()));
    addresses.extend(v6.map(|own| RtcAddress { bind: own, announced: own }));
    addresses
}

/// The address from which this machine reaches the world.
fn outward() -> Option<IpAddr> {
    // TEST-NET-1 (RFC 5737): routed like any address, and nobody's.
    own_address_towards([192, 0, 2, 1].into()).filter(|own| !own.is_loopback())
}

/// The same with IPv6.
fn outward_v6() -> Option<IpAddr> {
    // RFC 3849: for documentation, and nobody's.
    let nobody = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    own_address_towards(nobody.into()).filter(|own| !own.is_loopback())
}

/// The machine's address in a network.
fn own_address_in(net: Network) -> Option<IpAddr> {
    own_address_towards(net.first_host()).filter(|own| net.contains(*own))
}

/// The address that packets to `ip` would carry; nothing is sent to find out.
fn own_address_towards(ip: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    // Connecting a UDP socket only looks up the route; the port does not matter.
    socket.connect((ip, 9)).ok()?;
    let own = socket.local_addr().ok()?.ip();
    (!own.is_unspecified()).then_some(own)
}

fn is_local(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    const OWN_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7));
    const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));

    #[test]
    fn loopback_and_the_machines_own_address_are_used_without_asking() {
        let addresses = rtc(None, Some(OWN), None);
        assert_eq!(addresses.len(), 2);
        assert_eq!(addresses[0].bind, LOOPBACK);
        assert_eq!(addresses[1], RtcAddress { bind: OWN, announced: OWN });
    }

    #[test]
    fn a_nats_address_is_announced_for_the_machines_own() {
        assert_eq!(rtc(Some(PUBLIC), Some(OWN), None)[1], RtcAddress { bind: OWN, announced: PUBLIC });
    }

    #[test]
    fn node_ip_loopback_keeps_to_this_machine() {
        assert_eq!(rtc(Some(LOOPBACK), Some(OWN), Some(OWN_V6)).len(), 1);
    }

    #[test]
    fn a_machine_without_a_network_has_loopback() {
        assert_eq!(rtc(None, None, None).len(), 1);
    }

    #[test]
    fn an_address_of_ipv6_is_a_further_candidate() {
        let v6 = RtcAddress { bind: OWN_V6, announced: OWN_V6 };
        assert_eq!(rtc(None, Some(OWN), Some(OWN_V6))[2], v6);
        assert_eq!(rtc(Some(PUBLIC), Some(OWN), Some(OWN_V6))[2], v6);
        assert_eq!(rtc(None, None, Some(OWN_V6))[1], v6);
    }

    #[tokio::test]
    async fn the_address_in_the_named_network_is_announced() {
        let mut config = Config::default();
        config.sip.local_net = Network::parse("127.0.0.0/8");
        assert_eq!(Addresses::find(&config).await.unwrap().sip.announced, LOOPBACK);
        // TEST-NET-3 (RFC 5737): nobody has it.
        config.sip.local_net = Network::parse("203.0.113.0/24");
        let error = Addresses::find(&config).await.unwrap_err().to_string();
        assert!(error.contains("sip.local_net") && error.contains("203.0.113.0/24"), "{error}");
    }

    #[tokio::test]
    async fn a_server_that_listens_on_ipv6_announces_ipv6() {
        let mut config = Config::default();
        for listen in ["::1", "::"] {
            config.sip.listen_ip = listen.parse().unwrap();
            let addresses = Addresses::find(&config).await.unwrap();
            assert!(addresses.sip.announced.is_ipv6() && addresses.sip.media.is_ipv6(), "{addresses:?}");
            assert!(!addresses.sip.announced.is_unspecified());
        }
    }

    #[tokio::test]
    async fn a_second_address_of_ipv6_changes_nothing_of_the_first() {
        let mut config = Config::default();
        let first = Addresses::find(&config).await.unwrap();
        assert_eq!(first.sip_v6, None);
        config.sip.listen_ip_v6 = Some("::1".parse().unwrap());
        let both = Addresses::find(&config).await.unwrap();
        assert_eq!(both.sip, first.sip);
        let own = Ipv6Addr::LOCALHOST.into();
        assert_eq!(both.sip_v6, Some(SipAddress { listen: own, announced: own, media: own }));
    }

    #[tokio::test]
    async fn a_server_that_no_stun_server_answers_starts_with_its_own_address() {
        let mut config = Config::default();
        let own = Addresses::find(&config).await.unwrap();
        config.rtc.use_external_ip = true;
        config.sip.use_external_ip = true;
        config.rtc.stun_servers = Vec::new();
        let addresses = Addresses::find(&config).await.unwrap();
        assert_eq!((addresses.rtc, addresses.sip), (own.rtc, own.sip));
    }
}
