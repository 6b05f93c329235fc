//! Offer and answer (RFC 3264) for the one audio section of a telephone call, both sides of it.

use std::net::{IpAddr, SocketAddr};

use thiserror::Error;

use super::crypto::{self, Encryption};
use super::formats::{EVENT_CLOCK, Format, offered, understood};
use super::{Attribute, Direction, Host, Media, OpusTerms, Origin, SessionDescription};
use crate::codec::{AudioCodec, FRAME_MS};
use rtp::srtp::SessionKeys;

/// What our side of a call can do, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalAudio {
    /// The address announced for RTP. RTCP is announced at the next port.
    pub rtp: SocketAddr,
    /// Session id of the `o=` line, the same for the whole call.
    pub session_id: u64,
    /// Version of the `o=` line: to grow by one whenever the description changes.
    pub version: u64,
    /// Codecs in order of preference.
    pub codecs: Vec<AudioCodec>,
    /// Whether telephone-events are offered and accepted.
    pub dtmf: bool,
    /// Whether comfort noise is offered and accepted beside G.711, to be sent in place of silence.
    pub comfort_noise: bool,
    /// Which way the audio may flow, from our side.
    pub direction: Direction,
    /// Whether the audio is encrypted. The keys stay the same for the whole call.
    pub encryption: Encryption,
}

/// What two sides have agreed on, seen from ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// The codec to send.
    pub codec: AudioCodec,
    /// The payload type to send it with.
    pub payload_type: u8,
    /// The payload type to send telephone-events with, if the other side takes them.
    pub dtmf_payload_type: Option<u8>,
    /// Ticks per second in the durations of telephone-events that are sent.
    pub dtmf_clock: u32,
    /// The payload type to describe silence with (RFC 3389), if that was agreed on and the codec is G.711.
    pub noise_payload_type: Option<u8>,
    /// How Opus is to be made, if that is the codec.
    pub opus: OpusTerms,
    /// What may arrive. Both sides' numbers are in it: phones answer with a number of their own and then send either.
    pub receive: ReceiveTable,
    /// Where the other side wants its RTP. All zeros while it holds the call in the old manner.
    pub remote_rtp: SocketAddr,
    /// Where it wants its RTCP.
    pub remote_rtcp: SocketAddr,
    /// Whether RTP and RTCP share a port (RFC 5761).
    pub rtcp_mux: bool,
    /// The packet time to send with, 10 to 60 ms in whole tens.
    pub ptime_ms: u32,
    /// Which way the audio flows, from our side.
    pub direction: Direction,
    /// The keys of SRTP; `None` for plain RTP.
    pub srtp: Option<SessionKeys>,
}

impl Negotiated {
    /// Whether the other side holds the call: it wants to hear nothing from us.
    #[must_use]
    pub fn is_held(&self) -> bool {
        !self.direction.sends()
    }
}

/// What an arriving payload type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadKind {
    /// Audio of this codec.
    Audio(AudioCodec),
    /// Telephone-events.
    TelephoneEvent {
        /// Ticks per second of their durations.
        clock: u32,
    },
    /// Comfort noise.
    ComfortNoise,
}

/// The payload types that may arrive, and what they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReceiveTable(Vec<(u8, PayloadKind)>);

impl ReceiveTable {
    /// The meaning of a payload type, if it was negotiated.
    #[must_use]
    pub fn get(&self, payload_type: u8) -> Option<PayloadKind> {
        self.0.iter().find(|(pt, _)| *pt == payload_type).map(|(_, kind)| *kind)
    }

    /// Adds a payload type unless it has a meaning already.
    pub fn add(&mut self, payload_type: u8, kind: PayloadKind) {
        if self.get(payload_type).is_none() {
            self.0.push((payload_type, kind));
        }
    }
}

/// The offer for a call.
#[must_use]
pub fn offer(local: &LocalAudio) -> SessionDescription {
    let formats = offered(&local.codecs, local.comfort_noise, local.dtmf);
    let (protocol, keys) = local.encryption.offer();
    describe(local, vec![audio_section(local, &formats, local.direction, true, (protocol, keys))])
}

