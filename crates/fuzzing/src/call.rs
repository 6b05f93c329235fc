//! A phone call as a whole: its plan; and its life together with its audio, between a phone and a room that do anything.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use call::bridge::{Bridge, BridgeCommand, BridgeConfig, BridgeEvent, Demand, Sink, TalkerPacket};
use call::rpc::RpcCall;
use call::verdict::{JoinFailure, Unreachable};
use call::{Abort, Call, CallInput, CallOutput, DialogIdentity, Plan, PlanDefaults, Waiting};
use livekit_protocol::{CreateSipParticipantRequest, DisconnectReason, SipOutboundTrunkInfo};
use media::dtmf::Digit;
use media::sdp::{self, Direction, Encryption, LocalAudio, SessionDescription};
use media::session::{RtpSession, SessionConfig};
use prost::Message;
use rand::SeedableRng;
use rand::rngs::StdRng;
use room::{AudioPacket, Codec, TrackSid};
use sip::msg::Headers;
use sip::{LegEvent, ResponseSummary};

use crate::Script;
use crate::media::local;

fn trunk() -> SipOutboundTrunkInfo {
    SipOutboundTrunkInfo {
        sip_trunk_id: "ST_1".into(),
        address: "sip.example.com".into(),
        numbers: vec!["+15550199".into()],
        auth_username: "user".into(),
        auth_password: "password".into(),
        ..SipOutboundTrunkInfo::default()
    }
}

fn planned(request: &CreateSipParticipantRequest) -> Option<Plan> {
    let mut rng = StdRng::seed_from_u64(1);
    Plan::new(request, Some(&trunk()), &PlanDefaults::default(), &mut rng).ok()
}

fn begin(plan: Plan, now: Instant) -> Call {
    let identity = DialogIdentity { call_id: "call-id".into(), from_tag: "our-tag".into() };
    let waiting = Waiting { received_at: now, deadline: now + Duration::from_secs(80) };
    Call::new(plan, identity, waiting, now)
}

/// A request is refused, or it makes a plan that can be dialled: that is what refusing is for.
pub fn plan(data: &[u8]) {
    let Ok(request) = CreateSipParticipantRequest::decode(data) else { return };
    let Some(plan) = planned(&request) else { return };
    let now = Instant::now();
    let shown = format!("{:?}", plan.dial);
    let mut call = begin(plan, now);
    call.handle(
        now,
        CallInput::Joined { participant_sid: "PA_1".into(), local: local(10_000, Encryption::Disabled) },
    );
    let mut outputs = std::iter::from_fn(|| call.poll_output());
    assert!(outputs.any(|output| matches!(output, CallOutput::Dial(_))), "cannot be dialled: {shown}");
}

/// Steps of one script; more teach nothing.
const STEPS: usize = 80;

/// Whatever happens: one answer to the caller, one end, at most one hangup and one leave, and nothing after the end.
pub fn call(data: &[u8]) {
    let mut script = Script::new(data);
    let Some(mut life) = Life::new(script.byte()) else { return };
    for _ in 0..STEPS {
        if !script.goes_on() {
            break;
        }
        life.step(&mut script);
    }
    life.end();
}

/// What the bridge makes.
#[derive(Default)]
struct Made {
    events: Vec<BridgeEvent>,
    to_phone: Option<Vec<u8>>,
}

impl Sink for Made {
    fn rtp(&mut self, _to: SocketAddr, packet: &[u8]) {
        self.to_phone = Some(packet.to_vec());
    }
    fn rtcp(&mut self, _to: SocketAddr, _packet: &[u8]) {}
    fn room_codec(&mut self, _codec: Codec) {}
    fn room_audio(&mut self, _codec: Codec, packet: AudioPacket) {
        assert!(!packet.payload.is_empty());
    }
    fn room_noise(&mut self, _timestamp: u32, noise: &[u8]) {
        assert!(!noise.is_empty());
    }
    fn room_digit(&mut self, _digit: Digit) {}
    fn event(&mut self, event: BridgeEvent) {
        self.events.push(event);
    }
}

struct Life {
    call: Call,
    bridge: Option<Bridge>,
    phone: RtpSession,
    made: Made,
    now: Instant,
    offer: Option<SessionDescription>,
    told: Told,
}

/// What the call has said.
#[derive(Debug, Default)]
struct Told {
    replies: u32,
    hangups: u32,
    leaves: u32,
    ends: u32,
}

