//! One call, either side: from its INVITE to the last late copy of its last message (RFC 3261 §9, §13 to §15).
//!
//! | file | what it does |
//! |---|---|
//! | `calling` | our INVITE: targets, challenges, provisional responses, refusals |
//! | `cancelling` | giving up before the answer |
//! | `attempts` | next hops that were given up and speak up late |
//! | `answered` | every 2xx to our INVITE: ACK, repeated ACK, forks that answer second |
//! | `ringing` | the peer's INVITE: our responses, its CANCEL |
//! | `unacked` | our 2xx, repeated until its ACK comes |
//! | `requests` | the peer's requests inside the dialog |
//! | `offers` | re-INVITE and UPDATE, both ways |
//! | `session` | session timers |
//! | `reliable` | PRACK for reliable provisional responses |
//! | `proving` | our own reliable provisional responses, repeated until their PRACK comes |
//! | `redirect` | 3xx |
//! | `sent` | our requests inside the dialog and their responses |
//! | `named` | next hops that are names |
//! | `journal` | what is written down before an INVITE or an ACK leaves |
//! | `lost` | calls of an earlier run of the program |
//! | `unheard` | answers that came between two runs |
//! | `ending` | BYE, and the one [`LegEvent::Ended`] |
//!
//! A leg that has ended stays, silent, until no copy of a 2xx to its INVITE can come any more (64*T1), to
//! acknowledge it.
//!
//! It never reads a session description: offers and answers pass through as text. REFER (RFC 3515) has no file here
//! yet; [`LegEvent`] leaves room for what it tells.

mod answered;
mod attempts;
mod branch;
mod calling;
mod cancelling;
mod context;
mod description;
mod ending;
mod error;
mod event;
mod identity;
mod invite;
mod journal;
mod lost;
mod named;
mod offers;
mod proving;
mod redirect;
mod reliable;
mod requests;
mod ringing;
mod sent;
mod session;
mod unacked;
mod unheard;

pub(crate) use context::Context;
pub(crate) use description::{SDP, session_description};
pub use error::LegError;
pub use event::{AuthFailure, LegEvent, ResponseSummary};
pub(crate) use identity::{ALLOW, Custom, Identity, SUPPORTED, capabilities, is_sound};
pub use invite::{CallOptions, Invite, Redirects};
pub use journal::LostState;
pub use lost::InviteState;
pub(crate) use requests::{Handled, options, refuse_method};
pub(crate) use session::too_short;

use std::time::Instant;

use crate::auth::Authenticator;
use crate::dialog::DialogState;
use crate::msg::{Response, Scheme};
use crate::target::{Flow, TransportError};
use crate::txn::ClientId;
use answered::SentAck;
use attempts::Attempt;
use branch::Branches;
use calling::Calling;
use journal::Journal;
use offers::{PeerOffer, Retry};
use ringing::Ringing;
use sent::Sent;
use session::Session;
use unacked::Unacked;

/// A call leg of one agent; never used again after its [`LegEvent::Ended`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(pub(crate) u64);

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Our INVITE has no response yet.
    Calling,
    /// Our INVITE has a provisional response.
    Proceeding,
    /// Our CANCEL is out; the INVITE's final response is awaited.
    Cancelling,
    /// The peer's INVITE awaits our final response.
    Ringing,
    /// A 2xx was given.
    Up,
    /// Our BYE is out.
    Ending,
    /// `Ended` has been told; only late copies are dealt with.
    Closed,
}

/// One call.
#[derive(Debug)]
pub(crate) struct Leg {
    id: LegId,
    phase: Phase,
    call_id: String,
    local_tag: String,
    /// Of the URI that was called.
    scheme: Scheme,
    auth: Authenticator,
    /// The caller's side of the INVITE.
    calling: Option<Calling>,
    /// The callee's side of the INVITE, until it is answered.
    ringing: Option<Ringing>,
    branches: Branches,
    /// Heads of the responses that began early dialogs, where they are written down.
    early: Vec<String>,
    attempts: Vec<Attempt>,
    acks: Vec<SentAck>,
    sent: Vec<Sent>,
    peer_offer: Option<PeerOffer>,
    retry: Option<Retry>,
    unacked: Option<Unacked>,
    session: Session,
    journal: Journal,
    /// Hung up before our 2xx was acknowledged: BYE waits for the ACK (RFC 3261 §15).
    bye_after_ack: Option<Custom>,
}

