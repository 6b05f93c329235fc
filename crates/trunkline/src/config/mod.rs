//! Configuration: one YAML file in LiveKit's own key names, with a default for everything.
//!
//! A livekit-server file loads; what trunkline does not know is warned about. Wrong values are reported all at
//! once, each with its key path and what would be right. Nothing here opens a socket or looks up an address.

mod load;
mod read;
mod section;
#[cfg(test)]
mod tests;
mod tls;
mod trunks;
mod values;

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

pub(crate) use load::load;
pub(crate) use load::parse;
pub(crate) use tls::{CertificateFiles, SipTls, TlsFiles};
pub(crate) use trunks::TrunkProfile;
pub(crate) use values::{Network, PortRange, parse_duration};

/// API key and secret of `--dev`, as livekit-server's own development mode has them.
pub(crate) const DEV_KEY: &str = "devkey";
/// See [`DEV_KEY`].
pub(crate) const DEV_SECRET: &str = "secret";

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    /// API and WebSocket; 0 takes a free port.
    pub(crate) port: u16,
    /// Where the API listens.
    pub(crate) bind_addresses: Vec<IpAddr>,
    /// API keys and their secrets.
    pub(crate) keys: Keys,
    /// Where the store lives.
    pub(crate) data_dir: PathBuf,
    /// Metrics, when set.
    pub(crate) prometheus_port: Option<u16>,
    /// Media of room participants.
    pub(crate) rtc: Rtc,
    /// The phone's side, with livekit-sip's names.
    pub(crate) sip: Sip,
    /// What new rooms get.
    pub(crate) room: Room,
    /// Logs.
    pub(crate) logging: Logging,
    /// How the server ends.
    pub(crate) shutdown: Shutdown,
    /// The HTTP API.
    pub(crate) api: Api,
    /// What one client may ask for.
    pub(crate) limit: Limit,
}

/// API keys and secrets. The `Debug` form shows no secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Keys(BTreeMap<String, String>);

impl Keys {
    pub(crate) fn new(keys: BTreeMap<String, String>) -> Self {
        Self(keys)
    }

    pub(crate) fn secret(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// A key and its secret, when there is one.
    pub(crate) fn first(&self) -> Option<(&str, &str)> {
        self.0.first_key_value().map(|(key, secret)| (key.as_str(), secret.as_str()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// `rtc`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rtc {
    /// Media workers; 0: one per core but one, at least one.
    pub(crate) workers: u32,
    /// One port per media worker; 0 takes a free port.
    pub(crate) udp_port: PortRange,
    /// ICE over TCP, one port per media worker; `None`: off.
    pub(crate) tcp_port: Option<PortRange>,
    /// The address that clients are told.
    pub(crate) node_ip: Option<IpAddr>,
    /// Ask a STUN server for the address that clients are told.
    pub(crate) use_external_ip: bool,
    /// `host:port`, asked when `use_external_ip` is set, here or for the phone's side.
    pub(crate) stun_servers: Vec<String>,
    /// Passed on to clients.
    pub(crate) turn_servers: Vec<TurnServer>,
    /// Publishers to whom only phones listen are asked for narrowband.
    pub(crate) narrowband_for_phones: bool,
    /// Clients that take comfort noise are not sent a phone's silence.
    pub(crate) comfort_noise: bool,
    /// Clients that lose much of a phone's audio, and take redundant audio, are sent it as Opus.
    pub(crate) opus_when_lossy: bool,
}

/// One of `rtc.turn_servers`. The `Debug` form shows no credential.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TurnServer {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// `udp`, `tcp` or `tls`.
    pub(crate) protocol: String,
    pub(crate) username: String,
    pub(crate) credential: String,
}

impl fmt::Debug for TurnServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TurnServer({}:{}/{})", self.host, self.port, self.protocol)
    }
}

/// `sip`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sip {
    /// The port that is announced; 0 takes a free port.
    pub(crate) sip_port: u16,
    /// The port that is bound, when another than the announced one.
    pub(crate) sip_port_listen: Option<u16>,
    /// Where SIP and RTP listen.
    pub(crate) listen_ip: IpAddr,
    /// The same for trunks that have an address of IPv6, beside a `listen_ip` of IPv4.
    pub(crate) listen_ip_v6: Option<IpAddr>,
    /// This server's name, for Contact and From over TLS. `${IP}` in it is the announced address with dashes.
    pub(crate) sip_hostname: String,
    /// RTP takes the even ports, RTCP the odd ones.
    pub(crate) rtp_port: PortRange,
    /// The address that carriers are told.
    pub(crate) nat_1_to_1_ip: Option<IpAddr>,
    /// Another address for media.
    pub(crate) media_nat_1_to_1_ip: Option<IpAddr>,
    /// Ask a STUN server for the address that carriers are told.
    pub(crate) use_external_ip: bool,
    /// The machine's address in this network is announced.
    pub(crate) local_net: Option<Network>,
    /// Hang up after this long without a packet.
    pub(crate) media_timeout: Duration,
    /// The same, before the first packet.
    pub(crate) media_timeout_initial: Duration,
    /// Send where packets come from, not where the SDP says.
    pub(crate) symmetric_rtp: bool,
    /// What a phone's network plays before the answer goes into the room.
    pub(crate) early_media: bool,
    /// Quiet TCP and TLS connections to trunks are pinged so often.
    pub(crate) keep_alive: Duration,
    /// A trunk that says nothing at all to an INVITE for so long is taken for unreachable.
    pub(crate) no_response_timeout: Duration,
    /// 3xx is followed within the host that was called.
    pub(crate) follow_redirects: bool,
    /// Asked for the addresses of trunks, in place of the system's when there are any.
    pub(crate) name_servers: Vec<SocketAddr>,
    /// SIP over TLS.
    pub(crate) tls: SipTls,
    /// What is different for some trunks.
    pub(crate) trunks: Vec<TrunkProfile>,
    /// `PCMU/8000: false` takes a codec out of the offers, `G722/8000: true` puts wideband first into them, `CN/8000: true` comfort
    /// noise beside G.711.
    pub(crate) codecs: BTreeMap<String, bool>,
    /// More calls at once are refused; 0 is no limit.
    pub(crate) max_active_calls: u32,
    /// Calls are refused beyond this share of the processors, 0 to 1; 1 is no limit.
    pub(crate) max_cpu_utilization: f64,
}

