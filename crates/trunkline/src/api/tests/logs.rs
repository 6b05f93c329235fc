//! What stands in the log at info: no number, no secret, whoever wrote it.

use std::{
    io::Write,
    sync::{Arc, Mutex, OnceLock},
};

use peers::phone::{Answer, Entry, PhoneBook, Script};
use serde_json::json;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use super::*;

/// A number that no other test uses.
const NUMBER: &str = "+15550177331";
const PASSWORD: &str = "s3cr3t-of-the-trunk";

/// The phone's numbers, and one whose refusal tells the number again.
pub(super) fn book() -> PhoneBook {
    let answer = Answer::Refuse { code: 500, reason: format!("no credit for {NUMBER}") };
    let script = Script { answer, echo: false, press: None, hangup_after: None };
    let mut book = PhoneBook::default();
    book.entries.push(Entry { number: NUMBER.to_owned(), about: "repeats the number".to_owned(), script });
    book
}

/// The log of the whole process.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Starts it, once. Workers and calls log from threads of their own, so it is everybody's.
    fn of_the_process() -> Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        LOG.get_or_init(|| {
            let log = Self::default();
            let subscriber = tracing_subscriber::fmt()
                .with_env_filter(EnvFilter::new("info"))
                .with_ansi(false)
                .with_writer(log.clone())
                .finish();
            tracing::subscriber::set_global_default(subscriber).unwrap();
            log
        })
        .clone()
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_call_and_a_refused_join_leave_no_number_and_no_secret_in_the_log() {
    let log = Log::of_the_process();
    let bench = Bench::new().await;
    let room = format!("call-{NUMBER}");
    let one = json!({"name": room, "max_participants": 1});
    bench.call("livekit.RoomService/CreateRoom", &one).await;
    let trunk = json!({"trunk": {"name": NUMBER, "address": bench.phone.local_addr().to_string(), "numbers": [NUMBER],
        "auth_username": "u", "auth_password": PASSWORD}});
    let trunk = bench.call("livekit.SIP/CreateSIPOutboundTrunk", &trunk).await.json()["sip_trunk_id"].clone();
    let call =
        json!({"sip_trunk_id": trunk, "sip_call_to": NUMBER, "room_name": room, "wait_until_answered": true});
    let refused = bench.call("livekit.SIP/CreateSIPParticipant", &call).await;
    assert!(refused.text().contains(NUMBER), "the caller is told: {}", refused.text());
    let joins = |identity: String| {
        let video = VideoGrant { room_join: true, room: room.clone(), ..VideoGrant::default() };
        token(&Claims { sub: identity, video: Some(video), ..claims() })
    };
    let (first, second) = (joins("first".to_owned()), joins(format!("sip_{NUMBER}")));
    let _first = sockets::join(&bench, &first).await.unwrap();
    assert!(sockets::join(&bench, &second).await.is_err(), "the room is full");
    let both = ["reason=upstream-server-error-500", "join refused"];
    eventually("both are logged", async || both.iter().all(|line| log.text().contains(line))).await;
    let text = log.text();
    for hidden in [&NUMBER[1..], PASSWORD, first.as_str(), second.as_str()] {
        assert!(!text.lines().any(|line| line.contains(hidden)), "{hidden} is in the log:\n{text}");
    }
}
