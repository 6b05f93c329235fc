//! The certificate that peers identify themselves with (DTLS-SRTP, RFC 8827 §6.5).

/// A self-signed certificate and its key.
pub use str0m::config::DtlsCert as Certificate;

/// Makes a certificate; `None` if the machine has no randomness. The first one of a process takes 0.1 s, as the
/// cryptography starts up: make it when the server starts.
#[must_use]
pub fn new_certificate() -> Option<Certificate> {
    str0m::crypto::from_feature_flags().dtls_provider.generate_certificate()
}
