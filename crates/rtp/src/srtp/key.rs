//! Master keys: how they are made, and how a session description carries them.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;

use super::Suite;

/// The longest master key with its salt, in bytes.
const MAX_LEN: usize = 46;

/// A master key and its salt. `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    suite: Suite,
    bytes: Zeroizing<[u8; MAX_LEN]>,
}

impl MasterKey {
    /// A new key. `rng` must be one whose numbers nobody can guess.
    #[must_use]
    pub fn generate(suite: Suite, rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; MAX_LEN]);
        rng.fill_bytes(&mut bytes[..suite.key_len() + suite.salt_len()]);
        Self { suite, bytes }
    }

    /// A key and its salt as they are.
    ///
    /// # Errors
    /// The caller's fault: not as many bytes as the suite has.
    pub fn from_bytes(suite: Suite, key_and_salt: &[u8]) -> Result<Self, KeyError> {
        if key_and_salt.len() != suite.key_len() + suite.salt_len() {
            return Err(KeyError::Length { suite, len: key_and_salt.len() });
        }
        let mut bytes = Zeroizing::new([0; MAX_LEN]);
        bytes[..key_and_salt.len()].copy_from_slice(key_and_salt);
        Ok(Self { suite, bytes })
    }

    /// Reads the base64 of an `inline:` parameter, with or without its padding.
    ///
    /// # Errors
    /// The sender's fault: no base64, or not as many bytes as the suite has.
    pub fn from_inline(suite: Suite, text: &str) -> Result<Self, KeyError> {
        let text = text.trim_end_matches('=');
        // 46 bytes are 62 characters; anything longer is refused before it is decoded.
        let mut buffer = Zeroizing::new([0; MAX_LEN + 2]);
        if text.len() > MAX_LEN.div_ceil(3) * 4 {
            return Err(KeyError::Length { suite, len: text.len() * 3 / 4 });
        }
        let mut padded = Zeroizing::new(String::with_capacity(text.len() + 3));
        padded.push_str(text);
        while !padded.len().is_multiple_of(4) {
            padded.push('=');
        }
        let len =
            STANDARD.decode_slice(padded.as_bytes(), buffer.as_mut_slice()).map_err(|_| KeyError::Base64)?;
        Self::from_bytes(suite, &buffer[..len])
    }

    /// The base64 of key and salt, for the session description.
    #[must_use]
    pub fn to_inline(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(&self.bytes[..self.suite.key_len() + self.suite.salt_len()]))
    }

    /// What it is for.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.suite
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.bytes[..self.suite.key_len()]
    }

    pub(super) fn salt(&self) -> &[u8] {
        &self.bytes[self.suite.key_len()..][..self.suite.salt_len()]
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({}, ..)", self.suite)
    }
}

/// Our side's keys for one call: one for each suite, the same for the whole call, so that a new offer does not make the
/// phone change what it decrypts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalKeys(Vec<MasterKey>);

impl LocalKeys {
    /// New keys. `rng` must be one whose numbers nobody can guess.
    #[must_use]
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Suite::ALL.into_iter().map(|suite| MasterKey::generate(suite, rng)).collect())
    }

    /// The key for `suite`.
    #[must_use]
    pub fn get(&self, suite: Suite) -> Option<&MasterKey> {
        self.0.iter().find(|key| key.suite() == suite)
    }
}

/// Why bytes are no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not base64.
    #[error("the key is not base64")]
    Base64,
    /// Too short or too long.
    #[error("a key of {len} bytes is none of {suite}")]
    Length {
        /// What it was to be for.
        suite: Suite,
        /// How long it is with its salt, in bytes.
        len: usize,
    },
}
