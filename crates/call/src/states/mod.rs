//! The life of one call: [`Call`] takes what happens and says what to do, from the join to the last BYE.
//!
//! ```text
//! Joining -> Dialing -> Ringing -> Automation -> Active -> Ending -> Ended
//! ```
//!
//! Any state may go to `Ending`, and every way there passes through one [`Verdict`]. Each state has its file. A call
//! never opens a socket, asks a clock or waits: the shell tells it `now` and what happened.

mod active;
mod automation;
mod dialing;
mod early;
mod ending;
mod farewell;
mod io;
mod joining;
mod ringing;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use livekit_protocol as proto;
use media::dtmf::DialString;
use media::sdp::{LocalAudio, SessionDescription};
use sip::LegEvent;

use crate::attributes::{self, CallStatus};
use crate::bridge::{BridgeCommand, BridgeEvent};
use crate::error::CallError;
use crate::invite::DialogIdentity;
use crate::plan::Plan;
use crate::record::Record;
use crate::rpc::{Method, RpcCall, RpcFault, remote_headers};
use crate::verdict::{Unreachable, Verdict};

pub use io::{Abort, CallInput, CallOutput};

/// How long a call that is over waits for the phone to acknowledge the end: RFC 3261's timer F and some.
const ENDING_LIMIT: Duration = Duration::from_secs(35);

/// When the request came and until when its caller waits.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    /// When the request was received.
    pub received_at: Instant,
    /// When the caller stops waiting.
    pub deadline: Instant,
}

/// Where a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The participant is on its way into the room.
    Joining,
    /// The INVITE is out; the phone has not rung yet.
    Dialing { ring_until: Instant },
    /// The phone rings.
    Ringing { ring_until: Instant },
    /// Answered; the initial digits are being sent.
    Automation,
    /// Both sides hear each other.
    Active,
    /// The verdict is spoken; the phone has yet to acknowledge.
    Ending { until: Instant },
    /// Nothing follows.
    Ended,
}

/// Where the SIP leg is, as far as hanging up is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leg {
    /// No INVITE was sent.
    None,
    /// An INVITE or a dialog is out: its end must be told.
    Up,
    /// The leg ended by itself, or has been told to; its last event is awaited.
    Closing,
    /// The leg is gone.
    Gone,
}

/// Where the participant and its bridge are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    /// Not in the room yet, or never.
    Absent,
    /// In the room.
    Here,
    /// Told to leave, or removed; the bridge's report is awaited.
    Leaving,
    /// Gone, the report is in.
    Gone,
}

/// One phone call in a room.
#[derive(Debug)]
pub struct Call {
    plan: Plan,
    identity: DialogIdentity,
    state: State,
    leg: Leg,
    presence: Presence,
    participant_sid: String,
    waiting: Option<Waiting>,
    max_until: Instant,
    local: Option<LocalAudio>,
    /// Our description as the phone knows it: the offer, later what answered one of the phone's.
    ours: Option<SessionDescription>,
    /// The offer that a phone gets which refuses the first one. Its answer tells whether it did.
    insisting: Option<SessionDescription>,
    early: early::EarlyDialogs,
    /// Our offer in the 200 to a re-INVITE without one: the phone's ACK carries the answer.
    reoffer: Option<SessionDescription>,
    /// The phone holds the call.
    held: bool,
    digits: Option<DialString>,
    /// The participant's attributes as far as they are known: set by this call, or through the API.
    shown: Vec<(String, String)>,
    /// Headers of the 200 OK.
    remote_headers: Vec<(String, String)>,
    record: Record,
    /// The phone is hung up when it has heard the room's last words.
    farewell: Option<farewell::Farewell>,
    outputs: VecDeque<CallOutput>,
}

impl Call {
    /// Begins a call: the first output is [`CallOutput::Join`].
    #[must_use]
    pub fn new(plan: Plan, identity: DialogIdentity, waiting: Waiting, now: Instant) -> Self {
        let digits = plan.dtmf.as_deref().and_then(|text| DialString::parse(text).ok());
        let record = Record::new(&plan, &identity, waiting.received_at);
        let mut call = Self {
            max_until: now + plan.max_duration,
            state: State::Joining,
            leg: Leg::None,
            presence: Presence::Absent,
            participant_sid: String::new(),
            waiting: Some(waiting),
            local: None,
            ours: None,
            insisting: None,
            early: early::EarlyDialogs::default(),
            reoffer: None,
            held: false,
            digits: digits.filter(|digits| !digits.is_empty()),
            shown: attributes::at_join(&plan),
            remote_headers: Vec::new(),
            record,
            farewell: None,
            outputs: VecDeque::new(),
            plan,
            identity,
        };
        call.push(CallOutput::Join);
        call
    }

