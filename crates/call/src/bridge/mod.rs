//! The audio of one call: the phone's RTP session on one side, the room on the other.
//!
//! A bridge lives on the worker of its room. Packets, commands and `now` go in; packets, frames and events come out through
//! a [`Sink`]. Once the phone is up there is one 20 ms clock per call: every tick sends the phone a frame or a digit's
//! packet. It never opens a socket, asks a clock, or decides when a call ends.

mod alignment;
mod coder;
mod decoder;
mod ear;
mod early;
mod frames;
mod io;
mod keys;
mod loudness;
mod splice;
mod to_phone;
mod to_room;

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use media::dtmf::{DialString, Digit};
use media::sdp::Negotiated;
use media::session::{Received, RtpSession, SessionConfig};
use rand::RngCore;
use room::TrackSid;

use alignment::LONGEST_TICK;
use coder::{Coded, Shape};
use ear::Ear;
use early::Early;
use frames::SourcePacket;
use keys::{Keys, Via};
use to_phone::{Outgoing, TICK, ToPhone};
use to_room::ToRoom;

pub use io::{BridgeCommand, BridgeConfig, BridgeEvent, BridgeReport, Demand, Sink};
pub use to_phone::TalkerPacket;

/// A clock that is late by more than this has missed its frames: it starts over instead of sending them all at once.
const MAX_LATE: u32 = 5;
/// How long the room's first words wait for the first packet of a phone that has just answered: until then it is not
/// known whether, and from where, it can be reached. Less than a talker's playout buffer holds.
const PROOF: Duration = Duration::from_millis(500);
/// The clock of a phone that is held: it is sent nothing, only reports and time-outs are seen to.
const HELD_TICK: Duration = TICK.saturating_mul(12);

/// The audio of one call.
pub struct Bridge {
    leg: RtpSession,
    early: Early,
    to_room: ToRoom,
    to_phone: ToPhone,
    /// The phone has answered: what came before was early media.
    up: bool,
    /// The room is heard, digits pass.
    open: bool,
    /// Until when the room's first words wait at the most.
    hush_until: Option<Instant>,
    /// [`BridgeCommand::SendDigits`] is to be reported.
    dialing: bool,
    next_tick: Option<Instant>,
    seen: Seen,
    keys: Keys,
    digits_dropped: u32,
    /// Listens for keys while the phone takes no telephone-events.
    ear: Option<Box<Ear>>,
    /// Packets are written here, one after the other.
    packet: Vec<u8>,
}

/// What has been reported once.
#[derive(Debug, Default)]
struct Seen {
    media: bool,
    audio_to_room: bool,
    audio_to_phone: bool,
    timeout: bool,
}

