//! The peers that connections are verified for, by number: what a [`TlsPeer`] stands for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::client::WantsClientCert;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use rustls_platform_verifier::Verifier;
use sip::TlsPeer;
use sip::msg::Host;

use crate::stats::Fill;

use super::{TlsError, TlsOptions, TlsPolicy, certificates, key, protocols};

/// Peers remembered; beyond it the longest unused one makes room.
const MAX_PROFILES: usize = 4096;

/// How to open a connection to one peer.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) name: ServerName<'static>,
    pub(crate) config: Arc<ClientConfig>,
}

/// All of them, shared by who places calls and who opens connections.
#[derive(Debug, Default)]
pub(crate) struct Profiles {
    table: Mutex<Table>,
    /// Reading the system's roots takes a while: once.
    system: OnceLock<Result<Arc<Verifier>, TlsError>>,
}

#[derive(Debug, Default)]
struct Table {
    by_use: HashMap<(String, TlsOptions), u32>,
    list: HashMap<u32, Known>,
    last: u32,
    uses: u64,
    /// Those that have made room.
    displaced: u64,
}

#[derive(Debug)]
struct Known {
    key: (String, TlsOptions),
    profile: Arc<Profile>,
    used: u64,
}

impl Profiles {
    /// The number of the peer that `host` is, secured like this.
    pub(crate) fn number(&self, host: &Host, options: &TlsOptions) -> Result<TlsPeer, TlsError> {
        let name = options.server_name.clone().unwrap_or_else(|| plain(host)).to_ascii_lowercase();
        let use_key = (name, options.clone());
        if let Some(known) = self.lock().find(&use_key) {
            return Ok(known);
        }
        // Outside the lock: it reads certificates.
        let profile = Arc::new(self.profile(&use_key.0, options)?);
        Ok(self.lock().add(use_key, profile))
    }

    /// The number of the peer that `host` is, secured as another one is. `None` when that one is not known any more, or no
    /// name of a certificate can be like this.
    pub(crate) fn renamed(&self, peer: TlsPeer, host: &Host) -> Option<TlsPeer> {
        let options = self.lock().list.get(&peer.0)?.key.1.clone();
        self.number(host, &options).ok()
    }

    /// `None` for a number that nobody was given, or that has made room since.
    pub(crate) fn get(&self, peer: TlsPeer) -> Option<Arc<Profile>> {
        let mut table = self.lock();
        let used = table.tick();
        let known = table.list.get_mut(&peer.0)?;
        known.used = used;
        Some(known.profile.clone())
    }

    pub(crate) fn fill(&self) -> Fill {
        let table = self.lock();
        Fill { what: "sip_tls_peers", held: table.list.len(), most: MAX_PROFILES, refused: table.displaced }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn profile(&self, name: &str, options: &TlsOptions) -> Result<Profile, TlsError> {
        let server = ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name(name.to_owned()))?;
        let builder = client(&options.policy)?;
        let builder = match &options.ca_pem {
            Some(pem) => builder.with_root_certificates(own_roots(pem)?),
            None => builder.dangerous().with_custom_certificate_verifier(self.system_roots()?),
        };
        let mut config = identified(builder, options)?;
        config.alpn_protocols = protocols(&options.alpn);
        Ok(Profile { name: server, config: Arc::new(config) })
    }

    /// The system's verifier, chain and name, as every other program of this machine has it.
    fn system_roots(&self) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
        let verifier = self.system.get_or_init(|| {
            Verifier::new(TlsPolicy::default().provider())
                .map(Arc::new)
                .map_err(|error| TlsError::Roots(error.to_string()))
        });
        verifier.clone().map(|verifier| verifier as Arc<dyn ServerCertVerifier>)
    }
}

impl Table {
    fn tick(&mut self) -> u64 {
        self.uses += 1;
        self.uses
    }

    fn find(&mut self, key: &(String, TlsOptions)) -> Option<TlsPeer> {
        let number = *self.by_use.get(key)?;
        let used = self.tick();
        self.list.get_mut(&number)?.used = used;
        Some(TlsPeer(number))
    }

    fn add(&mut self, key: (String, TlsOptions), profile: Arc<Profile>) -> TlsPeer {
        // Somebody else may have added it meanwhile.
        if let Some(known) = self.find(&key) {
            return known;
        }
        if self.list.len() >= MAX_PROFILES {
            let oldest = self.list.iter().min_by_key(|(_, known)| known.used).map(|(number, _)| *number);
            if let Some(known) = oldest.and_then(|number| self.list.remove(&number)) {
                self.by_use.remove(&known.key);
                self.displaced += 1;
            }
        }
        // 0 is no peer in particular.
        self.last = self.last.checked_add(1).unwrap_or(1);
        let used = self.tick();
        self.by_use.insert(key.clone(), self.last);
        self.list.insert(self.last, Known { key, profile, used });
        TlsPeer(self.last)
    }
}

