//! The client's two state machines (RFC 3261 §17.1, INVITE as corrected by RFC 6026 §8.4), without their messages.

use std::time::{Duration, Instant};

use crate::timer::Timers;

/// Which of the two machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Invite,
    NonInvite,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Sent, nothing heard ("Trying" for non-INVITE).
    Calling,
    Proceeding,
    /// INVITE: a 2xx came; repeated and forked ones still pass.
    Accepted,
    /// A final response came; its copies are absorbed.
    Completed,
    Terminated,
}

/// What a response means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnResponse {
    /// The user hears of it.
    Deliver,
    /// The user hears of it, and the transaction acknowledges it (INVITE, 300 and above).
    DeliverAndAck,
    /// A copy of a final response: acknowledged again, not delivered.
    AckAgain,
    /// A copy or out of place: ignored.
    Absorb,
}

/// What a passed deadline means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnTimeout {
    /// The request goes out again.
    Resend,
    /// No (final) response came; over.
    TimedOut,
    /// Nothing more can come; over.
    Terminated,
    /// Not due yet.
    Nothing,
}

/// One client transaction's state and timers.
#[derive(Debug)]
pub(crate) struct ClientMachine {
    kind: Kind,
    state: State,
    reliable: bool,
    /// Timers A and E: when and after what pause the next copy goes out.
    resend: Option<(Instant, Duration)>,
    /// Timers B, F, D, K, M.
    limit: Option<Instant>,
}

impl ClientMachine {
    /// The request has just been sent.
    pub(crate) fn start(now: Instant, timers: &Timers, kind: Kind, reliable: bool) -> ClientMachine {
        ClientMachine {
            kind,
            state: State::Calling,
            reliable,
            resend: (!reliable).then_some((now + timers.t1, timers.t1)),
            limit: Some(now + timers.give_up()),
        }
    }

    /// An INVITE sent by an earlier run of the program: its final response is awaited, as long as its user likes.
    pub(crate) fn resume(reliable: bool) -> ClientMachine {
        let (kind, state) = (Kind::Invite, State::Proceeding);
        ClientMachine { kind, state, reliable, resend: None, limit: None }
    }

