//! What goes into a [`Bridge`](super::Bridge) and what comes out.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::dtmf::{DialString, Digit};
use media::jitter::PlayoutStats;
use media::sdp::Negotiated;
use media::session::SessionStats;

/// What a bridge is made from.
#[derive(Debug, Clone)]
pub struct BridgeConfig {
    /// Follow the address from which the phone really sends.
    pub symmetric_rtp: bool,
    /// How long an answered phone may stay silent before its first packet.
    pub media_timeout_initial: Duration,
    /// How long it may be silent later.
    pub media_timeout: Duration,
    /// Clean the phone's audio of noise.
    pub voice_isolation: bool,
    /// The canonical name in our RTCP reports; tells nothing about anybody.
    pub cname: String,
}

/// What a call asks of its bridge.
#[derive(Debug, Clone)]
pub enum BridgeCommand {
    /// Play the dial tone into the room, or stop it.
    DialTone(bool),
    /// The phone is not up yet, but its network already plays something: an announcement, its own ringing. The room hears
    /// it; the phone hears silence. Another one replaces it.
    EarlyMedia(Negotiated),
    /// The phone is up, or has moved, is held or resumed: this is how it is spoken to. The room hears it from now on.
    Connect(Negotiated),
    /// The phone pressed a key and said so by signalling.
    Pressed(Digit),
    /// Send these digits, then report [`BridgeEvent::DigitsSent`].
    SendDigits(DialString),
    /// Let the phone hear the room, and pass digits both ways.
    Open,
    /// The phone is gone, or given up: it hears nothing more of the room.
    Shut,
}

/// What a bridge reports to its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BridgeEvent {
    /// The first packet has come from the phone.
    MediaProven {
        /// When.
        at: Instant,
    },
    /// The phone's first audio has gone into the room.
    FirstAudioToRoom {
        /// When.
        at: Instant,
    },
    /// The first frame in which somebody talks has gone to the phone.
    FirstAudioToPhone {
        /// When.
        at: Instant,
    },
    /// All digits of [`BridgeCommand::SendDigits`] are through.
    DigitsSent,
    /// The phone has sent nothing for too long.
    MediaTimeout,
    /// The bridge cannot go on.
    Failed(&'static str),
}

/// In which codecs somebody in the room listens to the phone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Demand {
    /// PCMU.
    pub pcmu: bool,
    /// PCMA.
    pub pcma: bool,
    /// G.722: written only if that is what the phone speaks.
    pub g722: bool,
    /// Opus.
    pub opus: bool,
}

impl Demand {
    /// Whether anybody listens at all.
    #[must_use]
    pub fn any(self) -> bool {
        self.pcmu || self.pcma || self.g722 || self.opus
    }
}

/// What a bridge measured, for the call's record.
#[derive(Debug, Clone, Default)]
pub struct BridgeReport {
    /// The phone's side.
    pub leg: SessionStats,
    /// All talkers together.
    pub playout: PlayoutStats,
    /// Packets and frames written into the room.
    pub to_room: u64,
    /// Digits the phone pressed.
    pub digits_from_phone: u32,
    /// Digits the room sent that could not be passed on.
    pub digits_dropped: u32,
    /// Packets of talkers who were more than a phone's ear can tell apart.
    pub unheard: u64,
}

/// Where a bridge puts what it makes, by plain function call: no queue, no allocation on the way.
pub trait Sink {
    /// Send this packet from the call's RTP socket.
    fn rtp(&mut self, to: SocketAddr, packet: &[u8]);
    /// Send this packet from the call's RTCP socket.
    fn rtcp(&mut self, to: SocketAddr, packet: &[u8]);
    /// The phone has agreed on a codec; this one comes closest to it: the best choice for who listens.
    fn room_codec(&mut self, codec: room::Codec);
    /// Write this packet of the phone's track into the room.
    fn room_audio(&mut self, codec: room::Codec, packet: room::AudioPacket);
    /// The phone has fallen silent, which sounds like this (RFC 3389): tell those who are sent its track as G.711.
    fn room_noise(&mut self, timestamp: u32, noise: &[u8]);
    /// Tell the room that the phone pressed a key.
    fn room_digit(&mut self, digit: Digit);
    /// Tell the call.
    fn event(&mut self, event: BridgeEvent);
}
