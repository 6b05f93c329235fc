//! Our requests inside the dialog, and CANCEL: sent, sent again with credentials, answered or lost
//! (RFC 3261 §12.2.1, §22).

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use super::identity::add_custom;
use super::{Context, Custom, Leg, LegError, LegEvent, Phase};
use crate::msg::{HeaderName, Method, Request, Response};
use crate::target::Flow;
use crate::txn::ClientId;

/// Requests of one leg that are unanswered at once: BYEs to forks, mostly.
const MAX_SENT: usize = 64;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Cancel,
    /// The end of the call.
    Bye,
    /// The end of a fork that answered second.
    SurplusBye,
    /// The end of an early dialog whose answer may have been lost.
    EarlyBye,
    ReInvite,
    /// A session refresh of the agent's own: re-INVITE or UPDATE.
    Refresh,
    /// The acknowledgement of a reliable provisional response.
    Prack,
    /// Of the application.
    Other,
}

/// What a request inside the dialog says; kept to say it again with credentials.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) method: Method,
    pub(super) custom: Custom,
    /// A header field of the agent's own.
    pub(super) own: Option<(HeaderName, String)>,
    /// Media type and content.
    pub(super) body: Option<(String, Bytes)>,
}

/// A request that awaits its final response.
#[derive(Debug)]
pub(super) struct Sent {
    txn: ClientId,
    pub(super) purpose: Purpose,
    /// The fork it goes to.
    tag: String,
    /// `None` for CANCEL, which is never challenged.
    draft: Option<Draft>,
    /// The request as sent, for the ACK of a re-INVITE.
    request: Option<Request>,
    /// It went over TCP to this address, too large for a datagram.
    oversize: Option<SocketAddr>,
    /// End of the wait for a re-INVITE's final response after a provisional one.
    pub(super) deadline: Option<Instant>,
}

impl Leg {
    /// Remembers a CANCEL.
    pub(super) fn note_sent(&mut self, txn: ClientId, purpose: Purpose) {
        self.sent.push(Sent {
            txn,
            purpose,
            tag: String::new(),
            draft: None,
            request: None,
            oversize: None,
            deadline: None,
        });
    }

    /// Sends a request to the fork with this tag; `false` when it could not go out.
    pub(super) fn send_inside(
        &mut self,
        cx: &mut Context<'_>,
        tag: &str,
        purpose: Purpose,
        draft: Draft,
    ) -> bool {
        if self.sent.len() >= MAX_SENT {
            return false;
        }
        let Some(dialog) = self.branches.get(tag) else { return false };
        let mut request = dialog.request(draft.method.clone());
        let hop = dialog.next_hop(&cx.identity.contacts);
        if draft.method == Method::Invite || draft.method == Method::Update {
            cx.identity.describe(&mut request.headers, hop.destination.transport, self.scheme);
            self.session.keep(&mut request.headers);
        }
        if let Some((name, value)) = &draft.own {
            request.headers.push(name.clone(), value.as_str());
        }
        request.headers.push(HeaderName::UserAgent, cx.identity.user_agent.as_str());
        add_custom(&mut request.headers, &draft.custom);
        if let Some((media_type, body)) = &draft.body {
            request.set_body(media_type, body.clone());
        }
        self.auth.authorize(&mut request);
        let planned = hop.destination.transport;
        let Some(hop) = cx.add_via(&mut request, hop) else { return false };
        let oversize = (hop.destination.transport != planned).then_some(hop.destination.addr);
        let Some(txn) = cx.send(self.id, &request, hop) else { return false };
        let request = (draft.method == Method::Invite).then_some(request);
        let tag = tag.to_owned();
        self.sent.push(Sent { txn, purpose, tag, draft: Some(draft), request, oversize, deadline: None });
        true
    }

    /// Whether a re-INVITE of ours is unanswered.
    pub(super) fn is_modifying(&self) -> bool {
        self.sent.iter().any(|sent| sent.request.is_some())
    }

