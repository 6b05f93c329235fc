//! `a=crypto` lines: the keys of SRTP in a session description (RFC 4568), in offers and answers.

use zeroize::Zeroizing;

use super::{Attribute, Media, NegotiationError, SessionDescription};
use rtp::srtp::{LocalKeys, MasterKey, SessionKeys, Suite};

/// Plain and encrypted RTP.
const PLAIN: &str = "RTP/AVP";
const ENCRYPTED: &str = "RTP/SAVP";
/// The longest identifier of a key (RFC 4568 §6.1).
const MAX_MKI: usize = 128;

/// Whether a call's audio is encrypted, and our keys for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Encryption {
    /// It is not, whatever the other side would like.
    #[default]
    Disabled,
    /// It is if the other side can: plain RTP is offered together with keys, so that a phone without SRTP answers too.
    Allowed(LocalKeys),
    /// It must be: only SRTP is offered, and nothing else accepted.
    Required(LocalKeys),
}

impl Encryption {
    /// Our keys.
    #[must_use]
    pub fn keys(&self) -> Option<&LocalKeys> {
        match self {
            Self::Disabled => None,
            Self::Allowed(keys) | Self::Required(keys) => Some(keys),
        }
    }

    /// What to offer to a phone that does not accept plain RTP with keys: some take keys only with the profile of SRTP.
    /// `None`: there is nothing else to offer.
    #[must_use]
    pub fn insisting(&self) -> Option<Self> {
        match self {
            Self::Allowed(keys) => Some(Self::Required(keys.clone())),
            Self::Disabled | Self::Required(_) => None,
        }
    }

    fn is_required(&self) -> bool {
        matches!(self, Self::Required(_))
    }

    /// The protocol of an offered section, and its key lines.
    pub(super) fn offer(&self) -> (String, Vec<Attribute>) {
        let protocol = if self.is_required() { ENCRYPTED } else { PLAIN };
        let keys = Suite::OFFERED.into_iter().filter_map(|suite| self.keys()?.get(suite));
        (protocol.to_owned(), keys.zip(1_u32..).map(|(key, tag)| line(tag, key)).collect())
    }

    /// What to answer an offered section: our key line, and the keys that follow; `None` for plain RTP.
    pub(super) fn answer(
        &self,
        theirs: &Media,
    ) -> Result<Option<(Attribute, SessionKeys)>, NegotiationError> {
        let secure = is_secure(theirs)?;
        let Some(keys) = self.keys() else {
            return if secure { Err(NegotiationError::EncryptionOff) } else { Ok(None) };
        };
        let chosen = lines(theirs).find_map(|line| Some((keys.get(line.key.suite())?, line)));
        match chosen {
            Some((ours, theirs)) => {
                let keys = SessionKeys { send: ours.clone(), receive: theirs.key, receive_mki: theirs.mki };
                Ok(Some((line(theirs.tag, ours), keys)))
            }
            None if secure && has_lines(theirs) => Err(NegotiationError::NoCommonSuite),
            None if secure => Err(NegotiationError::NoKey),
            None if self.is_required() => Err(NegotiationError::NotEncrypted),
            None => Ok(None),
        }
    }
}

/// What follows from the answer's section to our offered one; `None` for plain RTP.
pub(super) fn accept(ours: &Media, theirs: &Media) -> Result<Option<SessionKeys>, NegotiationError> {
    let (required, secure) = (is_secure(ours)?, is_secure(theirs)?);
    let offered: Vec<Line> = lines(ours).collect();
    if offered.is_empty() {
        return if secure { Err(NegotiationError::EncryptionOff) } else { Ok(None) };
    }
    // Some answer with a tag of their own: the suite says which of our keys is meant.
    let chosen = lines(theirs).find_map(|line| {
        let same_suite = offered.iter().filter(|ours| ours.key.suite() == line.key.suite());
        let ours = same_suite.min_by_key(|ours| ours.tag != line.tag)?;
        Some((ours.key.clone(), line))
    });
    match chosen {
        Some((send, line)) => Ok(Some(SessionKeys { send, receive: line.key, receive_mki: line.mki })),
        None if has_lines(theirs) => Err(NegotiationError::NoCommonSuite),
        None if secure => Err(NegotiationError::NoKey),
        None if required => Err(NegotiationError::NotEncrypted),
        None => Ok(None),
    }
}

/// Whether the section is of encrypted RTP; an error for what is no RTP with keys in the description. The profile
/// with feedback (RFC 4585, RFC 5124) is taken for the one without: none is sent.
fn is_secure(section: &Media) -> Result<bool, NegotiationError> {
    match section.protocol.to_ascii_uppercase().as_str() {
        PLAIN | "RTP/AVPF" => Ok(false),
        ENCRYPTED | "RTP/SAVPF" => Ok(true),
        other => Err(NegotiationError::Protocol { protocol: other.to_owned() }),
    }
}

impl SessionDescription {
    /// Whether its audio has the profile of SRTP: a phone that takes no other answers the offer that has it too.
    #[must_use]
    pub fn has_secure_profile(&self) -> bool {
        self.media.iter().find(|section| section.is_audio()).is_some_and(|audio| is_secure(audio) == Ok(true))
    }
}

/// A readable key line.
struct Line {
    tag: u32,
    key: MasterKey,
    mki: Vec<u8>,
}

fn has_lines(section: &Media) -> bool {
    section.attribute("crypto").is_some()
}

/// The section's readable key lines, in its order of preference.
fn lines(section: &Media) -> impl Iterator<Item = Line> + '_ {
    let values = section.attributes.iter().filter(|a| a.name == "crypto");
    values.filter_map(|a| parse(a.value.as_deref()?))
}

/// `1 AES_CM_128_HMAC_SHA1_80 inline:BASE64|2^20|1:4`. A line with several keys, or with session parameters, asks for what
/// is not built: another line is taken, as RFC 4568 §6.3.7 wants.
fn parse(value: &str) -> Option<Line> {
    let mut words = value.split_ascii_whitespace();
    let (tag, suite, params) = (words.next()?, words.next()?, words.next()?);
    let tag = tag.parse().ok().filter(|_| tag.len() <= 9)?;
    let suite = Suite::from_name(suite)?;
    if words.next().is_some() || params.contains(';') {
        return None;
    }
    let (method, inline) = params.split_once(':')?;
    let mut parts = inline.split('|');
    let key = MasterKey::from_inline(suite, parts.next()?).ok()?;
    let mut mki = Vec::new();
    for part in parts {
        // The other optional part is the lifetime: the other side keeps count of its own packets.
        if let Some((value, len)) = part.split_once(':') {
            mki = identifier(value, len)?;
        }
    }
    method.eq_ignore_ascii_case("inline").then_some(Line { tag, key, mki })
}

/// An identifier's number, as the bytes that packets carry.
fn identifier(value: &str, len: &str) -> Option<Vec<u8>> {
    let len: usize = len.parse().ok().filter(|len| (1..=MAX_MKI).contains(len))?;
    let value: u64 = value.parse().ok()?;
    let mut bytes = vec![0; len.saturating_sub(8)];
    let number = value.to_be_bytes();
    let (zeros, kept) = number.split_at(8 - len.min(8));
    bytes.extend_from_slice(kept);
    zeros.iter().all(|&byte| byte == 0).then_some(bytes)
}

fn line(tag: u32, key: &MasterKey) -> Attribute {
    let inline: Zeroizing<String> = key.to_inline();
    Attribute::value("crypto", format_args!("{tag} {} inline:{}", key.suite(), *inline))
}
