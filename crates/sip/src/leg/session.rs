//! Session timers (RFC 4028): a call whose other end has gone without a word ends all the same.
//!
//! Every 2xx to an INVITE or UPDATE says how long the session lasts and who refreshes it. Refreshes go out at half
//! time, as UPDATE where the peer takes it, else as re-INVITE with our last description. Without one the call is
//! ended a little before its time is over.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::sent::{Draft, Purpose, Sent};
use super::{Context, Custom, Leg, LegEvent, Phase};
use crate::msg::{HeaderName, Headers, Method, Refresher, Request, Response, SessionExpires, StatusCode};
use crate::target::Flow;
use crate::timer::{SessionTimers, Timers};

/// The option tag.
const TIMER: &str = "timer";
/// Intervals below this are taken as this: a peer cannot make us send without pause.
const SHORTEST: u32 = 10;
/// Intervals that are asked for again after 422, per request.
const MAX_REJECTIONS: u8 = 3;
/// A peer that asks for more than a day asks for nonsense.
const LONGEST: u32 = 86_400;

/// What a leg knows about refreshing its session.
#[derive(Debug, Default)]
pub(super) struct Session {
    running: Option<Running>,
    /// The shortest interval that everybody on the way takes, as 422 has told us, in seconds.
    floor: u32,
    rejections: u8,
    /// The peer takes UPDATE.
    takes_update: bool,
    /// Our last description, said again in a refresh by re-INVITE.
    pub(super) description: Option<String>,
}

/// As agreed in the last 2xx.
#[derive(Debug, Clone, Copy)]
struct Running {
    seconds: u32,
    /// We refresh, at this time; else the peer does.
    refresh: Option<Instant>,
    /// Not refreshed by then: over.
    expires: Instant,
}

impl Session {
    pub(super) fn deadline(&self) -> Option<Instant> {
        let running = self.running?;
        Some(running.refresh.map_or(running.expires, |at| at.min(running.expires)))
    }

    pub(super) fn stop(&mut self) {
        self.running = None;
    }

    /// What our first INVITE asks for; the peer may choose who refreshes.
    pub(super) fn offer(&self, timers: &Timers, headers: &mut Headers) {
        let Some(interval) = timers.session.interval else { return };
        let seconds = seconds(interval).max(seconds(timers.session.min)).max(self.floor);
        self.print(SessionExpires { seconds, refresher: None }, headers);
    }

    /// On our re-INVITE or UPDATE: the session goes on as it is.
    pub(super) fn keep(&self, headers: &mut Headers) {
        let Some(running) = self.running else { return };
        let refresher = if running.refresh.is_some() { Refresher::Uac } else { Refresher::Uas };
        let seconds = running.seconds.max(self.floor);
        self.print(SessionExpires { seconds, refresher: Some(refresher) }, headers);
    }

    fn print(&self, expires: SessionExpires, headers: &mut Headers) {
        headers.push(HeaderName::SessionExpires, expires);
        if self.floor > 0 {
            headers.push(HeaderName::MinSe, self.floor);
        }
    }

    fn note_methods(&mut self, headers: &Headers) {
        if let Some(allowed) = headers.allows(&Method::Update) {
            self.takes_update = allowed;
        }
    }

    fn start(&mut self, now: Instant, seconds: u32, ours: bool) {
        let seconds = seconds.clamp(SHORTEST, LONGEST);
        let interval = Duration::from_secs(seconds.into());
        // RFC 4028 §10: the minimum of 32 s and a third of the interval before its end.
        let margin = Duration::from_secs(32).min(interval / 3);
        let refresh = ours.then(|| now + interval / 2);
        self.rejections = 0;
        self.running = Some(Running { seconds, refresh, expires: now + interval - margin });
    }

    /// 422: whether the request is worth sending again with the longer interval.
    pub(super) fn raise(&mut self, response: &Response) -> bool {
        self.rejections = self.rejections.saturating_add(1);
        match response.headers.min_se().filter(|seconds| *seconds <= LONGEST) {
            Some(floor) if floor > self.floor && self.rejections <= MAX_REJECTIONS => {
                self.floor = floor;
                true
            }
            _ => false,
        }
    }

    /// A 2xx to our INVITE or UPDATE: without Session-Expires there is no expiry (RFC 4028 §7.2).
    pub(super) fn agreed(&mut self, now: Instant, response: &Headers) {
        self.note_methods(response);
        match response.session_expires() {
            Some(expires) => self.start(now, expires.seconds, expires.refresher != Some(Refresher::Uas)),
            None => self.running = None,
        }
    }

