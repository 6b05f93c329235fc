//! Which of the machine's addresses are used for what.
//!
//! WebRTC sockets are bound to single addresses: loopback always, so that clients on the same machine connect without a
//! setting, and the address by which the machine reaches the world. Phones are told one address, for signalling and media.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use anyhow::bail;

use crate::config::Config;
use crate::worker::RtcAddress;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The addresses of this server.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    /// Of the WebRTC sockets.
    pub(super) rtc: Vec<RtcAddress>,
    /// Where SIP and RTP listen.
    pub(super) sip_listen: IpAddr,
    /// What Via and Contact say.
    pub(super) sip_announced: IpAddr,
    /// What our SDP says.
    pub(super) media_announced: IpAddr,
}

impl Addresses {
    pub(super) fn find(config: &Config) -> anyhow::Result<Self> {
        if config.rtc.use_external_ip {
            bail!(
                "rtc.use_external_ip: asking a STUN server is not built yet; set rtc.node_ip to the public address"
            );
        }
        if config.sip.use_external_ip {
            bail!(
                "sip.use_external_ip: asking a STUN server is not built yet; set sip.nat_1_to_1_ip to the public address"
            );
        }
        let outward = outward();
        let sip_listen = config.sip.listen_ip;
        let local = if sip_listen.is_unspecified() { outward.unwrap_or(LOOPBACK) } else { sip_listen };
        let sip_announced = config.sip.nat_1_to_1_ip.unwrap_or(local);
        let media_announced = config.sip.media_nat_1_to_1_ip.unwrap_or(sip_announced);
        Ok(Self { rtc: rtc(config.rtc.node_ip, outward), sip_listen, sip_announced, media_announced })
    }
}

fn rtc(node_ip: Option<IpAddr>, outward: Option<IpAddr>) -> Vec<RtcAddress> {
    let mut addresses = vec![RtcAddress { bind: LOOPBACK, announced: LOOPBACK }];
    let public = match (node_ip, outward) {
        (Some(ip), _) if is_local(ip) => Some(RtcAddress { bind: ip, announced: ip }),
        // The address is a NAT's: packets for it arrive at the machine's own.
        (Some(ip), Some(own)) => Some(RtcAddress { bind: own, announced: ip }),
        (None, Some(own)) => Some(RtcAddress { bind: own, announced: own }),
        (_, None) => None,
    };
    addresses.extend(public.filter(|address| !address.bind.is_loopback()));
    addresses
}

/// The address from which this machine reaches the world; nothing is sent to find out.
fn outward() -> Option<IpAddr> {
    // TEST-NET-1 (RFC 5737): routed like any address, and nobody's.
    let anybody = SocketAddr::from(([192, 0, 2, 1], 9));
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(anybody).ok()?;
    let own = socket.local_addr().ok()?.ip();
    (!own.is_unspecified() && !own.is_loopback()).then_some(own)
}

fn is_local(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));

    #[test]
    fn loopback_and_the_machines_own_address_are_used_without_asking() {
        let addresses = rtc(None, Some(OWN));
        assert_eq!(addresses.len(), 2);
        assert_eq!(addresses[0].bind, LOOPBACK);
        assert_eq!(addresses[1], RtcAddress { bind: OWN, announced: OWN });
    }

    #[test]
    fn a_nats_address_is_announced_for_the_machines_own() {
        assert_eq!(rtc(Some(PUBLIC), Some(OWN))[1], RtcAddress { bind: OWN, announced: PUBLIC });
    }

    #[test]
    fn node_ip_loopback_keeps_to_this_machine() {
        assert_eq!(rtc(Some(LOOPBACK), Some(OWN)).len(), 1);
    }

    #[test]
    fn a_machine_without_a_network_has_loopback() {
        assert_eq!(rtc(None, None).len(), 1);
    }
}
