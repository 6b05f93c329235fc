//! Writing a call down before the peer is bound by it, so that a program that crashes at any moment can end it.
//!
//! An INVITE leaves only once the application has written down what cancels it, and an answer is acknowledged only once
//! the application has written down what ends the dialog: until that ACK the phone repeats its 2xx, also to the next run
//! of the program. Both wait for [`Agent::recorded`](crate::Agent::recorded), for some seconds at most. Early dialogs are told
//! too where that is not so (`unheard`); nothing waits for those.

use std::time::{Duration, Instant};

use super::{Context, DialogState, InviteState, Leg, LegEvent, Phase};
use crate::dialog::Mark;

/// An application that has not written a call down after this long will not do so.
const HOLD_LIMIT: Duration = Duration::from_secs(5);

/// What ends a call that the program has forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LostState {
    /// It was up: it gets BYE.
    Up(DialogState),
    /// It was not answered yet: it gets CANCEL, or ACK and BYE if it is answered meanwhile.
    Ringing(InviteState),
}

/// What waits to be written down, and what was told last.
#[derive(Debug, Default)]
pub(super) struct Journal {
    kept: bool,
    /// Our INVITE, composed and not sent.
    invite: bool,
    /// End of the wait.
    until: Option<Instant>,
    /// The dialog as it was told last.
    told: Option<Mark>,
}

impl Journal {
    pub(super) fn new(kept: bool) -> Journal {
        Journal { kept, ..Journal::default() }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.until
    }

    pub(super) fn is_kept(&self) -> bool {
        self.kept
    }

    /// Whether our INVITE has not left yet.
    pub(super) fn holds_invite(&self) -> bool {
        self.invite
    }
}

impl Leg {
    /// Keeps a composed INVITE back until it is written down; `false` when nothing is written down.
    pub(super) fn hold_invite(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.journal.kept {
            return false;
        }
        let Some(state) = self.unanswered() else { return false };
        self.journal.invite = true;
        self.journal.until = Some(cx.now + HOLD_LIMIT);
        let state = Box::new(LostState::Ringing(state));
        cx.emit(self.id, LegEvent::Record { state, is_awaited: true });
        true
    }

    /// Whether the ACK of an answer that comes now has to wait.
    pub(super) fn holds_acks(&self) -> bool {
        self.journal.kept && matches!(self.phase, Phase::Calling | Phase::Proceeding) && !self.is_giving_up()
    }

    /// Tells the dialog that the call goes on with.
    pub(super) fn record_dialog(&mut self, cx: &mut Context<'_>) {
        if !self.journal.kept {
            return;
        }
        let Some(dialog) = self.branches.main() else { return };
        self.journal.told = Some(dialog.mark());
        self.journal.until = Some(cx.now + HOLD_LIMIT);
        let state = Box::new(LostState::Up(dialog.state()));
        cx.emit(self.id, LegEvent::Record { state, is_awaited: true });
    }

    /// Tells the dialog again when it has moved since.
    pub(crate) fn record_changes(&mut self, cx: &mut Context<'_>) {
        let Some(told) = self.journal.told.as_ref().filter(|_| self.phase == Phase::Up) else { return };
        if self.branches.main().is_some_and(|dialog| dialog.has_moved(told)) {
            self.record_dialog(cx);
        }
    }

    /// What was told last is written down.
    pub(crate) fn recorded(&mut self, cx: &mut Context<'_>) {
        self.journal.until = None;
        if std::mem::take(&mut self.journal.invite) && !self.launch_invite(cx) {
            self.end(cx, None);
        }
        self.release_acks(cx);
    }

    pub(super) fn on_journal_timeout(&mut self, cx: &mut Context<'_>) {
        if self.journal.until.is_none_or(|at| at > cx.now) {
            return;
        }
        if self.journal.invite {
            self.end_unanswered(cx);
        } else {
            self.journal.until = None;
            self.release_acks(cx);
        }
    }

    /// Nothing is kept back any more; an INVITE that has not left never will.
    pub(super) fn let_go(&mut self, cx: &mut Context<'_>) {
        self.journal.invite = false;
        self.journal.until = None;
        self.release_acks(cx);
    }
}
