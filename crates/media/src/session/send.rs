//! What is sent to the phone.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::RngCore;

use super::RtpSession;
use crate::codec::{AudioCodec, FRAME_MS};
use crate::comfort::Noise;
use crate::dtmf::EventPacket;
use rtp::RtpHeader;
use rtp::rtcp::timestamp_after;

/// The pause between two frames from which on the timestamp follows the clock instead of the count of frames.
const PAUSED: Duration = Duration::from_millis(200);

/// Our one source.
#[derive(Debug)]
pub(super) struct Sending {
    ssrc: u32,
    /// Of the next packet.
    sequence: u16,
    /// Of the frame to come.
    timestamp: u32,
    /// The timestamp of the telephone-event being sent.
    event_timestamp: u32,
    /// When the last frame was sent, its timestamp, and how long it was in ms.
    last_frame: Option<(Instant, u32)>,
    last_ms: u32,
    /// Whether the frame before this one was sent as audio: if not, this one carries the marker.
    flowing: bool,
    packets: u64,
    bytes: u64,
    first_at: Option<Instant>,
    /// Packets sent when the last report was made.
    pub(super) reported_packets: u64,
}

impl Sending {
    pub(super) fn new(rng: &mut impl RngCore) -> Self {
        Self {
            ssrc: rng.next_u32(),
            // In the lower half: a phone that misses the first packets of an encrypted call could not tell that the
            // numbers have rolled over (RFC 3711 §3.3.1).
            sequence: rng.next_u32() as u16 & 0x7fff,
            timestamp: rng.next_u32(),
            event_timestamp: 0,
            last_frame: None,
            last_ms: 0,
            flowing: false,
            packets: 0,
            bytes: 0,
            first_at: None,
            reported_packets: 0,
        }
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub(super) fn packets(&self) -> u64 {
        self.packets
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn first_at(&self) -> Option<Instant> {
        self.first_at
    }

    /// The RTP timestamp of the moment `now`, for a sender report.
    pub(super) fn timestamp_at(&self, now: Instant, clock: u32) -> u32 {
        let Some((at, timestamp)) = self.last_frame else { return self.timestamp };
        timestamp_after(timestamp, now.saturating_duration_since(at), clock)
    }

    /// The timestamp of a frame of so many ms that is sent, or would be, at `now`. After a pause the whole frames of
    /// 20 ms that passed unsent are counted too.
    fn next_frame(&mut self, now: Instant, ms: u32, clock: u32) -> u32 {
        let ticks = |ms: u32| (clock / 1000).wrapping_mul(ms);
        if let Some((last, _)) = self.last_frame {
            let passed = now.saturating_duration_since(last);
            if passed >= PAUSED {
                let frames = passed.as_millis() as u32 / FRAME_MS;
                let unsent = frames.saturating_mul(FRAME_MS).saturating_sub(self.last_ms);
                self.timestamp = self.timestamp.wrapping_add(ticks(unsent));
            }
        }
        let timestamp = self.timestamp;
        self.last_frame = Some((now, timestamp));
        self.last_ms = ms;
        self.timestamp = timestamp.wrapping_add(ticks(ms));
        timestamp
    }

    fn write(&mut self, now: Instant, mut header: RtpHeader, payload: &[u8], out: &mut Vec<u8>) -> bool {
        header.ssrc = self.ssrc;
        header.sequence = self.sequence;
        if let Err(error) = rtp::write(&header, payload, out) {
            tracing::debug!(%error, "packet towards the phone not sent");
            return false;
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.packets += 1;
        self.bytes += payload.len() as u64;
        self.first_at.get_or_insert(now);
        true
    }
}

impl RtpSession {
    /// Writes the next 20 ms frame, already encoded with [`RtpSession::codec`], as a packet over `out` and tells where it
    /// goes. To be called every 20 ms, with silence when there is nothing to say. `None`: nothing is to be sent,
    /// because nothing is negotiated, the call is held, or the payload is larger than a packet.
    pub fn send_audio(&mut self, now: Instant, payload: &[u8], out: &mut Vec<u8>) -> Option<SocketAddr> {
        self.send_packet(now, payload, FRAME_MS, out)
    }

    /// The same with a frame of `ms` milliseconds.
    pub fn send_packet(
        &mut self,
        now: Instant,
        payload: &[u8],
        ms: u32,
        out: &mut Vec<u8>,
    ) -> Option<SocketAddr> {
        let (codec, payload_type) = self.terms.as_ref().map(|t| (t.codec, t.payload_type))?;
        let timestamp = self.sending.next_frame(now, ms, codec.rtp_clock());
        let Some(remote) = self.open_remote() else {
            self.sending.flowing = false;
            return None;
        };
        let marker = !std::mem::replace(&mut self.sending.flowing, true);
        let header = RtpHeader { marker, payload_type, sequence: 0, timestamp, ssrc: 0 };
        let written = self.sending.write(now, header, payload, out);
        (written && self.protect(out)).then_some(remote)
    }

    /// Writes what the silence to come sounds like (RFC 3389) in the place of a frame of `ms` milliseconds. `None` as with
    /// [`RtpSession::send_audio`], or the phone takes no comfort noise.
    pub fn send_noise(
        &mut self,
        now: Instant,
        noise: &Noise,
        ms: u32,
        out: &mut Vec<u8>,
    ) -> Option<SocketAddr> {
        let payload_type = self.terms.as_ref()?.noise_payload_type?;
        let timestamp = self.pass_over(now, ms)?;
        let remote = self.open_remote()?;
        let header = RtpHeader { marker: false, payload_type, sequence: 0, timestamp, ssrc: 0 };
        let written = self.sending.write(now, header, noise.bytes(), out);
        (written && self.protect(out)).then_some(remote)
    }

    /// A frame of `ms` milliseconds is due and not sent: the phone knows what it sounds like. Returns its timestamp.
    pub fn pass_over(&mut self, now: Instant, ms: u32) -> Option<u32> {
        let clock = self.codec()?.rtp_clock();
        self.sending.flowing = false;
        Some(self.sending.next_frame(now, ms, clock))
    }

    /// So many milliseconds of audio are not sent: something else takes their place.
    pub fn leave_out(&mut self, ms: u32) {
        let clock = self.codec().map_or(0, AudioCodec::rtp_clock);
        self.sending.timestamp = self.sending.timestamp.wrapping_add((clock / 1000).wrapping_mul(ms));
    }

    /// Writes a telephone-event packet of [`crate::dtmf::Sender`] in the place of a 20 ms frame of audio. `None` as with
    /// [`RtpSession::send_audio`], or the phone takes no telephone-events ([`RtpSession::takes_events`]).
    pub fn send_event(&mut self, now: Instant, event: &EventPacket, out: &mut Vec<u8>) -> Option<SocketAddr> {
        let terms = self.terms.as_ref()?;
        let payload_type = terms.dtmf_payload_type?;
        let (clock, event_clock) = (terms.codec.rtp_clock(), terms.dtmf_clock);
        let step = self.sending.next_frame(now, FRAME_MS, clock);
        if event.first {
            self.sending.event_timestamp = step;
        }
        self.sending.flowing = false;
        let remote = self.open_remote()?;
        let timestamp = self.sending.event_timestamp;
        let header = RtpHeader { marker: event.first, payload_type, sequence: 0, timestamp, ssrc: 0 };
        let payload = event.payload.at_clock(event_clock).to_bytes();
        let written = self.sending.write(now, header, &payload, out);
        (written && self.protect(out)).then_some(remote)
    }

    /// Encrypts a packet if the call is encrypted. False: it must not be sent.
    fn protect(&mut self, packet: &mut Vec<u8>) -> bool {
        if self.is_secure() {
            return self.srtp.as_mut().is_some_and(|srtp| srtp.protect_rtp(packet).is_ok());
        }
        if let Some(resting) = &mut self.srtp {
            resting.sent_plain(packet);
        }
        true
    }

    /// Where to send, unless the call is held.
    fn open_remote(&self) -> Option<SocketAddr> {
        self.remote().filter(|_| self.terms.as_ref().is_some_and(|t| t.direction.sends()))
    }
}