/// What follows from the other side's answer to our offer.
///
/// # Errors
/// The answerer's fault: the answer is none to this offer, or asks for what is not built.
pub fn accept_answer(
    offer: &SessionDescription,
    answer: &SessionDescription,
) -> Result<Negotiated, NegotiationError> {
    let (index, ours) =
        offer.media.iter().enumerate().find(|(_, m)| m.is_audio()).ok_or(NegotiationError::NoAudio)?;
    let theirs = answer.media.get(index).filter(|m| m.is_audio());
    let theirs =
        theirs.or_else(|| answer.media.iter().find(|m| m.is_audio())).ok_or(NegotiationError::NoAudio)?;
    if theirs.port == 0 {
        return Err(NegotiationError::Refused);
    }
    let srtp = crypto::accept(ours, theirs)?;
    let offered: Vec<(u8, Format)> = understood(ours).collect();
    let agreed: Vec<(u8, Format)> =
        understood(theirs).filter(|(_, format)| offered.iter().any(|(_, o)| o == format)).collect();
    let (payload_type, codec) = first_audio(&agreed).ok_or_else(|| no_common_codec(theirs))?;
    let own_numbers = offered.iter().filter(|(_, format)| agreed.iter().any(|(_, a)| a == format));
    let receive = receive_table(own_numbers.chain(&agreed));
    let direction = remote_direction(answer, theirs)?.mirrored().and(offer.direction_of(ours));
    let rtcp_mux = ours.attribute("rtcp-mux").is_some() && theirs.attribute("rtcp-mux").is_some();
    let (events, noise) = (events(&agreed, codec), noise(&agreed, codec));
    let terms = Terms { payload_type, codec, events, noise, receive, direction, rtcp_mux, srtp };
    negotiated(answer, theirs, terms)
}

/// The answer to the other side's offer, and what follows from it. The first codec of the offer that `local` has is
/// taken, with the offer's payload types; sections other than the audio one are refused.
///
/// # Errors
/// The offerer's fault: there is no section that can be answered. For SIP that is a 488.
pub fn answer(
    offer: &SessionDescription,
    local: &LocalAudio,
) -> Result<(SessionDescription, Negotiated), NegotiationError> {
    let (index, secured) = usable_section(offer, &local.encryption)?;
    let theirs = &offer.media[index];
    let (keys, srtp) = secured.unzip();
    let offered: Vec<(u8, Format)> = understood(theirs)
        .filter(|(_, format)| match format {
            Format::Audio(codec) => local.codecs.contains(codec),
            Format::TelephoneEvent(_) => local.dtmf,
            Format::ComfortNoise => local.comfort_noise,
        })
        .collect();
    let (payload_type, codec) = first_audio(&offered).ok_or_else(|| no_common_codec(theirs))?;
    let (events, noise) = (events(&offered, codec), noise(&offered, codec));
    let mut agreed = vec![(payload_type, Format::Audio(codec))];
    agreed.extend(noise.map(|pt| (pt, Format::ComfortNoise)));
    agreed.extend(events.map(|(pt, clock)| (pt, Format::TelephoneEvent(clock))));

    let direction = remote_direction(offer, theirs)?.mirrored().and(local.direction);
    let rtcp_mux = theirs.attribute("rtcp-mux").is_some();
    let receive = receive_table(&agreed);
    let terms = Terms { payload_type, codec, events, noise, receive, direction, rtcp_mux, srtp };
    let negotiated = negotiated(offer, theirs, terms)?;

    let mut sections: Vec<Media> = offer.media.iter().map(refused).collect();
    sections[index] = audio_section(
        local,
        &agreed,
        direction,
        rtcp_mux,
        (theirs.protocol.clone(), keys.into_iter().collect()),
    );
    Ok((describe(local, sections), negotiated))
}

