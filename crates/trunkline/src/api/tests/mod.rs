//! The HTTP side as clients see it: a whole server without a network but loopback, a phone of the peers behind it.

mod golden;
mod health;
mod http;
mod limits;
mod logs;
mod sockets;

use std::{collections::BTreeMap, net::SocketAddr};

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use peers::phone::{Phone, PhoneConfig};
use room::grants::{Claims, SipGrant, VideoGrant};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

use super::*;
use crate::{calls, config::Keys, eventually::eventually, worker::WorkersConfig};

const KEY: &str = "devkey";
const SECRET: &str = "secret";

/// A server and what must live as long as it.
struct Bench {
    state: State,
    phone: Phone,
    _directory: TempDir,
}

/// An answer, read to its end.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Bench {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let keys = Keys::new(BTreeMap::from([(KEY.to_owned(), SECRET.to_owned())]));
        let mut config = Config { keys, ..Config::default() };
        change(&mut config);
        let directory = TempDir::new().unwrap();
        let store = Store::open(directory.path(), None).unwrap();
        let metrics = Metrics::new("NE_test").unwrap();
        // The threads end with the process: a test that fails must not wait for them.
        let (workers, _) = Workers::start(WorkersConfig::loopback()).unwrap();
        let agent = sip::AgentConfig {
            contacts: sip::Contacts::default(),
            user_agent: "test".to_owned(),
            timers: sip::Timers::default(),
            limits: sip::Limits::default(),
            inbound: sip::Inbound::Refuse(403),
        };
        let (stack, _) = sip_io::Stack::bind(sip_io::StackConfig::new(loopback(), agent)).await.unwrap();
        let calls = Calls::new(calls::Parts {
            workers: workers.clone(),
            stacks: stack.into(),
            store: store.clone(),
            metrics: metrics.clone(),
            max_active: 0,
            trunks: calls::Trunks::default(),
            max_cpu_utilization: 1.0,
        });
        let phone = PhoneConfig { listen: loopback(), book: logs::book(), ..PhoneConfig::default() };
        let phone = Phone::start(phone).await.unwrap();
        let plan_defaults = call::PlanDefaults::default();
        let state = State::new(Parts { config, store, workers, calls, metrics, plan_defaults });
        Self { state, phone, _directory: directory }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = service(self.state.clone()).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// A JSON call with a token that may do anything.
    async fn call(&self, method: &str, body: &Value) -> Answer {
        let request = Request::post(format!("/twirp/{method}"))
            .header("authorization", format!("Bearer {}", token(&everything())))
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()));
        self.send(request.unwrap()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// A trunk that leads to the phone.
    async fn trunk(&self) -> String {
        let trunk = serde_json::json!({"trunk": {"address": self.phone.local_addr().to_string(), "numbers": ["+15105550100"]}});
        let answer = self.call("livekit.SIP/CreateSIPOutboundTrunk", &trunk).await;
        answer.json()["sip_trunk_id"].as_str().unwrap().to_owned()
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn token(claims: &Claims) -> String {
    sign(claims, SECRET)
}

fn claims() -> Claims {
    Claims { iss: KEY.to_owned(), exp: Some(unix_now() + 600), ..Claims::default() }
}

fn everything() -> Claims {
    let video = VideoGrant {
        room_create: true,
        room_list: true,
        room_admin: true,
        room: "twirp".to_owned(),
        ..VideoGrant::default()
    };
    Claims { sip: Some(SipGrant { admin: true, call: true }), video: Some(video), ..claims() }
}