impl fmt::Debug for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bridge").field("open", &self.open).field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl Bridge {
    /// A bridge whose phone is not up yet.
    #[must_use]
    pub fn new(config: &BridgeConfig, rng: &mut impl RngCore, now: Instant) -> Self {
        let leg = SessionConfig {
            symmetric: config.symmetric_rtp,
            media_timeout_initial: config.media_timeout_initial,
            media_timeout: config.media_timeout,
            cname: config.cname.clone(),
        };
        Self {
            leg: RtpSession::new(leg, rng, now),
            early: Early::default(),
            to_room: ToRoom::new(config.voice_isolation, rng),
            to_phone: ToPhone::new(),
            up: false,
            open: false,
            hush_until: None,
            dialing: false,
            next_tick: None,
            seen: Seen::default(),
            keys: Keys::default(),
            digits_dropped: 0,
            ear: None,
            packet: Vec::with_capacity(256),
        }
    }

    /// Does what the call asks.
    pub fn command(&mut self, now: Instant, command: BridgeCommand, sink: &mut impl Sink) {
        match command {
            BridgeCommand::DialTone(on) => self.to_room.tone(on),
            BridgeCommand::EarlyMedia(negotiated) => self.early_media(now, &negotiated, sink),
            BridgeCommand::Connect(negotiated) => self.connect(now, &negotiated, sink),
            BridgeCommand::SendDigits(digits) => {
                self.dialing = true;
                self.dial(&digits);
            }
            BridgeCommand::Open => self.open(now),
            BridgeCommand::Shut => self.open = false,
            BridgeCommand::Pressed(digit) => self.pressed(now, digit, Via::Signalling, sink),
        }
        self.schedule(now);
    }

    /// Somebody begins or ceases to listen to the phone.
    pub fn demand(&mut self, now: Instant, demand: Demand) {
        self.to_room.demand(demand);
        self.schedule(now);
    }

    /// A packet on the call's RTP port.
    pub fn handle_rtp(&mut self, now: Instant, from: SocketAddr, packet: &[u8], sink: &mut impl Sink) {
        if self.leg.codec().is_none() {
            return self.early.keep(now, from, packet);
        }
        match self.leg.handle_rtp(now, from, packet) {
            Received::Audio { payload, codec, seq, timestamp, marker, ssrc_changed: _ } => {
                let source = SourcePacket { payload, codec, seq, timestamp, marker };
                // Whatever the phone's network plays says more than our tone.
                self.to_room.tone(false);
                let written = self.to_room.phone(now, &source, sink);
                let digit = self.ear.as_mut().and_then(|ear| ear.hear(&source));
                self.heard(now, written, sink);
                if let Some(digit) = digit {
                    self.pressed(now, digit, Via::Media, sink);
                }
            }
            Received::Noise { payload, timestamp } => self.to_room.noise(timestamp, payload, sink),
            Received::Digit(event) => self.pressed(now, event.digit, Via::Media, sink),
            Received::Nothing => {}
        }
    }

    /// The phone pressed a key.
    fn pressed(&mut self, now: Instant, digit: Digit, via: Via, sink: &mut impl Sink) {
        if self.keys.pressed(now, digit, via) && self.open {
            sink.room_digit(digit);
        }
    }

    /// A packet on the call's RTCP port.
    pub fn handle_rtcp(&mut self, now: Instant, from: SocketAddr, packet: &[u8]) {
        self.leg.handle_rtcp(now, from, packet);
    }

    /// A packet of a talker in the room.
    pub fn room_audio(&mut self, now: Instant, packet: &TalkerPacket<'_>) {
        if self.open && !self.is_held() {
            self.to_phone.insert(now, packet);
        }
    }

    /// A talker's track has ended.
    pub fn room_track_ended(&mut self, track: &TrackSid) {
        self.to_phone.ended(track);
    }

    /// Digits that somebody in the room presses. What no telephone has, and what is too much at once, is dropped
    /// and counted.
    pub fn room_digits(&mut self, digits: &str) {
        if !self.open {
            return;
        }
        match DialString::parse(digits) {
            Ok(digits) => self.dial(&digits),
            Err(_) => self.drop_digits(1),
        }
    }

    /// When [`Bridge::handle_timeout`] is due.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.next_tick
    }

    /// Sends what is due. `wallclock` is the time of day at `now`, for RTCP.
    pub fn handle_timeout(&mut self, now: Instant, wallclock: SystemTime, sink: &mut impl Sink) {
        let Some(due) = self.next_tick else { return };
        if now < due {
            return;
        }
        if !self.to_phone.is_midway() {
            self.to_room.tick(now, sink);
        }
        if self.leg.codec().is_some() {
            for packet in self.early.take(now) {
                self.handle_rtp(now, packet.from, &packet.bytes, sink);
            }
            self.tick_phone(now, wallclock, sink);
        }
        let next = if self.rests() { due + HELD_TICK } else { self.to_phone.after(due) };
        let late = now.saturating_duration_since(next) > TICK * MAX_LATE;
        self.next_tick = Some(if late { now + TICK } else { next });
        self.schedule(now);
    }

    /// Whether the room has said something that the phone has yet to hear: the call's end may wait a moment for it.
    #[must_use]
    pub fn has_last_words(&self) -> bool {
        self.open && !self.is_held() && self.to_phone.has_more()
    }

    /// Whether the phone owes us audio: it is up, and not on hold.
    #[must_use]
    pub fn awaits_audio(&self) -> bool {
        self.up && self.leg.media_deadline().is_some()
    }

    /// The call is over: tells the phone's RTCP, and what was measured.
    pub fn close(&mut self, now: Instant, wallclock: SystemTime, sink: &mut impl Sink) -> BridgeReport {
        self.next_tick = None;
        if let Some(to) = self.leg.goodbye(now, wallclock, &mut self.packet) {
            self.send_rtcp(to, sink);
        }
        self.report()
    }

    /// What was measured so far.
    #[must_use]
    pub fn report(&self) -> BridgeReport {
        BridgeReport {
            leg: self.leg.stats(),
            playout: self.to_phone.stats(),
            to_room: self.to_room.written(),
            digits_from_phone: self.keys.count(),
            digits_dropped: self.digits_dropped,
            unheard: self.to_phone.unheard(),
        }
    }

    fn open(&mut self, now: Instant) {
        let speaks = self.leg.negotiated().is_some_and(|terms| terms.direction.receives());
        if !std::mem::replace(&mut self.open, true) && speaks && !self.seen.media {
            self.hush_until = Some(now + PROOF);
        }
    }

    /// Whether what the room says waits for the phone to be there.
    fn hushes(&mut self, now: Instant) -> bool {
        if self.seen.media || self.hush_until.is_some_and(|until| now >= until) {
            self.hush_until = None;
        }
        self.hush_until.is_some()
    }

    /// Whether there is no frame to make for now.
    fn rests(&self) -> bool {
        self.is_held() && !self.to_phone.is_dialing() && !self.to_room.sounds()
    }

    /// Whether the phone wants to hear nothing.
    fn is_held(&self) -> bool {
        self.leg.negotiated().is_some_and(Negotiated::is_held)
    }

    fn early_media(&mut self, now: Instant, negotiated: &Negotiated, sink: &mut impl Sink) {
        if !self.up {
            self.negotiate(now, negotiated, sink);
        }
    }

    fn negotiate(&mut self, now: Instant, negotiated: &Negotiated, sink: &mut impl Sink) {
        if self.leg.codec().is_none() {
            // The first frame goes out at once, whatever the dial tone's clock says.
            self.next_tick = Some(now);
        }
        self.leg.negotiate(negotiated, now);
        self.to_phone.shape(Shape::of(negotiated));
        self.to_room.agreed(negotiated.codec, sink);
        if negotiated.is_held() {
            // Said before the hold, it would be heard after it.
            self.to_phone.clear();
        }
    }

    fn connect(&mut self, now: Instant, negotiated: &Negotiated, sink: &mut impl Sink) {
        self.negotiate(now, negotiated, sink);
        if !std::mem::replace(&mut self.up, true) {
            self.leg.answered(now);
        }
        if self.leg.takes_events() {
            self.ear = None;
        } else if self.ear.is_none() {
            self.ear = Some(Box::new(Ear::new()));
        }
        self.to_room.tone(false);
    }

    /// The phone cannot get them when too many wait.
    fn dial(&mut self, digits: &DialString) {
        if self.to_phone.dial(digits).is_err() {
            self.drop_digits(digits.digits().count());
        }
    }

    fn drop_digits(&mut self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.digits_dropped = self.digits_dropped.saturating_add(count);
    }

    /// The clock runs while there is a frame to make.
    fn schedule(&mut self, now: Instant) {
        let wanted = self.leg.codec().is_some() || self.to_room.sounds();
        let latest = now + if self.rests() { HELD_TICK } else { LONGEST_TICK };
        self.next_tick = wanted.then(|| self.next_tick.map_or(now, |at| at.min(latest)));
    }

    fn tick_phone(&mut self, now: Instant, wallclock: SystemTime, sink: &mut impl Sink) {
        let hush = self.hushes(now);
        let outgoing = self.to_phone.step(now, self.leg.takes_events(), hush);
        self.send(now, outgoing, sink);
        if self.dialing && !self.to_phone.is_dialing() {
            self.dialing = false;
            sink.event(BridgeEvent::DigitsSent);
        }
        if let Some(to) = self.leg.poll_rtcp(now, wallclock, &mut self.packet) {
            self.send_rtcp(to, sink);
        }
        if self.up && !self.seen.timeout && self.leg.media_timed_out(now) {
            self.seen.timeout = true;
            sink.event(BridgeEvent::MediaTimeout);
        }
    }

    fn send(&mut self, now: Instant, outgoing: Outgoing, sink: &mut impl Sink) {
        let to = match outgoing {
            Outgoing::Event(event, left_out) => {
                self.leg.leave_out(left_out);
                self.leg.send_event(now, &event, &mut self.packet)
            }
            Outgoing::Packet(Coded::Audio, ms) => {
                self.leg.send_packet(now, self.to_phone.coded(), ms, &mut self.packet)
            }
            Outgoing::Packet(Coded::Noise(noise), ms) => {
                self.leg.send_noise(now, &noise, ms, &mut self.packet)
            }
            Outgoing::Packet(Coded::Unchanged, ms) => {
                self.leg.pass_over(now, ms);
                None
            }
            Outgoing::Nothing => None,
        };
        let Some(to) = to else { return };
        sink.rtp(to, &self.packet);
        if self.to_phone.take_audible() && !self.seen.audio_to_phone {
            self.seen.audio_to_phone = true;
            sink.event(BridgeEvent::FirstAudioToPhone { at: now });
        }
    }

    /// With rtcp-mux reports leave from the RTP port.
    fn send_rtcp(&self, to: SocketAddr, sink: &mut impl Sink) {
        if self.leg.negotiated().is_some_and(|terms| terms.rtcp_mux) {
            sink.rtp(to, &self.packet);
        } else {
            sink.rtcp(to, &self.packet);
        }
    }

    fn heard(&mut self, now: Instant, written: bool, sink: &mut impl Sink) {
        if !self.seen.media {
            self.seen.media = true;
            sink.event(BridgeEvent::MediaProven { at: now });
        }
        if written && !self.seen.audio_to_room {
            self.seen.audio_to_room = true;
            sink.event(BridgeEvent::FirstAudioToRoom { at: now });
        }
    }
}

#[cfg(test)]
mod tests;
