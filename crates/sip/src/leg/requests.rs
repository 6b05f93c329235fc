//! The peer's requests inside the dialog (RFC 3261 §12.2.2).

use super::{ALLOW, Context, Leg, LegEvent, Phase, capabilities};
use crate::msg::{HeaderName, Method, Request, Response, StatusCode};
use crate::target::Flow;
use crate::txn::ServerId;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handled {
    Yes,
    /// Call-ID and our tag fit, the peer's tag does not, or the call is over: 481.
    NoSuchDialog,
}

impl Leg {
    /// A request with this leg's Call-ID and tag that is neither ACK nor CANCEL.
    pub(crate) fn on_request(&mut self, cx: &mut Context<'_>, request: &Request, flow: &Flow) -> Handled {
        let tag = request.headers.from_tag().unwrap_or_default();
        let decided = matches!(self.phase, Phase::Up | Phase::Ending);
        let is_bye = request.method == Method::Bye;
        if self.is_closed() || (decided && !is_bye && !self.branches.is_main(&tag)) {
            return Handled::NoSuchDialog;
        }
        let Some(dialog) = self.branches.get(&tag) else {
            if is_bye && !decided {
                self.branches.note_hasty(&tag);
            }
            return Handled::NoSuchDialog;
        };
        let number = request.headers.cseq().map_or(0, |cseq| cseq.number);
        let in_order = dialog.take_remote_number(number);
        let Some(server) = cx.open(self.id, request, flow) else { return Handled::NoSuchDialog };
        if in_order {
            self.dispatch(cx, server, request, flow, &tag);
        } else {
            cx.respond(server, &Response::to(request, StatusCode::SERVER_INTERNAL_ERROR));
        }
        Handled::Yes
    }

    fn dispatch(
        &mut self,
        cx: &mut Context<'_>,
        server: ServerId,
        request: &Request,
        flow: &Flow,
        tag: &str,
    ) {
        match request.method {
            Method::Bye => self.on_bye(cx, server, request, tag),
            Method::Invite | Method::Update => self.on_offer(cx, server, request, flow),
            Method::Prack => self.on_prack(cx, server, request),
            Method::Info => self.on_info(cx, server, request),
            Method::Options => {
                cx.respond(server, &options(request));
            }
            _ => {
                cx.respond(server, &refuse_method(request));
            }
        }
    }

    /// Answered at once, whatever else is under way.
    fn on_bye(&mut self, cx: &mut Context<'_>, server: ServerId, request: &Request, tag: &str) {
        cx.respond(server, &Response::to(request, StatusCode::OK));
        let bye = || LegEvent::RemoteBye { headers: request.headers.clone() };
        match self.phase {
            Phase::Ringing => self.terminate_ringing(cx, bye()),
            Phase::Up if self.branches.is_main(tag) => self.end(cx, Some(bye())),
            Phase::Ending if self.branches.is_main(tag) => self.end(cx, None),
            // A fork hangs up before, or instead of, being heard: if its 2xx is still to come, it is over already.
            _ => self.branches.note_hasty(tag),
        }
    }

    /// INFO packages (RFC 6086) are none of ours; INFO as it was before (DTMF) is told.
    fn on_info(&mut self, cx: &mut Context<'_>, server: ServerId, request: &Request) {
        if request.headers.contains(&HeaderName::InfoPackage) {
            let mut response = Response::to(request, StatusCode::BAD_INFO_PACKAGE);
            response.headers.push(HeaderName::RecvInfo, "");
            cx.respond(server, &response);
            return;
        }
        cx.respond(server, &Response::to(request, StatusCode::OK));
        let content_type = request.headers.media_type().unwrap_or_default();
        self.tell(cx, LegEvent::Info { content_type, body: request.body.clone() });
    }
}

/// 200 to OPTIONS: what we can do (RFC 3261 §11.2).
pub(crate) fn options(request: &Request) -> Response {
    let mut response = Response::to(request, StatusCode::OK);
    capabilities(&mut response.headers);
    response.headers.push(HeaderName::Accept, super::description::SDP);
    response
}

/// 405 to a method that exists, 501 to one nobody knows.
pub(crate) fn refuse_method(request: &Request) -> Response {
    let status = match request.method {
        Method::Extension(_) => StatusCode::NOT_IMPLEMENTED,
        _ => StatusCode::METHOD_NOT_ALLOWED,
    };
    let mut response = Response::to(request, status);
    response.headers.push(HeaderName::Allow, ALLOW);
    response
}
