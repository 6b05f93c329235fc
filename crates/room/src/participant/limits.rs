//! How much a participant may say of itself, or be said of it.

use std::collections::HashMap;

use thiserror::Error;

/// The longest name of a participant, in bytes.
pub(crate) const MAX_NAME: usize = 256;
/// The longest metadata, of a participant or a room.
pub(crate) const MAX_METADATA: usize = 512 << 10;
/// All keys and values of a participant's attributes together.
pub(crate) const MAX_ATTRIBUTES: usize = 64 << 10;

/// A field of an update was too long; the texts are LiveKit's kind of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LimitExceeded {
    /// The name, in bytes.
    #[error("name exceeds {MAX_NAME} bytes")]
    Name,
    /// The metadata, in bytes.
    #[error("metadata exceeds {MAX_METADATA} bytes")]
    Metadata,
    /// All attributes together, in bytes.
    #[error("attributes exceed {MAX_ATTRIBUTES} bytes")]
    Attributes,
}

impl LimitExceeded {
    /// The limit, in bytes.
    #[must_use]
    pub const fn limit(self) -> usize {
        match self {
            Self::Name => MAX_NAME,
            Self::Metadata => MAX_METADATA,
            Self::Attributes => MAX_ATTRIBUTES,
        }
    }
}

/// Adds `update` to `attributes`; an empty value deletes its key.
pub(crate) fn merge_attributes<'a>(
    attributes: &mut HashMap<String, String>,
    update: impl IntoIterator<Item = (&'a String, &'a String)>,
) {
    for (key, value) in update {
        if value.is_empty() {
            attributes.remove(key);
        } else {
            attributes.insert(key.clone(), value.clone());
        }
    }
}

/// Whether a participant may be like this.
///
/// # Errors
/// Names the field that is too long.
pub fn check_limits(
    name: &str,
    metadata: &str,
    attributes: &HashMap<String, String>,
) -> Result<(), LimitExceeded> {
    let size: usize = attributes.iter().map(|(key, value)| key.len() + value.len()).sum();
    match () {
        () if name.len() > MAX_NAME => Err(LimitExceeded::Name),
        () if metadata.len() > MAX_METADATA => Err(LimitExceeded::Metadata),
        () if size > MAX_ATTRIBUTES => Err(LimitExceeded::Attributes),
        () => Ok(()),
    }
}
