//! What a participant may say of itself, and how much.

use std::collections::HashMap;

use livekit_protocol as proto;
use thiserror::Error;

const MAX_NAME: usize = 256;
const MAX_METADATA: usize = 512 << 10;
const MAX_ATTRIBUTES: usize = 64 << 10;

/// A field of an update was too long; the texts are LiveKit's kind of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum LimitExceeded {
    #[error("name exceeds {MAX_NAME} bytes")]
    Name,
    #[error("metadata exceeds {MAX_METADATA} bytes")]
    Metadata,
    #[error("attributes exceed {MAX_ATTRIBUTES} bytes")]
    Attributes,
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

/// Whether a participant may change itself like this; `attributes` are what it would have then.
pub(crate) fn check_own_update(
    update: &proto::UpdateParticipantMetadata,
    attributes: &HashMap<String, String>,
) -> Result<(), LimitExceeded> {
    let size: usize = attributes.iter().map(|(key, value)| key.len() + value.len()).sum();
    match () {
        () if update.name.len() > MAX_NAME => Err(LimitExceeded::Name),
        () if update.metadata.len() > MAX_METADATA => Err(LimitExceeded::Metadata),
        () if size > MAX_ATTRIBUTES => Err(LimitExceeded::Attributes),
        () => Ok(()),
    }
}
