//! Digest algorithms (RFC 7616 §3.2, §6.1; RFC 8760 §2).

use std::fmt;

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};

/// A hash function, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hash {
    /// MD5, which every trunk knows.
    Md5,
    /// SHA-256.
    Sha256,
    /// SHA-512/256.
    Sha512_256,
}

impl Hash {
    /// The hash of the parts joined by colons, as lower-case hexadecimal digits.
    pub(super) fn hex(self, parts: &[&str]) -> String {
        match self {
            Self::Md5 => hex_digest::<Md5>(parts),
            Self::Sha256 => hex_digest::<Sha256>(parts),
            Self::Sha512_256 => hex_digest::<Sha512_256>(parts),
        }
    }

    /// The hash of a body.
    pub(super) fn hex_bytes(self, bytes: &[u8]) -> String {
        match self {
            Self::Md5 => to_hex(&Md5::digest(bytes)),
            Self::Sha256 => to_hex(&Sha256::digest(bytes)),
            Self::Sha512_256 => to_hex(&Sha512_256::digest(bytes)),
        }
    }
}

/// A hash function, and whether the session key takes in both nonces (`-sess`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Algorithm {
    /// The hash function.
    pub hash: Hash,
    /// `-sess`
    pub session: bool,
}

impl Algorithm {
    /// `MD5`
    pub const MD5: Self = Self { hash: Hash::Md5, session: false };
    /// `SHA-256`
    pub const SHA_256: Self = Self { hash: Hash::Sha256, session: false };
    /// `SHA-512-256`
    pub const SHA_512_256: Self = Self { hash: Hash::Sha512_256, session: false };

    /// Reads a registered name, in any case. `None` for one we do not know.
    #[must_use]
    pub fn from_token(token: &str) -> Option<Self> {
        let token = token.to_ascii_uppercase();
        let (name, session) =
            token.strip_suffix("-SESS").map_or((token.as_str(), false), |name| (name, true));
        let hash = match name {
            "MD5" => Hash::Md5,
            "SHA-256" => Hash::Sha256,
            "SHA-512-256" => Hash::Sha512_256,
            _ => return None,
        };
        Some(Self { hash, session })
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.hash {
            Hash::Md5 => "MD5",
            Hash::Sha256 => "SHA-256",
            Hash::Sha512_256 => "SHA-512-256",
        })?;
        f.write_str(if self.session { "-sess" } else { "" })
    }
}

fn hex_digest<D: Digest>(parts: &[&str]) -> String {
    let mut hasher = D::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            hasher.update(b":");
        }
        hasher.update(part.as_bytes());
    }
    to_hex(&hasher.finalize())
}

fn to_hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing into a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}
