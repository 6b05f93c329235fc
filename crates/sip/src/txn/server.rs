//! The server's two state machines (RFC 3261 §17.2, INVITE as corrected by RFC 6026 §8.5), without their messages.

use std::time::{Duration, Instant};

use super::client::Kind;
use crate::timer::Timers;

/// A caller hears 100 when nothing else was said within this time (RFC 3261 §17.2.1).
const TRYING_AFTER: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No final response yet ("Trying" for non-INVITE).
    Proceeding,
    /// INVITE: a 2xx was given; the user repeats it, copies of the INVITE are absorbed.
    Accepted,
    Completed,
    /// INVITE: the ACK to a refusal came.
    Confirmed,
    Terminated,
}

/// What a passed deadline means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnTimeout {
    /// 100 goes out.
    SendTrying,
    /// The last response goes out again.
    Resend,
    /// Over.
    Terminated,
    /// Not due yet.
    Nothing,
}

/// One server transaction's state and timers.
#[derive(Debug)]
pub(crate) struct ServerMachine {
    kind: Kind,
    state: State,
    reliable: bool,
    /// Timer G, or the wait before 100 (then the pause is zero).
    resend: Option<(Instant, Duration)>,
    /// Timers H, I, J, L.
    limit: Option<Instant>,
}

impl ServerMachine {
    /// The request has just come.
    pub(crate) fn start(now: Instant, kind: Kind, reliable: bool) -> ServerMachine {
        ServerMachine {
            kind,
            state: State::Proceeding,
            reliable,
            resend: (kind == Kind::Invite).then_some((now + TRYING_AFTER, Duration::ZERO)),
            limit: None,
        }
    }

    pub(crate) fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    /// No final response has been given.
    pub(crate) fn is_open(&self) -> bool {
        self.state == State::Proceeding
    }

    /// A 2xx was given.
    pub(crate) fn was_accepted(&self) -> bool {
        self.state == State::Accepted
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.resend.map(|(at, _)| at).into_iter().chain(self.limit).min()
    }

    /// A response goes out. `false` when a final one went out before: then this one must not.
    pub(crate) fn on_respond(&mut self, now: Instant, timers: &Timers, code: u16) -> bool {
        if self.state != State::Proceeding {
            return false;
        }
        self.resend = None;
        match (self.kind, code) {
            (_, ..200) => {}
            (Kind::Invite, ..300) => self.settle(State::Accepted, now + timers.give_up()),
            (Kind::Invite, _) => {
                self.settle(State::Completed, now + timers.give_up());
                self.resend = (!self.reliable).then_some((now + timers.t1, timers.t1));
            }
            (Kind::NonInvite, _) if self.reliable => self.terminate(),
            (Kind::NonInvite, _) => self.settle(State::Completed, now + timers.give_up()),
        }
        true
    }

    /// The same request came again: whether the last response goes out again.
    pub(crate) fn on_repeated_request(&self) -> bool {
        matches!(self.state, State::Proceeding | State::Completed)
    }

    /// The ACK to a refusal came.
    pub(crate) fn on_ack(&mut self, now: Instant, timers: &Timers) {
        if self.kind == Kind::Invite && self.state == State::Completed {
            if self.reliable {
                self.terminate();
            } else {
                self.settle(State::Confirmed, now + timers.t4);
            }
        }
    }

    pub(crate) fn on_timeout(&mut self, now: Instant, timers: &Timers) -> OnTimeout {
        if self.limit.is_some_and(|at| at <= now) {
            self.terminate();
            return OnTimeout::Terminated;
        }
        match self.resend {
            Some((at, Duration::ZERO)) if at <= now => {
                self.resend = None;
                OnTimeout::SendTrying
            }
            Some((at, pause)) if at <= now => {
                let pause = timers.backed_off(pause);
                self.resend = Some((now + pause, pause));
                OnTimeout::Resend
            }
            _ => OnTimeout::Nothing,
        }
    }

    fn settle(&mut self, state: State, until: Instant) {
        self.state = state;
        self.resend = None;
        self.limit = Some(until);
    }

    fn terminate(&mut self) {
        self.state = State::Terminated;
        self.resend = None;
        self.limit = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invite(reliable: bool) -> (Instant, Timers, ServerMachine) {
        let start = Instant::now();
        (start, Timers::default(), ServerMachine::start(start, Kind::Invite, reliable))
    }

    #[test]
    fn a_caller_hears_100_after_200_ms_only_when_nothing_else_was_said() {
        let (start, timers, mut silent) = invite(false);
        assert_eq!(silent.deadline(), Some(start + TRYING_AFTER));
        assert_eq!(silent.on_timeout(start + TRYING_AFTER, &timers), OnTimeout::SendTrying);
        assert_eq!(silent.deadline(), None);
        let (start, timers, mut ringing) = invite(false);
        assert!(ringing.on_respond(start, &timers, 180));
        assert_eq!(ringing.deadline(), None);
    }

    #[test]
    fn a_refusal_is_repeated_until_its_ack_and_given_up_after_32_seconds() {
        let (start, timers, mut machine) = invite(false);
        assert!(machine.on_respond(start, &timers, 486));
        let mut sent = Vec::new();
        while let Some(at) = machine.deadline() {
            if machine.on_timeout(at, &timers) == OnTimeout::Resend {
                sent.push((at - start).as_millis());
            }
        }
        assert_eq!(sent, [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
        assert!(machine.is_terminated());

        let (start, timers, mut machine) = invite(false);
        assert!(machine.on_respond(start, &timers, 486));
        machine.on_ack(start, &timers);
        assert_eq!(machine.deadline(), Some(start + timers.t4));
        assert!(!machine.on_repeated_request(), "an INVITE after its ACK is absorbed");
    }

    #[test]
    fn after_a_2xx_copies_of_the_invite_are_absorbed_and_no_second_final_goes_out() {
        let (start, timers, mut machine) = invite(false);
        assert!(machine.on_respond(start, &timers, 200));
        assert!(!machine.on_repeated_request());
        assert!(!machine.on_respond(start, &timers, 487));
        assert_eq!(machine.deadline(), Some(start + timers.give_up()));
    }

    #[test]
    fn a_repeated_bye_gets_its_answer_again_for_32_seconds() {
        let start = Instant::now();
        let timers = Timers::default();
        let mut machine = ServerMachine::start(start, Kind::NonInvite, false);
        assert!(machine.on_respond(start, &timers, 200));
        assert!(machine.on_repeated_request());
        assert_eq!(machine.deadline(), Some(start + timers.give_up()));
    }
}
