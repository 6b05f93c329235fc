//! Calls that an earlier run of the program left behind: BYE for those that were up, CANCEL for those that still rang.

use super::calling::Calling;
use super::{Context, Custom, Invite, Leg, LegId, Phase};
use crate::auth::Authenticator;
use crate::dialog::{Dialog, DialogState};
use crate::msg::{HeaderName, Message, Request};
use crate::target::Destination;

/// An INVITE without final response, to be written down so that the next run of the program can cancel it. No secret,
/// but it holds telephone numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteState {
    /// The INVITE as it was sent, without body and credentials.
    pub head: String,
    /// Where it went.
    pub destination: Destination,
    /// Heads of the responses that began its early dialogs, as far as they make a dialog. Only over TCP and TLS.
    pub early: Vec<String>,
}

impl InviteState {
    /// The INVITE; `None` when it cannot be read or is none.
    fn request(&self) -> Option<Request> {
        match Message::parse(self.head.as_bytes()) {
            Ok(Message::Request(request)) if request.method == crate::msg::Method::Invite => Some(request),
            _ => None,
        }
    }

    /// Call-ID and our tag.
    pub(crate) fn key(&self) -> Option<(String, String)> {
        let headers = self.request()?.headers;
        Some((headers.call_id().ok()?.to_owned(), headers.from_tag()?))
    }
}

impl Leg {
    /// Ends a call that was up. `None` when its dialog cannot be read.
    pub(crate) fn lost(
        cx: &mut Context<'_>,
        id: LegId,
        state: &DialogState,
        auth: Authenticator,
        headers: Custom,
    ) -> Option<Leg> {
        let dialog = Dialog::restore(state)?;
        let (call_id, local_tag) = state.key()?;
        let mut leg = Leg::new(id, Phase::Up, call_id, local_tag, auth);
        leg.branches.choose(dialog.remote_tag());
        leg.branches.insert(dialog, false);
        leg.bye(cx, headers);
        Some(leg)
    }

    /// Cancels a call that rang. `None` when its INVITE cannot be read.
    pub(crate) fn lost_ringing(
        cx: &mut Context<'_>,
        id: LegId,
        state: &InviteState,
        auth: Authenticator,
        headers: Custom,
    ) -> Option<Leg> {
        let request = state.request()?;
        let (call_id, from_tag) = state.key()?;
        let invite = Invite {
            request_uri: request.uri.clone(),
            to: request.headers.to().ok()?,
            from: request.headers.from().ok()?,
            call_id: call_id.clone(),
            from_tag: from_tag.clone(),
            headers: Vec::new(),
            body: None,
            other_body: None,
            credentials: None,
        };
        let mut leg = Leg::new(id, Phase::Proceeding, call_id, from_tag, auth);
        leg.calling = Some(Calling::resume(cx, id, invite, request, state.destination)?);
        leg.restore_early(cx.now, &state.early);
        leg.cancel(cx, headers);
        Some(leg)
    }

    /// The dialog the call goes on with, once it is up.
    pub(crate) fn dialog(&self) -> Option<DialogState> {
        let dialog = self.branches.main().filter(|_| self.phase == Phase::Up)?;
        Some(dialog.state())
    }

    /// Our INVITE, while it has no final response.
    pub(crate) fn unanswered(&self) -> Option<InviteState> {
        if !matches!(self.phase, Phase::Calling | Phase::Proceeding | Phase::Cancelling) {
            return None;
        }
        let calling = self.calling.as_ref()?;
        let mut request = calling.sent.clone()?;
        request.body = bytes::Bytes::new();
        for name in [HeaderName::ContentType, HeaderName::Authorization, HeaderName::ProxyAuthorization] {
            request.headers.remove(&name);
        }
        let head = String::from_utf8_lossy(&request.encode()).into_owned();
        Some(InviteState { head, destination: calling.hop.destination, early: self.early.clone() })
    }
}
