//! Where calls come in: who may call, how many at once, which script each gets.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use sip::auth::{Algorithm, Credentials, Space, Verdict, Verifier};
use sip::msg::{Request, StatusCode};
use sip_io::{Incoming, LegHandle};
use tokio::sync::broadcast;

use super::book::{Answer, Script};
use super::call::Call;
use super::config::PhoneConfig;
use super::event::{Happened, PhoneEvent};
use super::handle::Command;
use crate::tell::Teller;

/// What all calls of a phone share.
pub(super) struct Lobby {
    pub(super) config: PhoneConfig,
    tell: Teller<Happened>,
    commands: broadcast::Sender<(u64, Command)>,
    verifier: Option<Mutex<Verifier>>,
    numbers: AtomicU64,
    active: AtomicUsize,
}

/// One of the calls at once; counted until dropped.
pub(super) struct Seat(Arc<Lobby>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lobby {
    pub(super) fn new(
        config: PhoneConfig,
        tell: Teller<Happened>,
        commands: broadcast::Sender<(u64, Command)>,
    ) -> Self {
        let verifier = config.login.as_ref().map(|login| {
            let space = if login.as_proxy { Space::Proxy } else { Space::EndToEnd };
            let credentials = Credentials::new(&login.username, &login.password);
            let algorithms = [Algorithm::SHA_256, Algorithm::MD5];
            Mutex::new(Verifier::new(space, "phone", credentials, &algorithms, config.seed))
        });
        let (numbers, active) = (AtomicU64::new(0), AtomicUsize::new(0));
        Self { config, tell, commands, verifier, numbers, active }
    }

    /// Takes calls until the stack is shut down.
    pub(super) async fn receive(self: Arc<Self>, mut incoming: Incoming) {
        while let Some((leg, request)) = incoming.next().await {
            if let Some(challenge) = self.challenge(&request) {
                let (status, headers) = challenge;
                tokio::spawn(turn_away(leg, status, headers));
                continue;
            }
            let call = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
            let Some(seat) = self.seat() else {
                tokio::spawn(turn_away(leg, StatusCode::BUSY_HERE, Vec::new()));
                continue;
            };
            let call = Call::new(call, Arc::clone(&self), seat, leg, self.commands.subscribe());
            tokio::spawn(call.run(request));
        }
    }

    /// The script for a dialled number, with the phone's own settings over it.
    pub(super) fn script(&self, dialled: &str) -> Script {
        let mut script = self.config.book.lookup(dialled).clone();
        if let Some(delay) = self.config.answer_delay {
            match &mut script.answer {
                Answer::After { ring } | Answer::EarlyMedia { ring } => *ring = delay,
                Answer::Refuse { .. } | Answer::Never => {}
            }
        }
        script.hangup_after = script.hangup_after.or(self.config.hangup_after);
        script
    }

    /// The address told in session descriptions.
    pub(super) fn announced(&self) -> IpAddr {
        self.config.announced.unwrap_or(self.config.listen.ip())
    }

    pub(super) fn event(&self, call: u64, event: PhoneEvent) {
        self.tell.event(happened(call, event));
    }

    pub(super) fn level(&self, call: u64, event: PhoneEvent) {
        self.tell.level(happened(call, event));
    }

    pub(super) async fn last_event(&self, call: u64, event: PhoneEvent) {
        self.tell.event_or_wait(happened(call, event)).await;
    }

    fn seat(self: &Arc<Self>) -> Option<Seat> {
        let taken = self.active.fetch_add(1, Ordering::Relaxed);
        let seat = Seat(Arc::clone(self));
        (taken < self.config.max_calls).then_some(seat)
    }

    /// The status and header fields to refuse with when the caller has not proven who it is.
    fn challenge(&self, request: &Request) -> Option<(StatusCode, Vec<(String, String)>)> {
        let mut verifier = self.verifier.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        let verdict = verifier.verify(request);
        if verdict == Verdict::Accepted {
            return None;
        }
        let response = verifier.challenge(request, verdict == Verdict::Stale);
        let login = self.config.login.as_ref()?;
        let name = if login.as_proxy { "Proxy-Authenticate" } else { "WWW-Authenticate" };
        let of_challenge = |(header, value): (&sip::msg::HeaderName, &sip::msg::HeaderValue)| {
            let wanted = header.to_string().eq_ignore_ascii_case(name);
            wanted.then(|| (header.to_string(), value.to_string()))
        };
        Some((response.status, response.headers.iter().filter_map(of_challenge).collect()))
    }
}

/// Refuses a call and waits for its end, since dropping the leg would end it in another way.
async fn turn_away(mut leg: LegHandle, status: StatusCode, headers: Vec<(String, String)>) {
    leg.control().reject(status, None, headers).await;
    while leg.next_event().await.is_some() {}
}

fn happened(call: u64, event: PhoneEvent) -> Happened {
    Happened { call, at: Instant::now(), wallclock: SystemTime::now(), event }
}
