//! `sip.trunks`: what is different for some trunks. LiveKit's trunks have no field for it.

use serde_yaml_ng::Value;

use super::section::{Notes, Section};
use super::tls::{self, TlsFiles};

/// One of `sip.trunks`. What is `None` is as for every trunk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TrunkProfile {
    /// Where it stands in the file: `sip.trunks[0]`.
    pub(crate) path: String,
    /// Ids of stored trunks.
    pub(crate) ids: Vec<String>,
    /// Hosts that are called.
    pub(crate) hosts: Vec<String>,
    /// See [`Sip::early_media`](super::Sip::early_media).
    pub(crate) early_media: Option<bool>,
    /// See [`Sip::follow_redirects`](super::Sip::follow_redirects).
    pub(crate) follow_redirects: Option<bool>,
    /// How its TLS connections are secured.
    pub(crate) tls: TlsFiles,
}

pub(super) fn read(section: &mut Section<'_>) -> Vec<TrunkProfile> {
    let notes = section.notes();
    let list = section.list("trunks").unwrap_or_default();
    list.into_iter().filter_map(|(path, value)| profile(path, value, notes)).collect()
}

fn profile(path: String, value: Value, notes: &Notes) -> Option<TrunkProfile> {
    let mut section = Section::new(path.clone(), value, notes);
    let ids = section.texts("ids", "the id of a trunk, ST_...", |id| id.starts_with("ST_"));
    let hosts = section.texts("hosts", "a host name or IP, without a port", tls::is_host);
    let (ids, hosts) = (ids.unwrap_or_default(), hosts.unwrap_or_default());
    let (early_media, follow_redirects) = (section.flag("early_media"), section.flag("follow_redirects"));
    let tls = tls::read_own(section.section("tls"));
    section.finish();
    if ids.is_empty() && hosts.is_empty() {
        notes.secret_problem(path, "a mapping with ids or hosts, which say what trunks it is for");
        return None;
    }
    Some(TrunkProfile { path, ids, hosts, early_media, follow_redirects, tls })
}
