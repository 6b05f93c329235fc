//! The phone's signalling: messages, streams, and the agent with its legs as a whole.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sip::auth::{Authenticator, Challenge, Credentials};
use sip::msg::stream::{Frame, Framer};
use sip::msg::{CSeq, HeaderName, Message, Method, NameAddr, Request, Response, StatusCode, Uri, Via};
use sip::{
    Agent, AgentConfig, CallOptions, Contacts, Destination, Flow, Inbound, Invite, LegEvent, LegId, Limits,
    Output, Redirects, ResponseSummary, Timers, Transport, TransportError,
};

use crate::Script;

/// Whatever is read prints as what it was, and every field can be asked for.
pub fn message(data: &[u8]) {
    let Ok(message) = Message::parse(data) else { return };
    assert_eq!(Message::parse(&message.encode()).as_ref(), Ok(&message), "it prints as something else");
    let headers = message.headers();
    let _ = (headers.via(), headers.vias().count(), headers.from(), headers.to(), headers.call_id());
    let _ = (headers.cseq(), headers.contacts().count(), headers.routes(), headers.record_routes());
    let _ = (headers.max_forwards(), headers.expires(), headers.retry_after(), headers.session_expires());
    let _ =
        (headers.min_se(), headers.rseq(), headers.rack(), headers.media_type(), headers.require().count());
    if let Message::Response(response) = &message {
        let description = ResponseSummary::from(response).body;
        assert!(description.is_none_or(|text| !text.is_empty()), "a description that says nothing is none");
    }
}

/// A challenge that is understood prints as what it was; and its answer is a header that fits into a message.
pub fn challenge(data: &[u8]) {
    let value = String::from_utf8_lossy(data).replace(['\r', '\n', '\0'], " ");
    for challenge in Challenge::read_all(&value) {
        let printed = challenge.to_string();
        assert_eq!(Challenge::read_all(&printed), [challenge], "{printed}");
    }
    let text = format!(
        "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP a.test;branch=z9hG4bKa\r\nFrom: <sip:a@a.test>;tag=a\r\n\
         To: <sip:b@b.test>;tag=b\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nWWW-Authenticate: {value}\r\n\r\n"
    );
    let Ok(Message::Response(response)) = Message::parse(text.as_bytes()) else { return };
    let mut ours = Authenticator::new(Some(Credentials::new("us\"er", "secret")), 7);
    if ours.challenged(&response).is_ok() {
        let text = text.replacen("SIP/2.0 401 Unauthorized", "OPTIONS sip:b@b.test SIP/2.0", 1);
        let Ok(Message::Request(mut request)) = Message::parse(text.as_bytes()) else { return };
        ours.authorize(&mut request);
        let message = Message::Request(request);
        assert_eq!(Message::parse(&message.encode()), Ok(message));
    }
}

/// A stream is cut into the same frames, however it arrives. The first byte says in what pieces.
pub fn stream(data: &[u8]) {
    let mut script = Script::new(data);
    let piece = usize::from(script.byte()) + 1;
    let bytes = script.rest();
    assert_eq!(frames(bytes, piece), frames(bytes, bytes.len().max(1)));
}

/// The messages up to the first thing that is none, and whether there was one.
fn frames(bytes: &[u8], piece: usize) -> (Vec<Vec<u8>>, bool) {
    let (mut framer, mut found) = (Framer::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        framer.push(piece);
        loop {
            match framer.next_frame() {
                Ok(Some(Frame::Message(message))) => found.push(message.to_vec()),
                Ok(Some(Frame::Ping | Frame::Pong)) => {}
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
    }
    (found, false)
}

/// Steps of one script; more teach nothing.
const STEPS: usize = 80;
const METHODS: [Method; 8] = [
    Method::Bye,
    Method::Invite,
    Method::Update,
    Method::Info,
    Method::Ack,
    Method::Options,
    Method::Prack,
    Method::Cancel,
];
const CODES: [u16; 20] =
    [100, 180, 183, 199, 200, 202, 301, 302, 401, 407, 408, 422, 481, 486, 487, 488, 491, 500, 503, 603];
const TAGS: [&str; 4] = ["a", "b", "c", ""];

/// A peer that says anything, an application that asks anything, a network that fails: every leg ends once, and nothing
/// is left in the end.
pub fn agent(data: &[u8]) {
    let mut script = Script::new(data);
    let mut world = World::new(script.byte());
    for _ in 0..STEPS {
        if !script.goes_on() {
            break;
        }
        world.step(&mut script);
        world.look();
    }
    world.end();
}

struct World {
    agent: Agent,
    now: Instant,
    transport: Transport,
    journaled: bool,
    ours: Vec<Request>,
    legs: BTreeMap<LegId, u32>,
    branches: u32,
}

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)))
}

