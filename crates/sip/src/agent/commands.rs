//! What the application tells the agent to do.

use std::time::Instant;

use bytes::Bytes;
use rand::RngCore;

use super::{Agent, DialError, LegId};
use crate::auth::{Authenticator, Credentials};
use crate::dialog::DialogState;
use crate::leg::{CallOptions, Context, Invite, InviteState, Leg, LegError, is_sound};
use crate::msg::StatusCode;
use crate::target::Targets;

impl Agent {
    /// Places a call: the INVITE goes to the first target; the next ones follow where one cannot be reached, does not
    /// answer or says 503.
    pub fn call(
        &mut self,
        now: Instant,
        invite: Invite,
        targets: impl Into<Targets>,
    ) -> Result<LegId, DialError> {
        self.call_with(now, invite, targets, CallOptions::default())
    }

    /// [`Agent::call`] with options.
    pub fn call_with(
        &mut self,
        now: Instant,
        invite: Invite,
        targets: impl Into<Targets>,
        options: CallOptions,
    ) -> Result<LegId, DialError> {
        let targets = targets.into();
        if self.is_full() {
            self.refused += 1;
            return Err(DialError::Full);
        }
        if self.dialogs.contains_key(&(invite.call_id.clone(), invite.from_tag.clone())) {
            return Err(DialError::Duplicate);
        }
        if !is_sound(&invite.headers) {
            return Err(DialError::Header);
        }
        let transport = targets.current().transport;
        let (id, seed) = (self.next_leg_id(), self.rng.next_u64());
        let leg = Leg::call(&mut self.context(now), id, invite, targets, options, seed);
        self.insert(now, id, leg.ok_or(DialError::Transport(transport))?);
        Ok(id)
    }

    /// Ends a leg in whatever state it is: CANCEL once a provisional response has come, BYE when the call is up,
    /// 480 to an INVITE that waits for our answer. `headers` go on that message; those with a name that is no token
    /// or the agent's own are left out. Ended legs are left alone.
    pub fn hangup(&mut self, now: Instant, leg: LegId, headers: &[(String, String)]) {
        self.with_leg(now, leg, |leg, cx| leg.hangup(cx, headers.to_vec()));
    }

    /// Callee: 101 to 199, with a description when there is early media.
    pub fn provisional(
        &mut self,
        now: Instant,
        leg: LegId,
        code: StatusCode,
        body: Option<String>,
    ) -> Result<(), LegError> {
        self.command(now, leg, |leg, cx| leg.provisional(cx, code, body))
    }

    /// Callee: 200. It is repeated until the ACK comes.
    pub fn answer(&mut self, now: Instant, leg: LegId, body: Option<String>) -> Result<(), LegError> {
        self.command(now, leg, |leg, cx| leg.answer(cx, body))
    }

    /// Callee: a final response of 300 or more, with these header fields (a challenge; in a redirection, Contact).
    /// The leg ends.
    pub fn reject(
        &mut self,
        now: Instant,
        leg: LegId,
        code: StatusCode,
        reason: Option<&str>,
        headers: &[(String, String)],
    ) -> Result<(), LegError> {
        self.command(now, leg, |leg, cx| leg.reject(cx, code, reason, headers))
    }

    /// Offers a new description inside the call; `None` asks the peer for its offer. Where both sides do so at once
    /// it is tried again by itself.
    pub fn reinvite(&mut self, now: Instant, leg: LegId, body: Option<String>) -> Result<(), LegError> {
        self.command(now, leg, |leg, cx| leg.reinvite(cx, body))
    }

    /// Answers the peer's offer ([`LegEvent::ReInvite`](crate::LegEvent::ReInvite) or
    /// [`LegEvent::EarlyOffer`](crate::LegEvent::EarlyOffer)): with our description, or with a
    /// refusal (488) that leaves everything as it was.
    pub fn answer_reinvite(
        &mut self,
        now: Instant,
        leg: LegId,
        answer: Result<String, StatusCode>,
    ) -> Result<(), LegError> {
        self.command(now, leg, |leg, cx| leg.answer_offer(cx, answer))
    }

    /// Sends an INFO inside the call.
    pub fn info(
        &mut self,
        now: Instant,
        leg: LegId,
        content_type: &str,
        body: Bytes,
    ) -> Result<(), LegError> {
        self.command(now, leg, |leg, cx| leg.info(cx, content_type, body))
    }

    /// The dialog of a call that is up, to be written down; it changes with re-INVITEs and with each request of ours.
    #[must_use]
    pub fn dialog(&self, leg: LegId) -> Option<DialogState> {
        self.legs.get(&leg)?.dialog()
    }

    /// What [`LegEvent::Record`](crate::LegEvent::Record) told last is written down: what waited for it leaves.
    pub fn recorded(&mut self, now: Instant, leg: LegId) {
        self.with_leg(now, leg, Leg::recorded);
    }

    /// Ends a call that an earlier run of the program left behind, with BYE. Its leg tells nothing but
    /// [`LegEvent::Ended`](crate::LegEvent::Ended).
    pub fn end_lost_call(
        &mut self,
        now: Instant,
        dialog: &DialogState,
        credentials: Option<Credentials>,
        headers: &[(String, String)],
    ) -> Result<LegId, DialError> {
        if self.dialogs.contains_key(&dialog.key().ok_or(DialError::Dialog)?) {
            return Err(DialError::Duplicate);
        }
        let (id, seed) = (self.next_leg_id(), self.rng.next_u64());
        let auth = Authenticator::new(credentials, seed);
        let leg = Leg::lost(&mut self.context(now), id, dialog, auth, headers.to_vec());
        self.insert(now, id, leg.ok_or(DialError::Dialog)?);
        Ok(id)
    }

    /// Our INVITE while it has no final response, to be written down; it changes with challenges, redirections and
    /// targets.
    #[must_use]
    pub fn unanswered(&self, leg: LegId) -> Option<InviteState> {
        self.legs.get(&leg)?.unanswered()
    }

    /// Cancels a call that an earlier run of the program left ringing; should it be answered after all, it is ended
    /// with BYE. Its leg's last event is [`LegEvent::Ended`](crate::LegEvent::Ended).
    pub fn cancel_lost_call(
        &mut self,
        now: Instant,
        invite: &InviteState,
        credentials: Option<Credentials>,
        headers: &[(String, String)],
    ) -> Result<LegId, DialError> {
        if self.dialogs.contains_key(&invite.key().ok_or(DialError::Dialog)?) {
            return Err(DialError::Duplicate);
        }
        let (id, seed) = (self.next_leg_id(), self.rng.next_u64());
        let auth = Authenticator::new(credentials, seed);
        let leg = Leg::lost_ringing(&mut self.context(now), id, invite, auth, headers.to_vec());
        self.insert(now, id, leg.ok_or(DialError::Dialog)?);
        Ok(id)
    }

    fn command(
        &mut self,
        now: Instant,
        leg: LegId,
        step: impl FnOnce(&mut Leg, &mut Context<'_>) -> Result<(), LegError>,
    ) -> Result<(), LegError> {
        let live = |leg: &mut Leg, cx: &mut Context<'_>| {
            if leg.is_closed() { Err(LegError::Gone) } else { step(leg, cx) }
        };
        self.with_leg(now, leg, live).unwrap_or(Err(LegError::Gone))
    }
}
