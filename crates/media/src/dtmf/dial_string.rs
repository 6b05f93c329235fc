//! What a caller asks to be dialled after the answer, such as `*123#ww456`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::Digit;

/// How long one `w` or `W` waits.
pub const PAUSE: Duration = Duration::from_millis(500);

/// One step of a [`DialString`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialStep {
    /// A digit to send.
    Digit(Digit),
    /// Wait for [`PAUSE`].
    Pause,
}

/// Digits and pauses, checked: the sixteen digits with letters in either case, `w` or `W` for a pause.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DialString {
    steps: Vec<DialStep>,
}

impl DialString {
    /// The longest accepted dial string, in characters.
    pub const MAX_LEN: usize = 256;

    /// Reads a dial string. The empty string is one without steps.
    ///
    /// # Errors
    /// The writer's mistake: the first character that is neither a digit nor a pause, or too long a string.
    pub fn parse(text: &str) -> Result<Self, DtmfError> {
        let mut steps = Vec::new();
        for (position, character) in text.chars().enumerate() {
            if position >= Self::MAX_LEN {
                return Err(DtmfError::TooLong { max: Self::MAX_LEN });
            }
            steps.push(match character {
                'w' | 'W' => DialStep::Pause,
                _ => Digit::from_char(character)
                    .map(DialStep::Digit)
                    .ok_or(DtmfError::UnknownCharacter { character, position })?,
            });
        }
        Ok(Self { steps })
    }

    /// The steps in order.
    #[must_use]
    pub fn steps(&self) -> &[DialStep] {
        &self.steps
    }

    /// The digits in order, pauses left out.
    pub fn digits(&self) -> impl Iterator<Item = Digit> + '_ {
        self.steps.iter().filter_map(|step| match step {
            DialStep::Digit(digit) => Some(*digit),
            DialStep::Pause => None,
        })
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl From<Digit> for DialString {
    fn from(digit: Digit) -> Self {
        Self { steps: vec![DialStep::Digit(digit)] }
    }
}

impl FromStr for DialString {
    type Err = DtmfError;

    fn from_str(text: &str) -> Result<Self, DtmfError> {
        Self::parse(text)
    }
}

impl fmt::Display for DialString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| match step {
            DialStep::Digit(digit) => digit.fmt(f),
            DialStep::Pause => f.write_str("w"),
        })
    }
}

/// Why a dial string cannot be dialled. The fault is its writer's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DtmfError {
    /// A character that no telephone has.
    #[error("{character:?} at position {position} is neither a DTMF digit (0-9 * # A-D) nor a pause (w)")]
    UnknownCharacter {
        /// The character as written.
        character: char,
        /// Its position in characters, from 0.
        position: usize,
    },
    /// More steps than anybody dials.
    #[error("more than {max} digits and pauses")]
    TooLong {
        /// The limit, in characters.
        max: usize,
    },
}
