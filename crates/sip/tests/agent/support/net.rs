//! Agents on a network that loses, repeats, delays and reorders, in virtual time. One seed decides everything.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sip::msg::{StatusCode, Transport};
use sip::{Agent, CallOptions, Destination, Flow, LegEvent, LegId, LostState, Output, SessionTimers};

use super::{addr, config, name};

/// How bad the network is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    /// Share of the packets that never arrive.
    pub(crate) loss: f64,
    /// Share of the packets that arrive twice.
    pub(crate) repeat: f64,
    /// Longest delay; each packet has its own, so they overtake each other.
    pub(crate) delay: Duration,
}

impl Link {
    pub(crate) const PERFECT: Link = Link { loss: 0.0, repeat: 0.0, delay: Duration::from_millis(1) };
}

/// Something an application does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Act {
    Provisional(u16),
    Answer,
    Reject(u16),
    Hangup,
    ReInvite,
    AnswerOffer(bool),
    Info,
    /// What the leg told is written down.
    Recorded(Box<Written>),
    /// The program is killed and started again with what was written down.
    Crash,
}

/// What was written down, by Call-ID.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Written {
    pub(crate) call_id: String,
    number: usize,
    is_awaited: bool,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Entry {
    Packet { from: SocketAddr, to: SocketAddr, bytes: Vec<u8> },
    Act { node: usize, leg: LegId, act: Act },
}

/// What an application makes of an event: things to do, each after its delay.
pub(crate) type Behaviour = Box<dyn FnMut(&mut StdRng, LegId, &LegEvent) -> Vec<(Duration, Act)>>;

pub(crate) struct Node {
    pub(crate) at: SocketAddr,
    pub(crate) agent: Agent,
    pub(crate) told: HashMap<LegId, Vec<String>>,
    behaviour: Behaviour,
    /// What calls have to have written down, every version.
    to_write: Vec<LostState>,
    /// What is on the disk, and which version of it.
    journal: HashMap<String, (usize, LostState)>,
}

/// The network and everything on it.
pub(crate) struct Net {
    pub(crate) now: Instant,
    pub(crate) start: Instant,
    pub(crate) rng: StdRng,
    pub(crate) nodes: Vec<Node>,
    link: Link,
    /// Calls are written down, each time after so long at most.
    pub(crate) journaled: Option<Duration>,
    /// How long sessions last without a refresh, when not as usual.
    pub(crate) session: Option<Duration>,
    transport: Transport,
    /// An address behind which several nodes hear the same packets: a fork.
    group: Option<(SocketAddr, Vec<SocketAddr>)>,
    queue: BinaryHeap<Reverse<(Instant, u64, Entry)>>,
    number: u64,
    /// Packets sent so far, those lost included.
    pub(crate) packets: u32,
}

impl Net {
    pub(crate) fn new(seed: u64, link: Link) -> Net {
        let now = Instant::now();
        Net {
            now,
            start: now,
            rng: StdRng::seed_from_u64(seed),
            nodes: Vec::new(),
            link,
            journaled: None,
            session: None,
            transport: Transport::Udp,
            group: None,
            queue: BinaryHeap::new(),
            number: 0,
            packets: 0,
        }
    }

    /// Everything goes by TCP from here on: no loss, no copies, order kept.
    pub(crate) fn use_tcp(&mut self) {
        self.transport = Transport::Tcp;
        self.link = Link::PERFECT;
    }

    pub(crate) fn add(&mut self, at: &str, behaviour: Behaviour) -> usize {
        let at = addr(at);
        let mut config = config(at);
        if let Some(interval) = self.session {
            config.timers.session = SessionTimers { interval: Some(interval), min: interval };
        }
        let agent = Agent::new(config, self.rng.random());
        let told = HashMap::new();
        self.nodes.push(Node { at, agent, told, behaviour, to_write: Vec::new(), journal: HashMap::new() });
        self.nodes.len() - 1
    }

    pub(crate) fn group(&mut self, at: &str, members: &[usize]) {
        let members = members.iter().map(|node| self.nodes[*node].at).collect();
        self.group = Some((addr(at), members));
    }

