//! What a participant tells.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use livekit_protocol as proto;
use media::codec::AudioCodec;

use crate::sound::Recorded;

/// One event with its time.
#[derive(Debug, Clone)]
pub struct Happened {
    /// When, on the monotonic clock.
    pub at: Instant,
    /// When, on the wall clock.
    pub wallclock: SystemTime,
    /// What.
    pub event: ParticipantEvent,
}

/// What was heard on one track.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Heard {
    /// The track.
    pub track_sid: String,
    /// Its publisher.
    pub identity: String,
    /// The codec of the last packet.
    pub codec: Option<AudioCodec>,
    /// Packets received.
    pub packets: u64,
    /// Packets missing by sequence number.
    pub lost: u64,
    /// Packets that did not decode.
    pub damaged: u64,
    /// Longest time between two packets.
    pub longest_gap: Duration,
    /// When the first packet came.
    pub first_packet: Option<Instant>,
    /// When the first packet that is not silent came (above -60 dBFS).
    pub first_sound: Option<Instant>,
    /// The recording, once it is closed.
    pub recorded: Option<Recorded>,
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The participant left by itself.
    Left,
    /// The server sent it away.
    Server {
        /// The reason given.
        reason: proto::DisconnectReason,
        /// What the server wants it to do next; a participant of ours always just ends.
        action: proto::leave_request::Action,
    },
    /// The signalling connection broke or went silent.
    SignalLost(String),
}

/// What happened to a participant.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ParticipantEvent {
    /// The room let it in.
    Joined(Box<proto::JoinResponse>),
    /// The peer connection is up.
    Connected,
    /// Both data channels are open.
    DataReady,
    /// Somebody else is there.
    ParticipantJoined(Box<proto::ParticipantInfo>),
    /// Somebody changed: state, tracks, name or metadata. Also for the participant itself.
    ParticipantUpdated(Box<proto::ParticipantInfo>),
    /// Somebody's attributes changed; deleted ones are empty.
    AttributesChanged {
        /// Whose.
        identity: String,
        /// The new values of those that changed.
        changed: BTreeMap<String, String>,
    },
    /// Somebody left.
    ParticipantLeft {
        /// Who.
        identity: String,
        /// The session id that ended.
        sid: String,
        /// Why.
        reason: proto::DisconnectReason,
    },
    /// The own microphone track is known to the server.
    Published {
        /// The track's id.
        track_sid: String,
    },
    /// Somebody listens to the own track.
    SubscribedTo {
        /// The track's id.
        track_sid: String,
    },
    /// A track of somebody else is mapped to a section of the connection.
    TrackSubscribed {
        /// Whose; empty when the server named a track of nobody known.
        identity: String,
        /// The track's id.
        track_sid: String,
        /// The section.
        mid: String,
    },
    /// The first packet of a track came.
    FirstAudio {
        /// The track.
        track_sid: String,
        /// Its codec.
        codec: AudioCodec,
    },
    /// The codec of a track changed in mid-stream.
    CodecChanged {
        /// The track.
        track_sid: String,
        /// Its codec from now on.
        codec: AudioCodec,
    },
    /// A track is gone; what was heard of it.
    TrackEnded(Heard),
    /// Loudness over the last interval, in dBFS against a full-scale sine.
    Level {
        /// The track heard, or `None` for the own microphone.
        track_sid: Option<String>,
        /// Loudness.
        dbfs: f64,
    },
    /// A digit pressed on a phone.
    Digit {
        /// Who sent it.
        identity: String,
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: String,
        /// The event code (RFC 4733).
        code: u32,
    },
    /// Any other data packet.
    Data {
        /// Which channel it came on.
        reliable: bool,
        /// The packet.
        packet: Box<proto::DataPacket>,
    },
    /// Who speaks.
    Speakers(Vec<proto::SpeakerInfo>),
    /// The room's data changed.
    RoomUpdated(Box<proto::Room>),
    /// The server answers a request (change of attributes and the like).
    RequestAnswered(Box<proto::RequestResponse>),
    /// The peer connection closed under the session.
    MediaLost,
    /// The session is over; the last event.
    Disconnected(Cause),
}
