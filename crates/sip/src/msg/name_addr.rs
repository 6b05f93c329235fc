//! `"display name" <uri>;parameters`: From, To, Contact, Route, Record-Route (RFC 3261 §20.10, §25.1).

use std::fmt;
use std::str::FromStr;

use super::error::InvalidText;
use super::{Params, Uri, lex};

/// A URI with the name shown for it and the header field's own parameters. Always printed with angle brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NameAddr {
    /// The display name, quotation marks and escapes undone.
    pub display_name: Option<String>,
    /// The address.
    pub uri: Uri,
    /// `tag`, `expires`, `q` ... : what belongs to the header field, not to the URI.
    pub params: Params,
}

impl NameAddr {
    /// An address alone.
    #[must_use]
    pub fn new(uri: Uri) -> Self {
        Self { display_name: None, uri, params: Params::default() }
    }

    /// With a display name. Line breaks in it become spaces when printed.
    #[must_use]
    pub fn with_display_name(mut self, name: impl Into<String>) -> Self {
        self.display_name = Some(name.into());
        self
    }

    /// With a tag.
    #[must_use]
    pub fn with_tag(mut self, tag: &str) -> Self {
        self.set_tag(tag);
        self
    }

    /// The tag, `None` if absent or empty.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag").filter(|t| !t.is_empty())
    }

    /// Sets the tag.
    pub fn set_tag(&mut self, tag: &str) {
        self.params.set("tag", tag);
    }
}

impl FromStr for NameAddr {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        let text = lex::trim(text);
        if text.starts_with('"') {
            let (name, rest) = lex::quoted_string(text).ok_or(InvalidText::NameAddr)?;
            return bracketed(Some(name), lex::trim(rest));
        }
        match text.find('<') {
            Some(at) => bracketed(plain_display_name(&text[..at])?, &text[at..]),
            None => bare(text),
        }
    }
}

/// `<uri>;params`. White space inside the brackets is passed over.
fn bracketed(display_name: Option<String>, text: &str) -> Result<NameAddr, InvalidText> {
    let inner = text.strip_prefix('<').ok_or(InvalidText::NameAddr)?;
    let (uri, params) = inner.split_once('>').ok_or(InvalidText::NameAddr)?;
    Ok(NameAddr { display_name, uri: lex::trim(uri).parse()?, params: Params::parse_header(params)? })
}

/// Without brackets every parameter is the header field's, and `?` and `,` may not stand in the URI.
fn bare(text: &str) -> Result<NameAddr, InvalidText> {
    let (uri, params) = text.split_at(text.find(';').unwrap_or(text.len()));
    if uri.contains(['?', ',']) {
        return Err(InvalidText::NameAddr);
    }
    Ok(NameAddr { display_name: None, uri: lex::trim(uri).parse()?, params: Params::parse_header(params)? })
}

/// Unquoted words. More than tokens is read (dots, parentheses, UTF-8), but nothing that structures the field.
fn plain_display_name(text: &str) -> Result<Option<String>, InvalidText> {
    let name = lex::trim(text);
    if name.contains(['"', ',', ';', '>', '\\']) {
        return Err(InvalidText::NameAddr);
    }
    Ok((!name.is_empty()).then(|| name.to_owned()))
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.display_name {
            lex::write_quoted(f, name)?;
            f.write_str(" ")?;
        }
        write!(f, "<{}>", self.uri)?;
        self.params.write_header(f)
    }
}
