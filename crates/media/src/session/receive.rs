//! What arrives from the phone.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::latch::Claim;
use super::timeline::Place;
use super::{RtpSession, Waiting};
use crate::codec::AudioCodec;
use crate::comfort;
use crate::dtmf::{DtmfEvent, EventPayload};
use crate::sdp::PayloadKind;
use rtp::rtcp::Arrival;
use rtp::{RtpHeader, RtpPacket};

/// How long the present source must be silent before the previous one may take over again.
const SOURCE_QUIET: Duration = Duration::from_millis(500);

/// What a packet from the phone was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received<'a> {
    /// A frame of audio.
    Audio {
        /// The encoded audio, never empty.
        payload: &'a [u8],
        /// What it is encoded with.
        codec: AudioCodec,
        /// Its place on the call's one line of packets: unbroken through changes of source, wraps and digits, a gap only
        /// where packets are missing. Smaller than one seen before if the packet was overtaken.
        seq: u64,
        /// Its time on the call's one clock, in ticks of the codec's RTP clock, wrapping.
        timestamp: u32,
        /// The first packet after silence, digits or a change of source.
        marker: bool,
        /// The phone has begun a new source, sequence or clock with this packet. Decoders are best reset.
        ssrc_changed: bool,
    },
    /// A phone that speaks G.711 falls silent, and says what its silence sounds like (RFC 3389); some do it unasked. It has
    /// no place among the packets of audio.
    Noise {
        /// The description, never empty.
        payload: &'a [u8],
        /// Its time on the call's one clock.
        timestamp: u32,
    },
    /// A key was pressed on the phone: once for each press.
    Digit(DtmfEvent),
    /// Nothing to act upon. What was dropped is counted in [`super::SessionStats`].
    Nothing,
}

/// What a checked packet holds.
#[derive(Debug, Clone, Copy)]
enum Content {
    Audio(AudioCodec),
    /// `None`: unreadable. With the clock of its duration.
    Event(Option<EventPayload>, u32),
    ComfortNoise,
}

/// A checked packet without its payload, which stays where it is.
#[derive(Debug, Clone, Copy)]
struct Packet {
    header: RtpHeader,
    /// Where the payload begins in the decrypted packet, and how long it is.
    start: usize,
    len: usize,
    content: Content,
}

/// Audio for the room, without its payload.
struct Frame {
    codec: AudioCodec,
    place: Place,
    marker: bool,
}

/// What became of a packet.
enum Accepted {
    Audio(Frame),
    /// With its time.
    Noise(u32),
    Digit(DtmfEvent),
    Nothing,
}

impl RtpSession {
    /// Takes a datagram from the RTP port. With rtcp-mux it may be RTCP, which is handled too. The payload of an encrypted
    /// packet is decrypted into memory of the session's own.
    pub fn handle_rtp<'a>(&'a mut self, now: Instant, from: SocketAddr, packet: &'a [u8]) -> Received<'a> {
        let Some(terms) = &self.terms else {
            self.counters.dropped.before_negotiation += 1;
            return Received::Nothing;
        };
        if terms.rtcp_mux && rtp::is_rtcp(packet) {
            self.handle_rtcp(now, from, packet);
            return Received::Nothing;
        }
        let mut opened = std::mem::take(&mut self.opened);
        let clear = self.decrypted(packet, &mut opened);
        let checked = clear.and_then(|clear| self.checked(clear));
        self.opened = opened;
        let Some(checked) = checked else { return Received::Nothing };
        if !self.believe(now, from, &checked.header) {
            self.counters.dropped.foreign_source += 1;
            return Received::Nothing;
        }
        match self.accept(now, &checked) {
            Accepted::Audio(Frame { codec, place, marker }) => {
                let payload = self.payload(packet, &checked);
                let Place { sequence: seq, timestamp, broken, .. } = place;
                Received::Audio { payload, codec, seq, timestamp, marker, ssrc_changed: broken }
            }
            Accepted::Noise(timestamp) => {
                Received::Noise { payload: self.payload(packet, &checked), timestamp }
            }
            Accepted::Digit(event) => Received::Digit(event),
            Accepted::Nothing => Received::Nothing,
        }
    }

    fn payload<'a>(&'a self, packet: &'a [u8], checked: &Packet) -> &'a [u8] {
        let clear = if self.is_secure() { &self.opened } else { packet };
        clear.get(checked.start..checked.start + checked.len).unwrap_or_default()
    }

    /// The packet as it is when the call is plain, else what SRTP lets through. Only packets with the key reach the latch.
    fn decrypted<'p>(&mut self, packet: &'p [u8], opened: &'p mut Vec<u8>) -> Option<&'p [u8]> {
        if !self.is_secure() {
            return Some(packet);
        }
        if packet.len() > rtp::MAX_PACKET {
            self.counters.dropped.malformed += 1;
            return None;
        }
        match self.srtp.as_mut()?.open_rtp(packet, opened) {
            Ok(_) => Some(opened),
            Err(rejected) => {
                self.counters.dropped.rejected(rejected);
                None
            }
        }
    }