    /// Places a call.
    pub(crate) fn call(&mut self, from: usize, to: &str, call_id: &str) -> LegId {
        let destination = Destination::new(self.transport, addr(to));
        let options = match self.journaled {
            Some(_) => CallOptions::default().journaled(),
            None => CallOptions::default(),
        };
        let agent = &mut self.nodes[from].agent;
        let leg = agent.call_with(self.now, super::invite(call_id), destination, options).expect("placed");
        self.drain(from);
        leg
    }

    pub(crate) fn act_later(&mut self, node: usize, leg: LegId, after: Duration, act: Act) {
        self.push(self.now + after, Entry::Act { node, leg, act });
    }

    /// Runs until nothing is under way and no timer is set, at most for `limit`.
    pub(crate) fn run(&mut self, limit: Duration) {
        let end = self.start + limit;
        loop {
            let queued = self.queue.peek().map(|Reverse((at, ..))| *at);
            let timer = self.nodes.iter().filter_map(|node| node.agent.next_timeout()).min();
            let Some(at) = queued.into_iter().chain(timer).min() else { return };
            assert!(at <= end, "still busy after {limit:?}");
            self.now = at.max(self.now);
            while self.queue.peek().is_some_and(|Reverse((at, ..))| *at <= self.now) {
                if let Some(Reverse((_, _, entry))) = self.queue.pop() {
                    self.carry_out(entry);
                }
            }
            for node in 0..self.nodes.len() {
                if self.nodes[node].agent.next_timeout().is_some_and(|at| at <= self.now) {
                    self.nodes[node].agent.handle_timeout(self.now);
                    self.drain(node);
                }
            }
        }
    }

    fn carry_out(&mut self, entry: Entry) {
        match entry {
            Entry::Packet { from, to, bytes } => {
                let Some(node) = self.nodes.iter().position(|node| node.at == to) else { return };
                let flow = Flow { transport: self.transport, local: to, remote: from };
                self.nodes[node].agent.handle_message(self.now, flow, &bytes);
                self.drain(node);
            }
            Entry::Act { node, act: Act::Crash, .. } => self.crash(node),
            Entry::Act { node, leg, act } => {
                if let Act::Recorded(written) = &act {
                    let node = &mut self.nodes[node];
                    let Some(state) = node.to_write.get(written.number).cloned() else { return };
                    let known = node.journal.get(&written.call_id).map(|(number, _)| *number);
                    if known.is_none_or(|known| known < written.number) {
                        node.journal.insert(written.call_id.clone(), (written.number, state));
                    }
                }
                let (agent, now) = (&mut self.nodes[node].agent, self.now);
                // What comes too late is refused: that is part of the story.
                let _ = match act {
                    Act::Provisional(code) => {
                        let early = (code == 183).then(|| "early".into());
                        agent.provisional(now, leg, status(code), early)
                    }
                    Act::Answer => agent.answer(now, leg, Some("answer".into())),
                    Act::Reject(code) => agent.reject(now, leg, status(code), None, &[]),
                    Act::ReInvite => agent.reinvite(now, leg, Some("new offer".into())),
                    Act::AnswerOffer(true) => agent.answer_reinvite(now, leg, Ok("new answer".into())),
                    Act::AnswerOffer(false) => {
                        agent.answer_reinvite(now, leg, Err(StatusCode::NOT_ACCEPTABLE_HERE))
                    }
                    Act::Recorded(written) => {
                        if written.is_awaited {
                            agent.recorded(now, leg);
                        }
                        Ok(())
                    }
                    Act::Crash => Ok(()),
                    Act::Info => agent.info(now, leg, "application/dtmf", "5".into()),
                    Act::Hangup => {
                        agent.hangup(now, leg, &[]);
                        Ok(())
                    }
                };
                self.drain(node);
            }
        }
    }

