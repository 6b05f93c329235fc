//! An agent and a peer that follows a script.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sip::msg::{CSeq, HeaderName, Message, Method, NameAddr, Request, Response, StatusCode, Transport, Via};
use sip::{Agent, AgentConfig, Destination, Flow, Invite, LegEvent, LegId, NamedHop, Output};

use super::{addr, config, invite, name};

pub(crate) const OURS: &str = "10.0.0.1:5060";
pub(crate) const PEER: &str = "192.0.2.1:5060";

/// The agent under test, what it sent and told, and virtual time.
pub(crate) struct Wire {
    pub(crate) agent: Agent,
    pub(crate) now: Instant,
    pub(crate) transport: Transport,
    sent: VecDeque<(Destination, Message)>,
    events: VecDeque<(LegId, LegEvent)>,
    names: VecDeque<(LegId, NamedHop)>,
    branches: u32,
}

impl Wire {
    pub(crate) fn new() -> Wire {
        Wire::with(config(addr(OURS)))
    }

    pub(crate) fn with(config: AgentConfig) -> Wire {
        Wire {
            agent: Agent::new(config, 1),
            now: Instant::now(),
            transport: Transport::Udp,
            sent: VecDeque::new(),
            events: VecDeque::new(),
            names: VecDeque::new(),
            branches: 0,
        }
    }

    pub(crate) fn peer(&self) -> Destination {
        Destination::new(self.transport, addr(PEER))
    }

    pub(crate) fn flow(&self) -> Flow {
        Flow { transport: self.transport, local: addr(OURS), remote: addr(PEER) }
    }

    /// Places a call and returns its INVITE.
    pub(crate) fn call(&mut self) -> (LegId, Request) {
        self.call_with(invite("call"))
    }

    pub(crate) fn call_with(&mut self, invite: Invite) -> (LegId, Request) {
        let leg = self.agent.call(self.now, invite, self.peer()).expect("placed");
        (leg, self.request(Method::Invite))
    }

    /// A call that is up: its leg, the INVITE, and the peer's dialog.
    pub(crate) fn call_up(&mut self) -> (LegId, Request) {
        let (leg, invite) = self.call();
        self.reply(&invite, 180, "b");
        self.reply(&invite, 200, "b");
        self.request(Method::Ack);
        self.told(&["Provisional 180", "Answered 200"]);
        (leg, invite)
    }