impl Leg {
    fn new(id: LegId, phase: Phase, call_id: String, local_tag: String, auth: Authenticator) -> Leg {
        Leg {
            id,
            phase,
            call_id,
            local_tag,
            scheme: Scheme::Sip,
            auth,
            calling: None,
            ringing: None,
            branches: Branches::default(),
            early: Vec::new(),
            attempts: Vec::new(),
            acks: Vec::new(),
            sent: Vec::new(),
            peer_offer: None,
            retry: None,
            unacked: None,
            session: Session::default(),
            journal: Journal::default(),
            bye_after_ack: None,
        }
    }

    /// Call-ID and our tag: what the peer's requests are found by.
    pub(crate) fn key(&self) -> (String, String) {
        (self.call_id.clone(), self.local_tag.clone())
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Nothing can come any more that the leg would have to deal with.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.is_closed()
            && self.sent.is_empty()
            && self.attempts.is_empty()
            && self.acks.iter().all(|ack| ack.until <= now)
    }

    /// Ends the leg the way its phase asks for.
    pub(crate) fn hangup(&mut self, cx: &mut Context<'_>, headers: Custom) {
        match self.phase {
            Phase::Calling if self.journal.holds_invite() => self.end(cx, None),
            Phase::Calling => self.cancel_later(headers),
            Phase::Proceeding => self.cancel(cx, headers),
            Phase::Ringing => self.give_up_ringing(cx, &headers),
            Phase::Up if self.unacked.as_ref().is_some_and(|unacked| unacked.is_first) => {
                self.bye_after_ack.get_or_insert(headers);
            }
            Phase::Up => self.bye(cx, headers),
            Phase::Cancelling | Phase::Ending | Phase::Closed => {}
        }
    }

    /// A response to a request of this leg.
    pub(crate) fn on_response(
        &mut self,
        cx: &mut Context<'_>,
        txn: ClientId,
        response: &Response,
        flow: &Flow,
    ) {
        if self.acknowledge_again(cx, txn, response) || self.on_late_response(cx, txn, response, flow) {
            return;
        }
        if self.calling.as_ref().is_some_and(|calling| calling.txn == Some(txn)) {
            self.on_invite_response(cx, response, flow);
        } else {
            self.on_sent_response(cx, txn, response, flow);
        }
    }

    /// A request of this leg got no final response.
    pub(crate) fn on_expired(&mut self, cx: &mut Context<'_>, txn: ClientId) {
        if self.calling.as_ref().is_some_and(|calling| calling.txn == Some(txn)) {
            self.on_invite_expired(cx);
        } else if !self.forget_attempt(txn) {
            self.on_sent_lost(cx, txn);
        }
    }

    /// A request of this leg could not be delivered.
    pub(crate) fn on_undelivered(&mut self, cx: &mut Context<'_>, txn: ClientId, error: &TransportError) {
        if self.calling.as_ref().is_some_and(|calling| calling.txn == Some(txn)) {
            self.on_invite_undelivered(cx, error);
        } else if !self.forget_attempt(txn) && !self.send_as_datagram(cx, txn) {
            self.on_sent_lost(cx, txn);
        }
    }

    /// When [`Leg::on_timeout`] is to be called.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        // While a request of ours is unanswered, its transaction wakes the leg.
        let lingers = self.is_closed() && self.sent.is_empty();
        let lingering = self.acks.iter().map(|ack| ack.until).max().filter(|_| lingers);
        [
            self.calling.as_ref().and_then(|calling| calling.deadline),
            self.calling.as_ref().and_then(|calling| calling.silent_until),
            self.calling.as_ref().and_then(|calling| calling.unheard_until),
            self.attempts.iter().map(|attempt| attempt.until).min(),
            self.ringing.as_ref().map(|ringing| ringing.deadline),
            self.ringing.as_ref().and_then(|ringing| ringing.proving.deadline()),
            self.peer_offer.as_ref().map(|offer| offer.deadline),
            self.retry.as_ref().map(|retry| retry.at),
            self.unacked.as_ref().map(Unacked::deadline),
            self.session.deadline(),
            self.journal.deadline(),
            self.sent.iter().filter_map(|sent| sent.deadline).min(),
            lingering,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Runs what is due.
    pub(crate) fn on_timeout(&mut self, cx: &mut Context<'_>) {
        self.on_calling_timeout(cx);
        self.on_attempts_timeout(cx);
        self.on_proving_timeout(cx);
        self.on_ringing_timeout(cx);
        self.on_offer_timeout(cx);
        self.on_unacked_timeout(cx);
        self.on_sent_timeout(cx);
        self.on_session_timeout(cx);
        self.on_journal_timeout(cx);
    }
}
