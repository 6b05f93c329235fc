//! Which SIP headers a user may set (RFC 3261 §25.1 for the grammar).

use std::collections::HashMap;

use super::RuleError;

/// The longest header name, and the longest value, in bytes.
const MAX_NAME: usize = 255;
const MAX_VALUE: usize = 1024;
/// How many headers one map may hold: more would not fit a datagram anyway.
const MAX_HEADERS: usize = 100;

/// Headers that the protocol itself writes: a second one, or another value, breaks the request. To and Via are
/// accepted by LiveKit, which announces to refuse them; a request with two of them is malformed.
const RESERVED: [&str; 38] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "allow",
    "allow-events",
    "authorization",
    "call-id",
    "contact",
    "content-encoding",
    "content-length",
    "content-type",
    "cseq",
    "event",
    "expires",
    "from",
    "max-forwards",
    "proxy-authorization",
    "record-route",
    "refer-to",
    "reply-to",
    "to",
    "via",
    // the compact forms
    "c",
    "e",
    "f",
    "i",
    "k",
    "l",
    "m",
    "o",
    "r",
    "t",
    "u",
    "v",
    // what has to agree with the method and the dialog
    "rack",
    "rseq",
    "session-expires",
    "x",
];

/// Checks extra headers, names and values.
pub(crate) fn header_map(headers: &HashMap<String, String>) -> Result<(), RuleError> {
    if headers.len() > MAX_HEADERS {
        return Err(RuleError::Field(format!("headers: at most {MAX_HEADERS} headers can be set")));
    }
    let mut sorted: Vec<_> = headers.iter().collect();
    sorted.sort();
    for (name, value) in sorted {
        header_name(name)?;
        if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(RuleError::HeaderName(format!("header name {name} not supported")));
        }
        header_value(name, value)?;
    }
    Ok(())
}

/// Checks header names of a mapping: any header may be read or mapped, as long as it is one.
pub(crate) fn header_names<'a>(names: impl Iterator<Item = &'a String>) -> Result<(), RuleError> {
    let mut sorted: Vec<_> = names.collect();
    sorted.sort();
    sorted.into_iter().try_for_each(|name| header_name(name))
}

fn header_name(name: &str) -> Result<(), RuleError> {
    if name.is_empty() {
        return Err(RuleError::HeaderName("header name must not be empty".to_owned()));
    }
    if name.len() > MAX_NAME {
        return Err(RuleError::HeaderName(format!("header name is longer than {MAX_NAME} characters")));
    }
    if !name.chars().all(is_token) {
        return Err(RuleError::HeaderName(format!(
            "header name {name:?} holds characters that are not allowed"
        )));
    }
    Ok(())
}

fn header_value(name: &str, value: &str) -> Result<(), RuleError> {
    let flaw = |flaw| Err(RuleError::HeaderValue { name: name.to_owned(), flaw });
    if value.len() > MAX_VALUE {
        return flaw("is longer than 1024 bytes");
    }
    if value.chars().any(|c| c != '\t' && c.is_control()) {
        return flaw("holds control characters");
    }
    Ok(())
}

/// The characters of a token.
pub(super) fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c)
}
