//! `Scheme name=value, name="value" ...`: the shape challenges and credentials share (RFC 7616 §3.3, §3.4).

use std::fmt;

use crate::msg::lex;

/// One challenge or one set of credentials, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AuthFields {
    pub(super) scheme: String,
    fields: Vec<(String, String)>,
}

/// More fields than any RFC names; what is beyond is not read.
const MAX_FIELDS: usize = 32;
/// More challenges than anyone lists.
const MAX_CHALLENGES: usize = 16;

impl AuthFields {
    /// Reads all that one header field value holds: mostly one, but lists are seen.
    pub(super) fn read_all(value: &str) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for piece in lex::split(value, b',').filter(|p| !p.is_empty()) {
            let (scheme, field) = leading_scheme(piece);
            if let Some(scheme) = scheme {
                if found.len() >= MAX_CHALLENGES {
                    break;
                }
                found.push(Self { scheme: scheme.to_owned(), fields: Vec::new() });
            }
            if let (Some(current), Some((name, value))) = (found.last_mut(), field.and_then(read_field)) {
                current.add(name, value);
            }
        }
        found
    }

    pub(super) fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("Digest")
    }

    /// A field's value, quotation marks undone.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    fn add(&mut self, name: &str, value: String) {
        if self.fields.len() < MAX_FIELDS && self.get(name).is_none() {
            self.fields.push((name.to_owned(), value));
        }
    }
}

/// `Digest realm="x"` begins a new one; `realm="x"` goes on with the last.
fn leading_scheme(piece: &str) -> (Option<&str>, Option<&str>) {
    let Some(end) = piece.find([' ', '\t', '=']) else { return (Some(piece), None) };
    let (word, rest) = piece.split_at(end);
    let rest = lex::trim(rest);
    if rest.starts_with('=') { (None, Some(piece)) } else { (Some(word), Some(rest)) }
}

fn read_field(text: &str) -> Option<(&str, String)> {
    let (name, value) = text.split_once('=')?;
    let value = lex::trim(value);
    let value = match lex::quoted_string(value) {
        Some((content, _)) => content,
        None => value.to_owned(),
    };
    Some((lex::trim(name), value))
}

/// A quoted value, for printing.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        lex::write_quoted(f, self.0)
    }
}