    /// Lets time pass, timers firing at their times.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.agent.next_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.agent.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    pub(crate) fn pass_ms(&mut self, ms: u64) {
        self.pass(Duration::from_millis(ms));
    }

    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    let message = Message::parse(&transmit.bytes).expect("our own messages can be read");
                    self.sent.push_back((transmit.destination, message));
                }
                Output::Event { leg, event } => self.events.push_back((leg, event)),
                Output::Resolve { leg, hop } => self.names.push_back((leg, hop)),
                Output::TargetFailed { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next message sent must be this request.
    pub(crate) fn request(&mut self, method: Method) -> Request {
        self.request_to(method).1
    }

    pub(crate) fn request_to(&mut self, method: Method) -> (Destination, Request) {
        self.drain();
        match self.sent.pop_front() {
            Some((to, Message::Request(request))) if request.method == method => (to, request),
            other => panic!("expected {method}, got {other:#?}"),
        }
    }

    /// The next message sent must be this response.
    pub(crate) fn response(&mut self, code: u16) -> Response {
        self.drain();
        match self.sent.pop_front() {
            Some((_, Message::Response(response))) if response.status.code() == code => response,
            other => panic!("expected {code}, got {other:#?}"),
        }
    }

    /// Nothing more was sent.
    pub(crate) fn silent(&mut self) {
        self.drain();
        assert!(self.sent.is_empty(), "sent: {:#?}", self.sent);
    }

    /// Everything sent and not yet looked at.
    pub(crate) fn take_sent(&mut self) -> Vec<Message> {
        self.drain();
        self.sent.drain(..).map(|(_, message)| message).collect()
    }

    /// Exactly these events were told since the last look.
    pub(crate) fn told(&mut self, expected: &[&str]) {
        self.drain();
        let names: Vec<String> = self.events.drain(..).map(|(_, event)| name(&event)).collect();
        assert_eq!(names, expected);
    }

    pub(crate) fn events(&mut self) -> Vec<LegEvent> {
        self.drain();
        self.events.drain(..).map(|(_, event)| event).collect()
    }

    /// Next hops that were to be resolved since the last look.
    pub(crate) fn names(&mut self) -> Vec<NamedHop> {
        self.drain();
        self.names.drain(..).map(|(_, hop)| hop).collect()
    }

    pub(crate) fn take_events(&mut self) -> Vec<(LegId, LegEvent)> {
        self.drain();
        self.events.drain(..).collect()
    }

    /// The leg that the last event was about.
    pub(crate) fn leg_told(&mut self) -> LegId {
        self.drain();
        self.events.back().expect("an event").0
    }

    /// The peer answers, with a Contact and, above 100, this tag.
    pub(crate) fn reply(&mut self, request: &Request, code: u16, tag: &str) {
        self.reply_with(request, code, tag, |_| {});
    }

    pub(crate) fn reply_with(
        &mut self,
        request: &Request,
        code: u16,
        tag: &str,
        change: impl FnOnce(&mut Response),
    ) {
        let mut response = Response::to(request, StatusCode::new(code).expect("a code"));
        if code > 100 {
            response.headers.set_to_tag(tag);
        }
        let contact = NameAddr::new(super::uri(&format!("sip:bob@{PEER}")));
        response.headers.push(HeaderName::Contact, contact);
        change(&mut response);
        self.deliver(&response.into());
    }

    pub(crate) fn deliver(&mut self, message: &Message) {
        self.deliver_bytes(&message.encode());
    }

    pub(crate) fn deliver_bytes(&mut self, bytes: &[u8]) {
        self.agent.handle_message(self.now, self.flow(), bytes);
        self.drain();
    }

    /// A request of the peer inside the dialog that our INVITE opened, from the fork with this tag.
    pub(crate) fn inside(&mut self, invite: &Request, method: Method, number: u32, tag: &str) -> Request {
        let to = invite.headers.from().expect("From");
        let from = invite.headers.to().expect("To").with_tag(tag);
        let call_id = invite.headers.call_id().expect("Call-ID").to_owned();
        self.compose(method, number, &from, &to, &call_id)
    }

    /// A request of the peer with a fresh branch.
    pub(crate) fn compose(
        &mut self,
        method: Method,
        number: u32,
        from: &NameAddr,
        to: &NameAddr,
        call_id: &str,
    ) -> Request {
        self.branches += 1;
        let peer = addr(PEER);
        let branch = format!("z9hG4bKpeer{}", self.branches);
        let via = Via::new(self.transport, peer.ip().into(), Some(peer.port()), &branch);
        let mut request = Request::new(method.clone(), super::uri("sip:10.0.0.1:5060"));
        request.headers.push(HeaderName::Via, via);
        request.headers.push(HeaderName::MaxForwards, 70);
        request.headers.push(HeaderName::From, from);
        request.headers.push(HeaderName::To, to);
        request.headers.push(HeaderName::CallId, call_id);
        request.headers.push(HeaderName::CSeq, CSeq::new(number, method));
        request.headers.push(HeaderName::Contact, NameAddr::new(super::uri(&format!("sip:bob@{PEER}"))));
        request
    }

    /// An INVITE of the peer.
    pub(crate) fn peer_invite(&mut self) -> Request {
        let from = NameAddr::new(super::uri("sip:300@192.0.2.1")).with_tag("p");
        let to = NameAddr::new(super::uri("sip:100@10.0.0.1"));
        let mut request = self.compose(Method::Invite, 1, &from, &to, "incoming");
        request.set_body("application/sdp", "their offer");
        request
    }

    pub(crate) fn send(&mut self, request: &Request) {
        self.deliver(&request.clone().into());
    }

    /// After everything has died out nothing is left.
    pub(crate) fn all_gone(&mut self) {
        self.pass(Duration::from_secs(120));
        let stats = self.agent.stats();
        assert_eq!(
            (stats.legs, stats.client_transactions, stats.server_transactions),
            (0, 0, 0),
            "{stats:?}"
        );
        assert_eq!(self.agent.next_timeout(), None);
    }
}