fn client(policy: &TlsPolicy) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, TlsError> {
    ClientConfig::builder_with_provider(policy.provider())
        .with_protocol_versions(&policy.versions())
        .map_err(|error| TlsError::Policy(error.to_string()))
}

/// With our certificate, if there is one.
fn identified(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    options: &TlsOptions,
) -> Result<ClientConfig, TlsError> {
    match (&options.certificate_pem, &options.key_pem) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(chain), Some(pem)) => builder
            .with_client_auth_cert(certificates(chain, "the client certificate")?, key(pem)?)
            .map_err(|error| TlsError::Identity(error.to_string())),
        _ => Err(TlsError::HalfIdentity),
    }
}

/// Whether everything in `options` can be read.
pub(super) fn check(options: &TlsOptions) -> Result<(), TlsError> {
    let roots = options.ca_pem.as_deref().map_or(Ok(RootCertStore::empty()), own_roots)?;
    let builder = client(&options.policy)?;
    identified(builder.with_root_certificates(roots), options).map(drop)
}

/// An address without the brackets that URIs have.
fn plain(host: &Host) -> String {
    host.ip().map_or_else(|| host.to_string(), |ip| ip.to_string())
}

fn own_roots(pem: &str) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, "the certificate authority")? {
        roots.add(certificate).map_err(|error| TlsError::Roots(error.to_string()))?;
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::TlsVersion;

    fn host(text: &str) -> Host {
        text.parse().expect("a host")
    }

    fn options() -> TlsOptions {
        let ca = rcgen::generate_simple_self_signed(["trunk.test".to_owned()]).expect("a certificate");
        TlsOptions { ca_pem: Some(ca.cert.pem()), ..TlsOptions::default() }
    }

    #[test]
    fn the_same_name_and_options_are_the_same_peer_and_others_are_not() {
        let (profiles, options) = (Profiles::default(), options());
        let one = profiles.number(&host("trunk.test"), &options);
        assert_eq!(profiles.number(&host("Trunk.Test"), &options), one);
        assert_ne!(profiles.number(&host("other.test"), &options), one);
        let with_alpn = TlsOptions { alpn: vec!["sip".into()], ..options.clone() };
        assert_ne!(profiles.number(&host("trunk.test"), &with_alpn), one);
        assert!(profiles.number(&host("2001:db8::1"), &options).is_ok());
        assert!(profiles.get(one.expect("a number")).is_some());
        assert!(profiles.get(TlsPeer(0)).is_none());
    }

    #[test]
    fn what_is_wrong_is_said_and_keys_are_not() {
        let profiles = Profiles::default();
        let half = TlsOptions { certificate_pem: Some("x".into()), ..options() };
        assert_eq!(profiles.number(&host("a"), &half), Err(TlsError::HalfIdentity));
        let empty = TlsOptions { ca_pem: Some("nothing".into()), ..TlsOptions::default() };
        let error = profiles.number(&host("a"), &empty).expect_err("no certificate");
        assert_eq!(error, TlsError::NoCertificate("the certificate authority"));
        let secret = TlsOptions { key_pem: Some("SECRET".into()), ..options() };
        assert!(!format!("{secret:?}").contains("SECRET"));
        assert_eq!(empty.check(), Err(TlsError::NoCertificate("the certificate authority")));
        assert_eq!(half.check(), Err(TlsError::HalfIdentity));
        assert_eq!(options().check(), Ok(()));
        let policy = TlsPolicy {
            oldest: Some(TlsVersion::V1_3),
            newest: Some(TlsVersion::V1_2),
            ..TlsPolicy::default()
        };
        assert!(matches!(TlsOptions { policy, ..options() }.check(), Err(TlsError::Policy(_))));
        let bad_name = TlsOptions { server_name: Some("a b".into()), ..options() };
        assert_eq!(profiles.number(&host("a"), &bad_name), Err(TlsError::Name("a b".into())));
    }

    #[test]
    fn old_peers_make_room() {
        let profiles = Profiles::default();
        let profile = Arc::new(profiles.profile("a.test", &options()).expect("sound"));
        let mut table = Table::default();
        for n in 0..MAX_PROFILES + 10 {
            table.add((n.to_string(), TlsOptions::default()), profile.clone());
        }
        assert_eq!((table.list.len(), table.by_use.len()), (MAX_PROFILES, MAX_PROFILES));
    }
}
