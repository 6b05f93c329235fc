//! What is different for some trunks, and certificates: the files that `sip.tls` and `sip.trunks` name are read once at the
//! start, so that what is wrong with them is said then.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use sip::Redirects;
use sip_io::{TlsListen, TlsOptions};

use crate::calls::{TrunkSettings, Trunks};
use crate::config::{CertificateFiles, Sip, SipTls, TlsFiles, TrunkProfile};

const USUAL: &str = "sip.tls";

/// Our certificate chain and its key.
struct Identity {
    chain: String,
    key: String,
}

/// How calls through each trunk are dealt with.
pub(super) fn trunks(sip: &Sip) -> anyhow::Result<Trunks> {
    let mut trunks = Trunks::new(TrunkSettings {
        early_media: sip.early_media,
        redirects: redirects(sip.follow_redirects),
        tls: Arc::new(options(USUAL, &sip.tls.usual, &spoken(&sip.tls))?),
    });
    for profile in &sip.trunks {
        let settings = settings(profile, trunks.usual())?;
        trunks.add(&profile.ids, &profile.hosts, settings);
    }
    Ok(trunks)
}

/// What counts for every trunk.
fn spoken(tls: &SipTls) -> TlsOptions {
    let mut options = TlsOptions::default();
    options.policy.clone_from(&tls.policy);
    options
}

fn settings(profile: &TrunkProfile, usual: &TrunkSettings) -> anyhow::Result<TrunkSettings> {
    let path = format!("{}.tls", profile.path);
    Ok(TrunkSettings {
        early_media: profile.early_media.unwrap_or(usual.early_media),
        redirects: profile.follow_redirects.map_or(usual.redirects, redirects),
        tls: Arc::new(options(&path, &profile.tls, &usual.tls)?),
    })
}

fn redirects(followed: bool) -> Redirects {
    if followed { Redirects::WithinHost } else { Redirects::Report }
}

/// Where connections are taken; nowhere without a certificate.
pub(super) fn listen(tls: &SipTls, ip: IpAddr) -> anyhow::Result<Option<TlsListen>> {
    let Some(files) = &tls.usual.certificate else { return Ok(None) };
    let Identity { chain, key } = identity(USUAL, files)?;
    Ok(Some(TlsListen {
        listen: SocketAddr::new(ip, tls.port_listen.unwrap_or(tls.port)),
        announced_port: tls.port_listen.map(|_| tls.port).filter(|port| *port != 0),
        certificate_pem: chain,
        key_pem: key,
        alpn: tls.usual.alpn.clone().unwrap_or_default(),
        policy: tls.policy.clone(),
    }))
}

/// What `files` say, over what `usual` says. Everything is tried at once.
fn options(path: &str, files: &TlsFiles, usual: &TlsOptions) -> anyhow::Result<TlsOptions> {
    let mut options = usual.clone();
    if let Some(file) = &files.ca_file {
        options.ca_pem = Some(read(path, "ca_file", file)?);
    }
    if let Some(certificate) = &files.certificate {
        let Identity { chain, key } = identity(path, certificate)?;
        (options.certificate_pem, options.key_pem) = (Some(chain), Some(key));
    }
    if let Some(name) = &files.server_name {
        options.server_name = Some(name.trim_matches(['[', ']']).to_owned());
    }
    if let Some(alpn) = &files.alpn {
        options.alpn.clone_from(alpn);
    }
    options.check().with_context(|| format!("{path}: its files cannot be used"))?;
    Ok(options)
}

fn identity(path: &str, files: &CertificateFiles) -> anyhow::Result<Identity> {
    let (chain, key) = (read(path, "cert_file", &files.cert_file)?, read(path, "key_file", &files.key_file)?);
    Ok(Identity { chain, key })
}

