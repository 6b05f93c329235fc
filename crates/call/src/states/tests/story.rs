//! One call, its scripted phone and its scripted room.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use livekit_protocol::{
    CreateSipParticipantRequest, DisconnectReason, SipOutboundTrunkInfo, SipParticipantInfo,
};
use media::codec::AudioCodec;
use media::sdp::{Direction, LocalAudio};
use rand::SeedableRng;
use rand::rngs::StdRng;
use sip::msg::Headers;
use sip::{LegEvent, ResponseSummary};

use crate::attributes::CALL_STATUS;
use crate::bridge::BridgeCommand;
use crate::error::CallError;
use crate::invite::DialogIdentity;
use crate::states::{Call, CallInput, CallOutput, Waiting};
use crate::{Plan, PlanDefaults, Summary};

/// What phones answer with.
pub(super) const ANSWER: &str = "v=0\r\no=phone 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
     m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";

pub(super) struct Story {
    pub(super) call: Call,
    pub(super) now: Instant,
    pub(super) outputs: Vec<CallOutput>,
}

pub(super) fn request() -> CreateSipParticipantRequest {
    CreateSipParticipantRequest {
        sip_trunk_id: "ST_1".into(),
        sip_call_to: "+15550101".into(),
        room_name: "room".into(),
        participant_identity: "phone".into(),
        ..CreateSipParticipantRequest::default()
    }
}

/// A request whose caller waits for the answer.
pub(super) fn waiting() -> CreateSipParticipantRequest {
    CreateSipParticipantRequest { wait_until_answered: true, ..request() }
}

pub(super) fn seconds(seconds: i64) -> Option<pbjson_types::Duration> {
    Some(pbjson_types::Duration { seconds, nanos: 0 })
}

impl Story {
    pub(super) fn begin(request: &CreateSipParticipantRequest) -> Self {
        Self::begin_with(request, &PlanDefaults::default())
    }

    pub(super) fn begin_with(request: &CreateSipParticipantRequest, defaults: &PlanDefaults) -> Self {
        let trunk = SipOutboundTrunkInfo {
            sip_trunk_id: "ST_1".into(),
            address: "sip.example.com".into(),
            numbers: vec!["+15550199".into()],
            attributes_to_headers: [("outcome".to_owned(), "X-Outcome".to_owned())].into(),
            ..SipOutboundTrunkInfo::default()
        };
        let mut rng = StdRng::seed_from_u64(1);
        let plan = Plan::new(request, Some(&trunk), defaults, &mut rng).expect("a valid request");
        let now = Instant::now();
        let identity = DialogIdentity { call_id: "call-id".into(), from_tag: "our-tag".into() };
        let patience = Duration::from_secs(if request.wait_until_answered { 80 } else { 30 });
        let waiting = Waiting { received_at: now, deadline: now + patience };
        let mut story = Self { call: Call::new(plan, identity, waiting, now), now, outputs: Vec::new() };
        story.drain();
        story
    }

    /// The participant is in the room and the INVITE is out.
    pub(super) fn dialing(request: &CreateSipParticipantRequest) -> Self {
        let mut story = Self::begin(request);
        story.dialed();
        story
    }

    pub(super) fn dialed(&mut self) {
        self.input(CallInput::Joined { participant_sid: "PA_1".into(), local: local() });
        self.input(CallInput::Dialed);
    }

    pub(super) fn ringing(request: &CreateSipParticipantRequest) -> Self {
        let mut story = Self::dialing(request);
        story.provisional(180);
        story
    }

    pub(super) fn answered(request: &CreateSipParticipantRequest) -> Self {
        let mut story = Self::ringing(request);
        story.answer(ANSWER);
        story
    }

    pub(super) fn input(&mut self, input: CallInput) {
        self.call.handle(self.now, input);
        self.drain();
    }

    pub(super) fn sip(&mut self, event: LegEvent) {
        self.input(CallInput::Sip(event));
    }

    pub(super) fn provisional(&mut self, code: u16) {
        self.sip(LegEvent::Provisional {
            response: response(code, "Ringing", &[], None),
            to_tag: "t".into(),
        });
    }

    /// A fork, told apart by its tag, describes its early media.
    pub(super) fn progress(&mut self, code: u16, tag: &str, description: Option<&str>) {
        let response = response(code, "Session Progress", &[], description);
        self.sip(LegEvent::Provisional { response, to_tag: tag.into() });
    }