    fn drain(&mut self, node: usize) {
        while let Some(output) = self.nodes[node].agent.poll_output() {
            match output {
                Output::Transmit(transmit) => self.transmit(node, transmit.destination.addr, &transmit.bytes),
                Output::Event { leg, event: LegEvent::Record { state, is_awaited } } => {
                    self.write_later(node, leg, *state, is_awaited);
                }
                Output::Event { leg, event } => {
                    let sender = &mut self.nodes[node];
                    sender.told.entry(leg).or_default().push(name(&event));
                    let acts = (sender.behaviour)(&mut self.rng, leg, &event);
                    for (after, act) in acts {
                        self.act_later(node, leg, after, act);
                    }
                }
                Output::TargetFailed { .. } | Output::Resolve { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn write_later(&mut self, node: usize, leg: LegId, state: LostState, is_awaited: bool) {
        let writer = &mut self.nodes[node];
        let call_id = match &state {
            LostState::Up(dialog) => dialog.call_id.clone(),
            LostState::Ringing(invite) => {
                let line = invite.head.lines().find_map(|line| line.strip_prefix("Call-ID: "));
                line.expect("a Call-ID").to_owned()
            }
        };
        writer.to_write.push(state);
        let number = writer.to_write.len() - 1;
        let after = self.rng.random_range(Duration::ZERO..=self.journaled.unwrap_or_default());
        self.act_later(node, leg, after, Act::Recorded(Box::new(Written { call_id, number, is_awaited })));
    }

    /// Everything in memory is gone; what is on the disk is ended. The dead program's own ends are not asked for.
    fn crash(&mut self, node: usize) {
        let config = config(self.nodes[node].at);
        let seed = self.rng.random();
        let now = self.now;
        let crashed = &mut self.nodes[node];
        crashed.agent = Agent::new(config, seed);
        crashed.told.clear();
        crashed.to_write.clear();
        self.queue
            .retain(|Reverse((_, _, entry))| !matches!(entry, Entry::Act { node: of, .. } if *of == node));
        for (_, state) in crashed.journal.values() {
            let ended = match state {
                LostState::Up(dialog) => crashed.agent.end_lost_call(now, dialog, None, &[]),
                LostState::Ringing(invite) => crashed.agent.cancel_lost_call(now, invite, None, &[]),
            };
            ended.expect("what was written down can be read");
        }
        crashed.journal.clear();
        self.drain(node);
    }

    fn transmit(&mut self, from: usize, to: SocketAddr, bytes: &[u8]) {
        self.packets += 1;
        let from = self.nodes[from].at;
        let members = match &self.group {
            Some((group, members)) if *group == to => members.clone(),
            _ => vec![to],
        };
        for to in members {
            let copies = 1 + usize::from(self.rng.random_bool(self.link.repeat));
            for _ in 0..copies {
                if !self.rng.random_bool(self.link.loss) {
                    let after = match self.transport {
                        Transport::Udp => self.rng.random_range(Duration::ZERO..=self.link.delay),
                        _ => self.link.delay,
                    };
                    self.push(self.now + after, Entry::Packet { from, to, bytes: bytes.to_vec() });
                }
            }
        }
    }

    fn push(&mut self, at: Instant, entry: Entry) {
        self.number += 1;
        self.queue.push(Reverse((at, self.number, entry)));
    }

    /// Every leg ended exactly once, and nothing is left anywhere.
    pub(crate) fn assert_over(&self) {
        for node in &self.nodes {
            for (leg, told) in &node.told {
                let ends = told.iter().filter(|event| *event == "Ended").count();
                assert!(
                    ends == 1 && told.last().is_some_and(|last| last == "Ended"),
                    "{} {leg:?}: {told:?}",
                    node.at
                );
                let answers = told.iter().filter(|event| event.starts_with("Answered")).count();
                assert!(answers <= 1, "{} {leg:?}: {told:?}", node.at);
            }
            let stats = node.agent.stats();
            let left = stats.legs + stats.client_transactions + stats.server_transactions;
            assert_eq!(left, 0, "{}: {stats:?}", node.at);
        }
    }
}

fn status(code: u16) -> StatusCode {
    StatusCode::new(code).expect("a code")
}
