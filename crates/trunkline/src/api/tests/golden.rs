//! The captured API calls again, against this server.

use std::collections::HashMap;

use axum::http::HeaderValue;
use serde::Deserialize;
use serde_json::json;

use super::*;

const CASES: &str = include_str!("../../../../../tests/golden/twirp.json");

#[derive(Deserialize)]
struct Case {
    name: String,
    method: String,
    path: String,
    content_type: Option<String>,
    body: Option<String>,
    body_hex: Option<String>,
    status: u16,
    headers: HashMap<String, String>,
    answer: String,
}

/// Where this server means to differ: status and the text that tells why.
fn differs(name: &str, path: &str) -> Option<(u16, &'static str)> {
    let method = path.rsplit('/').next().unwrap();
    match (name, method) {
        // A deletion that deletes nothing says so.
        ("delete missing trunk", _) => Some((404, "requested sip trunk does not exist")),
        (_, "TransferSIPParticipant") => Some((501, "unimplemented: ")),
        // The captured server waited 3 s for somebody who is not there.
        (_, "MutePublishedTrack") => Some((404, "twirp error unknown: participant does not exist")),
        ("expired token", _) => {
            Some((401, "invalid token, error: token has invalid claims: token is expired"))
        }
        ("wrong secret", _) => {
            Some((401, "invalid token, error: token signature is invalid: signature is invalid"))
        }
        _ => None,
    }
}

/// Cases that need more than one request and have tests of their own.
fn is_told_elsewhere(case: &Case) -> bool {
    let name = case.name.as_str();
    let calls = ["success", "inline trunk", "busy", "rings", "list"]
        .iter()
        .any(|word| name.starts_with(word) && name != "inline trunk without sip_number");
    // Rooms of that server, with everything in them.
    let rooms = name.starts_with("RoomService") && case.status == 200 && case.answer.len() > 20;
    let moment = case.status == 200
        && ["DeleteRoom", "RemoveParticipant", "SendData"].iter().any(|end| case.path.ends_with(end));
    (calls || rooms || moment) && differs(name, &case.path).is_none()
}

fn authorization(name: &str) -> Option<String> {
    let mut claims = everything();
    match name {
        "no Authorization" | "no Authorization, protobuf" | "RoomService preflight" => return None,
        "token without sip grant" => claims.sip = None,
        "token with sip.admin only" => claims.sip = Some(SipGrant { admin: true, call: false }),
        "token with sip.call only, trunk method" => claims.sip = Some(SipGrant { admin: false, call: true }),
        "expired token" => claims.exp = Some(1),
        "wrong secret" => return Some(format!("Bearer {}", sign(&claims, "other"))),
        "unknown key" => claims.iss = "nokey".to_owned(),
        "not a JWT" => return Some("Bearer nothing".to_owned()),
        "Authorization without Bearer" => return Some("Basic abc".to_owned()),
        "RoomService CreateRoom without roomCreate" => claims.video = None,
        "RoomService ListParticipants of a room that does not exist, token for it" => {
            if let Some(video) = &mut claims.video {
                "ghost".clone_into(&mut video.room);
            }
        }
        _ => {}
    }
    Some(format!("Bearer {}", token(&claims)))
}

fn request(case: &Case, trunk: &str) -> Request<Body> {
    let body = match (&case.body, &case.body_hex) {
        (Some(text), _) => text.replace("ST_BDjPKfBCrGPQ", trunk).into_bytes(),
        (None, Some(hex)) => {
            (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect()
        }
        (None, None) => Vec::new(),
    };
    let mut request = Request::builder().method(case.method.as_str()).uri(&case.path);
    if let Some(value) = &case.content_type {
        request = request.header("content-type", value);
    }
    if let Some(value) = authorization(&case.name) {
        request = request.header("authorization", value);
    }
    if case.headers.contains_key("Access-Control-Allow-Origin") {
        request = request.header("origin", "http://a.test");
    }
    if case.name.ends_with("preflight") {
        request = request
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type");
    }
    request.body(Body::from(body)).unwrap()
}

/// What differs from server to server: ids and times.
fn comparable(text: &str) -> Value {
    let Ok(mut value) = serde_json::from_str::<Value>(text) else { return Value::from(text.trim()) };
    for key in ["sip_trunk_id", "created_at", "updated_at"] {
        if let Some(member) = value.get_mut(key) {
            *member = json!("any");
        }
    }
    value
}

/// Names of the members in their order, of all objects.
fn order(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => {
            map.iter().flat_map(|(key, value)| [vec![key.clone()], order(value)].concat()).collect()
        }
        Value::Array(list) => list.iter().flat_map(order).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn captured_requests_get_the_captured_answers() {
    let bench = Bench::new().await;
    let trunk = bench.trunk().await;
    let cases: Vec<Case> = serde_json::from_str(CASES).unwrap();
    let mut replayed = 0;
    for case in cases.iter().filter(|case| !is_told_elsewhere(case)) {
        let answer = bench.send(request(case, &trunk)).await;
        let shown = format!("{} {}: {} {}", case.name, case.path, answer.status, answer.text());
        replayed += 1;
        if let Some((status, text)) = differs(&case.name, &case.path) {
            assert_eq!(answer.status.as_u16(), status, "{shown}");
            assert!(answer.text().contains(text), "{shown}");
            continue;
        }
        assert_eq!(answer.status.as_u16(), case.status, "{shown}");
        for (name, value) in &case.headers {
            let ours = answer.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
            assert_eq!(ours, Some(value.as_str()), "{name} of {shown}");
        }
        let (ours, theirs) = (comparable(answer.text()), comparable(&case.answer));
        assert_eq!(ours, theirs, "{shown}");
        assert_eq!(order(&ours), order(&theirs), "{shown}");
    }
    assert!(replayed > 45, "{replayed}");
}

#[tokio::test]
async fn a_busy_phone_is_told_in_all_three_forms() {
    let bench = Bench::new().await;
    let cases: Vec<Case> = serde_json::from_str(CASES).unwrap();
    let captured = cases.iter().find(|case| case.name == "busy 486, JSON, waiting").unwrap();
    let book = peers::phone::PhoneBook::default();
    let busy = book.entries.iter().find(|entry| entry.about.contains("busy")).unwrap();
    let request = json!({"sip_trunk_id": bench.trunk().await, "sip_call_to": busy.number, "room_name": "twirp",
        "wait_until_answered": true});
    let answer = bench.call("livekit.SIP/CreateSIPParticipant", &request).await;
    assert_eq!(answer.status.as_u16(), captured.status);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json(), serde_json::from_str::<Value>(&captured.answer).unwrap());
}
