//! Values that YAML has no type for: port ranges, networks and durations.

use std::{fmt, net::IpAddr, time::Duration};

/// One port, or a range of them, both ends included. Port 0 stands for any free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PortRange {
    pub(crate) first: u16,
    pub(crate) last: u16,
}

impl PortRange {
    pub(crate) fn new(first: u16, last: u16) -> Self {
        Self { first, last }
    }

    /// How many ports there are.
    pub(crate) fn count(self) -> u32 {
        u32::from(self.last) - u32::from(self.first) + 1
    }

    /// Reads `7882` or `7882-7897`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let range = Self { first: first.trim().parse().ok()?, last: last.trim().parse().ok()? };
        let valid = range.first <= range.last && (range.first > 0 || range.last == 0);
        valid.then_some(range)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// A network of addresses, `10.0.0.0/8` (RFC 4632).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `10.0.0.0/8`; the bits behind the prefix do not matter.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let network = Self { address: address.parse().ok()?, bits: bits.parse().ok()? };
        (network.bits <= network.width()).then_some(network)
    }

    fn width(self) -> u8 {
        if self.address.is_ipv4() { 32 } else { 128 }
    }

    /// The first bits of an address as a number.
    fn prefix(self, address: IpAddr) -> u128 {
        let number = match address {
            IpAddr::V4(ip) => u128::from(ip.to_bits()),
            IpAddr::V6(ip) => ip.to_bits(),
        };
        number.checked_shr(u32::from(self.width() - self.bits)).unwrap_or(0)
    }

    pub(crate) fn contains(self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && self.prefix(address) == self.prefix(self.address)
    }

    /// The address behind the network's own, where one usually finds a router.
    pub(crate) fn first_host(self) -> IpAddr {
        let own = self.prefix(self.address).checked_shl(u32::from(self.width() - self.bits)).unwrap_or(0);
        match self.address {
            IpAddr::V4(_) => IpAddr::V4(u32::try_from(own | 1).unwrap_or(1).into()),
            IpAddr::V6(_) => IpAddr::V6((own | 1).into()),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// The longest duration that makes sense anywhere in the configuration.
const LONGEST: f64 = 366.0 * 24.0 * 3600.0;

/// Reads `1h30m`, `15s`, `500ms`, or a number of seconds.
pub(super) fn duration(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<u32>() {
        return checked(f64::from(seconds));
    }
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        seconds += number * unit(&rest[..letters])?;
        rest = &rest[letters..];
    }
    if text.is_empty() { None } else { checked(seconds) }
}

fn unit(name: &str) -> Option<f64> {
    match name {
        "h" => Some(3600.0),
        "m" => Some(60.0),
        "s" => Some(1.0),
        "ms" => Some(0.001),
        "us" | "µs" => Some(0.000_001),
        _ => None,
    }
}

fn checked(seconds: f64) -> Option<Duration> {
    (seconds.is_finite() && seconds <= LONGEST).then(|| Duration::from_secs_f64(seconds))
}

/// A duration as an argument of a command.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| "should be a duration, 80s or 1m30s".to_owned())
}
