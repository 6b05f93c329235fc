//! Codecs, encryption and media timeout of a call: the request's over the trunk's.

use std::time::Duration;

use livekit_protocol::{SipMediaConfig, SipMediaEncryption};

use super::{PlanDefaults, PlanError};
use crate::rules;

/// A codec that the phone's leg can speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 mu-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722: wideband.
    G722,
    /// Opus: wideband, and robust on lossy ways.
    Opus,
}

impl Codec {
    /// The codec of a name in any case, and its RTP clock.
    fn named(name: &str) -> Option<(Self, u32)> {
        match name.to_ascii_uppercase().as_str() {
            "PCMU" => Some((Self::Pcmu, 8_000)),
            "PCMA" => Some((Self::Pcma, 8_000)),
            "G722" => Some((Self::G722, 8_000)),
            "OPUS" => Some((Self::Opus, 48_000)),
            _ => None,
        }
    }
}

/// How the phone's media is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaPlan {
    /// What the SDP offer lists, best first; never empty. telephone-event is always added.
    pub codecs: Vec<Codec>,
    /// Hang up after this long without a packet, when the call says so; else the server's own limit holds.
    pub timeout: Option<Duration>,
    /// Whether the audio is encrypted.
    pub encryption: Encryption,
}

/// `SIPMediaEncryption`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encryption {
    /// Plain RTP.
    #[default]
    Disable,
    /// SRTP if the phone can, else plain RTP.
    Allow,
    /// SRTP, or no call.
    Require,
}

/// Merges what request and trunk ask for.
pub(super) fn plan(
    request: Option<&SipMediaConfig>,
    trunk: Option<&SipMediaConfig>,
    defaults: &PlanDefaults,
) -> Result<MediaPlan, PlanError> {
    for config in [request, trunk].into_iter().flatten() {
        rules::media(config)?;
    }
    let list = [request, trunk].into_iter().flatten().find(|config| !config.codecs.is_empty());
    let only = list.or(trunk).is_some_and(|config| config.only_listed_codecs);
    let listed = list.map_or(Ok(Vec::new()), listed_codecs)?;
    if only && listed.is_empty() {
        return Err(PlanError::Invalid("media.codecs: no codecs specified".to_owned()));
    }
    let codecs = if only { listed } else { with_defaults(listed, &defaults.codecs) };
    let timeout = [request, trunk].into_iter().flatten().find_map(|config| config.media_timeout.as_ref());
    let timeout = rules::positive("media_timeout", timeout)?;
    Ok(MediaPlan { codecs, timeout, encryption: encryption(request, trunk) })
}

/// The request's wish; a trunk's encryption cannot be turned off by a call.
fn encryption(request: Option<&SipMediaConfig>, trunk: Option<&SipMediaConfig>) -> Encryption {
    let of = |config: &SipMediaConfig| match config.encryption() {
        SipMediaEncryption::SipMediaEncryptDisable => Encryption::Disable,
        SipMediaEncryption::SipMediaEncryptAllow => Encryption::Allow,
        SipMediaEncryption::SipMediaEncryptRequire => Encryption::Require,
    };
    let wishes = [request, trunk].into_iter().flatten().map(of);
    wishes.into_iter().find(|wish| *wish != Encryption::Disable).unwrap_or_default()
}

fn listed_codecs(config: &SipMediaConfig) -> Result<Vec<Codec>, PlanError> {
    let mut codecs = Vec::new();
    for codec in &config.codecs {
        // Every offer has it anyway.
        if codec.name.eq_ignore_ascii_case("telephone-event") {
            continue;
        }
        let Some((known, rate)) = Codec::named(&codec.name) else {
            let what = format!("codec {:?}", codec.name);
            return Err(PlanError::NotSupported { field: "media.codecs", what });
        };
        if codec.rate != 0 && codec.rate != rate {
            let text = format!("media.codecs: {} has a rate of {rate}, not {}", codec.name, codec.rate);
            return Err(PlanError::Invalid(text));
        }
        if !codecs.contains(&known) {
            codecs.push(known);
        }
    }
    Ok(codecs)
}

fn with_defaults(mut listed: Vec<Codec>, defaults: &[Codec]) -> Vec<Codec> {
    for codec in defaults {
        if !listed.contains(codec) {
            listed.push(*codec);
        }
    }
    listed
}
