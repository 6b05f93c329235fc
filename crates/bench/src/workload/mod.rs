//! What is placed on the server.

mod named;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use media::codec::AudioCodec;
use peers::path::Trouble;
use peers::prepared::Coding;
use serde::{Serialize, Serializer};

pub(crate) use named::{NAMED, Named};

use crate::speech::Manner;

/// Frames of a bursty source that come at once, every 140 ms: text-to-speech that is sent as it is made. With a mixer that
/// holds five frames two of the seven are lost each time (livekit/sip#727).
const BURST: u32 = 7;

/// Opus as most publish it.
const FULL_BAND: Coding = Coding::opus(48_000, 32_000);

/// What is done with the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// All are placed, stay, and are measured together.
    Steady,
    /// They come at a rate, last 2 s and go, while a few others stay.
    Storm,
    /// The same, each into a room of its own that its participant joins first, faster and faster.
    FreshStorm,
    /// No calls: rooms, empty.
    IdleRooms,
    /// No calls: rooms with a participant who says nothing.
    IdleParticipants,
}

/// Calls at once, and who is in their rooms.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) rooms: usize,
    /// Phones in each room.
    pub(crate) phones: usize,
    /// Participants in each room who only listen, besides the one who talks.
    pub(crate) listeners: usize,
    /// Calls placed per second.
    pub(crate) rate: f64,
    /// How long the steady part lasts, which alone counts for CPU and loss.
    #[serde(rename = "steady_seconds", serialize_with = "seconds")]
    pub(crate) steady: Duration,
    #[serde(rename = "ring_seconds", serialize_with = "seconds")]
    pub(crate) ring: Duration,
    /// Calls placed and ended before anything is measured.
    pub(crate) warm_up: usize,
    pub(crate) agent: AgentCodec,
    /// What the phones take, if it is not G.711 by the server's choice.
    pub(crate) phone_codec: Option<PhoneCodec>,
    /// Both sides speak 45 % of the time; else all the time.
    pub(crate) pauses: bool,
    /// The participants' audio comes in bursts.
    pub(crate) bursty: bool,
    /// The participants subscribe to the phones.
    pub(crate) subscribed: bool,
    /// Voice isolation.
    pub(crate) krisp: bool,
    /// The phones take SRTP only.
    pub(crate) srtp: bool,
    /// The network that both sides' audio takes to the server.
    #[serde(serialize_with = "trouble")]
    pub(crate) trouble: Option<Trouble>,
    #[serde(skip)]
    pub(crate) phone: IpAddr,
}

impl Default for Workload {
    fn default() -> Self {
        Self {
            name: "steady",
            kind: Kind::Steady,
            rooms: 8,
            phones: 1,
            listeners: 0,
            rate: 4.0,
            steady: Duration::from_secs(20),
            ring: Duration::from_millis(300),
            warm_up: 1,
            agent: AgentCodec::Opus,
            phone_codec: None,
            pauses: false,
            bursty: false,
            subscribed: true,
            krisp: false,
            srtp: false,
            trouble: None,
            phone: Ipv4Addr::LOCALHOST.into(),
        }
    }
}

impl Workload {
    /// Calls at once.
    pub(crate) fn calls(&self) -> usize {
        self.rooms * self.phones
    }

    /// Calls that may be there at the same time, those just ending among them.
    pub(crate) fn most_calls(&self) -> usize {
        match self.kind {
            Kind::Steady => self.calls(),
            // Each takes little more than 2 s, and its port rests for 5 to 6 s more.
            Kind::Storm => self.calls() + self.rate as usize * 10,
            Kind::FreshStorm => 2000,
            Kind::IdleRooms | Kind::IdleParticipants => 1,
        }
    }

    /// Makes it one of `calls` calls.
    pub(crate) fn set_calls(&mut self, calls: usize) {
        self.rooms = calls.div_ceil(self.phones.max(1));
    }

    /// Frames that the talking participants send at once.
    pub(crate) fn burst(&self) -> u32 {
        if self.bursty { BURST } else { 1 }
    }

    /// What the phones take, each answering with what is offered first of it.
    pub(crate) fn phone_codecs(&self) -> &[PhoneCodec] {
        self.phone_codec.as_ref().map_or(&PhoneCodec::G711, std::slice::from_ref)
    }

    /// How the phones speak. Several in one room hear one another, and could not tell whose mark it is.
    pub(crate) fn phone_manner(&self) -> Manner {
        Manner { pauses: self.pauses, discontinuous: false, marked: self.phones == 1 }
    }

    /// How the participants speak.
    pub(crate) fn agent_manner(&self) -> Manner {
        Manner { pauses: self.pauses, discontinuous: self.pauses, marked: true }
    }
}

/// What the participants publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AgentCodec {
    /// Opus, full band, 32 kbit/s
    Opus,
    /// Opus, narrowband, 24 kbit/s: what a publisher sends who heeds maxplaybackrate=8000
    Narrowband,
    /// G.711 µ-law
    Pcmu,
}

impl AgentCodec {
    pub(crate) fn coding(self) -> Coding {
        match self {
            Self::Opus => FULL_BAND,
            Self::Narrowband => Coding::opus(8_000, 24_000),
            Self::Pcmu => Coding::PCMU,
        }
    }
}

/// The one codec that the phones take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PhoneCodec {
    /// G.711 µ-law
    Pcmu,
    /// G.711 A-law
    Pcma,
    /// G.722, wideband
    G722,
    /// Opus, full band, 32 kbit/s
    Opus,
}

impl PhoneCodec {
    /// What phones take that have no codec of their own.
    pub(crate) const G711: [Self; 2] = [Self::Pcmu, Self::Pcma];

    pub(crate) fn coding(self) -> Coding {
        match self {
            Self::Pcmu => Coding::PCMU,
            Self::Pcma => Coding::PCMA,
            Self::G722 => Coding::G722,
            Self::Opus => FULL_BAND,
        }
    }

    pub(crate) fn codec(self) -> AudioCodec {
        self.coding().codec
    }
}

fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

fn trouble<S: Serializer>(trouble: &Option<Trouble>, serializer: S) -> Result<S::Ok, S::Error> {
    let parts = trouble.map(|Trouble { loss, jitter }| (loss, jitter.as_secs_f64() * 1e3));
    let words =
        parts.map(|(loss, jitter)| format!("{:.0} % loss, up to {jitter:.0} ms jitter", loss * 100.0));
    words.serialize(serializer)
}
