//! Codecs and encryption as flags.

use anyhow::{Context, bail};
use livekit_protocol::{SipCodec, SipMediaConfig, SipMediaEncryption, SipTransport};

#[derive(Debug, Default, clap::Args)]
pub(super) struct MediaFlags {
    /// Media encryption: disable, allow or require
    #[arg(long, value_name = "HOW")]
    media_enc: Option<String>,
    /// A codec, NAME or NAME/RATE; may be repeated
    #[arg(long = "codecs", value_name = "CODEC", value_delimiter = ',')]
    codecs: Vec<String>,
    /// Only the codecs given with --codecs
    #[arg(long, requires = "codecs")]
    no_default_codecs: bool,
}

impl MediaFlags {
    /// What the flags say over what a document says.
    pub(super) fn over(&self, document: Option<SipMediaConfig>) -> anyhow::Result<Option<SipMediaConfig>> {
        if self.media_enc.is_none() && self.codecs.is_empty() {
            return Ok(document);
        }
        let mut media = document.unwrap_or_default();
        if let Some(how) = &self.media_enc {
            media.encryption = Some(encryption(how)?.into());
        }
        if !self.codecs.is_empty() {
            media.codecs = self.codecs.iter().map(|text| codec(text)).collect::<anyhow::Result<_>>()?;
            media.only_listed_codecs = self.no_default_codecs;
        }
        Ok(Some(media))
    }
}

fn encryption(text: &str) -> anyhow::Result<SipMediaEncryption> {
    let name = text.to_ascii_uppercase();
    let full = format!("SIP_MEDIA_ENCRYPT_{}", name.trim_start_matches("SIP_MEDIA_ENCRYPT_"));
    SipMediaEncryption::from_str_name(&full)
        .with_context(|| format!("--media-enc: {text:?} is not disable, allow or require"))
}

/// A transport, `udp` or `SIP_TRANSPORT_UDP`.
pub(super) fn transport(text: &str) -> anyhow::Result<SipTransport> {
    let name = text.to_ascii_uppercase();
    let full = format!("SIP_TRANSPORT_{}", name.trim_start_matches("SIP_TRANSPORT_"));
    SipTransport::from_str_name(&full)
        .with_context(|| format!("--transport: {text:?} is not auto, udp, tcp or tls"))
}

fn codec(text: &str) -> anyhow::Result<SipCodec> {
    let (name, rate) = text.split_once('/').unwrap_or((text, "0"));
    let Ok(rate) = rate.parse() else { bail!("--codecs: {text:?} is not NAME or NAME/RATE") };
    Ok(SipCodec { name: name.to_owned(), rate })
}
