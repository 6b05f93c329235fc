//! The header fields of a message, in their order.

use super::error::InvalidText;
use super::{HeaderName, HeaderValue};

/// Header fields in the order they stand. Elements of Via, Route, Record-Route and Contact lists are entries of their
/// own, however they came. Content-Length is never among them: the body says how long it is.
///
/// Typed readers (`via()`, `from()`, `cseq()` ...) stand in their own file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(HeaderName, HeaderValue)>);

impl Headers {
    pub(super) const EMPTY: Self = Self(Vec::new());

    /// No header fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field behind the others.
    pub fn push(&mut self, name: HeaderName, value: impl Into<HeaderValue>) {
        self.0.push((name, value.into()));
    }

    /// Adds a field before the others: a Via on its way out, a Route.
    pub fn push_front(&mut self, name: HeaderName, value: impl Into<HeaderValue>) {
        self.0.insert(0, (name, value.into()));
    }

    /// Adds a field given as text by a user: the name must be a token, the value free of control characters.
    pub fn push_text(&mut self, name: &str, value: &str) -> Result<(), InvalidText> {
        self.0.push((name.parse()?, value.parse()?));
        Ok(())
    }

    /// Replaces every field of that name by one, in the first one's place, else behind the others.
    pub fn set(&mut self, name: HeaderName, value: impl Into<HeaderValue>) {
        match self.0.iter().position(|(n, _)| *n == name) {
            Some(first) => {
                self.0[first].1 = value.into();
                let mut at = 0;
                self.0.retain(|(n, _)| {
                    at += 1;
                    at <= first + 1 || *n != name
                });
            }
            None => self.push(name, value),
        }
    }

    /// Takes every field of that name out.
    pub fn remove(&mut self, name: &HeaderName) {
        self.0.retain(|(n, _)| n != name);
    }

    /// Takes the first field of that name out.
    pub fn remove_first(&mut self, name: &HeaderName) -> Option<HeaderValue> {
        let at = self.0.iter().position(|(n, _)| n == name)?;
        Some(self.0.remove(at).1)
    }

    /// Replaces the first field of that name only: the top Via, say.
    pub fn replace_first(&mut self, name: &HeaderName, value: impl Into<HeaderValue>) {
        if let Some(entry) = self.0.iter_mut().find(|(n, _)| n == name) {
            entry.1 = value.into();
        }
    }

    /// The first field of that name.
    #[must_use]
    pub fn get(&self, name: &HeaderName) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The first field of a name given as text, in any case or compact.
    #[must_use]
    pub fn get_text(&self, name: &str) -> Option<&str> {
        self.get(&name.parse().ok()?)
    }

    /// Every field of that name, in order.
    pub fn get_all<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a str> + 'a {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Whether there is one.
    #[must_use]
    pub fn contains(&self, name: &HeaderName) -> bool {
        self.get(name).is_some()
    }

    /// Adds every field of that name in `other` behind ours, unchanged.
    pub fn copy_from(&mut self, other: &Self, name: &HeaderName) {
        self.0.extend(other.0.iter().filter(|(n, _)| n == name).cloned());
    }

    /// All fields, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().map(|(n, v)| (n, v))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