    /// Our 2xx to the peer's INVITE or UPDATE: agrees to what it asks for (RFC 4028 §9, table 2).
    pub(super) fn agree(&mut self, now: Instant, request: &Request, response: &mut Response) {
        self.note_methods(&request.headers);
        let supported = knows_timer(&request.headers);
        let (seconds, refresher) = match (request.headers.session_expires(), self.running) {
            (Some(asked), _) if supported => (asked.seconds, asked.refresher.unwrap_or(Refresher::Uac)),
            (Some(asked), _) => (asked.seconds, Refresher::Uas),
            (None, Some(running)) => (running.seconds, Refresher::Uas),
            (None, None) => return,
        };
        let seconds = seconds.clamp(SHORTEST, LONGEST);
        let agreed = SessionExpires { seconds, refresher: Some(refresher) };
        response.headers.push(HeaderName::SessionExpires, agreed);
        if refresher == Refresher::Uac {
            response.headers.push(HeaderName::Require, TIMER);
        }
        self.start(now, seconds, refresher == Refresher::Uas);
    }
}

/// 422 to a session that is shorter than we take. A peer that does not know session timers is not told: a proxy has
/// asked in its place (RFC 4028 §9).
pub(crate) fn too_short(timers: &SessionTimers, request: &Request) -> Option<Response> {
    let asked = request.headers.session_expires()?;
    let min = seconds(timers.min);
    (asked.seconds < min && knows_timer(&request.headers)).then(|| {
        let mut response = Response::to(request, StatusCode::SESSION_INTERVAL_TOO_SMALL);
        response.headers.push(HeaderName::MinSe, min);
        response
    })
}

fn knows_timer(headers: &Headers) -> bool {
    headers.supports(TIMER) || headers.requires(TIMER)
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(LONGEST)
}

impl Leg {
    pub(super) fn on_session_timeout(&mut self, cx: &mut Context<'_>) {
        let Some(running) = self.session.running.filter(|_| self.phase == Phase::Up) else { return };
        if running.expires <= cx.now {
            self.expire(cx);
        } else if running.refresh.is_some_and(|at| at <= cx.now) {
            self.refresh_session(cx);
        }
    }

    fn expire(&mut self, cx: &mut Context<'_>) {
        self.tell(cx, LegEvent::SessionExpired);
        let reason = "SIP;cause=408;text=\"Session expired\"".to_owned();
        self.bye(cx, vec![("Reason".to_owned(), reason)]);
    }

    /// Tries again somewhat later, until the session is over.
    fn refresh_later(&mut self, cx: &Context<'_>, after: Duration) {
        if let Some(running) = &mut self.session.running {
            running.refresh = Some(cx.now + after);
        }
    }

    fn refresh_session(&mut self, cx: &mut Context<'_>) {
        let busy = self.peer_offer.is_some()
            || self.retry.is_some()
            || self.unacked.is_some()
            || self.sent.iter().any(|sent| sent.purpose == Purpose::Refresh)
            || self.is_modifying();
        self.refresh_later(cx, cx.timers.give_up());
        if busy {
            return self.refresh_later(cx, cx.timers.t2);
        }
        let Some(tag) = self.branches.main_tag().map(str::to_owned) else { return };
        let body = self.session.description.clone().filter(|_| !self.session.takes_update);
        // Without a description of ours to say again, only UPDATE can refresh.
        let method = if body.is_some() { Method::Invite } else { Method::Update };
        let body = body.map(|body| (super::description::SDP.to_owned(), Bytes::from(body)));
        let draft = Draft { method, custom: Custom::new(), own: None, body };
        if !self.send_inside(cx, &tag, Purpose::Refresh, draft) {
            self.refresh_later(cx, cx.timers.t2);
        }
    }

    /// The final response to a refresh by UPDATE.
    pub(super) fn on_update_response(
        &mut self,
        cx: &mut Context<'_>,
        sent: &Sent,
        response: &Response,
        flow: &Flow,
    ) {
        match response.status.code() {
            200..300 => {
                self.refresh_from_response(cx, sent.tag(), response, flow);
            }
            405 | 501 if self.session.description.is_some() => {
                self.session.takes_update = false;
                self.refresh_later(cx, Duration::ZERO);
            }
            422 if self.session.raise(response) => self.refresh_later(cx, Duration::ZERO),
            481 | 408 => self.lose_dialog(cx),
            _ => self.refresh_failed(cx),
        }
    }

    /// A refresh was refused, or met an offer of the peer: the session goes on, and it is tried again while it does.
    pub(super) fn refresh_failed(&mut self, cx: &mut Context<'_>) {
        let left = self.session.running.map(|running| running.expires.saturating_duration_since(cx.now));
        let pause = (left.unwrap_or_default() / 4).clamp(cx.timers.t1, cx.timers.give_up());
        self.refresh_later(cx, pause);
    }
}
