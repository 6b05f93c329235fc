//! Digest challenges (RFC 7616 §3.3).

use std::fmt;

use super::Algorithm;
use super::fields::{AuthFields, Quoted};

/// The protection asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Qop {
    /// None named: the digest of RFC 2069, without client nonce and count.
    Legacy,
    /// `auth`
    Auth,
    /// `auth-int`: the body is hashed too. Taken only where `auth` is not offered.
    AuthInt,
}

impl Qop {
    pub(super) const fn token(self) -> Option<&'static str> {
        match self {
            Self::Legacy => None,
            Self::Auth => Some("auth"),
            Self::AuthInt => Some("auth-int"),
        }
    }

    fn choose(offered: Option<&str>) -> Option<Self> {
        let Some(offered) = offered else { return Some(Self::Legacy) };
        let offers = |qop: &str| offered.split(',').any(|o| o.trim().eq_ignore_ascii_case(qop));
        match () {
            () if offers("auth") => Some(Self::Auth),
            () if offers("auth-int") => Some(Self::AuthInt),
            () if offered.trim().is_empty() => Some(Self::Legacy),
            () => None,
        }
    }
}

/// One Digest challenge that we can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Whose credentials are wanted.
    pub realm: String,
    /// The server's nonce.
    pub nonce: String,
    /// To be returned as it is.
    pub opaque: Option<String>,
    /// MD5 where none is named.
    pub algorithm: Algorithm,
    /// Whether the algorithm was named: then the answer names it too.
    pub names_algorithm: bool,
    /// The protection we choose from what is offered.
    pub qop: Qop,
    /// The credentials were right, only the nonce was old.
    pub stale: bool,
}

impl Challenge {
    /// `None` for other schemes, unknown algorithms or protections, and challenges without realm or nonce.
    pub(super) fn from_fields(fields: &AuthFields) -> Option<Self> {
        if !fields.is_digest() {
            return None;
        }
        let algorithm = fields.get("algorithm");
        Some(Self {
            realm: fields.get("realm")?.to_owned(),
            nonce: fields.get("nonce")?.to_owned(),
            opaque: fields.get("opaque").map(Into::into),
            algorithm: algorithm.map_or(Some(Algorithm::MD5), Algorithm::from_token)?,
            names_algorithm: algorithm.is_some(),
            qop: Qop::choose(fields.get("qop"))?,
            stale: fields.get("stale").is_some_and(|s| s.eq_ignore_ascii_case("true")),
        })
    }

    /// Every challenge of one header field value that we can answer, in order.
    #[must_use]
    pub fn read_all(value: &str) -> Vec<Self> {
        AuthFields::read_all(value).iter().filter_map(Self::from_fields).collect()
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest realm={}, nonce={}", Quoted(&self.realm), Quoted(&self.nonce))?;
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque={}", Quoted(opaque))?;
        }
        if self.names_algorithm {
            write!(f, ", algorithm={}", self.algorithm)?;
        }
        if let Some(qop) = self.qop.token() {
            write!(f, ", qop=\"{qop}\"")?;
        }
        f.write_str(if self.stale { ", stale=true" } else { "" })
    }
}
