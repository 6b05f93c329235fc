//! SIP over TLS: whom a connection must lead to, and who we are (RFC 3261 §26.3, RFC 5922).
//!
//! A peer proves to be the host that the call was meant for, as its URI names it, whatever SRV records made of the
//! name. It does so before a connection is used, and a connection serves only calls that ask for the same proof.

mod policy;
mod profiles;
mod reason;

pub use policy::{TlsPolicy, TlsVersion};
pub(crate) use profiles::{Profile, Profiles};
pub(crate) use reason::{is_tls, reason};

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// How the connections of a trunk are secured. The default: a certificate that the system's roots vouch for, none of
/// our own, no ALPN.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TlsOptions {
    /// Certificates (PEM) that vouch for the peer, in place of the system's roots.
    pub ca_pem: Option<String>,
    /// Our certificate chain (PEM), shown to a peer that asks for it.
    pub certificate_pem: Option<String>,
    /// Its private key (PEM).
    pub key_pem: Option<String>,
    /// The name that the peer's certificate must hold, in place of the called host's.
    pub server_name: Option<String>,
    /// Protocols offered (RFC 7301), best first: `sip`, say.
    pub alpn: Vec<String>,
    /// Versions and cipher suites.
    pub policy: TlsPolicy,
}

impl TlsOptions {
    /// Finds out what is wrong before a call does: certificates and keys are read, and belong together.
    ///
    /// # Errors
    /// Says which text is not usable.
    pub fn check(&self) -> Result<(), TlsError> {
        profiles::check(self)
    }
}

impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsOptions")
            .field("own_ca", &self.ca_pem.is_some())
            .field("own_certificate", &self.certificate_pem.is_some())
            .field("server_name", &self.server_name)
            .field("alpn", &self.alpn)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Where TLS connections are taken, and with which certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsListen {
    /// The address; SIP over TLS usually has port 5061.
    pub listen: SocketAddr,
    /// The port that is announced, where a NAT makes another one of it.
    pub announced_port: Option<u16>,
    /// Our certificate chain (PEM).
    pub certificate_pem: String,
    /// Its private key (PEM).
    pub key_pem: String,
    /// Protocols taken (RFC 7301); empty takes all.
    pub alpn: Vec<String>,
    /// Versions and cipher suites.
    pub policy: TlsPolicy,
}

impl fmt::Debug for TlsListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsListen").field("listen", &self.listen).finish_non_exhaustive()
    }
}

/// What is wrong with certificates, keys or names: whoever configured them is to correct it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A PEM text holds no certificate.
    #[error("no certificate in the PEM text of {0}")]
    NoCertificate(&'static str),
    /// There is a certificate without a key, or the other way round.
    #[error("a client certificate needs its private key, and a key its certificate")]
    HalfIdentity,
    /// The key cannot be read, or does not belong to the certificate.
    #[error("certificate or private key not usable: {0}")]
    Identity(String),
    /// Nothing is left to be spoken.
    #[error("no connection can be made with these TLS versions and cipher suites: {0}")]
    Policy(String),
    /// No certificate can be issued for such a name.
    #[error("not a name that a certificate can hold: {0}")]
    Name(String),
    /// The system's roots cannot be read.
    #[error("the system's root certificates cannot be read: {0}")]
    Roots(String),
    /// As many secured peers as are kept are in use at once.
    #[error("too many TLS peers at once")]
    Full,
}

fn certificates(pem: &str, whose: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match read {
        Ok(list) if !list.is_empty() => Ok(list),
        _ => Err(TlsError::NoCertificate(whose)),
    }
}

fn key(pem: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|error| TlsError::Identity(error.to_string()))
}

fn protocols(alpn: &[String]) -> Vec<Vec<u8>> {
    alpn.iter().map(|name| name.as_bytes().to_vec()).collect()
}

/// The side that takes connections.
pub(crate) fn server(listen: &TlsListen) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates(&listen.certificate_pem, "the listener")?;
    let policy = &listen.policy;
    let builder = ServerConfig::builder_with_provider(policy.provider())
        .with_protocol_versions(&policy.versions())
        .map_err(|error| TlsError::Policy(error.to_string()))?;
    let mut config = builder
        .with_no_client_auth()
        .with_single_cert(chain, key(&listen.key_pem)?)
        .map_err(|error| TlsError::Identity(error.to_string()))?;
    config.alpn_protocols = protocols(&listen.alpn);
    Ok(Arc::new(config))
}
