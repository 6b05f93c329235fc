//! PRACK: provisional responses that insist on being acknowledged (RFC 3262 §4). Each is acknowledged in its own early
//! dialog; nothing ever waits for the answer to a PRACK.

use super::description::session_description;
use super::sent::{Draft, Purpose};
use super::{Context, Custom, Leg};
use crate::msg::{HeaderName, Method, RAck, Response, StatusCode};

/// The option tag.
pub(super) const RELIABLE: &str = "100rel";

/// What a provisional response is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Provisional {
    /// To be told.
    Fresh,
    /// A copy of one that was told, or one whose predecessor is missing: its sender says it again.
    Ignore,
}

impl Leg {
    /// Acknowledges a provisional response to our INVITE of that number where it asks for it.
    pub(super) fn prove(
        &mut self,
        cx: &mut Context<'_>,
        response: &Response,
        tag: &str,
        number: u32,
    ) -> Provisional {
        let Some(rseq) = response.headers.rseq().filter(|_| is_reliable(response)) else {
            return Provisional::Fresh;
        };
        // A fork beyond those that are remembered.
        let Some(dialog) = self.branches.get(tag) else { return Provisional::Fresh };
        if !dialog.take_rseq(number, rseq) {
            return Provisional::Ignore;
        }
        // The answer to our offer: from here on the peer may change the session (RFC 3311 §5.1).
        let offer = self.calling.as_ref().and_then(|calling| calling.invite.body.clone());
        if let Some(offer) = offer.filter(|_| is_described(response) && dialog.description().is_none()) {
            dialog.describe(offer);
        }
        let rack = RAck { rseq, number, method: Method::Invite };
        let draft = Draft {
            method: Method::Prack,
            custom: Custom::new(),
            own: Some((HeaderName::RAck, rack.to_string())),
            body: None,
        };
        self.send_inside(cx, tag, Purpose::Prack, draft);
        Provisional::Fresh
    }
}

fn is_described(response: &Response) -> bool {
    session_description(&response.headers, &response.body).is_some()
}

fn is_reliable(response: &Response) -> bool {
    response.status != StatusCode::TRYING && response.headers.requires(RELIABLE)
}
