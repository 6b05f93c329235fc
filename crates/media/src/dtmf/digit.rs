//! One key of a telephone.

use std::fmt;

const KEYS: &[u8; 16] = b"0123456789*#ABCD";

/// One of the sixteen DTMF digits: `0`-`9`, `*`, `#`, `A`-`D`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digit(u8);

impl Digit {
    /// All sixteen, in the order of their event codes.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..16).map(Self)
    }

    /// The digit of a character, letters in either case.
    #[must_use]
    pub fn from_char(character: char) -> Option<Self> {
        let upper = u8::try_from(character.to_ascii_uppercase()).ok()?;
        KEYS.iter().zip(0..).find(|&(&key, _)| key == upper).map(|(_, code)| Self(code))
    }

    /// The digit of a telephone-event code (RFC 4733 §3.2 table 7), `None` above 15: those are other signals.
    #[must_use]
    pub fn from_event_code(code: u8) -> Option<Self> {
        (code < 16).then_some(Self(code))
    }

    /// The telephone-event code, 0..=15.
    #[must_use]
    pub fn event_code(self) -> u8 {
        self.0
    }

    /// The character, letters in upper case.
    #[must_use]
    pub fn as_char(self) -> char {
        char::from(KEYS[usize::from(self.0 & 0x0f)])
    }
}

impl fmt::Display for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_char())
    }
}

impl fmt::Debug for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digit({})", self.as_char())
    }
}
