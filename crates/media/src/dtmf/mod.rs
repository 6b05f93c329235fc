//! DTMF: the sixteen digits, dial strings, and their transport: as RTP telephone-events (RFC 4733), as sound
//! ([`tones`]), in SIP INFO requests.
//!
//! [`Sender`] plans one step every 20 ms and [`Receiver`] reports each digit once; both leave packets, sequence
//! numbers and timestamps to [`crate::session`]. Nothing here knows a clock.

mod dial_string;
mod digit;
mod event;
mod info;
mod receiver;
mod sender;
#[cfg(test)]
mod sound_tests;
#[cfg(test)]
mod tests;
pub mod tones;

pub use dial_string::{DialStep, DialString, DtmfError, PAUSE};
pub use digit::Digit;
pub use event::{EventPayload, EventPayloadError};
pub use info::{InfoError, digit_of_info};
pub use receiver::{DtmfEvent, Receiver};
pub use sender::{EventPacket, QueueFull, Sender, SenderStep};
