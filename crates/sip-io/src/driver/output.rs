//! Doing what the agent says.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use sip::msg::StatusCode;
use sip::{Destination, LegEvent, LegId, Output, Transmit, Transport, TransportError};
use tracing::{debug, warn};

use super::Driver;
use super::legs::Delivered;
use crate::stats::Counters;
use crate::stream::{Route, Unsent};
use crate::trace::Direction;

impl Driver {
    /// Until the agent has nothing more to say.
    pub(super) fn pump(&mut self, now: Instant) {
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Transmit(transmit) => self.transmit(now, transmit),
                Output::Event { leg, event } => self.on_event(now, leg, event),
                Output::Resolve { leg, hop } => self.names.look_up(leg, hop),
                Output::TargetFailed { destination, retry_after } => {
                    self.penalties.add(now, destination, retry_after);
                }
                _ => {}
            }
        }
    }

    /// Calls whose owner is gone are hung up; a listener that failed is tried again.
    pub(super) fn sweep(&mut self, now: Instant) {
        self.accepting = true;
        for leg in self.legs.orphans() {
            self.agent.hangup(now, leg, &[]);
        }
    }

    fn transmit(&mut self, now: Instant, transmit: Transmit) {
        let Transmit { destination, flow, bytes } = transmit;
        // Over a connection that is open already, if there is one; a response goes back the way its request came.
        let taken = match destination.transport {
            Transport::Udp => destination,
            Transport::Tcp | Transport::Tls => self.pool.destination(Route { flow, destination }),
        };
        self.tap.report(Direction::Sent, destination.transport, taken.addr, &bytes);
        let outcome = match destination.transport {
            Transport::Udp => self.send_datagram(now, destination.addr, bytes.clone()),
            Transport::Tcp | Transport::Tls => self.pool.send(now, taken, bytes.clone()),
        };
        match outcome {
            Ok(()) => Counters::add(&self.counters.sent),
            Err(Unsent::Unavailable(error)) => self.on_send_failure(now, destination, &error),
            Err(Unsent::Refused(error)) => {
                Counters::add(&self.counters.send_failures);
                debug!(%error, "a SIP message was refused");
                self.agent.message_refused(now, &bytes, &error);
            }
        }
    }

    fn send_datagram(&mut self, now: Instant, addr: SocketAddr, bytes: Bytes) -> Result<(), Unsent> {
        if bytes.starts_with(b"INVITE ") {
            self.probes.sending(now, addr);
        }
        self.datagrams.send(addr, bytes)
    }

    /// The socket takes datagrams again.
    pub(super) fn flush_datagrams(&mut self, now: Instant) {
        for (addr, error) in self.datagrams.flush() {
            self.on_send_failure(now, udp(addr), &error);
        }
    }

    fn on_send_failure(&mut self, now: Instant, destination: Destination, error: &TransportError) {
        Counters::add(&self.counters.send_failures);
        debug!(%error, "sending a SIP message failed");
        self.agent.transport_failed(now, destination, error);
    }

    fn on_event(&mut self, now: Instant, leg: LegId, event: LegEvent) {
        if let LegEvent::Incoming { request } = event {
            self.on_incoming(now, leg, request);
            return;
        }
        match self.legs.deliver(leg, event) {
            Delivered::Yes => {}
            Delivered::Overrun => {
                Counters::add(&self.counters.legs_overrun);
                warn!(?leg, "a call is hung up: its events are not taken");
                self.agent.hangup(now, leg, &[]);
            }
        }
    }

    fn on_incoming(&mut self, now: Instant, leg: LegId, request: Box<sip::msg::Request>) {
        let place = self.incoming.try_reserve().ok().zip(self.commands.upgrade());
        match place {
            Some((place, commands)) if self.shutdown.is_none() => {
                place.send((self.legs.add(leg, commands), request))
            }
            _ => {
                Counters::add(&self.counters.incoming_refused);
                let refused = self.agent.reject(now, leg, StatusCode::SERVICE_UNAVAILABLE, None, &[]);
                if let Err(error) = refused {
                    debug!(?leg, %error, "an incoming call could not be refused");
                }
            }
        }
    }
}

pub(super) fn udp(addr: SocketAddr) -> Destination {
    Destination::new(Transport::Udp, addr)
}