impl Life {
    fn new(kind: u8) -> Option<Self> {
        let request = CreateSipParticipantRequest {
            sip_trunk_id: "ST_1".into(),
            sip_call_to: "+15550101".into(),
            room_name: "room".into(),
            participant_identity: "phone".into(),
            wait_until_answered: kind & 1 == 0,
            dtmf: if kind & 2 == 0 { "1w#".into() } else { String::new() },
            play_dialtone: kind & 4 == 0,
            krisp_enabled: kind & 8 == 0,
            ..CreateSipParticipantRequest::default()
        };
        let (now, mut rng) = (Instant::now(), StdRng::seed_from_u64(1));
        let mut life = Self {
            call: begin(planned(&request)?, now),
            bridge: None,
            phone: RtpSession::new(SessionConfig::default(), &mut rng, now),
            made: Made::default(),
            now,
            offer: None,
            told: Told::default(),
        };
        life.drain();
        Some(life)
    }

    fn input(&mut self, input: CallInput) {
        self.call.handle(self.now, input);
        self.drain();
    }

    fn sip(&mut self, event: LegEvent) {
        self.input(CallInput::Sip(event));
    }

    fn step(&mut self, script: &mut Script<'_>) {
        match script.byte() % 13 {
            0 => self.join(),
            1 => self.input(CallInput::Dialed),
            2 => self.progress(script),
            3 => self.answer(script),
            4 => self.refuse(script),
            5 => self.reinvite(script),
            6 => self.sip(LegEvent::Info {
                content_type: "application/dtmf".into(),
                body: script.bytes().to_vec().into(),
            }),
            7 | 8 => self.phone_sends(script),
            9 => self.pass(Duration::from_millis(script.word().into())),
            10 => self.room_sends(script),
            11 => self.somebody_ends_it(script),
            _ => self.sip(LegEvent::Ended),
        }
    }

    fn join(&mut self) {
        if self.bridge.is_some() || self.told.ends > 0 {
            return;
        }
        let config = BridgeConfig {
            symmetric_rtp: true,
            media_timeout_initial: Duration::from_secs(30),
            media_timeout: Duration::from_secs(15),
            voice_isolation: self.call.plan().voice_isolation,
            cname: "fuzzing".into(),
        };
        let mut bridge = Bridge::new(&config, &mut StdRng::seed_from_u64(2), self.now);
        bridge.demand(self.now, Demand { pcmu: true, pcma: true, g722: true, opus: true });
        self.bridge = Some(bridge);
        let local = local(10_000, Encryption::Disabled);
        self.input(CallInput::Joined { participant_sid: "PA_1".into(), local });
    }

    /// What the phone says of its audio: what our offer asks for, or anything.
    fn description(&mut self, script: &mut Script<'_>) -> Option<String> {
        let directions = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
        match script.byte() % 4 {
            0 => None,
            1 => Some(script.text()),
            _ => {
                let direction = script.pick(&directions).unwrap_or(Direction::SendRecv);
                let theirs = LocalAudio { direction, ..local(20_000, Encryption::Disabled) };
                let (answer, terms) = sdp::answer(self.offer.as_ref()?, &theirs).ok()?;
                self.phone.negotiate(&terms, self.now);
                Some(answer.to_string())
            }
        }
    }

    fn progress(&mut self, script: &mut Script<'_>) {
        let (code, tag) = (script.pick(&[180, 181, 182, 183, 199]).unwrap_or(180), script.byte() % 3);
        let response = response(code, self.description(script));
        self.sip(LegEvent::Provisional { response, to_tag: format!("tag-{tag}") });
    }

    fn answer(&mut self, script: &mut Script<'_>) {
        let (tag, response) = (script.byte() % 3, response(200, self.description(script)));
        self.sip(LegEvent::Answered { response, remote_tag: format!("tag-{tag}") });
    }

    fn refuse(&mut self, script: &mut Script<'_>) {
        let event = match script.byte() % 5 {
            0 => LegEvent::Failed { response: response(300 + script.word() % 400, Some(script.text())) },
            1 => LegEvent::TransactionTimeout { after_provisional: true, provisionals: 1 },
            2 => LegEvent::DialogLost,
            3 => LegEvent::SessionExpired,
            _ => LegEvent::RemoteBye { headers: Headers::new() },
        };
        self.sip(event);
    }

    fn reinvite(&mut self, script: &mut Script<'_>) {
        let theirs = local(20_000 + u16::from(script.byte()), Encryption::Disabled);
        let offer = match script.byte() % 3 {
            0 => None,
            1 => Some(script.text()),
            _ => Some(sdp::offer(&theirs).to_string()),
        };
        if let Some(offer) = offer.clone() {
            self.sip(LegEvent::EarlyOffer { offer, to_tag: "b".to_owned() });
        }
        self.sip(LegEvent::ReInvite { offer });
        let body = self.description(script);
        self.sip(LegEvent::Acked { body });
    }

