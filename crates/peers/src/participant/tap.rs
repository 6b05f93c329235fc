//! A look at a participant's audio from within its task, packet by packet: for measuring.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use media::codec::AudioCodec;

/// Watches what a participant says and hears. It is called for every packet, so it must be quick and wait for nothing.
pub trait Tap: Send + Sync + fmt::Debug {
    /// Frame number `frame` of the audio encoded beforehand went out at `at`, `late` after it was due.
    fn spoke(&self, at: Instant, frame: usize, late: Duration);

    /// A packet of `identity`'s track came.
    fn heard(&self, identity: &str, packet: &TappedPacket<'_>);
}

/// A packet that came.
#[derive(Debug, Clone, Copy)]
pub struct TappedPacket<'a> {
    /// When.
    pub at: Instant,
    /// Its codec; `None`: comfort noise (RFC 3389), what the talker's silence sounds like from now on.
    pub codec: Option<AudioCodec>,
    /// Extended sequence number.
    pub seq: u64,
    /// In ticks of the codec's RTP clock.
    pub timestamp: u32,
    /// The coded audio.
    pub payload: &'a [u8],
}

/// A tap as part of a configuration.
#[derive(Clone)]
pub struct TapHandle(pub Arc<dyn Tap>);

impl fmt::Debug for TapHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TapHandle")
    }
}

impl PartialEq for TapHandle {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