fn read(path: &str, key: &str, file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("{path}: {key} {} cannot be read", file.display()))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn files(folder: &TempDir, name: &str) -> TlsFiles {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let path = |kind: &str| folder.path().join(format!("{name}.{kind}"));
        std::fs::write(path("crt"), made.cert.pem()).unwrap();
        std::fs::write(path("key"), made.signing_key.serialize_pem()).unwrap();
        let certificate = CertificateFiles { cert_file: path("crt"), key_file: path("key") };
        TlsFiles { ca_file: Some(path("crt")), certificate: Some(certificate), ..TlsFiles::default() }
    }

    fn profile(ids: &[&str], hosts: &[&str], tls: TlsFiles) -> TrunkProfile {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let path = "sip.trunks[0]".to_owned();
        TrunkProfile { path, ids: owned(ids), hosts: owned(hosts), tls, ..TrunkProfile::default() }
    }

    fn sip(usual: TlsFiles, profiles: Vec<TrunkProfile>) -> Sip {
        Sip { tls: SipTls { usual, ..SipTls::default() }, trunks: profiles, ..Sip::default() }
    }

    #[test]
    fn what_is_said_of_a_trunk_counts_before_its_host_and_the_rest_is_as_usual() {
        let folder = TempDir::new().unwrap();
        let alpn = TlsFiles { alpn: Some(vec!["sip".into()]), ..TlsFiles::default() };
        let quiet =
            TrunkProfile { early_media: Some(false), ..profile(&[], &["Sip.Example.com", "[::1]"], alpn) };
        let following = TrunkProfile {
            follow_redirects: Some(true),
            ..profile(&["ST_1"], &["sip.example.com"], files(&folder, "own.test"))
        };
        let trunks = trunks(&sip(files(&folder, "usual.test"), vec![quiet, following])).unwrap();
        let usual = trunks.usual();
        let by_host = trunks.of("", "SIP.example.com");
        assert_eq!((by_host.early_media, by_host.redirects), (false, Redirects::Report));
        assert_eq!((by_host.tls.alpn.len(), &by_host.tls.ca_pem), (1, &usual.tls.ca_pem));
        assert_eq!(trunks.of("", "::1"), by_host);
        let by_id = trunks.of("ST_1", "sip.example.com");
        assert_eq!((by_id.early_media, by_id.redirects), (true, Redirects::WithinHost));
        assert!(by_id.tls.alpn.is_empty() && by_id.tls.certificate_pem != usual.tls.certificate_pem);
        assert_eq!(**trunks.of("ST_2", "other.test"), *usual);
    }

    #[test]
    fn what_cannot_be_used_is_said_with_its_place() {
        let folder = TempDir::new().unwrap();
        let mut wrong = files(&folder, "a.test");
        wrong.certificate.as_mut().unwrap().key_file = folder.path().join("nothing");
        let said = |files: TlsFiles| {
            let sip = sip(TlsFiles::default(), vec![profile(&["ST_1"], &[], files)]);
            format!("{:#}", trunks(&sip).unwrap_err())
        };
        let text = said(wrong.clone());
        assert!(text.starts_with("sip.trunks[0].tls: key_file ") && text.contains("nothing"), "{text}");
        // Another certificate's key.
        wrong.certificate.as_mut().unwrap().key_file = files(&folder, "b.test").certificate.unwrap().key_file;
        let text = said(wrong.clone());
        assert!(text.contains("certificate or private key not usable"), "{text}");
        wrong.ca_file = Some(wrong.certificate.unwrap().key_file);
        wrong.certificate = None;
        let text = said(wrong);
        assert!(text.contains("no certificate in the PEM text of the certificate authority"), "{text}");
    }

    #[test]
    fn connections_are_taken_only_with_a_certificate() {
        let folder = TempDir::new().unwrap();
        let ip = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(listen(&SipTls::default(), ip).unwrap(), None);
        let usual = files(&folder, "usual.test");
        let behind_nat = SipTls { usual, port_listen: Some(15_061), ..SipTls::default() };
        let listen = listen(&behind_nat, ip).unwrap().unwrap();
        assert_eq!((listen.listen.port(), listen.announced_port), (15_061, Some(5061)));
    }
}
