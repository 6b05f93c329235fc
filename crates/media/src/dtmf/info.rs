//! Digits in SIP INFO requests, as phones have sent them since before telephone-events: `application/dtmf-relay`
//! (`Signal=5`, `Duration=160`) and `application/dtmf` (the digit alone). No RFC describes either.

use thiserror::Error;

use super::Digit;

/// The longest body that is read, in bytes.
const MAX_BODY: usize = 256;

/// The digit in the body of an INFO request. The duration is left alone: a key is pressed once.
///
/// # Errors
/// The sender's fault, or another application's content: answer 415 to [`InfoError::ContentType`], 400 to the rest.
pub fn digit_of_info(content_type: &str, body: &[u8]) -> Result<Digit, InfoError> {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let text = std::str::from_utf8(body).ok().filter(|text| text.len() <= MAX_BODY).ok_or(InfoError::Body)?;
    let signal = if media_type.eq_ignore_ascii_case("application/dtmf-relay") {
        relayed(text).ok_or(InfoError::Body)?
    } else if media_type.eq_ignore_ascii_case("application/dtmf") {
        // Some put the lines of the other type here.
        relayed(text).unwrap_or(text.trim())
    } else {
        return Err(InfoError::ContentType);
    };
    digit(signal).ok_or(InfoError::Body)
}

fn relayed(text: &str) -> Option<&str> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        name.trim().eq_ignore_ascii_case("Signal").then(|| value.trim())
    })
}

/// A key, or the number of its telephone-event: `10` is `*`.
fn digit(signal: &str) -> Option<Digit> {
    let mut characters = signal.chars();
    match (characters.next(), characters.next()) {
        (Some(key), None) => Digit::from_char(key),
        _ => signal.parse().ok().and_then(Digit::from_event_code),
    }
}

/// Why an INFO request holds no digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InfoError {
    /// The body is of another kind.
    #[error("the INFO request's body is no DTMF")]
    ContentType,
    /// The body names no digit.
    #[error("the INFO request's body names no digit")]
    Body,
}
