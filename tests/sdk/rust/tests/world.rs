//! The world's door (`tests/sdk/world.py`) and what several stories share.

use std::env;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use livekit_api::services::room::RoomClient;
use livekit_api::services::sip::{CreateSIPOutboundTrunkOptions, CreateSIPParticipantOptions, SIPClient};
use livekit_api::services::{ServerError, ServerErrorCode, ServiceError};
use serde_json::{Value, json};

pub const CALLEE: &str = "+15105550123";

fn setting(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run this suite through tests/sdk/world.py"))
}

pub fn sip() -> SIPClient {
    with_secret(&setting("LIVEKIT_API_SECRET"))
}

pub fn with_secret(secret: &str) -> SIPClient {
    SIPClient::with_api_key(&setting("LIVEKIT_URL"), &setting("LIVEKIT_API_KEY"), secret)
}

pub fn rooms() -> RoomClient {
    RoomClient::with_api_key(
        &setting("LIVEKIT_URL"),
        &setting("LIVEKIT_API_KEY"),
        &setting("LIVEKIT_API_SECRET"),
    )
}

/// A room of this story alone.
pub fn new_room() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("rust-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

async fn through(path: &str, body: Option<Value>) -> Value {
    let door = format!("{}{path}", setting("WORLD_URL"));
    let client = reqwest::Client::new();
    let request = match body {
        Some(body) => client.post(door).json(&body),
        None => client.get(door),
    };
    let answer = request.send().await.expect("the world answers");
    let status = answer.status();
    let text = answer.text().await.expect("the world's answer is whole");
    assert!(status.is_success(), "the world says: {text}");
    serde_json::from_str(&text).expect("the world speaks JSON")
}

pub struct Phone {
    id: u64,
    pub address: String,
}

impl Phone {
    async fn start(wanted: Value) -> Self {
        let made = through("/phones", Some(wanted)).await;
        Self { id: made["id"].as_u64().unwrap(), address: made["address"].as_str().unwrap().to_owned() }
    }

    pub async fn playing(scenario: &str) -> Self {
        Self::start(json!({ "scenario": scenario })).await
    }

    pub async fn refusing(code: u16, reason: &str, calls: u32) -> Self {
        let keys = json!({ "code": code, "reason": reason });
        Self::start(json!({ "scenario": "refuse", "keys": keys, "calls": calls })).await
    }

    /// Rings for so long, answers, and takes whatever ends the call.
    pub async fn ringing_for(time: Duration) -> Self {
        let ring = u64::try_from(time.as_millis()).unwrap();
        let keys = json!({ "ring": ring, "contact": "[local_ip]:[local_port]" });
        Self::start(json!({ "scenario": "until_the_end", "keys": keys })).await
    }

    pub async fn baresip() -> Self {
        Self::start(json!({ "baresip": true })).await
    }

    pub async fn requests(&self, method: &str, count: usize) -> Vec<String> {
        let path = format!("/phones/{}/requests/{method}?count={count}", self.id);
        serde_json::from_value(through(&path, None).await).unwrap()
    }

    pub async fn digits(&self, count: usize) -> String {
        serde_json::from_value(through(&format!("/phones/{}/digits?count={count}", self.id), None).await)
            .unwrap()
    }

    /// Waits until the phone has played its part, every message as expected.
    pub async fn story(&self) {
        through(&format!("/phones/{}/story", self.id), None).await;
    }
}

pub struct Listener(u64);

impl Listener {
    pub async fn join(room: &str) -> Self {
        Self(through("/listeners", Some(json!({ "room": room }))).await["id"].as_u64().unwrap())
    }

    pub async fn hears(&self, identity: &str, hertz: u32) {
        through(&format!("/listeners/{}/hears/{identity}?hertz={hertz}", self.0), None).await;
    }

    pub async fn statuses(&self, identity: &str, last: &str) -> Vec<String> {
        let path = format!("/listeners/{}/statuses/{identity}?last={last}", self.0);
        serde_json::from_value(through(&path, None).await).unwrap()
    }

    pub async fn left(&self, identity: &str) -> u64 {
        through(&format!("/listeners/{}/left/{identity}", self.0), None).await.as_u64().unwrap()
    }
}

/// The values of a header of a SIP message, in order.
pub fn headers(message: &str, name: &str) -> Vec<String> {
    let message = message.replace("\r\n", "\n");
    let head = message.split("\n\n").next().unwrap_or("").lines().skip(1);
    let values =
        head.filter_map(|line| line.split_once(':')).filter(|(found, _)| found.eq_ignore_ascii_case(name));
    values.map(|(_, value)| value.trim().to_owned()).collect()
}

pub fn header(message: &str, name: &str) -> String {
    headers(message, name).join(", ")
}

pub async fn trunk_to(address: &str) -> String {
    trunk_with(address, CreateSIPOutboundTrunkOptions::default()).await
}

pub async fn trunk_with(address: &str, options: CreateSIPOutboundTrunkOptions) -> String {
    let numbers = vec!["+15105550100".to_owned()];
    let made = sip().create_sip_outbound_trunk("rust".to_owned(), address.to_owned(), numbers, options).await;
    made.expect("the trunk is created").sip_trunk_id
}

/// Options of a call that waits for its answer.
pub fn waiting() -> CreateSIPParticipantOptions {
    CreateSIPParticipantOptions {
        participant_identity: "callee".to_owned(),
        wait_until_answered: Some(true),
        ..CreateSIPParticipantOptions::default()
    }
}

/// What the server said went wrong.
pub fn refusal<T: std::fmt::Debug>(result: Result<T, ServiceError>) -> ServerErrorCode {
    match result {
        Err(ServiceError::Twirp(ServerError::Twirp(refusal))) => refusal,
        other => panic!("the server should have refused: {other:?}"),
    }
}
