//! Answers that nobody heard: over TCP and TLS they are lost with the connection of the program that was killed, and do
//! not come again. BYE ends an early dialog as well as one that the peer has answered (RFC 3261 §15), so the early
//! dialogs of a ringing call are written down too, and get BYE where the next run's CANCEL brings nothing.
//!
//! Over UDP nothing of this is needed: the peer repeats its answer, to whoever runs next.

use std::time::{Duration, Instant};

use super::sent::Purpose;
use super::{Context, Leg, LegEvent, LostState};
use crate::msg::{HeaderName, Message, Response};

/// Early dialogs of one call that are written down.
const MAX_KEPT: usize = 8;

/// How long CANCEL has for ending the INVITE.
const PATIENCE: Duration = Duration::from_secs(1);

/// What makes a dialog (RFC 3261 §12.1.2), and Via, without which nothing is a response.
const OF_A_DIALOG: [HeaderName; 7] = [
    HeaderName::Via,
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::Contact,
    HeaderName::RecordRoute,
];

impl Leg {
    /// Tells an early dialog that has just begun, if its answer could be lost. Nothing waits until it is written down.
    pub(super) fn record_early(&mut self, cx: &mut Context<'_>, response: &Response) {
        let by_stream = self.calling.as_ref().is_some_and(|calling| calling.goes_by_stream());
        if !by_stream || !self.keep_early(head(response)) {
            return;
        }
        if let Some(state) = self.unanswered() {
            let state = Box::new(LostState::Ringing(state));
            cx.emit(self.id, LegEvent::Record { state, is_awaited: false });
        }
    }

    fn keep_early(&mut self, head: String) -> bool {
        let kept = self.journal.is_kept() && self.early.len() < MAX_KEPT;
        if kept {
            self.early.push(head);
        }
        kept
    }

    /// Takes in the early dialogs that an earlier run wrote down.
    pub(super) fn restore_early(&mut self, now: Instant, heads: &[String]) {
        let Some(calling) = &mut self.calling else { return };
        let dialogs: Vec<_> = heads.iter().filter_map(|head| calling.lost_dialog(&read(head)?)).collect();
        calling.unheard_until = (!dialogs.is_empty()).then(|| now + PATIENCE);
        for dialog in dialogs {
            self.branches.insert(dialog, true);
        }
    }

    /// CANCEL has brought nothing. The leg ends once every early dialog has ended.
    pub(super) fn end_early_dialogs(&mut self, cx: &mut Context<'_>) {
        let Some(calling) = &mut self.calling else { return };
        calling.unheard_until = None;
        let headers = calling.hangup.clone().unwrap_or_default();
        for tag in self.branches.tags() {
            self.send_inside(cx, &tag, Purpose::EarlyBye, super::ending::bye_draft(headers.clone()));
        }
    }

    /// One of them has ended, or cannot be reached.
    pub(super) fn on_early_dialog_ended(&mut self, cx: &mut Context<'_>) {
        if !self.sent.iter().any(|sent| sent.purpose == Purpose::EarlyBye) {
            self.end(cx, None);
        }
    }
}

fn head(response: &Response) -> String {
    let mut head = Response::new(response.status);
    for name in &OF_A_DIALOG {
        head.headers.copy_from(&response.headers, name);
    }
    String::from_utf8_lossy(&head.encode()).into_owned()
}

fn read(head: &str) -> Option<Response> {
    match Message::parse(head.as_bytes()) {
        Ok(Message::Response(response)) => Some(response),
        _ => None,
    }
}
