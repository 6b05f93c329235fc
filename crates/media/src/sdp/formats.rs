//! What the payload types of an audio section mean: `a=rtpmap` (RFC 8866 §6.6) and the static ones of RFC 3551.

use super::Media;
use crate::codec::AudioCodec;

/// The clock of telephone-events beside the codecs that are built.
const EVENT_CLOCK: u32 = 8000;

/// A payload type that is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Audio(AudioCodec),
    TelephoneEvent,
}

/// The section's understood payload types, in its order of preference.
pub(super) fn understood(section: &Media) -> impl Iterator<Item = (u8, Format)> + '_ {
    section.formats.iter().filter_map(|format| {
        let payload_type = format.parse().ok().filter(|&pt: &u8| pt < 128)?;
        Some((payload_type, meaning(section, payload_type)?))
    })
}

fn meaning(section: &Media, payload_type: u8) -> Option<Format> {
    let mapped = section.attributes.iter().filter(|a| a.name == "rtpmap").find_map(|a| {
        let (number, encoding) = a.value.as_deref()?.split_once(char::is_whitespace)?;
        (number.parse() == Ok(payload_type)).then(|| encoding.trim())
    });
    match mapped {
        Some(encoding) => from_encoding(encoding),
        None => AudioCodec::from_static_payload_type(payload_type).map(Format::Audio),
    }
}

/// `PCMU/8000` or `PCMU/8000/1`.
fn from_encoding(encoding: &str) -> Option<Format> {
    let mut parts = encoding.split('/').map(str::trim);
    let (name, clock) = (parts.next()?, parts.next()?.parse().ok()?);
    let mono = matches!(parts.next(), None | Some("1"));
    if name.eq_ignore_ascii_case("telephone-event") {
        return (clock == EVENT_CLOCK && mono).then_some(Format::TelephoneEvent);
    }
    AudioCodec::from_name(name, clock).filter(|_| mono).map(Format::Audio)
}