fn uri(text: &str) -> Uri {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

impl World {
    fn new(kind: u8) -> Self {
        let config = AgentConfig {
            contacts: Contacts::udp_and_tcp(addr("10.0.0.1:5060")),
            user_agent: "fuzzing/1".into(),
            timers: Timers::default(),
            limits: Limits { legs: 8, transactions: 40, stateless_per_second: 10 },
            inbound: if kind & 1 == 0 { Inbound::Offer } else { Inbound::Refuse(403) },
        };
        Self {
            agent: Agent::new(config, 1),
            now: Instant::now(),
            transport: if kind & 2 == 0 { Transport::Udp } else { Transport::Tcp },
            journaled: kind & 4 != 0,
            ours: Vec::new(),
            legs: BTreeMap::new(),
            branches: 0,
        }
    }

    fn peer(&self) -> Destination {
        Destination::new(self.transport, addr("192.0.2.1:5060"))
    }

    fn deliver(&mut self, bytes: &[u8]) {
        let flow =
            Flow { transport: self.transport, local: addr("10.0.0.1:5060"), remote: addr("192.0.2.1:5060") };
        self.agent.handle_message(self.now, flow, bytes);
    }

    fn step(&mut self, script: &mut Script<'_>) {
        match script.byte() % 12 {
            0 => self.call(script),
            1..=3 => self.respond(script),
            4 | 5 => self.ask(script),
            6 => self.deliver(script.bytes()),
            7 | 8 => self.command(script),
            9 => self.pass(Duration::from_millis(script.word().into())),
            10 => self.pass(Duration::from_secs((script.byte() % 64).into())),
            _ => {
                let peer = self.peer();
                self.agent.transport_failed(self.now, peer, &TransportError::Refused { destination: peer });
            }
        }
    }

    fn call(&mut self, script: &mut Script<'_>) {
        let flags = script.byte();
        let mut options = CallOptions::default();
        if flags & 1 == 0 {
            options = options.with_redirects(Redirects::WithinHost);
        }
        if self.journaled {
            options = options.journaled();
        }
        let number = flags >> 5;
        let invite = Invite {
            request_uri: uri("sip:200@192.0.2.1"),
            to: NameAddr::new(uri("sip:200@192.0.2.1")),
            from: NameAddr::new(uri("sip:100@10.0.0.1")),
            call_id: format!("call-{number}"),
            from_tag: format!("tag-{number}"),
            headers: Vec::new(),
            body: Some("offer".into()),
            other_body: (flags & 2 == 0).then(|| "another".into()),
            credentials: (flags & 4 == 0).then(|| Credentials::new("alice", "secret")),
        };
        let targets = vec![self.peer(), Destination::new(Transport::Udp, addr("192.0.2.2:5060"))];
        let targets = sip::Targets::new(if flags & 8 == 0 { targets } else { vec![self.peer()] });
        if let Some(targets) = targets
            && let Ok(leg) = self.agent.call_with(self.now, invite, targets, options)
        {
            self.legs.insert(leg, 0);
        }
    }

    /// Answers one of our requests.
    fn respond(&mut self, script: &mut Script<'_>) {
        let which = usize::from(script.byte());
        let (Some(code), Some(tag)) = (script.pick(&CODES), script.pick(&TAGS)) else { return };
        let extra = script.byte();
        let Some(request) = self.ours.get(which % self.ours.len().max(1)) else { return };
        let Some(status) = StatusCode::new(code) else { return };
        let mut response = Response::to(request, status);
        let headers = &mut response.headers;
        if code > 100 && !tag.is_empty() {
            headers.set_to_tag(tag);
        }
        headers.push(HeaderName::Contact, NameAddr::new(uri("sip:bob@192.0.2.1:5060")));
        match code {
            401 => {
                headers.push(HeaderName::WwwAuthenticate, format!("Digest realm=\"{extra}\", nonce=\"n\""))
            }
            407 => {
                headers.push(HeaderName::ProxyAuthenticate, format!("Digest realm=\"{extra}\", nonce=\"n\""))
            }
            180 | 183 if extra & 1 == 1 => {
                headers.push(HeaderName::Require, "100rel");
                headers.push(HeaderName::RSeq, u32::from(extra));
            }
            200 if extra & 1 == 1 => headers.push(HeaderName::SessionExpires, "90;refresher=uac"),
            422 => headers.push(HeaderName::MinSe, u32::from(extra) * 20),
            _ => {}
        }
        if extra & 2 == 2 {
            headers.push(HeaderName::RecordRoute, "<sip:192.0.2.9;lr>");
        }
        let bytes = Message::from(response).encode();
        self.deliver(&bytes);
    }

    /// The peer asks something, inside the dialog of one of our INVITEs or outside of any.
    fn ask(&mut self, script: &mut Script<'_>) {
        let (which, kind) = (usize::from(script.byte()), script.byte());
        let method = METHODS[usize::from(script.byte()) % METHODS.len()].clone();
        let (tag, number) = (script.pick(&TAGS).unwrap_or_default(), u32::from(script.byte()));
        let invites: Vec<&Request> =
            self.ours.iter().filter(|request| request.method == Method::Invite).collect();
        let inside = invites.get(which % invites.len().max(1)).filter(|_| kind & 3 != 0);
        let (from, to, call_id) = match inside.map(|invite| &invite.headers) {
            Some(headers) => {
                let (Ok(to), Ok(from), Ok(call_id)) = (headers.to(), headers.from(), headers.call_id())
                else {
                    return;
                };
                (to.with_tag(tag), from, call_id.to_owned())
            }
            None => {
                let from = NameAddr::new(uri("sip:300@192.0.2.1")).with_tag("p");
                (from, NameAddr::new(uri("sip:100@10.0.0.1")), format!("incoming-{}", kind >> 6))
            }
        };
        // Now and then the same branch again.
        self.branches += u32::from(kind & 4 == 0);
        let branch = format!("z9hG4bKpeer{}", self.branches);
        let peer = addr("192.0.2.1:5060");
        let via = Via::new(self.transport, peer.ip().into(), Some(peer.port()), &branch);
        let mut request = Request::new(method.clone(), uri("sip:10.0.0.1:5060"));
        request.headers.push(HeaderName::Via, via);
        request.headers.push(HeaderName::MaxForwards, 70);
        request.headers.push(HeaderName::From, &from);
        request.headers.push(HeaderName::To, &to);
        request.headers.push(HeaderName::CallId, call_id);
        request.headers.push(HeaderName::CSeq, CSeq::new(number, method));
        request.headers.push(HeaderName::Contact, NameAddr::new(uri("sip:bob@192.0.2.1")));
        if kind & 8 == 8 {
            request.set_body("application/sdp", "an offer");
        }
        let bytes = Message::from(request).encode();
        self.deliver(&bytes);
    }

    fn command(&mut self, script: &mut Script<'_>) {
        let legs: Vec<LegId> = self.legs.keys().copied().collect();
        let Some(leg) = script.pick(&legs) else { return };
        let (now, agent) = (self.now, &mut self.agent);
        // Commands that do not fit are refused; none may do harm.
        let _ = match script.byte() % 10 {
            0 => agent.provisional(now, leg, StatusCode::RINGING, None),
            1 => agent.answer(now, leg, Some("an answer".into())),
            2 => agent.reject(now, leg, StatusCode::BUSY_HERE, None, &[]),
            3 => agent.reinvite(now, leg, Some("an offer".into())),
            4 => agent.answer_reinvite(now, leg, Ok("an answer".into())),
            5 => agent.answer_reinvite(now, leg, Err(StatusCode::NOT_ACCEPTABLE_HERE)),
            6 => agent.info(now, leg, "application/dtmf", script.bytes().to_vec().into()),
            7 | 8 => {
                agent.recorded(now, leg);
                Ok(())
            }
            _ => {
                agent.hangup(now, leg, &[("Reason".to_owned(), script.text())]);
                Ok(())
            }
        };
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.agent.next_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.agent.handle_timeout(self.now);
            self.look();
        }
        self.now = end;
    }

    /// Takes in what was sent and told.
    fn look(&mut self) {
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Transmit(transmit) => match Message::parse(&transmit.bytes) {
                    Ok(Message::Request(request)) if !request.is_ack() && self.ours.len() < 100 => {
                        self.ours.push(request);
                    }
                    Ok(Message::Request(_)) => {}
                    // The answer to a broken request may repeat what is broken.
                    Ok(Message::Response(_)) | Err(_) => {}
                },
                Output::Event { leg, event } => {
                    let ends = self.legs.entry(leg).or_default();
                    assert_eq!(*ends, 0, "{leg:?} told {event:?} after its end");
                    *ends += u32::from(matches!(event, LegEvent::Ended));
                }
                Output::Resolve { leg, hop } => {
                    let peer = self.peer();
                    self.agent.resolved(self.now, leg, &hop, &[peer]);
                }
                _ => {}
            }
        }
        let stats = self.agent.stats();
        assert!(stats.legs <= 8 && stats.server_transactions + stats.client_transactions <= 400, "{stats:?}");
    }

    fn end(&mut self) {
        let legs: Vec<LegId> = self.legs.keys().copied().collect();
        for leg in legs {
            self.agent.hangup(self.now, leg, &[]);
        }
        self.look();
        self.pass(Duration::from_secs(400));
        assert!(self.legs.values().all(|ends| *ends == 1), "a leg has not ended: {:?}", self.legs);
        let stats = self.agent.stats();
        let left = stats.legs + stats.client_transactions + stats.server_transactions;
        assert_eq!(left, 0, "{stats:?}");
    }
}