    /// Whether any response has come.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.state == State::Calling
    }

    /// Whether the final response is still to come.
    pub(crate) fn is_unfinished(&self) -> bool {
        matches!(self.state, State::Calling | State::Proceeding)
    }

    pub(crate) fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.resend.map(|(at, _)| at).into_iter().chain(self.limit).min()
    }

    pub(crate) fn on_response(&mut self, now: Instant, timers: &Timers, code: u16) -> OnResponse {
        match (self.kind, self.state) {
            (_, State::Calling | State::Proceeding) if code < 200 => self.on_provisional(now, timers),
            (Kind::Invite, State::Calling | State::Proceeding) if code < 300 => {
                self.settle(State::Accepted, now + timers.give_up());
                OnResponse::Deliver
            }
            (Kind::Invite, State::Calling | State::Proceeding) => {
                self.complete(now, timers.d());
                OnResponse::DeliverAndAck
            }
            (Kind::NonInvite, State::Calling | State::Proceeding) => {
                self.complete(now, timers.t4);
                OnResponse::Deliver
            }
            (_, State::Accepted) if (200..300).contains(&code) => OnResponse::Deliver,
            (Kind::Invite, State::Completed) if code >= 300 => OnResponse::AckAgain,
            _ => OnResponse::Absorb,
        }
    }

    fn on_provisional(&mut self, now: Instant, timers: &Timers) -> OnResponse {
        match self.kind {
            Kind::Invite => {
                self.resend = None;
                self.limit = None;
            }
            Kind::NonInvite if !self.reliable && self.state == State::Calling => {
                self.resend = Some((now + timers.t2, timers.t2));
            }
            Kind::NonInvite => {}
        }
        self.state = State::Proceeding;
        OnResponse::Deliver
    }

    /// Reliable transports have no copies to absorb: over at once.
    fn complete(&mut self, now: Instant, absorb: Duration) {
        if self.reliable {
            self.terminate();
        } else {
            self.settle(State::Completed, now + absorb);
        }
    }

    fn settle(&mut self, state: State, until: Instant) {
        self.state = state;
        self.resend = None;
        self.limit = Some(until);
    }

    pub(crate) fn terminate(&mut self) {
        self.state = State::Terminated;
        self.resend = None;
        self.limit = None;
    }

    pub(crate) fn on_timeout(&mut self, now: Instant, timers: &Timers) -> OnTimeout {
        if self.limit.is_some_and(|at| at <= now) {
            let answered = matches!(self.state, State::Accepted | State::Completed);
            self.terminate();
            return if answered { OnTimeout::Terminated } else { OnTimeout::TimedOut };
        }
        match self.resend {
            Some((at, pause)) if at <= now => {
                let pause = match self.kind {
                    Kind::Invite => pause.saturating_mul(2),
                    Kind::NonInvite => timers.backed_off(pause),
                };
                self.resend = Some((now + pause, pause));
                OnTimeout::Resend
            }
            _ => OnTimeout::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resend_times(kind: Kind, reliable: bool) -> (Vec<u128>, u128) {
        let start = Instant::now();
        let timers = Timers::default();
        let mut machine = ClientMachine::start(start, &timers, kind, reliable);
        let mut sent = Vec::new();
        loop {
            let at = machine.deadline().expect("runs until it times out");
            match machine.on_timeout(at, &timers) {
                OnTimeout::Resend => sent.push((at - start).as_millis()),
                OnTimeout::TimedOut => return (sent, (at - start).as_millis()),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn an_unanswered_invite_is_resent_at_doubling_pauses_and_given_up_after_32_seconds() {
        let (sent, end) = resend_times(Kind::Invite, false);
        assert_eq!(sent, [500, 1500, 3500, 7500, 15500, 31500]);
        assert_eq!(end, 32_000);
    }

    #[test]
    fn an_unanswered_bye_is_resent_at_pauses_of_at_most_4_seconds() {
        let (sent, end) = resend_times(Kind::NonInvite, false);
        assert_eq!(sent, [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
        assert_eq!(end, 32_000);
    }

    #[test]
    fn nothing_is_resent_over_a_reliable_transport() {
        assert_eq!(resend_times(Kind::Invite, true), (vec![], 32_000));
        assert_eq!(resend_times(Kind::NonInvite, true), (vec![], 32_000));
    }

    #[test]
    fn a_ringing_invite_waits_without_limit_and_forked_2xx_pass_for_32_seconds() {
        let start = Instant::now();
        let timers = Timers::default();
        let mut machine = ClientMachine::start(start, &timers, Kind::Invite, false);
        assert_eq!(machine.on_response(start, &timers, 180), OnResponse::Deliver);
        assert_eq!(machine.deadline(), None);
        assert_eq!(machine.on_response(start, &timers, 200), OnResponse::Deliver);
        assert_eq!(machine.on_response(start, &timers, 202), OnResponse::Deliver);
        assert_eq!(machine.on_response(start, &timers, 180), OnResponse::Absorb);
        assert_eq!(machine.on_response(start, &timers, 486), OnResponse::Absorb);
        assert_eq!(machine.deadline(), Some(start + timers.give_up()));
        assert_eq!(machine.on_timeout(start + timers.give_up(), &timers), OnTimeout::Terminated);
    }

    #[test]
    fn a_repeated_refusal_is_acknowledged_each_time_and_told_once() {
        let start = Instant::now();
        let timers = Timers::default();
        let mut machine = ClientMachine::start(start, &timers, Kind::Invite, false);
        assert_eq!(machine.on_response(start, &timers, 486), OnResponse::DeliverAndAck);
        assert_eq!(machine.on_response(start, &timers, 486), OnResponse::AckAgain);
        assert_eq!(machine.on_response(start, &timers, 200), OnResponse::Absorb);
    }
}
