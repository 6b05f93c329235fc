//! The text of one header field.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use super::error::InvalidText;
use super::{lex, limits};

/// A header field's value as one unfolded line: it never holds CR or LF, so nothing that comes from a caller can
/// begin a header field of its own.
///
/// `From<&str>` makes any text fit (control characters become spaces, the excess is cut); `FromStr` refuses instead,
/// which is what text from a user wants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HeaderValue(Box<str>);

impl HeaderValue {
    /// As printed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A value read from the wire, line folds undone. Bytes that are no UTF-8 become U+FFFD.
    pub(super) fn from_wire(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > limits::HEADER_VALUE_BYTES || bytes.contains(&b'\r') || bytes.contains(&b'\n') {
            return None;
        }
        Some(Self(lex::trim(&String::from_utf8_lossy(bytes)).into()))
    }

    /// One element of a list that came in one value.
    pub(super) fn piece(text: &str) -> Self {
        Self(text.into())
    }
}

impl Deref for HeaderValue {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for HeaderValue {
    fn from(text: &str) -> Self {
        let mut end = text.len().min(limits::HEADER_VALUE_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let clean: String = text[..end].chars().map(|c| if is_forbidden(c) { ' ' } else { c }).collect();
        Self(lex::trim(&clean).into())
    }
}

impl From<String> for HeaderValue {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl FromStr for HeaderValue {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        if text.len() > limits::HEADER_VALUE_BYTES {
            return Err(InvalidText::TooLong);
        }
        if text.chars().any(is_forbidden) {
            return Err(InvalidText::Control);
        }
        Ok(Self(lex::trim(text).into()))
    }
}

fn is_forbidden(c: char) -> bool {
    c.is_control() && c != '\t'
}

impl fmt::Display for HeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Values that print themselves without line breaks.
macro_rules! printed {
    ($($typed:ty),*) => {
        $(
            impl From<&$typed> for HeaderValue {
                fn from(value: &$typed) -> Self {
                    Self(value.to_string().into())
                }
            }

            impl From<$typed> for HeaderValue {
                fn from(value: $typed) -> Self {
                    Self::from(&value)
                }
            }
        )*
    };
}

printed!(super::NameAddr, super::Via, super::CSeq, super::SessionExpires, super::RAck, u32);
