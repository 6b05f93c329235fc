//! What is placed on the server.

use std::net::IpAddr;
use std::time::Duration;

use peers::participant::Codec;
use serde::Serialize;

/// Calls at once, each in a room of its own with one participant.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Workload {
    pub(crate) calls: usize,
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
    /// Voice isolation.
    pub(crate) krisp: bool,
    #[serde(skip)]
    pub(crate) phone: IpAddr,
}

/// What the participants publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AgentCodec {
    /// Opus, full band, 32 kbit/s
    Opus,
    /// G.711 µ-law
    Pcmu,
}

impl AgentCodec {
    pub(crate) fn codec(self) -> Codec {
        match self {
            Self::Opus => Codec::Opus,
            Self::Pcmu => Codec::Pcmu,
        }
    }
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}
