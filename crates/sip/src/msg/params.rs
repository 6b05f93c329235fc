//! Parameters: `;name=value;flag` behind a URI or a header field value (RFC 3261 §25.1 `generic-param`, `uri-parameter`).

use std::fmt;

use super::error::InvalidText;
use super::{lex, limits};

/// Parameters in their order. Names are case-insensitive tokens; values are held with quotation marks undone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Params(Vec<(Box<str>, Option<Box<str>>)>);

impl Params {
    /// The value of `name`; `Some("")` for a flag without one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_deref().unwrap_or(""))
    }

    /// Whether `name` is there, with or without a value.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Sets `name=value` in its place, or behind the others. The name is a constant of the program, the value any
    /// text: it is quoted or escaped when printed.
    pub fn set(&mut self, name: &'static str, value: &str) {
        self.put(name, Some(value.into()));
    }

    /// Sets the flag `name`.
    pub fn set_flag(&mut self, name: &'static str) {
        self.put(name, None);
    }

    /// Takes `name` out.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(n, v)| (&**n, v.as_deref()))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn put(&mut self, name: &'static str, value: Option<Box<str>>) {
        debug_assert!(lex::is_token(name));
        match self.0.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
            Some(entry) => entry.1 = value,
            None => self.0.push((name.into(), value)),
        }
    }

    fn push_new(&mut self, name: &str, value: Option<Box<str>>) -> Result<(), InvalidText> {
        if self.0.len() >= limits::PARAMETERS || self.contains(name) {
            return Err(InvalidText::Params);
        }
        self.0.push((name.into(), value));
        Ok(())
    }

    /// Reads what follows a header field's value: empty, or `;name[=value]...`. A stray `;` is passed over.
    pub(crate) fn parse_header(text: &str) -> Result<Self, InvalidText> {
        let mut params = Self::default();
        let text = lex::trim(text);
        if text.is_empty() {
            return Ok(params);
        }
        let text = text.strip_prefix(';').ok_or(InvalidText::Params)?;
        for piece in lex::split(text, b';').filter(|p| !p.is_empty()) {
            let (name, value) = match piece.split_once('=') {
                Some((name, value)) => (lex::trim(name), Some(header_value(lex::trim(value))?)),
                None => (piece, None),
            };
            if !lex::is_token(name) {
                return Err(InvalidText::Params);
            }
            params.push_new(name, value)?;
        }
        Ok(params)
    }

    /// Reads a URI's parameters, the leading `;` already taken. Values stay as they are, `%hh` escapes included.
    pub(super) fn parse_uri(text: &str) -> Result<Self, InvalidText> {
        let mut params = Self::default();
        for piece in text.split(';').filter(|p| !p.is_empty()) {
            let (name, value) = match piece.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (piece, None),
            };
            let sound = |t: &str| lex::is_escaped(t, is_uri_param_byte);
            if name.is_empty() || !sound(name) || !value.is_none_or(sound) {
                return Err(InvalidText::Params);
            }
            params.push_new(name, value.map(Into::into))?;
        }
        Ok(params)
    }

    /// Prints as header parameters: quoted where needed.
    pub(super) fn write_header(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            write!(f, ";{name}")?;
            match value {
                Some(value) if value.bytes().all(lex::is_bare_value_byte) => write!(f, "={value}")?,
                Some(value) => {
                    f.write_str("=")?;
                    lex::write_quoted(f, value)?;
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Prints as URI parameters: escaped where needed.
    pub(super) fn write_uri(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            write!(f, ";{name}")?;
            if let Some(value) = value {
                f.write_str("=")?;
                lex::write_escaped(f, value, is_uri_param_byte)?;
            }
        }
        Ok(())
    }
}

fn header_value(text: &str) -> Result<Box<str>, InvalidText> {
    match lex::quoted_string(text) {
        Some((content, "")) => Ok(content.into()),
        Some(_) => Err(InvalidText::Params),
        None if text.bytes().all(lex::is_bare_value_byte) => Ok(text.into()),
        None => Err(InvalidText::Params),
    }
}

/// `paramchar` without the escape.
pub(super) const fn is_uri_param_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'_'
                | b'.'
                | b'!'
                | b'~'
                | b'*'
                | b'\''
                | b'('
                | b')'
                | b'['
                | b']'
                | b'/'
                | b':'
                | b'&'
                | b'+'
                | b'$'
        )
}
