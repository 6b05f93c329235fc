//! What the workers need to know of the configuration.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

/// One address at which clients reach a worker's WebRTC socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RtcAddress {
    /// The local address to bind: one interface's, never a wildcard, so that answers leave from where questions came to.
    pub(crate) bind: IpAddr,
    /// The address in the candidate: the same, or what a NAT in front makes of it.
    pub(crate) announced: IpAddr,
}

/// Where phones send their audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RtpAddress {
    /// The local address of the RTP sockets.
    pub(crate) bind: IpAddr,
    /// The address that our SDP tells phones.
    pub(crate) announced: IpAddr,
}

/// What the workers are made from.
#[derive(Debug, Clone)]
pub(crate) struct WorkersConfig {
    /// How many; at least 1.
    pub(crate) workers: usize,
    /// The addresses of the WebRTC sockets.
    pub(crate) rtc_addresses: Vec<RtcAddress>,
    /// UDP ports of the WebRTC sockets: each worker takes the next free one.
    pub(crate) rtc_ports: RangeInclusive<u16>,
    /// The same of ICE over TCP; `None`: UDP only.
    pub(crate) rtc_tcp_ports: Option<RangeInclusive<u16>>,
    /// Of the phones' audio.
    pub(crate) rtp: RtpAddress,
    /// The same for phones behind trunks of IPv6, where there is another one.
    pub(crate) rtp_v6: Option<RtpAddress>,
    /// The ports for phones: even ones for RTP, the odd one above for RTCP.
    pub(crate) rtp_ports: RangeInclusive<u16>,
    /// Follow the address from which the phone really sends.
    pub(crate) symmetric_rtp: bool,
    /// How long an answered phone may stay silent before its first packet.
    pub(crate) media_timeout_initial: Duration,
    /// How long it may be silent later.
    pub(crate) media_timeout: Duration,
    /// `ND_...`
    pub(crate) node_id: String,
    /// The version told to clients.
    pub(crate) version: String,
    /// STUN servers told to clients.
    pub(crate) ice_servers: Vec<room::proto::IceServer>,
    /// Defaults of rooms that come into being by a join.
    pub(crate) room_empty_timeout: Duration,
    /// The same, for the time after the last departure.
    pub(crate) room_departure_timeout: Duration,
    /// Most participants in a room; 0: no limit.
    pub(crate) room_max_participants: u32,
    /// The DTLS certificate of all peers; `None`: each peer makes its own, which takes longer than the rest of a join.
    pub(crate) certificate: Option<room::peer::Certificate>,
    /// Publishers to whom only phones listen are asked for narrowband.
    pub(crate) narrowband_for_phones: bool,
    /// Clients that take comfort noise are not sent a phone's silence.
    pub(crate) comfort_noise: bool,
    /// Phones are offered comfort noise, and those that take it are not sent the room's silence.
    pub(crate) comfort_noise_to_phones: bool,
    /// Clients that lose much of a phone's audio, and take redundant audio, are sent it as Opus.
    pub(crate) opus_when_lossy: bool,
    /// Seed of all randomness of the workers.
    pub(crate) seed: u64,
}

#[cfg(test)]
impl WorkersConfig {
    /// One worker on loopback.
    pub(crate) fn loopback() -> Self {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        Self {
            workers: 1,
            rtc_addresses: vec![RtcAddress { bind: loopback, announced: loopback }],
            rtc_ports: 0..=0,
            rtc_tcp_ports: None,
            rtp: RtpAddress { bind: loopback, announced: loopback },
            rtp_v6: None,
            rtp_ports: 10_000..=20_000,
            symmetric_rtp: true,
            media_timeout_initial: Duration::from_secs(30),
            media_timeout: Duration::from_secs(15),
            node_id: "ND_local".to_owned(),
            version: room::COMPATIBLE_VERSION.to_owned(),
            ice_servers: Vec::new(),
            room_empty_timeout: Duration::from_secs(300),
            room_departure_timeout: Duration::from_secs(20),
            room_max_participants: 0,
            certificate: None,
            narrowband_for_phones: false,
            comfort_noise: true,
            comfort_noise_to_phones: false,
            opus_when_lossy: true,
            seed: rand::random(),
        }
    }
}
