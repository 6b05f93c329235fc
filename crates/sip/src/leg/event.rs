//! What a leg tells the application.

use bytes::Bytes;

use super::LostState;
use super::description::session_description;
use crate::auth::ChallengeError;
use crate::msg::{Headers, Method, NameAddr, Request, Response, Uri};
use crate::target::TransportError;

/// One thing that happened to a call leg. A leg's last event is always [`LegEvent::Ended`], exactly once; at most
/// one event before it says why (`Failed`, `TransactionTimeout`, `TransportFailed`, `AuthFailed`, `RemoteBye`,
/// `Cancelled`, `AckMissing`, `DialogLost`, `SessionExpired`); none does when the application itself hung up.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum LegEvent {
    /// 100: the next hop has the INVITE.
    Trying,
    /// 101 to 199: ringing, forwarded, queued, session progress. Reliable ones (RFC 3262) have been acknowledged, and
    /// are told once however often they are repeated.
    Provisional {
        /// The response; its body is early media's description when there is one.
        response: ResponseSummary,
        /// Which early dialog it belongs to (each fork has its own, with media of its own); empty when the peer sent
        /// no tag. 199 says that this one has ended; [`LegEvent::Answered`] with another tag ends all others.
        to_tag: String,
    },
    /// A 2xx to our INVITE: the call is up. The ACK is already on its way. Comes once: further forks that answer
    /// are acknowledged and ended inside.
    Answered {
        /// The response with the answer to our offer.
        response: ResponseSummary,
        /// The tag of the fork that answered.
        remote_tag: String,
    },
    /// A final response of 300 or more to our INVITE.
    Failed {
        /// The response. After a CANCEL it is usually 487. A redirection (3xx) that is not followed has its
        /// [contacts](ResponseSummary::contacts).
        response: ResponseSummary,
    },
    /// A 3xx is followed, as [`CallOptions::redirects`](crate::CallOptions) allows: the INVITE goes to `target`.
    Redirected {
        /// The response that sends the call there: the 3xx, or what an earlier one of its contacts answered.
        response: ResponseSummary,
        /// The new Request-URI.
        target: Uri,
    },
    /// Our INVITE had no final response in time.
    TransactionTimeout {
        /// Whether the peer had answered at all.
        after_provisional: bool,
        /// How many provisional responses had come.
        provisionals: u32,
    },
    /// Our INVITE could not be delivered to any target.
    TransportFailed(TransportError),
    /// The peer asked for credentials and we have none that it takes.
    AuthFailed(AuthFailure),
    /// The peer hung up; its BYE has been answered.
    RemoteBye {
        /// All header fields of the BYE (`Reason`, custom ones).
        headers: Headers,
    },
    /// The peer offers a new description (re-INVITE or UPDATE), or asks for one: answer it with
    /// [`Agent::answer_reinvite`](crate::Agent::answer_reinvite).
    ReInvite {
        /// Its offer; `None` asks for ours.
        offer: Option<String>,
    },
    /// Before the call is up the peer changes the session of an early dialog (UPDATE), whose offer and answer a reliable
    /// provisional response has completed: answer it with
    /// [`Agent::answer_reinvite`](crate::Agent::answer_reinvite).
    EarlyOffer {
        /// Its offer.
        offer: String,
        /// Which early dialog, as in [`LegEvent::Provisional`].
        to_tag: String,
    },
    /// The answer to our own re-INVITE; acknowledged already. Codes of 300 and more leave the call as it was.
    ReInviteAnswered {
        /// The final response.
        response: ResponseSummary,
    },
    /// An INFO of the peer; answered with 200 already.
    Info {
        /// Its Content-Type in lower case without parameters, empty when there was none.
        content_type: String,
        /// Its body.
        body: Bytes,
    },
    /// The final response to a request of ours inside the dialog ([`Agent::info`](crate::Agent::info)), or 408 when
    /// none came.
    RequestAnswered {
        /// The request's method.
        method: Method,
        /// The response's code.
        code: u16,
    },
    /// A call comes in (only with [`Inbound::Offer`](crate::Inbound::Offer)). 100 goes out by itself when nothing
    /// else does within 200 ms.
    Incoming {
        /// The INVITE.
        request: Box<Request>,
    },
    /// The caller gave up before we answered; 487 has been sent.
    Cancelled,
    /// The caller acknowledged our 2xx (to its INVITE or re-INVITE).
    Acked {
        /// The body of the ACK: the answer when our 2xx carried the offer.
        body: Option<String>,
    },
    /// Our 2xx was never acknowledged; the call is ended with BYE (RFC 3261 §13.3.1.4).
    AckMissing,
    /// The peer no longer knows the dialog (481 or 408 to a request inside it).
    DialogLost,
    /// The session was not refreshed in time (RFC 4028): the other end is gone. The call is ended with BYE.
    SessionExpired,
    /// A session refresh of our own that had to say our description again got an answer. It is usually the one that
    /// is known already; where it differs it counts.
    Refreshed {
        /// The answer.
        answer: String,
    },
    /// Write this down, in place of what was written of this call before. Only of calls whose options ask for it; may come
    /// again at any time, as the dialog changes.
    Record {
        /// What ends the call now.
        state: Box<LostState>,
        /// The INVITE, or the ACK of an answer, waits for it: say that it is written with
        /// [`Agent::recorded`](crate::Agent::recorded). Otherwise say nothing.
        is_awaited: bool,
    },
    /// The leg is gone. Nothing comes after this.
    Ended,
}

/// What the application may want to know of a response.
#[derive(Debug, Clone)]
pub struct ResponseSummary {
    /// Status code.
    pub code: u16,
    /// Reason phrase as sent.
    pub reason: String,
    /// All header fields.
    pub headers: Headers,
    /// The body as text; `None` when empty.
    pub body: Option<String>,
}

impl From<&Response> for ResponseSummary {
    fn from(response: &Response) -> ResponseSummary {
        ResponseSummary {
            code: response.status.code(),
            reason: response.reason().to_owned(),
            headers: response.headers.clone(),
            body: session_description(&response.headers, &response.body),
        }
    }
}

impl ResponseSummary {
    /// Where a redirection says to call instead: its Contacts, those with the highest `q` first.
    #[must_use]
    pub fn contacts(&self) -> Vec<NameAddr> {
        super::redirect::contacts(&self.headers)
    }
}

/// A 401 or 407 that was not answered with another INVITE.
#[derive(Debug, Clone)]
pub struct AuthFailure {
    /// Why: no credentials, refused ones, no challenge that we know.
    pub why: ChallengeError,
    /// The response that asked.
    pub response: ResponseSummary,
}
