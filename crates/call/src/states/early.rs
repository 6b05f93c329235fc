//! Early media (RFC 3960): what the phone's network plays before the answer, an announcement or its own ringing, goes into
//! the room at once.
//!
//! A phone may change what it has described before it answers (UPDATE, RFC 3311).
//!
//! A call that forks has several early dialogs, told apart by their To tags, each with a description of its own. The one
//! that described itself last is heard; when it ends (199, RFC 6228) the one before it is. The answer ends them all. It may
//! leave out what its early dialog has said (RFC 3262 §5), so that is remembered where early media is not to be heard too.

use media::sdp::{Negotiated, SessionDescription};

use super::active::NOT_ACCEPTABLE;
use super::{Call, CallOutput};
use crate::bridge::BridgeCommand;

/// Early dialogs that are remembered: the one that described itself longest ago is forgotten for another.
const MOST: usize = 32;

/// The early dialogs that have described their media, the one that is heard last.
#[derive(Debug, Default)]
pub(super) struct EarlyDialogs(Vec<Early>);

/// One early dialog.
#[derive(Debug)]
pub(super) struct Early {
    tag: String,
    pub(super) negotiated: Negotiated,
    /// Our answer to the last offer of this dialog, if it has made one: then what the 200 describes means nothing any
    /// more (RFC 3261 §13.2.1).
    pub(super) ours: Option<SessionDescription>,
}

impl EarlyDialogs {
    /// What this dialog has described.
    pub(super) fn of(&self, tag: &str) -> Option<&Early> {
        self.0.iter().find(|early| early.tag == tag)
    }

    /// A dialog describes its media. True when that is new.
    fn described(&mut self, tag: &str, negotiated: &Negotiated, ours: Option<SessionDescription>) -> bool {
        match self.0.iter_mut().find(|early| early.tag == tag) {
            // A copy of what it said before it changed that.
            Some(known) if known.ours.is_some() && ours.is_none() => return false,
            Some(known) if known.negotiated == *negotiated => {
                known.ours = ours;
                return false;
            }
            _ => {}
        }
        self.0.retain(|early| early.tag != tag);
        if self.0.len() >= MOST {
            self.0.remove(0);
        }
        self.0.push(Early { tag: tag.to_owned(), negotiated: negotiated.clone(), ours });
        true
    }

    /// A dialog has ended: what is heard instead, if it was the one that was heard.
    fn ended(&mut self, tag: &str) -> Option<&Negotiated> {
        let heard = self.0.last().is_some_and(|early| early.tag == tag);
        self.0.retain(|early| early.tag != tag);
        self.0.last().filter(|_| heard).map(|early| &early.negotiated)
    }
}

impl Call {
    /// An early dialog describes its media. A description of no use is left to the answer, which brings another.
    pub(super) fn early_media(&mut self, tag: &str, description: &str) {
        let Ok(negotiated) = self.negotiate(description) else { return };
        if self.early.described(tag, &negotiated, None) && self.plan.early_media {
            self.command(BridgeCommand::EarlyMedia(negotiated));
        }
    }

    /// The phone changes an early dialog: it is answered with what its offer allows, and heard accordingly.
    pub(super) fn early_offer(&mut self, tag: &str, offer: &str) {
        let answer = self.answer_early(tag, offer);
        self.push(CallOutput::AnswerReInvite(answer.ok_or(NOT_ACCEPTABLE)));
    }

    fn answer_early(&mut self, tag: &str, offer: &str) -> Option<String> {
        let (answer, negotiated) = self.answer_to(offer)?;
        let text = answer.to_string();
        if self.early.described(tag, &negotiated, Some(answer)) && self.plan.early_media {
            self.command(BridgeCommand::EarlyMedia(negotiated));
        }
        Some(text)
    }

    /// An early dialog has ended.
    pub(super) fn early_dialog_ended(&mut self, tag: &str) {
        let next = self.early.ended(tag).cloned();
        if let Some(next) = next.filter(|_| self.plan.early_media) {
            self.command(BridgeCommand::EarlyMedia(next));
        }
    }
}
