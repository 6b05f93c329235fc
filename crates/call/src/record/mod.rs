//! What is kept of a call: who, when, how it went. One [`Summary`] per call, for the log, the metrics and the store.
//!
//! Times are monotonic; the shell that writes them down knows the wall clock. No phone number is kept here.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use livekit_protocol::DisconnectReason;
use media::sdp::Negotiated;

use crate::bridge::BridgeReport;
use crate::invite::DialogIdentity;
use crate::plan::Plan;
use crate::verdict::{Blame, Outcome, Verdict};

/// When each thing first happened.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// The request came in.
    pub received: Instant,
    /// The participant was in the room.
    pub joined: Option<Instant>,
    /// The INVITE was handed to the network.
    pub invited: Option<Instant>,
    /// 100 came.
    pub trying: Option<Instant>,
    /// The first of 180 to 199 came: what watchers see as `ringing`.
    pub ringing: Option<Instant>,
    /// 180: the phone itself rings.
    pub alerting: Option<Instant>,
    /// 181: the call is forwarded.
    pub forwarded: Option<Instant>,
    /// 182: the call waits in a queue.
    pub queued: Option<Instant>,
    /// 183: something is under way that is not told more closely.
    pub session_progress: Option<Instant>,
    /// 200 came.
    pub answered: Option<Instant>,
    /// The initial digits were through.
    pub digits_sent: Option<Instant>,
    /// Both sides heard each other.
    pub active: Option<Instant>,
    /// The phone's first audio went into the room.
    pub first_audio_to_room: Option<Instant>,
    /// The room's first audible audio went to the phone.
    pub first_audio_to_phone: Option<Instant>,
    /// The verdict was spoken.
    pub ended: Option<Instant>,
}

impl Times {
    /// The times of a call whose request was received then.
    #[must_use]
    pub fn new(received: Instant) -> Self {
        Self {
            received,
            joined: None,
            invited: None,
            trying: None,
            ringing: None,
            alerting: None,
            forwarded: None,
            queued: None,
            session_progress: None,
            answered: None,
            digits_sent: None,
            active: None,
            first_audio_to_room: None,
            first_audio_to_phone: None,
            ended: None,
        }
    }

    /// Request to INVITE.
    #[must_use]
    pub fn api_to_invite(&self) -> Option<Duration> {
        self.invited.map(|at| at.saturating_duration_since(self.received))
    }

    /// INVITE to something that came of it: [`Times::trying`], [`Times::queued`] and so on.
    #[must_use]
    pub fn after_invite(&self, at: Option<Instant>) -> Option<Duration> {
        between(self.invited, at)
    }

    /// INVITE to the first ring.
    #[must_use]
    pub fn invite_to_ringing(&self) -> Option<Duration> {
        between(self.invited, self.ringing)
    }

    /// INVITE to the answer.
    #[must_use]
    pub fn invite_to_answer(&self) -> Option<Duration> {
        between(self.invited, self.answered)
    }

    /// Answer to the phone's first audio in the room; `None` too when early media was heard there before.
    #[must_use]
    pub fn answer_to_room_audio(&self) -> Option<Duration> {
        let heard =
            self.first_audio_to_room.filter(|at| self.answered.is_some_and(|answered| *at >= answered));
        between(self.answered, heard)
    }

    /// How long before the answer, or the end, the room heard the phone's network: early media. `None` if it did not.
    #[must_use]
    pub fn early_media(&self) -> Option<Duration> {
        let until = self.answered.or(self.ended)?;
        self.first_audio_to_room.filter(|at| *at < until).map(|at| until - at)
    }

    /// Answer to the first audible audio towards the phone. Initial digits delay it: see [`Times::active_to_phone_audio`].
    #[must_use]
    pub fn answer_to_phone_audio(&self) -> Option<Duration> {
        between(self.answered, self.first_audio_to_phone)
    }

    /// Active to the first audible audio towards the phone.
    #[must_use]
    pub fn active_to_phone_audio(&self) -> Option<Duration> {
        between(self.active, self.first_audio_to_phone)
    }

    /// How long the phone was up.
    #[must_use]
    pub fn talked(&self) -> Option<Duration> {
        between(self.answered, self.ended)
    }
}

fn between(from: Option<Instant>, to: Option<Instant>) -> Option<Duration> {
    Some(to?.saturating_duration_since(from?))
}

