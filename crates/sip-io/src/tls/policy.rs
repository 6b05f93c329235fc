//! Which versions of TLS are spoken, and with which cipher suites.

use std::sync::Arc;

use rustls::SupportedProtocolVersion;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::version::{TLS12, TLS13};

/// A version of TLS. Older ones are not spoken (RFC 8996).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// RFC 5246.
    V1_2,
    /// RFC 8446.
    V1_3,
}

/// What may be spoken. The default: both versions, with every suite that is safe.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct TlsPolicy {
    /// The oldest version.
    pub oldest: Option<TlsVersion>,
    /// The newest version.
    pub newest: Option<TlsVersion>,
    /// The suites of TLS 1.2, by their registered names; empty: all. Those of TLS 1.3 cannot be chosen.
    pub suites: Vec<String>,
}

impl TlsPolicy {
    /// Whether a suite of TLS 1.2 can be spoken at all.
    #[must_use]
    pub fn knows(suite: &str) -> bool {
        aws_lc_rs::ALL_CIPHER_SUITES.iter().any(|known| known.tls13().is_none() && is_named(known, suite))
    }

    pub(super) fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        let both = [(TlsVersion::V1_3, &TLS13), (TlsVersion::V1_2, &TLS12)];
        let spoken = both.into_iter().filter(|(version, _)| {
            self.oldest.is_none_or(|oldest| *version >= oldest)
                && self.newest.is_none_or(|newest| *version <= newest)
        });
        spoken.map(|(_, version)| version).collect()
    }

    pub(super) fn provider(&self) -> Arc<CryptoProvider> {
        let mut provider = aws_lc_rs::default_provider();
        if !self.suites.is_empty() {
            provider.cipher_suites.retain(|suite| {
                suite.tls13().is_some() || self.suites.iter().any(|name| is_named(suite, name))
            });
        }
        Arc::new(provider)
    }
}

/// Some leave out the hash of ChaCha20's suites, which have but one.
fn is_named(suite: &rustls::SupportedCipherSuite, name: &str) -> bool {
    let known = suite.suite().as_str().unwrap_or_default();
    known == name || (name.ends_with("_POLY1305") && known.strip_suffix("_SHA256") == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUITE: &str = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";

    #[test]
    fn suites_of_tls_1_2_are_chosen_by_name_and_those_of_1_3_stay() {
        let policy = TlsPolicy { suites: vec![SUITE.to_owned()], ..TlsPolicy::default() };
        let provider = policy.provider();
        let suites = provider.cipher_suites.iter().copied();
        let (new, old): (Vec<_>, Vec<_>) = suites.partition(|suite| suite.tls13().is_some());
        assert_eq!(old.len(), 1);
        assert_eq!(old[0].suite().as_str(), Some(SUITE));
        assert_eq!(new.len(), 3);
        assert!(TlsPolicy::default().provider().cipher_suites.len() > 4);
    }

    #[test]
    fn suites_that_are_not_safe_are_not_known() {
        assert!(TlsPolicy::knows(SUITE));
        assert!(TlsPolicy::knows("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305"));
        assert!(!TlsPolicy::knows("TLS_RSA_WITH_AES_128_CBC_SHA"));
        assert!(!TlsPolicy::knows("TLS13_AES_128_GCM_SHA256"), "cannot be chosen");
    }

    #[test]
    fn the_oldest_and_the_newest_version_bound_what_is_spoken() {
        let versions = |oldest, newest| TlsPolicy { oldest, newest, suites: Vec::new() }.versions().len();
        assert_eq!(versions(None, None), 2);
        assert_eq!(versions(Some(TlsVersion::V1_3), None), 1);
        assert_eq!(versions(None, Some(TlsVersion::V1_2)), 1);
        assert_eq!(versions(Some(TlsVersion::V1_3), Some(TlsVersion::V1_2)), 0);
    }
}
