//! The dialogs of one call: one per fork that spoke, told apart by the peer's tag (RFC 3261 §12.1, §13.2.2.4).

use crate::dialog::Dialog;

/// Forks of one call that are remembered. Those beyond are still acknowledged and ended, but their early dialogs
/// are not kept.
const MAX_BRANCHES: usize = 16;
/// Tags of forks that hung up before we heard anything else of them.
const MAX_HASTY: usize = 8;

/// The dialogs by tag, and the one the call goes on with.
#[derive(Debug, Default)]
pub(super) struct Branches {
    list: Vec<Dialog>,
    main: Option<String>,
    hasty: Vec<String>,
}

impl Branches {
    pub(super) fn get(&mut self, tag: &str) -> Option<&mut Dialog> {
        self.list.iter_mut().find(|dialog| dialog.remote_tag() == tag)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Dialog> {
        self.list.iter_mut()
    }

    /// The dialog the call goes on with.
    pub(super) fn main(&self) -> Option<&Dialog> {
        let tag = self.main_tag()?;
        self.list.iter().find(|dialog| dialog.remote_tag() == tag)
    }

    /// Keeps a dialog in place of any with its tag. The main one and those that answered are always kept.
    pub(super) fn insert(&mut self, dialog: Dialog, early: bool) {
        if let Some(known) = self.get(dialog.remote_tag()) {
            *known = dialog;
        } else if !early || self.list.len() < MAX_BRANCHES {
            if self.list.len() >= 2 * MAX_BRANCHES {
                let main = self.main.take();
                if let Some(oldest) = self.list.iter().position(|d| Some(d.remote_tag()) != main.as_deref()) {
                    self.list.remove(oldest);
                }
                self.main = main;
            }
            self.list.push(dialog);
        }
    }

    /// The peer's tags.
    pub(super) fn tags(&self) -> Vec<String> {
        self.list.iter().map(|dialog| dialog.remote_tag().to_owned()).collect()
    }

    /// The call goes on with this one.
    pub(super) fn choose(&mut self, tag: &str) {
        self.main = Some(tag.to_owned());
    }

    pub(super) fn main_tag(&self) -> Option<&str> {
        self.main.as_deref()
    }

    pub(super) fn is_main(&self, tag: &str) -> bool {
        self.main.as_deref() == Some(tag)
    }

    /// A BYE came with a tag that no response has had yet: if a 2xx with that tag follows, that call is over.
    pub(super) fn note_hasty(&mut self, tag: &str) {
        if self.hasty.len() < MAX_HASTY && !self.is_hasty(tag) {
            self.hasty.push(tag.to_owned());
        }
    }

    pub(super) fn is_hasty(&self, tag: &str) -> bool {
        self.hasty.iter().any(|hasty| hasty == tag)
    }
}
