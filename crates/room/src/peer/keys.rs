//! What DTLS agrees on for SRTP (RFC 5764), heard on its way from the DTLS library to str0m, which tells nobody.
//!
//! str0m takes its DTLS from a provider; this one is str0m's own, and listens. Keys stay on the thread that polls, until
//! [`overhear`] hands them to the connection that was polled; they are wiped when dropped and never printed.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::time::Instant;

use rtp::srtp::{MasterKey, SessionKeys, Suite};
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, KeyingMaterial,
    ProtocolVersion, SrtpProfile,
};
use str0m::crypto::{CryptoError, CryptoProvider};
use zeroize::Zeroizing;

thread_local! {
    static HEARD: RefCell<Option<SessionKeys>> = const { RefCell::new(None) };
}

/// str0m's crypto, with a DTLS that can be overheard.
pub(crate) fn crypto() -> CryptoProvider {
    static DTLS: OnceLock<Overheard> = OnceLock::new();
    let provider = str0m::crypto::from_feature_flags();
    let dtls_provider = DTLS.get_or_init(|| Overheard(provider.dtls_provider));
    CryptoProvider { dtls_provider, ..provider }
}

/// Polls a connection. Returns what it says, and the keys if it has just come to have them.
pub(super) fn overhear<T>(poll: impl FnOnce() -> T) -> (T, Option<SessionKeys>) {
    HEARD.take();
    let polled = poll();
    (polled, HEARD.take())
}

/// Both sides' keys from the material that DTLS exports (RFC 5764 §4.2): the client's key, the server's, then their salts.
fn session_keys(material: &[u8], profile: SrtpProfile, is_client: bool) -> Option<SessionKeys> {
    let suite = match profile {
        SrtpProfile::AES128_CM_SHA1_80 => Suite::AesCm128HmacSha1_80,
        SrtpProfile::AEAD_AES_128_GCM => Suite::AeadAes128Gcm,
        SrtpProfile::AEAD_AES_256_GCM => Suite::AeadAes256Gcm,
        _ => return None,
    };
    let (keys, salts) = material.split_at_checked(2 * suite.key_len())?;
    let master = |key: &[u8], salt: &[u8]| {
        let together = Zeroizing::new([key, salt].concat());
        MasterKey::from_bytes(suite, &together).ok()
    };
    let (client_key, server_key) = keys.split_at(suite.key_len());
    let (client_salt, server_salt) = salts.split_at_checked(suite.salt_len())?;
    let client = master(client_key, client_salt)?;
    let server = master(server_key, server_salt)?;
    let (send, receive) = if is_client { (client, server) } else { (server, client) };
    Some(SessionKeys { send, receive, receive_mki: Vec::new() })
}

#[derive(Debug)]
struct Overheard(&'static dyn DtlsProvider);

impl DtlsProvider for Overheard {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        self.0.generate_certificate()
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        Ok(Box::new(Instance(self.0.new_dtls(cert, now, version, mtu)?)))
    }

    fn is_test(&self) -> bool {
        self.0.is_test()
    }
}

#[derive(Debug)]
struct Instance(Box<dyn DtlsInstance>);

impl Instance {
    fn listen(&self, material: &KeyingMaterial, profile: SrtpProfile) {
        HEARD.set(session_keys(material.as_ref(), profile, self.0.is_active()));
    }
}

impl DtlsInstance for Instance {
    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        let output = self.0.poll_output(buf);
        if let DtlsOutput::KeyingMaterial(material, profile) = &output {
            self.listen(material, *profile);
        }
        output
    }

    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_sends_with_its_own_key() {
        for (profile, len) in [
            (SrtpProfile::AES128_CM_SHA1_80, 60),
            (SrtpProfile::AEAD_AES_128_GCM, 56),
            (SrtpProfile::AEAD_AES_256_GCM, 88),
        ] {
            let material: Vec<u8> = (0..len).collect();
            let client = session_keys(&material, profile, true).unwrap();
            let server = session_keys(&material, profile, false).unwrap();
            assert_eq!((&client.send, &client.receive), (&server.receive, &server.send));
            assert_ne!(client.send, client.receive);
            assert!(session_keys(&material[1..], profile, true).is_none(), "cut short");
        }
    }
}
