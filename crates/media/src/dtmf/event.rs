//! The payload of a telephone-event packet (RFC 4733 §2.3).

use thiserror::Error;

/// The four bytes that tell of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPayload {
    /// Event code; 0..=15 are the DTMF digits.
    pub event: u8,
    /// Set in the last packet of the event and its repetitions.
    pub end: bool,
    /// Power below 0 dBm0, 0..=63 (dB without the sign).
    pub volume: u8,
    /// How long the event has lasted so far, in RTP clock ticks since the packet's timestamp.
    pub duration: u16,
}

impl EventPayload {
    /// Length on the wire, in bytes.
    pub const LEN: usize = 4;

    /// Reads the first event of a payload. Later ones (RFC 4733 §2.5.1.5 allows them) repeat state only and are
    /// left alone.
    ///
    /// # Errors
    /// The sender's fault: the payload is too short to hold an event.
    pub fn parse(payload: &[u8]) -> Result<Self, EventPayloadError> {
        let &[event, flags, high, low, ..] = payload else {
            return Err(EventPayloadError { len: payload.len() });
        };
        Ok(Self {
            event,
            end: flags & 0x80 != 0,
            volume: flags & 0x3f,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    /// The same with the duration told in ticks of another clock than 8 kHz.
    #[must_use]
    pub fn at_clock(self, clock: u32) -> Self {
        let duration = u32::from(self.duration).saturating_mul(clock / 8_000);
        Self { duration: u16::try_from(duration).unwrap_or(u16::MAX), ..self }
    }

    /// The bytes on the wire. The reserved bit is zero, a volume above 63 is cut to 63.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let [high, low] = self.duration.to_be_bytes();
        [self.event, (u8::from(self.end) << 7) | self.volume.min(63), high, low]
    }
}

/// A telephone-event payload shorter than an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a telephone-event payload needs 4 bytes, this one has {len}")]
pub struct EventPayloadError {
    /// The length found, in bytes.
    pub len: usize,
}