    pub(super) fn answer(&mut self, sdp: &str) {
        let response = response(200, "OK", &[("X-Tenant", "blue"), ("Server", "phone")], Some(sdp));
        self.sip(LegEvent::Answered { response, remote_tag: "their-tag".into() });
    }

    pub(super) fn refuse(&mut self, code: u16, reason: &str) {
        self.sip(LegEvent::Failed { response: response(code, reason, &[], None) });
        self.sip(LegEvent::Ended);
    }

    /// Time passes; whatever is due on the way happens.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.call.next_timeout().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.call.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    /// The worker has closed the bridge and the SIP leg has said its last.
    pub(super) fn everybody_is_gone(&mut self) {
        self.input(CallInput::BridgeClosed(Box::default()));
        self.sip(LegEvent::Ended);
    }

    fn drain(&mut self) {
        while let Some(output) = self.call.poll_output() {
            self.outputs.push(output);
        }
    }

    /// The statuses that watchers saw, the first one included.
    pub(super) fn statuses(&self) -> Vec<&str> {
        let shown = self.outputs.iter().filter_map(|output| match output {
            CallOutput::Attributes(update) => update.iter().find(|(key, _)| key == CALL_STATUS),
            _ => None,
        });
        std::iter::once("dialing").chain(shown.map(|(_, value)| value.as_str())).collect()
    }

    /// The values of an attribute that watchers saw after the join.
    pub(super) fn attribute(&self, wanted: &str) -> Vec<&str> {
        let updates = self.outputs.iter().filter_map(|output| match output {
            CallOutput::Attributes(update) => Some(update),
            _ => None,
        });
        let shown = updates.flatten().filter(|(key, _)| key == wanted);
        shown.map(|(_, value)| value.as_str()).collect()
    }

    pub(super) fn replies(&self) -> Vec<&Result<Box<SipParticipantInfo>, CallError>> {
        let picked = self.outputs.iter().filter_map(|output| match output {
            CallOutput::Reply(reply) => Some(reply),
            _ => None,
        });
        picked.collect()
    }

    pub(super) fn error(&self) -> &CallError {
        match self.replies()[..] {
            [Err(error)] => error,
            ref other => panic!("expected one error, got {other:?}"),
        }
    }

    pub(super) fn hangups(&self) -> Vec<&[(String, String)]> {
        let picked = self.outputs.iter().filter_map(|output| match output {
            CallOutput::Hangup { headers } => Some(headers),
            _ => None,
        });
        picked.map(Vec::as_slice).collect()
    }

    pub(super) fn left(&self) -> Vec<DisconnectReason> {
        let picked = self.outputs.iter().filter_map(|output| match output {
            CallOutput::Leave(reason) => Some(*reason),
            _ => None,
        });
        picked.collect()
    }

    pub(super) fn commands(&self) -> Vec<&BridgeCommand> {
        let picked = self.outputs.iter().filter_map(|output| match output {
            CallOutput::Bridge(command) => Some(command),
            _ => None,
        });
        picked.collect()
    }

    pub(super) fn summaries(&self) -> Vec<&Summary> {
        let picked = self.outputs.iter().filter_map(|output| match output {
            CallOutput::Ended(summary) => Some(summary),
            _ => None,
        });
        picked.map(Box::as_ref).collect()
    }

    pub(super) fn summary(&self) -> &Summary {
        let summaries = self.summaries();
        assert_eq!(summaries.len(), 1, "a call ends once");
        summaries[0]
    }
}

pub(super) fn response(
    code: u16,
    reason: &str,
    headers: &[(&str, &str)],
    body: Option<&str>,
) -> ResponseSummary {
    let mut fields = Headers::new();
    for (name, value) in headers {
        fields.push_text(name, value).expect("a header");
    }
    ResponseSummary { code, reason: reason.into(), headers: fields, body: body.map(str::to_owned) }
}

pub(super) fn local() -> LocalAudio {
    LocalAudio {
        rtp: SocketAddr::from(([192, 0, 2, 1], 10_000)),
        session_id: 7,
        version: 7,
        codecs: AudioCodec::G711.to_vec(),
        dtmf: true,
        comfort_noise: false,
        direction: Direction::SendRecv,
        encryption: media::sdp::Encryption::Disabled,
    }
}
