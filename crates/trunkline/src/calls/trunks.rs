//! What is different for some trunks: by the entry that names the trunk's id, else the called host, else as usual.

use std::collections::HashMap;
use std::sync::Arc;

use sip::Redirects;
use sip_io::TlsOptions;

/// How calls through a trunk are dealt with, as far as the trunk itself has no field for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TrunkSettings {
    /// What the network plays before the answer goes into the room.
    pub(crate) early_media: bool,
    /// What becomes of 3xx.
    pub(crate) redirects: Redirects,
    /// How TLS connections are secured.
    pub(crate) tls: Arc<TlsOptions>,
}

/// The settings of every trunk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trunks {
    usual: Arc<TrunkSettings>,
    by_id: HashMap<String, Arc<TrunkSettings>>,
    by_host: HashMap<String, Arc<TrunkSettings>>,
}

impl Trunks {
    /// With nothing different for any.
    pub(crate) fn new(usual: TrunkSettings) -> Self {
        Self { usual: Arc::new(usual), ..Self::default() }
    }

    /// What is so where nothing else is said.
    pub(crate) fn usual(&self) -> &TrunkSettings {
        &self.usual
    }

    /// For these trunks; what was added first counts.
    pub(crate) fn add(&mut self, ids: &[String], hosts: &[String], settings: TrunkSettings) {
        let settings = Arc::new(settings);
        for id in ids {
            self.by_id.entry(id.clone()).or_insert_with(|| settings.clone());
        }
        for host in hosts {
            self.by_host.entry(key(host)).or_insert_with(|| settings.clone());
        }
    }

    /// For a call through this trunk (empty when it is none of the store's) to this host.
    pub(crate) fn of(&self, trunk_id: &str, host: &str) -> &Arc<TrunkSettings> {
        self.by_id.get(trunk_id).or_else(|| self.by_host.get(&key(host))).unwrap_or(&self.usual)
    }
}

/// IPv6 addresses go with and without brackets.
fn key(host: &str) -> String {
    host.trim_matches(['[', ']']).to_ascii_lowercase()
}
