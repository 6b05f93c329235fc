//! DTMF: the sixteen digits, dial strings, and their transport as RTP telephone-events (RFC 4733).
//!
//! [`Sender`] plans one step every 20 ms and [`Receiver`] reports each digit once; both leave packets, sequence
//! numbers and timestamps to [`crate::leg`]. Nothing here knows a clock.

mod dial_string;
mod digit;
mod event;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

pub use dial_string::{DialStep, DialString, DtmfError, PAUSE};
pub use digit::Digit;
pub use event::{EventPayload, EventPayloadError};
pub use receiver::{DtmfEvent, Receiver};
pub use sender::{EventPacket, QueueFull, Sender, SenderStep};
