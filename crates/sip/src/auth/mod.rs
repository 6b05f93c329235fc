//! Digest authentication, both sides (RFC 3261 §22, RFC 7616, RFC 8760).
//!
//! A client keeps one [`Authenticator`] per dialog: it answers 401 and 407 challenges, several realms at once, and puts
//! the credentials on every later request. A server ([`Verifier`]) challenges and checks.
//!
//! It never prints a password: [`Credentials`] shows neither part in `Debug`, and passwords are wiped when dropped.
//! It never speaks Basic, which would give the password away.

mod algorithm;
mod challenge;
mod client;
mod credentials;
mod digest;
mod fields;
mod server;
#[cfg(test)]
mod tests;

pub use algorithm::{Algorithm, Hash};
pub use challenge::{Challenge, Qop};
pub use client::{Authenticator, ChallengeError, copy_credentials};
pub use credentials::Credentials;
pub use server::{Verdict, Verifier};

use crate::msg::{HeaderName, StatusCode};

/// Who asks for credentials: each has its own status and header fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Space {
    /// The other end: 401, WWW-Authenticate, Authorization.
    EndToEnd,
    /// A proxy on the way: 407, Proxy-Authenticate, Proxy-Authorization.
    Proxy,
}

impl Space {
    /// The one that a status challenges for; `None` unless 401 or 407.
    #[must_use]
    pub fn of(status: StatusCode) -> Option<Self> {
        match status {
            StatusCode::UNAUTHORIZED => Some(Self::EndToEnd),
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => Some(Self::Proxy),
            _ => None,
        }
    }

    /// The status that challenges.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::EndToEnd => StatusCode::UNAUTHORIZED,
            Self::Proxy => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        }
    }

    /// The header field with challenges.
    #[must_use]
    pub const fn challenge_header(self) -> HeaderName {
        match self {
            Self::EndToEnd => HeaderName::WwwAuthenticate,
            Self::Proxy => HeaderName::ProxyAuthenticate,
        }
    }

    /// The header field with credentials.
    #[must_use]
    pub const fn credentials_header(self) -> HeaderName {
        match self {
            Self::EndToEnd => HeaderName::Authorization,
            Self::Proxy => HeaderName::ProxyAuthorization,
        }
    }
}