    fn phone_sends(&mut self, script: &mut Script<'_>) {
        let Some(bridge) = &mut self.bridge else { return };
        let from = SocketAddr::from(([127, 0, 0, 1], 20_000));
        let mut packet = Vec::new();
        match script.byte() % 4 {
            0 => bridge.handle_rtp(self.now, from, script.bytes(), &mut self.made),
            1 => bridge.handle_rtcp(self.now, from, script.bytes()),
            _ => {
                if self.phone.send_audio(self.now, script.bytes(), &mut packet).is_some() {
                    bridge.handle_rtp(self.now, from, &packet, &mut self.made);
                }
            }
        }
        self.bridge_events();
    }

    fn room_sends(&mut self, script: &mut Script<'_>) {
        let Some(bridge) = &mut self.bridge else { return };
        match script.byte() % 3 {
            0 => bridge.room_digits(&script.text()),
            1 => bridge.room_track_ended(&track(script)),
            _ => {
                let track = track(script);
                let codec = script.pick(&Codec::ALL).unwrap_or(Codec::Opus);
                let (seq, timestamp, payload) = (script.word(), script.long(), script.bytes());
                bridge.room_audio(self.now, &TalkerPacket { track: &track, codec, seq, timestamp, payload });
            }
        }
    }

    fn somebody_ends_it(&mut self, script: &mut Script<'_>) {
        let input = match script.byte() % 9 {
            0 => CallInput::Abort(Abort::CallerGone),
            1 => CallInput::Abort(Abort::Draining),
            2 => CallInput::Abort(Abort::Shutdown),
            3 => CallInput::Removed(DisconnectReason::RoomDeleted),
            4 => CallInput::JoinFailed(JoinFailure::Busy),
            5 => CallInput::Unreachable(Unreachable::Dns(script.text())),
            6 => CallInput::Abort(Abort::WorkerGone),
            _ => CallInput::Rpc(RpcCall {
                from: "agent".into(),
                id: "1".into(),
                method: script
                    .pick(&["lk.sip.EndCall", "lk.sip.GetRemoteHeaders", "x"])
                    .unwrap_or_default()
                    .into(),
                payload: script.text(),
            }),
        };
        self.input(input);
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let audio = self.bridge.as_ref().and_then(Bridge::next_timeout);
            let due = [audio, self.call.next_timeout()].into_iter().flatten().min();
            let Some(at) = due.filter(|at| *at <= end) else { break };
            self.now = at.max(self.now);
            if let Some(bridge) = self.bridge.as_mut().filter(|_| audio.is_some_and(|audio| audio <= at)) {
                bridge.handle_timeout(self.now, SystemTime::UNIX_EPOCH, &mut self.made);
                self.bridge_events();
            }
            if self.call.next_timeout().is_some_and(|due| due <= self.now) {
                self.call.handle_timeout(self.now);
                self.drain();
            }
        }
        self.now = end;
    }

    fn bridge_events(&mut self) {
        for event in std::mem::take(&mut self.made.events) {
            self.input(CallInput::Bridge(event));
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.call.poll_output() {
            assert_eq!(self.told.ends, 0, "something follows the end: {output:?}");
            match output {
                CallOutput::Dial(invite) => {
                    self.offer = invite.body.as_deref().and_then(|body| SessionDescription::parse(body).ok());
                    assert!(self.offer.is_some(), "our offer is no description");
                }
                CallOutput::Hangup { .. } => self.told.hangups += 1,
                CallOutput::Bridge(command) => self.bridge_command(command),
                CallOutput::Leave(_) => {
                    self.told.leaves += 1;
                    self.close_bridge();
                }
                CallOutput::Reply(_) => self.told.replies += 1,
                CallOutput::Ended(_) => self.told.ends += 1,
                _ => {}
            }
        }
    }

    fn bridge_command(&mut self, command: BridgeCommand) {
        if let Some(bridge) = &mut self.bridge {
            bridge.command(self.now, command, &mut self.made);
        }
    }

    fn close_bridge(&mut self) {
        if let Some(mut bridge) = self.bridge.take() {
            let report = bridge.close(self.now, SystemTime::UNIX_EPOCH, &mut self.made);
            self.call.handle(self.now, CallInput::BridgeClosed(Box::new(report)));
        }
    }

    fn end(&mut self) {
        self.input(CallInput::Abort(Abort::Shutdown));
        self.close_bridge();
        self.drain();
        self.pass(Duration::from_secs(36));
        let Told { replies, hangups, leaves, ends } = self.told;
        assert!((replies, ends) == (1, 1) && hangups <= 1 && leaves <= 1, "{:?}", self.told);
    }
}

fn response(code: u16, body: Option<String>) -> ResponseSummary {
    ResponseSummary { code, reason: "Because".into(), headers: Headers::new(), body }
}

fn track(script: &mut Script<'_>) -> TrackSid {
    TrackSid::from(format!("TR_{}", script.byte() % 12).as_str())
}