/// `room`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Room {
    /// Joining a room makes it.
    pub(crate) auto_create: bool,
    /// A room nobody joined ends after this long.
    pub(crate) empty_timeout: Duration,
    /// A room everybody left ends after this long.
    pub(crate) departure_timeout: Duration,
    /// 0 is no limit.
    pub(crate) max_participants: u32,
    /// The API may unmute tracks.
    pub(crate) enable_remote_unmute: bool,
}

/// `logging`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logging {
    /// `trace`, `debug`, `info`, `warn` or `error`; also a filter, `info,trunkline=debug`.
    pub(crate) level: String,
    /// One JSON object per line.
    pub(crate) json: bool,
}

/// `shutdown`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shutdown {
    /// How long running calls may go on after SIGTERM.
    pub(crate) drain: Duration,
}

/// `api`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Api {
    /// Get and List leave trunk passwords out.
    pub(crate) hide_passwords: bool,
}

/// `limit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limit {
    /// Bytes of one API request.
    pub(crate) max_api_request_body_size: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            port: 7880,
            bind_addresses: vec![Ipv4Addr::UNSPECIFIED.into()],
            keys: Keys::default(),
            data_dir: PathBuf::from("./trunkline-data"),
            prometheus_port: None,
            rtc: Rtc::default(),
            sip: Sip::default(),
            room: Room::default(),
            logging: Logging { level: "info".to_owned(), json: false },
            shutdown: Shutdown { drain: Duration::from_secs(600) },
            api: Api { hide_passwords: false },
            limit: Limit { max_api_request_body_size: 10 * 1024 * 1024 },
        }
    }
}

impl Default for Rtc {
    fn default() -> Self {
        Self {
            workers: 0,
            udp_port: PortRange::new(7882, 7897),
            tcp_port: None,
            node_ip: None,
            use_external_ip: false,
            stun_servers: vec!["stun.l.google.com:19302".to_owned()],
            turn_servers: Vec::new(),
            narrowband_for_phones: false,
            comfort_noise: true,
            opus_when_lossy: true,
        }
    }
}

impl Default for Sip {
    fn default() -> Self {
        Self {
            sip_port: 5060,
            sip_port_listen: None,
            listen_ip: Ipv4Addr::UNSPECIFIED.into(),
            listen_ip_v6: None,
            sip_hostname: String::new(),
            rtp_port: PortRange::new(10_000, 20_000),
            nat_1_to_1_ip: None,
            media_nat_1_to_1_ip: None,
            use_external_ip: false,
            local_net: None,
            media_timeout: Duration::from_secs(15),
            media_timeout_initial: Duration::from_secs(30),
            symmetric_rtp: true,
            codecs: BTreeMap::new(),
            early_media: true,
            keep_alive: Duration::from_secs(30),
            no_response_timeout: Duration::from_secs(10),
            follow_redirects: false,
            name_servers: Vec::new(),
            tls: SipTls::default(),
            trunks: Vec::new(),
            max_active_calls: 0,
            max_cpu_utilization: 0.9,
        }
    }
}

impl Default for Room {
    fn default() -> Self {
        Self {
            auto_create: true,
            empty_timeout: Duration::from_secs(300),
            departure_timeout: Duration::from_secs(20),
            max_participants: 0,
            enable_remote_unmute: false,
        }
    }
}