    pub(super) fn on_sent_response(
        &mut self,
        cx: &mut Context<'_>,
        txn: ClientId,
        response: &Response,
        flow: &Flow,
    ) {
        let Some(at) = self.sent.iter().position(|sent| sent.txn == txn) else { return };
        if response.status.is_provisional() {
            let sent = &mut self.sent[at];
            if sent.request.is_some() && sent.deadline.is_none() {
                sent.deadline = Some(cx.now + cx.timers.give_up());
            }
            return;
        }
        let sent = self.sent.remove(at);
        if matches!(response.status.code(), 401 | 407) {
            if self.send_with_credentials(cx, &sent, response) {
                return;
            }
        } else {
            self.auth.accepted();
        }
        match sent.purpose {
            Purpose::Cancel => self.on_cancel_response(response),
            Purpose::SurplusBye | Purpose::Prack => {}
            Purpose::Bye => self.end(cx, None),
            Purpose::EarlyBye => self.on_early_dialog_ended(cx),
            Purpose::Refresh if sent.request.is_none() => self.on_update_response(cx, &sent, response, flow),
            Purpose::ReInvite | Purpose::Refresh => self.on_reinvite_response(cx, sent, response, flow),
            Purpose::Other => self.on_other_response(cx, &sent, response.status.code()),
        }
    }

    fn send_with_credentials(&mut self, cx: &mut Context<'_>, sent: &Sent, response: &Response) -> bool {
        let Some(draft) = sent.draft.clone() else { return false };
        self.auth.challenged(response).is_ok() && self.send_inside(cx, &sent.tag, sent.purpose, draft)
    }

    fn on_other_response(&mut self, cx: &mut Context<'_>, sent: &Sent, code: u16) {
        if let Some(draft) = &sent.draft {
            self.tell(cx, LegEvent::RequestAnswered { method: draft.method.clone(), code });
        }
        if matches!(code, 481 | 408) {
            self.lose_dialog(cx);
        }
    }

    /// A request too large for a datagram could not be delivered over TCP: it goes as a datagram all the same.
    pub(super) fn send_as_datagram(&mut self, cx: &mut Context<'_>, txn: ClientId) -> bool {
        let Some(at) = self.sent.iter().position(|sent| sent.txn == txn) else { return false };
        let (Some(peer), Some(draft)) = (self.sent[at].oversize, self.sent[at].draft.clone()) else {
            return false;
        };
        cx.oversize.note_refusal(cx.now, peer);
        let sent = self.sent.remove(at);
        if self.send_inside(cx, &sent.tag, sent.purpose, draft) {
            return true;
        }
        self.sent.push(sent);
        false
    }

    /// No final response, or no way to the peer.
    pub(super) fn on_sent_lost(&mut self, cx: &mut Context<'_>, txn: ClientId) {
        let Some(at) = self.sent.iter().position(|sent| sent.txn == txn) else { return };
        let sent = self.sent.remove(at);
        match sent.purpose {
            Purpose::Cancel | Purpose::SurplusBye | Purpose::Prack => {}
            Purpose::Bye => self.end(cx, None),
            Purpose::EarlyBye => self.on_early_dialog_ended(cx),
            Purpose::ReInvite | Purpose::Refresh => self.lose_dialog(cx),
            Purpose::Other => self.on_other_response(cx, &sent, 408),
        }
    }

    pub(super) fn on_sent_timeout(&mut self, cx: &mut Context<'_>) {
        let now = cx.now;
        let due = |sent: &&Sent| sent.deadline.is_some_and(|at| at <= now);
        while let Some(txn) = self.sent.iter().find(due).map(|sent| sent.txn) {
            cx.txns.clients.abandon(txn);
            self.on_sent_lost(cx, txn);
        }
        if self.retry.as_ref().is_some_and(|retry| retry.at <= cx.now) {
            self.retry_reinvite(cx);
        }
    }

    /// Sends an INFO.
    pub(crate) fn info(
        &mut self,
        cx: &mut Context<'_>,
        content_type: &str,
        body: Bytes,
    ) -> Result<(), LegError> {
        let Some(tag) = self.branches.main_tag().filter(|_| self.phase == Phase::Up).map(str::to_owned)
        else {
            return Err(LegError::State);
        };
        let draft = Draft {
            method: Method::Info,
            custom: Custom::new(),
            own: None,
            body: Some((content_type.to_owned(), body)),
        };
        if self.send_inside(cx, &tag, Purpose::Other, draft) { Ok(()) } else { Err(LegError::State) }
    }
}

impl Sent {
    /// The fork it went to.
    pub(super) fn tag(&self) -> &str {
        &self.tag
    }

    /// A re-INVITE's transaction, fork, the request for its ACK, and what it said.
    pub(super) fn into_acknowledged(self) -> Option<(ClientId, String, Request, Draft)> {
        Some((self.txn, self.tag, self.request?, self.draft?))
    }
}
