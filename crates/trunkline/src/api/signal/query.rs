//! URL parameters, read as leniently as clients write them: empty pairs are skipped.

use livekit_protocol::{ClientInfo, client_info};

/// More parameters than any client sends.
const MAX_PAIRS: usize = 100;

/// Decoded names and values.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).take(MAX_PAIRS);
        let decoded = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(decoded.collect())
    }

    /// The first value of a name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    fn number(&self, name: &str) -> i32 {
        self.get(name).and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// What the client says of itself.
    pub(super) fn client_info(&self) -> ClientInfo {
        ClientInfo {
            sdk: self.get("sdk").map_or(client_info::Sdk::Unknown, sdk).into(),
            version: self.text("version"),
            protocol: self.number("protocol"),
            os: self.text("os"),
            os_version: self.text("os_version"),
            device_model: self.text("device_model"),
            browser: self.text("browser"),
            browser_version: self.text("browser_version"),
            network: self.text("network"),
            client_protocol: self.number("client_protocol"),
            capabilities: self.capabilities(),
            ..ClientInfo::default()
        }
    }

    fn capabilities(&self) -> Vec<i32> {
        let names = self.get("capabilities").unwrap_or("").split(',');
        names.filter_map(client_info::Capability::from_str_name).map(i32::from).collect()
    }
}

/// `%2B` is a plus; a bare plus, which base64 needs, stays one.
fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn sdk(name: &str) -> client_info::Sdk {
    use client_info::Sdk;
    match name {
        "js" => Sdk::Js,
        "ios" | "swift" => Sdk::Swift,
        "android" => Sdk::Android,
        "flutter" => Sdk::Flutter,
        "go" => Sdk::Go,
        "unity" => Sdk::Unity,
        "reactnative" => Sdk::ReactNative,
        "rust" => Sdk::Rust,
        "python" => Sdk::Python,
        "cpp" => Sdk::Cpp,
        "unityweb" => Sdk::UnityWeb,
        "node" => Sdk::Node,
        "unreal" => Sdk::Unreal,
        "esp32" => Sdk::Esp32,
        _ => Sdk::Unknown,
    }
}