/// One call, told at its end.
#[derive(Debug, Clone)]
pub struct Summary {
    /// `SCL_...`
    pub call_id: String,
    /// The SIP Call-ID.
    pub sip_call_id: String,
    /// `ST_...`, empty for an inline trunk.
    pub trunk_id: String,
    /// The room's name.
    pub room: String,
    /// The trunk's host as the metrics' `to`.
    pub to_host: String,
    /// When what happened.
    pub times: Times,
    /// Why it ended.
    pub verdict: Verdict,
    /// The reason the room saw.
    pub leave: DisconnectReason,
    /// The metric's `result`.
    pub blame: Blame,
    /// The metric's `reason`.
    pub label: Cow<'static, str>,
    /// The text of the error, for a call that failed.
    pub error: Option<String>,
    /// The final SIP status: 200, or that of the refusal.
    pub sip_status: Option<u16>,
    /// The codec that was agreed on.
    pub codec: Option<&'static str>,
    /// The initial digits went out as sound: the phone takes no telephone-events.
    pub digits_as_sound: bool,
    /// What the bridge measured.
    pub media: BridgeReport,
}

/// A call's record in the making.
#[derive(Debug)]
pub(crate) struct Record {
    call_id: String,
    sip_call_id: String,
    trunk_id: String,
    room: String,
    to_host: String,
    times: Times,
    end: Option<(Verdict, Outcome)>,
    sip_status: Option<u16>,
    codec: Option<&'static str>,
    digits_as_sound: bool,
    media: BridgeReport,
}

impl Record {
    pub(crate) fn new(plan: &Plan, identity: &DialogIdentity, received: Instant) -> Self {
        Self {
            call_id: plan.call_id.clone(),
            sip_call_id: identity.call_id.clone(),
            trunk_id: plan.trunk_id.clone(),
            room: plan.room_name.clone(),
            to_host: plan.dial.next_hop.host.clone(),
            times: Times::new(received),
            end: None,
            sip_status: None,
            codec: None,
            digits_as_sound: false,
            media: BridgeReport::default(),
        }
    }

    pub(crate) fn joined(&mut self, now: Instant) {
        self.times.joined.get_or_insert(now);
    }

    pub(crate) fn dialed(&mut self, now: Instant) {
        self.times.invited.get_or_insert(now);
    }

    pub(crate) fn trying(&mut self, now: Instant) {
        self.times.trying.get_or_insert(now);
    }

    pub(crate) fn ringing(&mut self, now: Instant) {
        self.times.ringing.get_or_insert(now);
    }

    /// A provisional response of this code.
    pub(crate) fn provisional(&mut self, now: Instant, code: u16) {
        let time = match code {
            180 => &mut self.times.alerting,
            181 => &mut self.times.forwarded,
            182 => &mut self.times.queued,
            183 => &mut self.times.session_progress,
            _ => return,
        };
        time.get_or_insert(now);
    }

    pub(crate) fn answered(&mut self, now: Instant) {
        self.times.answered.get_or_insert(now);
        self.sip_status = Some(200);
    }

    pub(crate) fn codec(&mut self, negotiated: &Negotiated) {
        self.codec = Some(negotiated.codec.name());
    }

    pub(crate) fn digits_sent(&mut self, now: Instant) {
        self.times.digits_sent.get_or_insert(now);
    }

    pub(crate) fn digits_as_sound(&mut self, as_sound: bool) {
        self.digits_as_sound = as_sound;
    }

    pub(crate) fn active(&mut self, now: Instant) {
        self.times.active.get_or_insert(now);
    }

    pub(crate) fn first_audio_to_room(&mut self, at: Instant) {
        self.times.first_audio_to_room.get_or_insert(at);
    }

    pub(crate) fn first_audio_to_phone(&mut self, at: Instant) {
        self.times.first_audio_to_phone.get_or_insert(at);
    }

    pub(crate) fn media(&mut self, report: BridgeReport) {
        self.media = report;
    }

    pub(crate) fn final_status(&mut self, code: u16) {
        self.sip_status.get_or_insert(code);
    }

    pub(crate) fn ended(&mut self, now: Instant, verdict: &Verdict, outcome: &Outcome) {
        self.times.ended.get_or_insert(now);
        if let Some((code, _)) = outcome.error.sip_status {
            self.sip_status = Some(code);
        }
        self.end.get_or_insert((verdict.clone(), outcome.clone()));
    }

    pub(crate) fn finish(&mut self, now: Instant) -> Summary {
        let never = || {
            let verdict = Verdict::Internal("the call ended without a verdict");
            let outcome = verdict.outcome();
            (verdict, outcome)
        };
        let (verdict, outcome) = self.end.take().unwrap_or_else(never);
        self.times.ended.get_or_insert(now);
        Summary {
            call_id: std::mem::take(&mut self.call_id),
            sip_call_id: std::mem::take(&mut self.sip_call_id),
            trunk_id: std::mem::take(&mut self.trunk_id),
            room: std::mem::take(&mut self.room),
            to_host: std::mem::take(&mut self.to_host),
            times: self.times,
            leave: outcome.leave,
            blame: outcome.blame,
            label: outcome.label,
            error: (outcome.blame != Blame::Success).then_some(outcome.error.message),
            verdict,
            sip_status: self.sip_status,
            codec: self.codec,
            digits_as_sound: self.digits_as_sound,
            media: self.media.clone(),
        }
    }
}
