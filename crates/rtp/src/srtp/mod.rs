//! SRTP and SRTCP (RFC 3711) with the keys of SDES (RFC 4568): AES in counter mode with HMAC-SHA1 (RFC 3711, RFC 6188)
//! and AES-GCM (RFC 7714).
//!
//! One [`Session`] per call: what it sends is protected in place, what arrives is checked, decrypted and let through
//! once. Keys are wiped when they are dropped and never printed but into the session description that they are meant
//! for. It never draws keys on its own and never decides whether a call must be encrypted.

mod inbound;
mod key;
mod outbound;
mod session;
mod suite;
#[cfg(test)]
mod tests;
mod transform;
mod window;

pub use key::{KeyError, LocalKeys, MasterKey};
pub use session::{Session, SessionKeys};
pub use suite::Suite;

use thiserror::Error;

/// Why an arriving packet is not let through. The fault is its sender's, or somebody's on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Rejected {
    /// Too short to be a protected packet, or no packet at all.
    #[error("not a protected packet")]
    Malformed,
    /// It was not made with the agreed key, or was changed on the way.
    #[error("the packet is not authentic")]
    NotAuthentic,
    /// It came before, or is older than what is remembered.
    #[error("the packet came before")]
    Replayed,
}

/// A packet could not be protected: it is none, or the key has been used for as many packets as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the packet cannot be protected")]
pub struct NotProtected;