    /// The packet, if its form and payload type are those of the call.
    fn checked(&mut self, data: &[u8]) -> Option<Packet> {
        let dropped = &mut self.counters.dropped;
        let Ok(packet) = RtpPacket::parse(data) else {
            dropped.malformed += 1;
            return None;
        };
        let payload_type = packet.header.payload_type;
        let content = match self.terms.as_ref()?.receive.get(payload_type) {
            Some(PayloadKind::Audio(codec)) => Content::Audio(codec),
            Some(PayloadKind::TelephoneEvent { clock }) => {
                Content::Event(EventPayload::parse(packet.payload).ok(), clock)
            }
            Some(PayloadKind::ComfortNoise) => Content::ComfortNoise,
            // Some send it unasked.
            None if payload_type == comfort::PAYLOAD_TYPE => Content::ComfortNoise,
            None => {
                dropped.wrong_payload_type += 1;
                return None;
            }
        };
        if packet.payload.is_empty() {
            dropped.malformed += 1;
            return None;
        }
        let start = packet.payload.as_ptr().addr() - data.as_ptr().addr();
        Some(Packet { header: packet.header, start, len: packet.payload.len(), content })
    }

    /// Whether the latch lets the packet in. While the phone is to be silent nobody new is: its silence proves nothing.
    fn believe(&mut self, now: Instant, from: SocketAddr, header: &RtpHeader) -> bool {
        if !self.listening() && self.latch.source() != Some(from) {
            return false;
        }
        let continues = self.sources.current == Some(header.ssrc) && self.reception.is_near(header.sequence);
        let claim = Claim { continues, authentic: self.is_secure() };
        self.latch.admit(now, from, claim)
    }

    fn accept(&mut self, now: Instant, packet: &Packet) -> Accepted {
        let Some(new_source) = self.follow_source(now, packet.header.ssrc) else {
            self.counters.dropped.stray += 1;
            return Accepted::Nothing;
        };
        let arrival = self.reception.packet(packet.header.sequence);
        let (sequence, new) = match arrival {
            Arrival::New { sequence, .. } => (sequence, true),
            Arrival::Restarted { sequence } => {
                self.timeline.restart(sequence);
                self.digits.reset();
                (sequence, true)
            }
            Arrival::Late { sequence } => (sequence, false),
            Arrival::Duplicate => {
                self.counters.dropped.duplicate += 1;
                return Accepted::Nothing;
            }
            Arrival::Jumped => {
                self.counters.dropped.stray += 1;
                return Accepted::Nothing;
            }
        };
        if new_source {
            self.timeline.restart(sequence);
        }
        self.heard(now, packet.len);
        match packet.content {
            Content::Audio(codec) => self.audio(now, &packet.header, codec, sequence, new),
            Content::Event(event, clock) => {
                self.skip(sequence, new);
                self.event(event, &packet.header, clock)
            }
            Content::ComfortNoise => {
                self.counters.comfort_noise += 1;
                self.skip(sequence, new);
                self.noise(packet.header.timestamp)
                    .filter(|_| new && packet.len <= comfort::LONGEST)
                    .map_or(Accepted::Nothing, Accepted::Noise)
            }
        }
    }

    /// Follows the phone to a new SSRC. Returns whether this packet begins one, `None` for a straggler of the old.
    fn follow_source(&mut self, now: Instant, ssrc: u32) -> Option<bool> {
        let sources = &mut self.sources;
        let quiet = sources.last_heard.is_none_or(|at| now.saturating_duration_since(at) >= SOURCE_QUIET);
        if sources.previous == Some(ssrc) && !quiet {
            return None;
        }
        sources.last_heard = Some(now);
        if sources.current == Some(ssrc) {
            return Some(false);
        }
        sources.previous = sources.current.replace(ssrc);
        let changed = sources.previous.is_some();
        if changed {
            self.counters.source_changes += 1;
            self.reception.restart();
            self.reports.source_changed();
            self.digits.reset();
        }
        Some(changed)
    }

    fn heard(&mut self, now: Instant, payload_len: usize) {
        self.counters.packets_received += 1;
        self.counters.bytes_received += payload_len as u64;
        self.counters.first_packet_at.get_or_insert(now);
        if let Some(waiting) = &mut self.waiting {
            *waiting = Waiting { since: now, heard: true };
        }
    }

    /// Whether the phone is to be heard at all: not while the call is held.
    fn listening(&self) -> bool {
        self.terms.as_ref().is_some_and(|t| t.direction.receives())
    }

    fn audio(
        &mut self,
        now: Instant,
        header: &RtpHeader,
        codec: AudioCodec,
        sequence: u64,
        new: bool,
    ) -> Accepted {
        let clock = codec.rtp_clock();
        self.reception.measure(header.timestamp, now, clock);
        let place = if new {
            Some(self.timeline.place(sequence, header.timestamp, now, clock))
        } else {
            self.timeline.place_late(sequence, header.timestamp)
        };
        let Some(place) = place else {
            self.counters.dropped.stray += 1;
            return Accepted::Nothing;
        };
        if !self.listening() {
            self.counters.dropped.while_held += 1;
            return Accepted::Nothing;
        }
        let marker = header.marker || place.broken || place.resumed;
        Accepted::Audio(Frame { codec, place, marker })
    }

    /// The time of a description of silence, if it is to be heard.
    fn noise(&self, timestamp: u32) -> Option<u32> {
        let described = matches!(self.codec(), Some(AudioCodec::Pcmu | AudioCodec::Pcma));
        self.timeline.time_of(timestamp).filter(|_| described && self.listening())
    }

    fn event(&mut self, payload: Option<EventPayload>, header: &RtpHeader, clock: u32) -> Accepted {
        let Some(payload) = payload else {
            self.counters.dropped.malformed += 1;
            return Accepted::Nothing;
        };
        self.digits.clocks(self.codec().map_or(clock, AudioCodec::rtp_clock), clock);
        let digit = self.digits.receive(payload, header.timestamp, header.marker);
        digit.filter(|_| self.listening()).map_or(Accepted::Nothing, Accepted::Digit)
    }

    fn skip(&mut self, sequence: u64, new: bool) {
        if new {
            self.timeline.skip(sequence);
        }
    }
}
