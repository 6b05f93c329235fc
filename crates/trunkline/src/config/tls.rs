//! `sip.tls`: how SIP connections are secured. Only paths are kept; the files are read when the server starts.

use std::path::PathBuf;

use sip_io::{TlsPolicy, TlsVersion};

use super::section::Section;

/// `sip.tls`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SipTls {
    /// The port that is announced, and listened on when there is a certificate.
    pub(crate) port: u16,
    /// The port that is bound, when another than the announced one.
    pub(crate) port_listen: Option<u16>,
    /// Versions and cipher suites, for every connection.
    pub(crate) policy: TlsPolicy,
    /// What counts for trunks that have nothing of their own. Its certificate is the listener's, too.
    pub(crate) usual: TlsFiles,
}

impl Default for SipTls {
    fn default() -> Self {
        Self { port: 5061, port_listen: None, policy: TlsPolicy::default(), usual: TlsFiles::default() }
    }
}

/// What secures a connection. What is not said is as usual.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// Authorities that vouch for the peer, in place of the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// Our certificate and its key.
    pub(crate) certificate: Option<CertificateFiles>,
    /// The name in the peer's certificate, in place of the called host's.
    pub(crate) server_name: Option<String>,
    /// Protocols that are offered.
    pub(crate) alpn: Option<Vec<String>>,
}

/// A certificate chain and its private key, PEM both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertificateFiles {
    pub(crate) cert_file: PathBuf,
    pub(crate) key_file: PathBuf,
}

pub(super) fn read(mut section: Section<'_>, tls: &mut SipTls) {
    section.port("port", &mut tls.port);
    section.optional_port("port_listen", &mut tls.port_listen);
    tls.usual.certificate = certificates(&mut section);
    tls.usual.ca_file = path(&mut section, "ca_file");
    tls.usual.alpn = protocols(&mut section).filter(|names| !names.is_empty());
    tls.policy.oldest = oldest(&mut section);
    tls.policy.newest = section.read("max_version", "tls1.2 or tls1.3", |value| version(value.as_str()?));
    suites(&mut section, &mut tls.policy);
    section.finish();
}

/// livekit-sip also speaks older ones, which are not safe.
fn oldest(section: &mut Section<'_>) -> Option<TlsVersion> {
    let named = section.checked_text("min_version", "tls1.2 or tls1.3", |text| {
        version(text).is_some() || matches!(text, "tls1.0" | "tls1.1")
    })?;
    if version(&named).is_none() {
        let path = format!("{}.min_version", section.path());
        section.notes().warn(format!("{path}: {named} is not spoken; the oldest is tls1.2"));
    }
    version(&named)
}

fn version(text: &str) -> Option<TlsVersion> {
    match text {
        "tls1.2" => Some(TlsVersion::V1_2),
        "tls1.3" => Some(TlsVersion::V1_3),
        _ => None,
    }
}

/// Those that are not spoken are left out; some must be left where TLS 1.2 is all there is.
fn suites(section: &mut Section<'_>, policy: &mut TlsPolicy) {
    let path = format!("{}.cipher_suites", section.path());
    let expected = "a cipher suite's name, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 for one";
    let Some(named) = section.texts("cipher_suites", expected, |name| name.starts_with("TLS_")) else {
        return;
    };
    let (known, unknown): (Vec<_>, Vec<_>) = named.into_iter().partition(|name| TlsPolicy::knows(name));
    for name in &unknown {
        section.notes().warn(format!("{path}: {name} cannot be chosen, or is not spoken; left out"));
    }
    if known.is_empty() && !unknown.is_empty() && policy.newest == Some(TlsVersion::V1_2) {
        section.notes().secret_problem(path, "a list with a suite of TLS 1.2 that is spoken");
    }
    policy.suites = known;
}

/// `sip.trunks[].tls`.
pub(super) fn read_own(mut section: Section<'_>) -> TlsFiles {
    let files = TlsFiles {
        ca_file: path(&mut section, "ca_file"),
        certificate: certificate(&mut section),
        server_name: section.checked_text("server_name", "a host name or IP, without a port", is_host),
        alpn: protocols(&mut section),
    };
    section.finish();
    files
}

/// livekit-sip takes several; of them the first is used.
fn certificates(section: &mut Section<'_>) -> Option<CertificateFiles> {
    let notes = section.notes();
    let mut list = section.list("certs")?.into_iter();
    let first = list.next().map(|(path, value)| Section::new(path, value, notes));
    if let Some((path, _)) = list.next() {
        notes.warn(format!("{path}: only the first certificate is used; ignored"));
    }
    let mut first = first?;
    let found = certificate(&mut first);
    first.finish();
    found
}

/// Both files or neither.
fn certificate(section: &mut Section<'_>) -> Option<CertificateFiles> {
    match (path(section, "cert_file"), path(section, "key_file")) {
        (Some(cert_file), Some(key_file)) => Some(CertificateFiles { cert_file, key_file }),
        (None, None) => None,
        (found, _) => {
            let missing = if found.is_some() { "key_file" } else { "cert_file" };
            let path = format!("{}.{missing}", section.path());
            section.notes().secret_problem(path, "given, too: a certificate and its key belong together");
            None
        }
    }
}

fn path(section: &mut Section<'_>, key: &str) -> Option<PathBuf> {
    section.checked_text(key, "the path of a PEM file", |_| true).map(PathBuf::from)
}

fn protocols(section: &mut Section<'_>) -> Option<Vec<String>> {
    section.texts("alpn", "a protocol's name, sip for one", |name| (1..=255).contains(&name.len()))
}

pub(super) fn is_host(host: &str) -> bool {
    host.parse::<sip::msg::Host>().is_ok()
}