/// The first audio section that is not refused and can be answered, with our key line and the keys that follow if it is
/// encrypted; or why there is none.
fn usable_section(
    offer: &SessionDescription,
    encryption: &Encryption,
) -> Result<(usize, Option<(Attribute, SessionKeys)>), NegotiationError> {
    let mut problem = NegotiationError::NoAudio;
    for (index, section) in offer.media.iter().enumerate().filter(|(_, m)| m.is_audio()) {
        let checked =
            if section.port == 0 { Err(NegotiationError::Refused) } else { encryption.answer(section) };
        match checked {
            Ok(secured) => return Ok((index, secured)),
            Err(error) => problem = error,
        }
    }
    Err(problem)
}

fn first_audio(formats: &[(u8, Format)]) -> Option<(u8, AudioCodec)> {
    formats.iter().find_map(|&(pt, format)| match format {
        Format::Audio(codec) => Some((pt, codec)),
        Format::TelephoneEvent(_) | Format::ComfortNoise => None,
    })
}

/// Payload type and clock of telephone-events: at the clock of the audio if there are such (RFC 4733 §2.1), else the first.
fn events(formats: &[(u8, Format)], beside: AudioCodec) -> Option<(u8, u32)> {
    let events = formats.iter().filter_map(|&(pt, format)| match format {
        Format::TelephoneEvent(clock) => Some((pt, clock)),
        Format::Audio(_) | Format::ComfortNoise => None,
    });
    events.min_by_key(|(_, clock)| *clock != beside.rtp_clock())
}

/// The payload type of comfort noise. Other codecs than G.711 have means of their own, or none.
fn noise(formats: &[(u8, Format)], beside: AudioCodec) -> Option<u8> {
    let noise = formats.iter().find(|(_, format)| *format == Format::ComfortNoise);
    noise.filter(|_| AudioCodec::G711.contains(&beside)).map(|(pt, _)| *pt)
}

fn receive_table<'a>(formats: impl IntoIterator<Item = &'a (u8, Format)>) -> ReceiveTable {
    let mut table = ReceiveTable::default();
    for &(payload_type, format) in formats {
        let kind = match format {
            Format::Audio(codec) => PayloadKind::Audio(codec),
            Format::TelephoneEvent(clock) => PayloadKind::TelephoneEvent { clock },
            Format::ComfortNoise => PayloadKind::ComfortNoise,
        };
        table.add(payload_type, kind);
    }
    table
}

fn no_common_codec(section: &Media) -> NegotiationError {
    let formats = section.formats.iter().take(16).cloned().collect::<Vec<_>>().join(" ");
    NegotiationError::NoCommonCodec { formats }
}

/// The other side's direction. An address of all zeros says "send me nothing" whatever the attribute says.
fn remote_direction(theirs: &SessionDescription, section: &Media) -> Result<Direction, NegotiationError> {
    let written = theirs.direction_of(section);
    let held = remote_ip(theirs, section)?.is_unspecified();
    Ok(Direction::of(written.sends(), written.receives() && !held))
}

fn remote_ip(theirs: &SessionDescription, section: &Media) -> Result<IpAddr, NegotiationError> {
    match theirs.host_of(section) {
        None => Err(NegotiationError::NoAddress),
        Some(Host::Name(name)) => Err(NegotiationError::HostName { name: name.clone() }),
        Some(Host::Ip(ip)) if ip.is_multicast() || is_broadcast(*ip) => {
            Err(NegotiationError::NotUnicast { ip: *ip })
        }
        Some(Host::Ip(ip)) => Ok(*ip),
    }
}

fn is_broadcast(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.is_broadcast())
}

/// What has been agreed on before addresses are looked at.
struct Terms {
    payload_type: u8,
    codec: AudioCodec,
    /// Payload type and clock of telephone-events.
    events: Option<(u8, u32)>,
    /// Payload type of comfort noise.
    noise: Option<u8>,
    receive: ReceiveTable,
    direction: Direction,
    rtcp_mux: bool,
    srtp: Option<SessionKeys>,
}

