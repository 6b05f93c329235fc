//! Header fields of session timers (RFC 4028 §4, §5) and of reliable provisional responses (RFC 3262 §7).

use std::fmt;
use std::str::FromStr;

use super::error::InvalidText;
use super::{HeaderName, Headers, Method, lex};

/// Who refreshes a session: the two ends of the request that negotiates it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    /// Who sent the request.
    Uac,
    /// Who answers it.
    Uas,
}

/// Session-Expires: after so many seconds without refresh the session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires {
    /// The interval.
    pub seconds: u32,
    /// Who refreshes, once that is settled.
    pub refresher: Option<Refresher>,
}

impl FromStr for SessionExpires {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        let mut parts = lex::split(text, b';');
        let seconds = parts.next().and_then(lex::decimal).ok_or(InvalidText::Token)?;
        let refresher = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            let value = lex::trim(value);
            match lex::trim(name).eq_ignore_ascii_case("refresher") {
                true if value.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
                true if value.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
                _ => None,
            }
        });
        Ok(Self { seconds, refresher })
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refresher = match self.refresher {
            Some(Refresher::Uac) => ";refresher=uac",
            Some(Refresher::Uas) => ";refresher=uas",
            None => "",
        };
        write!(f, "{}{refresher}", self.seconds)
    }
}

/// RAck: which reliable provisional response a PRACK is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RAck {
    /// The response's RSeq.
    pub rseq: u32,
    /// The number in the CSeq of the response.
    pub number: u32,
    /// The method in the CSeq of the response.
    pub method: Method,
}

impl FromStr for RAck {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        let mut parts = text.split_ascii_whitespace();
        let (rseq, number, method) = (parts.next(), parts.next(), parts.next());
        match (rseq.and_then(lex::decimal), number.and_then(lex::decimal), method, parts.next()) {
            (Some(rseq), Some(number), Some(method), None) => {
                Ok(Self { rseq, number, method: method.parse()? })
            }
            _ => Err(InvalidText::Token),
        }
    }
}

impl fmt::Display for RAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.rseq, self.number, self.method)
    }
}

impl Headers {
    /// Session-Expires; `None` when absent or unreadable.
    #[must_use]
    pub fn session_expires(&self) -> Option<SessionExpires> {
        self.get(&HeaderName::SessionExpires)?.parse().ok()
    }

    /// Seconds in Min-SE, its parameters left out.
    #[must_use]
    pub fn min_se(&self) -> Option<u32> {
        lex::decimal(lex::trim(self.get(&HeaderName::MinSe)?.split(';').next()?))
    }

    /// The number of a reliable provisional response.
    #[must_use]
    pub fn rseq(&self) -> Option<u32> {
        lex::decimal(self.get(&HeaderName::RSeq)?)
    }

    /// What a PRACK acknowledges.
    #[must_use]
    pub fn rack(&self) -> Option<RAck> {
        self.get(&HeaderName::RAck)?.parse().ok()
    }

    /// Whether the peer insists on an option tag.
    #[must_use]
    pub fn requires(&self, option_tag: &str) -> bool {
        self.require().any(|tag| tag.eq_ignore_ascii_case(option_tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_expires_is_read_and_printed() {
        let read = |text: &str| text.parse::<SessionExpires>();
        let uas = SessionExpires { seconds: 1800, refresher: Some(Refresher::Uas) };
        assert_eq!(read("1800;refresher=uas"), Ok(uas));
        assert_eq!(read("1800 ; Refresher = UAS;x"), Ok(uas));
        assert_eq!(uas.to_string().parse(), Ok(uas));
        assert_eq!(read("90"), Ok(SessionExpires { seconds: 90, refresher: None }));
        assert!(read("").is_err() && read("-1").is_err() && read("x").is_err());
    }

    #[test]
    fn rack_is_read_and_printed() {
        let rack = RAck { rseq: 776_656, number: 1, method: Method::Invite };
        assert_eq!("776656 1  INVITE".parse(), Ok(rack.clone()));
        assert_eq!(rack.to_string(), "776656 1 INVITE");
        for broken in ["", "1", "1 2", "1 2 INVITE x", "a 2 INVITE", "1 99999999999 INVITE"] {
            assert!(broken.parse::<RAck>().is_err(), "{broken}");
        }
    }
}
