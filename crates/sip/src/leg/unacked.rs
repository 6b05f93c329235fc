//! Our 2xx to an INVITE, repeated over every transport until its ACK comes (RFC 3261 §13.3.1.4).

use std::time::{Duration, Instant};

use super::description::session_description;
use super::{Context, Leg, LegEvent, Phase};
use crate::msg::Request;
use crate::target::Transmit;

/// A 2xx without its ACK.
#[derive(Debug)]
pub(super) struct Unacked {
    number: u32,
    transmit: Transmit,
    next: Instant,
    pause: Duration,
    until: Instant,
    /// It answered the call, not a re-INVITE.
    pub(super) is_first: bool,
}

impl Unacked {
    /// It has just been sent.
    pub(super) fn start(cx: &Context<'_>, number: u32, transmit: Transmit, is_first: bool) -> Unacked {
        let pause = cx.timers.t1;
        Unacked {
            number,
            transmit,
            next: cx.now + pause,
            pause,
            until: cx.now + cx.timers.give_up(),
            is_first,
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.next.min(self.until)
    }
}

impl Leg {
    /// An ACK inside the dialog; strays are ignored.
    pub(crate) fn on_ack(&mut self, cx: &mut Context<'_>, ack: &Request) {
        let tag = ack.headers.from_tag().unwrap_or_default();
        let number = ack.headers.cseq().map(|cseq| cseq.number);
        let expected = self.unacked.as_ref().map(|unacked| unacked.number);
        if !self.branches.is_main(&tag) || number.ok() != expected {
            return;
        }
        self.unacked = None;
        self.tell(cx, LegEvent::Acked { body: session_description(&ack.headers, &ack.body) });
        if let Some(headers) = self.bye_after_ack.take()
            && self.phase == Phase::Up
        {
            self.bye(cx, headers);
        }
    }

    pub(super) fn on_unacked_timeout(&mut self, cx: &mut Context<'_>) {
        let Some(unacked) = &mut self.unacked else { return };
        if unacked.until <= cx.now {
            self.unacked = None;
            self.tell(cx, LegEvent::AckMissing);
            let headers = self.bye_after_ack.take().unwrap_or_default();
            if self.phase == Phase::Up {
                self.bye(cx, headers);
            }
        } else if unacked.next <= cx.now {
            cx.txns.out.push_back(unacked.transmit.clone());
            unacked.pause = cx.timers.backed_off(unacked.pause);
            unacked.next = cx.now + unacked.pause;
        }
    }
}
