//! Early media (RFC 3960): what the phone's network plays before the answer, an announcement or its own ringing, goes into
//! the room at once.
//!
//! A call that forks has several early dialogs, told apart by their To tags, each with a description of its own. The one
//! that described itself last is heard; when it ends (199, RFC 6228) the one before it is. The answer ends them all. It may
//! leave out what its early dialog has said (RFC 3262 §5), so that is remembered where early media is not to be heard too.

use media::sdp::Negotiated;

use super::Call;
use crate::bridge::BridgeCommand;

/// Early dialogs that are remembered: the one that described itself longest ago is forgotten for another.
const MOST: usize = 32;

/// The early dialogs that have described their media, the one that is heard last.
#[derive(Debug, Default)]
pub(super) struct EarlyDialogs(Vec<(String, Negotiated)>);

impl EarlyDialogs {
    /// What this dialog has described.
    pub(super) fn of(&self, tag: &str) -> Option<&Negotiated> {
        self.0.iter().find(|(of, _)| of == tag).map(|(_, negotiated)| negotiated)
    }

    /// A dialog describes its media. True when that is new.
    fn described(&mut self, tag: &str, negotiated: &Negotiated) -> bool {
        if self.of(tag) == Some(negotiated) {
            return false;
        }
        self.0.retain(|(of, _)| of != tag);
        if self.0.len() >= MOST {
            self.0.remove(0);
        }
        self.0.push((tag.to_owned(), negotiated.clone()));
        true
    }

    /// A dialog has ended: what is heard instead, if it was the one that was heard.
    fn ended(&mut self, tag: &str) -> Option<&Negotiated> {
        let heard = self.0.last().is_some_and(|(of, _)| of == tag);
        self.0.retain(|(of, _)| of != tag);
        self.0.last().filter(|_| heard).map(|(_, negotiated)| negotiated)
    }
}

impl Call {
    /// An early dialog describes its media. A description of no use is left to the answer, which brings another.
    pub(super) fn early_media(&mut self, tag: &str, description: &str) {
        let Ok(negotiated) = self.negotiate(description) else { return };
        if self.early.described(tag, &negotiated) && self.plan.early_media {
            self.command(BridgeCommand::EarlyMedia(negotiated));
        }
    }

    /// An early dialog has ended.
    pub(super) fn early_dialog_ended(&mut self, tag: &str) {
        let next = self.early.ended(tag).cloned();
        if let Some(next) = next.filter(|_| self.plan.early_media) {
            self.command(BridgeCommand::EarlyMedia(next));
        }
    }
}