    /// What the call was planned to be.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The attributes of the participant when it joins.
    #[must_use]
    pub fn attributes(&self) -> &[(String, String)] {
        &self.shown
    }

    /// The next thing to do. To be drained after every input.
    pub fn poll_output(&mut self) -> Option<CallOutput> {
        self.outputs.pop_front()
    }

    /// When [`Call::handle_timeout`] is to be called at the latest.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        let state = match self.state {
            State::Ended => return None,
            State::Ending { until } => {
                return Some(self.farewell.as_ref().map_or(until, |farewell| farewell.until.min(until)));
            }
            State::Dialing { ring_until } | State::Ringing { ring_until } => Some(ring_until),
            State::Joining | State::Automation | State::Active => None,
        };
        let deadline = self.waiting.map(|waiting| waiting.deadline);
        [state, deadline, Some(self.max_until)].into_iter().flatten().min()
    }

    /// Acts on whatever is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.state {
            State::Ended => return,
            State::Ending { until } if now >= until => return self.finish(now),
            State::Ending { .. } => {
                if self.farewell.as_ref().is_some_and(|farewell| now >= farewell.until) {
                    self.hang_up();
                }
                return;
            }
            _ => {}
        }
        if now >= self.max_until {
            return self.end(now, &Verdict::MaxDuration, &[]);
        }
        if self.waiting.is_some_and(|waiting| now >= waiting.deadline) {
            return self.deadline_passed(now);
        }
        if let State::Dialing { ring_until } | State::Ringing { ring_until } = self.state
            && now >= ring_until
        {
            self.end(now, &Verdict::NoAnswer, &[]);
        }
    }

    /// Takes in what happened. After the end nothing matters any more.
    pub fn handle(&mut self, now: Instant, input: CallInput) {
        if self.state == State::Ended {
            return;
        }
        match input {
            CallInput::Joined { participant_sid, local } => self.joined(now, participant_sid, local),
            CallInput::JoinFailed(failure) => self.end(now, &Verdict::JoinFailed(failure), &[]),
            CallInput::Dialed => self.record.dialed(now),
            CallInput::Unreachable(why) => self.unreachable(now, why),
            CallInput::Sip(event) => self.sip(now, event),
            CallInput::Bridge(event) => self.bridge(now, event),
            CallInput::BridgeClosed(report) => {
                self.record.media(*report);
                self.presence = Presence::Gone;
                self.hang_up();
                self.finish_if_done(now);
            }
            CallInput::Attributes(update) => self.note(update),
            CallInput::Removed(reason) => self.removed(now, reason),
            CallInput::Rpc(request) => self.rpc(now, &request),
            CallInput::Abort(abort) => self.abort(now, abort),
        }
    }

    fn sip(&mut self, now: Instant, event: LegEvent) {
        match (&self.state, event) {
            (_, LegEvent::Ended) => self.leg_ended(now),
            (State::Joining | State::Ended, _) => {}
            (State::Ending { .. }, event) => self.ending_sip(&event),
            (_, LegEvent::RemoteBye { .. }) => self.leg_over(now, &Verdict::RemoteBye),
            (_, LegEvent::ReInvite { offer }) => self.reinvite(offer.as_deref()),
            (State::Dialing { .. } | State::Ringing { .. }, event) => self.setup_sip(now, event),
            (State::Automation | State::Active, LegEvent::DialogLost | LegEvent::AckMissing) => {
                self.leg_over(now, &Verdict::NoResponse { provisionals: 0 });
            }
            (State::Automation | State::Active, LegEvent::SessionExpired) => {
                self.leg_over(now, &Verdict::SessionExpired);
            }
            (State::Automation | State::Active, LegEvent::TransportFailed(error)) => {
                self.leg_over(now, &Verdict::Unreachable(Unreachable::Network(error.to_string())));
            }
            (State::Automation | State::Active, LegEvent::Acked { body }) => self.acked(body.as_deref()),
            (State::Automation | State::Active, LegEvent::Refreshed { answer }) => self.refreshed(&answer),
            (State::Automation | State::Active, LegEvent::Info { content_type, body }) => {
                self.info(&content_type, &body);
            }
            (State::Automation | State::Active, _) => {}
        }
    }

    fn bridge(&mut self, now: Instant, event: BridgeEvent) {
        match event {
            BridgeEvent::FirstAudioToRoom { at } => self.record.first_audio_to_room(at),
            BridgeEvent::FirstAudioToPhone { at } => self.record.first_audio_to_phone(at),
            BridgeEvent::DigitsSent if self.state == State::Automation => self.digits_sent(now),
            BridgeEvent::MediaTimeout => self.end(now, &Verdict::MediaTimeout, &[]),
            BridgeEvent::Failed(what) => self.end(now, &Verdict::Internal(what), &[]),
            BridgeEvent::DigitsSent | BridgeEvent::MediaProven { .. } => {}
        }
    }

    fn rpc(&mut self, now: Instant, request: &RpcCall) {
        let method = request.parse();
        let answer = match &method {
            Ok(Method::EndCall { .. }) if self.is_over() => Err(RpcFault::application("call already ended")),
            Ok(Method::EndCall { .. }) => Ok(serde_json::json!({})),
            Ok(Method::GetRemoteHeaders { include, exclude }) => {
                Ok(remote_headers(&self.remote_headers, include, exclude))
            }
            Err(fault) => Err(fault.clone()),
        };
        for packet in request.answer(answer) {
            self.push(CallOutput::Data(Box::new(packet)));
        }
        if let Ok(Method::EndCall { headers }) = method {
            self.end(now, &Verdict::EndCall, &headers);
        }
    }

    fn abort(&mut self, now: Instant, abort: Abort) {
        match abort {
            Abort::CallerGone if self.waiting.is_some() => self.end(now, &Verdict::CallerGone, &[]),
            Abort::CallerGone => {}
            Abort::Draining if matches!(self.state, State::Automation | State::Active) => {}
            Abort::Draining | Abort::Shutdown => self.end(now, &Verdict::Shutdown, &[]),
            Abort::WorkerGone => {
                self.presence = Presence::Gone;
                self.end(now, &Verdict::Internal("the media worker stopped"), &[]);
                self.hang_up();
                self.finish_if_done(now);
            }
        }
    }

    /// A caller whose phone has answered is told so; one whose phone has not gives up.
    fn deadline_passed(&mut self, now: Instant) {
        match self.state {
            State::Automation | State::Active => self.reply_with_participant(),
            _ => self.end(now, &Verdict::Deadline, &[]),
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.state, State::Ending { .. } | State::Ended)
    }

    fn status(&mut self, status: CallStatus) {
        self.show(vec![status.attribute()]);
    }

    fn show(&mut self, update: Vec<(String, String)>) {
        if update.is_empty() || self.presence != Presence::Here {
            return;
        }
        self.note(update.iter().cloned());
        self.push(CallOutput::Attributes(update));
    }

    /// Keeps what the participant's attributes are now, whoever has set them.
    fn note(&mut self, update: impl IntoIterator<Item = (String, String)>) {
        for (key, value) in update {
            match self.shown.iter_mut().find(|(present, _)| *present == key) {
                Some((_, old)) => *old = value,
                None => self.shown.push((key, value)),
            }
        }
        self.shown.retain(|(_, value)| !value.is_empty());
    }

    fn reply_with_participant(&mut self) {
        let info = proto::SipParticipantInfo {
            participant_id: self.participant_sid.clone(),
            participant_identity: self.plan.participant.identity.clone(),
            room_name: self.plan.room_name.clone(),
            sip_call_id: self.plan.call_id.clone(),
        };
        self.reply(Ok(Box::new(info)));
    }

    fn reply(&mut self, reply: Result<Box<proto::SipParticipantInfo>, CallError>) {
        if self.waiting.take().is_some() {
            self.push(CallOutput::Reply(reply));
        }
    }

    fn command(&mut self, command: BridgeCommand) {
        if self.presence == Presence::Here {
            self.push(CallOutput::Bridge(command));
        }
    }

    fn push(&mut self, output: CallOutput) {
        self.outputs.push_back(output);
    }
}

#[cfg(test)]
mod tests;