fn negotiated(
    theirs: &SessionDescription,
    section: &Media,
    terms: Terms,
) -> Result<Negotiated, NegotiationError> {
    let remote_rtp = SocketAddr::new(remote_ip(theirs, section)?, section.port);
    let remote_rtcp = if terms.rtcp_mux { remote_rtp } else { theirs.rtcp_of(section, remote_rtp) };
    Ok(Negotiated {
        codec: terms.codec,
        payload_type: terms.payload_type,
        dtmf_payload_type: terms.events.map(|(pt, _)| pt),
        dtmf_clock: terms.events.map_or(EVENT_CLOCK, |(_, clock)| clock),
        noise_payload_type: terms.noise,
        opus: section.of_format("fmtp", terms.payload_type).map(OpusTerms::parse).unwrap_or_default(),
        receive: terms.receive,
        remote_rtp,
        remote_rtcp,
        rtcp_mux: terms.rtcp_mux,
        ptime_ms: section.ptime_ms(),
        direction: terms.direction,
        srtp: terms.srtp,
    })
}

fn describe(local: &LocalAudio, media: Vec<Media>) -> SessionDescription {
    let host = Host::Ip(local.rtp.ip());
    SessionDescription {
        origin: Origin {
            username: "-".to_owned(),
            session_id: local.session_id.to_string(),
            version: local.version.to_string(),
            host: host.clone(),
        },
        name: "-".to_owned(),
        connection: Some(host),
        attributes: Vec::new(),
        media,
    }
}

fn audio_section(
    local: &LocalAudio,
    formats: &[(u8, Format)],
    direction: Direction,
    rtcp_mux: bool,
    (protocol, keys): (String, Vec<Attribute>),
) -> Media {
    let mut attributes: Vec<_> = formats.iter().flat_map(|&(pt, format)| format.attributes(pt)).collect();
    attributes.extend(keys);
    attributes.push(Attribute::value("ptime", FRAME_MS));
    if rtcp_mux {
        attributes.push(Attribute::flag("rtcp-mux"));
    }
    attributes.push(Attribute::flag(direction.name()));
    Media {
        kind: "audio".to_owned(),
        port: local.rtp.port(),
        protocol,
        formats: formats.iter().map(|(pt, _)| pt.to_string()).collect(),
        connection: None,
        attributes,
    }
}

/// An offered section as it is refused: port 0, one format because the grammar wants one (RFC 3264 §6).
fn refused(section: &Media) -> Media {
    Media {
        port: 0,
        formats: section.formats.iter().take(1).cloned().collect(),
        connection: None,
        attributes: Vec::new(),
        ..section.clone()
    }
}

/// Why two descriptions make no call.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NegotiationError {
    /// No audio section.
    #[error("the session description has no audio section")]
    NoAudio,
    /// The audio section has port 0.
    #[error("the audio section is refused (port 0)")]
    Refused,
    /// The other side wants SRTP and the call is set to plain RTP.
    #[error("the other side wants encrypted audio (SRTP), which is off for this call")]
    EncryptionOff,
    /// The call must be encrypted and the other side has plain RTP only.
    #[error("the call must be encrypted and the other side has no encrypted audio (SRTP)")]
    NotEncrypted,
    /// Encrypted RTP without a key in the description (`a=crypto`): its keys come by another way, such as DTLS.
    #[error("the encrypted audio section has no key (a=crypto line)")]
    NoKey,
    /// No crypto suite that both sides have, or no readable key of one.
    #[error("no crypto suite in common")]
    NoCommonSuite,
    /// Neither plain RTP nor SRTP.
    #[error("the audio section's protocol {protocol} is neither RTP/AVP nor RTP/SAVP")]
    Protocol {
        /// The section's protocol.
        protocol: String,
    },
    /// No codec that both sides have.
    #[error("no codec in common (the other side's formats: {formats})")]
    NoCommonCodec {
        /// Its payload types, the first 16.
        formats: String,
    },
    /// No `c=` line.
    #[error("the audio section has no address (c= line)")]
    NoAddress,
    /// A host name instead of an address: names are not resolved for media.
    #[error("the audio address is the host name {name:?}, not an IP address")]
    HostName {
        /// The name as written.
        name: String,
    },
    /// A multicast or broadcast address.
    #[error("the audio address {ip} is not one host's")]
    NotUnicast {
        /// The address as written.
        ip: IpAddr,
    },
}
