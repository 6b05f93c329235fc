//! What the payload types of an audio section mean: `a=rtpmap` (RFC 8866 §6.6) and the static ones of RFC 3551; and
//! what is offered under which number.

use super::{Attribute, Media, OpusTerms};
use crate::codec::AudioCodec;
use crate::comfort;

/// The clock of telephone-events that every phone has.
pub(super) const EVENT_CLOCK: u32 = 8000;
/// The events that are understood: the sixteen digits (RFC 4733 §2.4.1).
const EVENTS: &str = "0-15";

/// Payload types without a fixed number in our offers; 101 is what every phone expects of telephone-events.
const EVENTS_NARROW: u8 = 101;
const EVENTS_OPUS: u8 = 110;
const OPUS: u8 = 111;

/// The encoding of comfort noise beside G.711, and its clock.
const COMFORT_NOISE: &str = "CN/8000";
const NOISE_CLOCK: u32 = 8000;

/// A payload type that is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Audio(AudioCodec),
    /// Telephone-events, counted at this clock.
    TelephoneEvent(u32),
    /// Comfort noise beside G.711 (RFC 3389).
    ComfortNoise,
}

impl Format {
    /// What `a=rtpmap` says of it.
    fn encoding(self) -> String {
        match self {
            Self::Audio(codec) => codec.rtpmap().to_owned(),
            Self::TelephoneEvent(clock) => format!("telephone-event/{clock}"),
            Self::ComfortNoise => COMFORT_NOISE.to_owned(),
        }
    }

    /// What `a=fmtp` says of it, if anything.
    fn parameters(self) -> Option<&'static str> {
        match self {
            Self::Audio(AudioCodec::Opus) => Some(OpusTerms::OURS),
            Self::Audio(_) | Self::ComfortNoise => None,
            Self::TelephoneEvent(_) => Some(EVENTS),
        }
    }

    /// The attributes that describe it under this number.
    pub(super) fn attributes(self, payload_type: u8) -> impl Iterator<Item = Attribute> {
        let rtpmap = Attribute::value("rtpmap", format_args!("{payload_type} {}", self.encoding()));
        let fmtp =
            self.parameters().map(|text| Attribute::value("fmtp", format_args!("{payload_type} {text}")));
        std::iter::once(rtpmap).chain(fmtp)
    }
}

/// What we offer, in order of preference. Comfort noise goes with G.711; telephone-events are offered at the clock of each codec
/// (RFC 4733 §2.1).
pub(super) fn offered(codecs: &[AudioCodec], noise: bool, events: bool) -> Vec<(u8, Format)> {
    let mut formats: Vec<(u8, Format)> = codecs
        .iter()
        .map(|codec| (codec.static_payload_type().unwrap_or(OPUS), Format::Audio(*codec)))
        .collect();
    if noise && codecs.iter().any(|codec| AudioCodec::G711.contains(codec)) {
        formats.push((comfort::PAYLOAD_TYPE, Format::ComfortNoise));
    }
    if events {
        // Beside Opus too: that is how most phones count them.
        formats.push((EVENTS_NARROW, Format::TelephoneEvent(EVENT_CLOCK)));
    }
    if events && codecs.contains(&AudioCodec::Opus) {
        formats.push((EVENTS_OPUS, Format::TelephoneEvent(AudioCodec::Opus.rtp_clock())));
    }
    formats
}

/// The section's understood payload types, in its order of preference.
pub(super) fn understood(section: &Media) -> impl Iterator<Item = (u8, Format)> + '_ {
    section.formats.iter().filter_map(|format| {
        let payload_type = format.parse().ok().filter(|&pt: &u8| pt < 128)?;
        Some((payload_type, meaning(section, payload_type)?))
    })
}

fn meaning(section: &Media, payload_type: u8) -> Option<Format> {
    match section.of_format("rtpmap", payload_type) {
        Some(encoding) => from_encoding(encoding),
        None if payload_type == comfort::PAYLOAD_TYPE => Some(Format::ComfortNoise),
        None => AudioCodec::from_static_payload_type(payload_type).map(Format::Audio),
    }
}

/// `PCMU/8000` or `PCMU/8000/1`, `opus/48000/2`.
fn from_encoding(encoding: &str) -> Option<Format> {
    let mut parts = encoding.split('/').map(str::trim);
    let (name, clock) = (parts.next()?, parts.next()?.parse().ok()?);
    let channels = parts.next();
    let mono = matches!(channels, None | Some("1"));
    if name.eq_ignore_ascii_case("telephone-event") {
        let known = AudioCodec::ALL.iter().any(|codec| codec.rtp_clock() == clock);
        return (known && mono).then_some(Format::TelephoneEvent(clock));
    }
    if name.eq_ignore_ascii_case("CN") {
        return (clock == NOISE_CLOCK && mono).then_some(Format::ComfortNoise);
    }
    let codec = AudioCodec::from_name(name, clock)?;
    // Opus is to say two channels; some leave them out or count truly.
    let fits = mono || (codec == AudioCodec::Opus && channels == Some("2"));
    fits.then_some(Format::Audio(codec))
}
