//! CSeq (RFC 3261 §20.16).

use std::fmt;
use std::str::FromStr;

use super::error::InvalidText;
use super::{Method, lex};

/// A request's number within its dialog, and its method.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CSeq {
    /// Grows by one per request; below 2^31 for requests of our own.
    pub number: u32,
    /// The request's method.
    pub method: Method,
}

impl CSeq {
    /// A number and a method.
    #[must_use]
    pub const fn new(number: u32, method: Method) -> Self {
        Self { number, method }
    }
}

impl FromStr for CSeq {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        let mut words = text.split([' ', '\t']).filter(|w| !w.is_empty());
        match (words.next(), words.next(), words.next()) {
            (Some(number), Some(method), None) => {
                Ok(Self { number: lex::decimal(number).ok_or(InvalidText::CSeq)?, method: method.parse()? })
            }
            _ => Err(InvalidText::CSeq),
        }
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}
