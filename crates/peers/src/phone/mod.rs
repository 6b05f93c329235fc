//! A telephone that answers calls by script: the called end of a SIP trunk (RFC 3261 §13.3, UAS side).
//!
//! Every number of its [`PhoneBook`] behaves in its own way: answers at once, rings, is busy, plays
//! early media, presses digits. What it hears can be recorded, digits (RFC 4733) are logged, and
//! what happens is told as events. It never places a call and never joins a room.

mod book;
mod call;
mod config;
mod event;
mod handle;
mod line;
mod lobby;
mod ports;

pub use book::{Answer, Entry, PhoneBook, Script};
pub use config::{Login, PhoneConfig, Playback};
pub use event::{Happened, HungUpBy, PhoneEvent, RtpReport};
pub use handle::{Phone, PhoneError};
pub use ports::Ports;

#[cfg(test)]
mod tests;
