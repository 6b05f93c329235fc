//! The API's client side (Twirp, protobuf), with the environment that LiveKit's tools read.

use std::{collections::BTreeMap, fmt, time::Duration};

use anyhow::{Context, bail};
use prost::Message;
use room::grants::{Claims, SipGrant, VideoGrant};
use serde::{Deserialize, Serialize};

use crate::api;

/// Where the server is and who asks.
#[derive(clap::Args, Clone)]
pub(super) struct Server {
    /// URL of the server
    #[arg(long, global = true, env = "LIVEKIT_URL", default_value = "http://localhost:7880")]
    url: String,
    /// API key
    #[arg(long, global = true, env = "LIVEKIT_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// API secret
    #[arg(long, global = true, env = "LIVEKIT_API_SECRET", hide_env_values = true)]
    api_secret: Option<String>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.url)
    }
}

/// The server refused. The prefix that LiveKit's servers put before some messages says nothing to people.
#[derive(Debug, Clone, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {}", msg.trim_start_matches("twirp error unknown: "))]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) msg: String,
    #[serde(default)]
    pub(super) meta: BTreeMap<String, String>,
}

/// The server was not there to ask.
#[derive(Debug, thiserror::Error)]
#[error("cannot reach {url}: {why}")]
pub(super) struct Unreachable {
    url: String,
    why: ureq::Error,
}

/// How long a token is good: one request, however slow.
const TOKEN_LIFETIME: Duration = Duration::from_secs(600);
/// Beyond the server's own deadline, so that its answer is what is seen.
const PATIENCE: Duration = Duration::from_secs(5);
/// What the server may take for anything but waiting for a phone.
const TIMEOUT: Duration = Duration::from_secs(30);

impl Server {
    /// Where the server is, as given.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Calls a method of `livekit.SIP`; the server is told to answer within `timeout`.
    pub(super) fn sip<Req: Message, Res: Message + Default>(
        &self,
        method: &str,
        grant: SipGrant,
        request: &Req,
        timeout: Duration,
    ) -> anyhow::Result<Res> {
        let claims = Claims { sip: Some(grant), ..Claims::default() };
        self.post("livekit.SIP", method, claims, request, timeout)
    }

    /// Calls a method of `livekit.RoomService`.
    pub(super) fn rooms<Req: Message, Res: Message + Default>(
        &self,
        method: &str,
        grant: VideoGrant,
        request: &Req,
    ) -> anyhow::Result<Res> {
        let claims = Claims { video: Some(grant), ..Claims::default() };
        self.post("livekit.RoomService", method, claims, request, TIMEOUT)
    }

    fn post<Req: Message, Res: Message + Default>(
        &self,
        service: &str,
        method: &str,
        claims: Claims,
        request: &Req,
        timeout: Duration,
    ) -> anyhow::Result<Res> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(timeout + PATIENCE))
            .http_status_as_error(false)
            .build()
            .into();
        let mut response = agent
            .post(&format!("{}/twirp/{service}/{method}", http_url(&self.url)))
            .header("Authorization", format!("Bearer {}", self.sign(claims, TOKEN_LIFETIME)?))
            .header("Content-Type", "application/protobuf")
            .header("X-Twirp-Timeout-Ms", timeout.as_millis().to_string())
            .send(request.encode_to_vec())
            .map_err(|why| Unreachable { url: self.url.clone(), why })?;
        let body = response.body_mut().read_to_vec().context("the answer broke off")?;
        if response.status().is_success() {
            return Res::decode(body.as_slice()).context("the answer is not the message that is expected");
        }
        let plain = || String::from_utf8_lossy(&body).trim().to_owned();
        match serde_json::from_slice::<Refusal>(&body) {
            Ok(refusal) => Err(refusal.into()),
            // A token that does not do is refused before the call is looked at, in plain text.
            Err(_) if response.status().as_u16() == 401 => {
                Err(Refusal { code: "unauthenticated".to_owned(), msg: plain(), meta: BTreeMap::new() }
                    .into())
            }
            Err(_) => bail!("HTTP {}: {}", response.status(), plain()),
        }
    }

    /// A token with these claims, issued now.
    pub(super) fn sign(&self, claims: Claims, lifetime: Duration) -> anyhow::Result<String> {
        let hint = "set LIVEKIT_API_KEY and LIVEKIT_API_SECRET, or give --api-key and --api-secret";
        let key = self.api_key.as_deref().filter(|key| !key.is_empty()).context(hint)?;
        let secret = self.api_secret.as_deref().filter(|secret| !secret.is_empty()).context(hint)?;
        let now = api::unix_now();
        let lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        let claims =
            Claims { iss: key.to_owned(), nbf: Some(now), exp: Some(now.saturating_add(lifetime)), ..claims };
        Ok(api::sign(&claims, secret))
    }
}

/// The environment often holds the WebSocket's URL.
fn http_url(url: &str) -> String {
    let url = url.trim_end_matches('/');
    match url.strip_prefix("ws") {
        Some(rest) => format!("http{rest}"),
        None => url.to_owned(),
    }
}
