//! Names of things inside a room, and how sids are made (LiveKit: prefix and 12 characters).

use std::fmt;
use std::sync::Arc;

use rand::Rng;

use crate::peer::Role;

/// LiveKit's alphabet for sids: digits and letters without those that are easily confused.
const ALPHABET: &[u8; 57] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const RANDOM_CHARS: usize = 12;

/// A participant's number inside its room; never reused while the room lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParticipantId(pub(crate) u32);

/// One of a client's peer connections: where a packet belongs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId {
    pub(crate) participant: ParticipantId,
    pub(crate) role: Role,
}

impl ParticipantId {
    /// The participant of a number: for tables of them, and their tests.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }
}

impl PeerId {
    /// Whose it is.
    #[must_use]
    pub const fn participant(self) -> ParticipantId {
        self.participant
    }

    /// The same connection, of a participant that has another id since it was moved to another room.
    #[must_use]
    pub const fn belonging_to(self, participant: ParticipantId) -> Self {
        Self { participant, ..self }
    }
}

/// A published track's sid (`TR_...`). Cloning is cheap.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrackSid(Arc<str>);

impl TrackSid {
    /// The sid as it goes over the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for TrackSid {
    fn from(sid: &str) -> Self {
        Self(Arc::from(sid))
    }
}

impl std::borrow::Borrow<str> for TrackSid {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrackSid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A new sid: `prefix` (`PA_`, `TR_AM`, `RM_` ...) and 12 random characters.
#[must_use]
pub(crate) fn new_sid(prefix: &str, rng: &mut impl Rng) -> String {
    let mut sid = String::with_capacity(prefix.len() + RANDOM_CHARS);
    sid.push_str(prefix);
    sid.extend((0..RANDOM_CHARS).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])));
    sid
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn sids_have_their_prefix_and_twelve_characters_of_the_alphabet() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(7);
        let sid = new_sid("PA_", &mut rng);
        assert_eq!(sid.len(), 15);
        assert!(sid[3..].bytes().all(|b| ALPHABET.contains(&b)));
        assert_ne!(sid, new_sid("PA_", &mut rng));
    }
}
